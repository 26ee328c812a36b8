package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/verify"
)

// ErrOtherNumber is returned if a list has another number of divergences than somebody has seen. Nothing was changed.
var ErrOtherNumber = errors.New("the list has changed")

// AcceptListed accepts the open divergences that a filter lists, if they are as many as somebody has seen. Of the filter, hop, kind, cause
// and field count. If dry is true, it only counts.
func (l *Ledger) AcceptListed(ctx context.Context, f board.Filter, seen int64, a verify.Acceptance, dry bool) ([]Answered, error) {
	a, err := complete(a)
	if err != nil {
		return nil, err
	}
	return l.answerListed(ctx, f, seen, dry, answer{
		done: "accepted", where: openNow, set: acceptedBy, args: []any{storable(a.Who), storable(a.Why), micro(a.At), micro(a.Until)},
	})
}

// WithdrawListed makes the accepted divergences that a filter lists open again, as [Ledger.AcceptListed] accepts them.
func (l *Ledger) WithdrawListed(ctx context.Context, f board.Filter, seen int64, dry bool) ([]Answered, error) {
	return l.answerListed(ctx, f, seen, dry, answer{done: "withdrawn", where: acceptedNow, set: `state = 'open'`})
}

// inList is what a filter means, as [chosen] has it.
const inList = `d.fingerprint = $1 AND ($2 = '' OR d.hop = $2) AND ($3 = '' OR d.kind = $3) AND ($4 = '' OR d.cause = CASE WHEN $4 = '` + board.NoCause + `' THEN '' ELSE $4 END)
	AND ($5 = '' OR d.fields @> jsonb_build_array(jsonb_build_object('name', $5::text)))`

func (l *Ledger) answerListed(ctx context.Context, f board.Filter, seen int64, dry bool, a answer) ([]Answered, error) {
	if string(f.Hop)+f.Kind+f.Cause+f.Field == "" {
		return nil, ErrNothingSelected
	}
	return l.answerFor(ctx, f.Fingerprint, f, dry, a, func(ctx context.Context, tx pgx.Tx, answered *[]Answered) error {
		if err := a.group(ctx, tx, "divergence", "hop", inList, []any{f.Fingerprint, f.Hop, f.Kind, f.Cause, f.Field}, answered); err != nil {
			return err
		}
		var now int64
		for _, g := range *answered {
			now += g.Count
		}
		if now != seen {
			return fmt.Errorf("%w: it had %d divergences, and has %d now", ErrOtherNumber, seen, now)
		}
		return nil
	})
}
