package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

var (
	// ErrNotOpen is returned if the order has no divergence to accept, or none whose acceptance could be withdrawn.
	ErrNotOpen = errors.New("the order has no such divergence")
	// ErrSeveralHops is returned if the order has divergences at several hops and no hop was given.
	ErrSeveralHops = errors.New("the order has divergences at several hops")
	// ErrAcceptance is returned for an acceptance without who, why or a time in the future.
	ErrAcceptance = errors.New("an acceptance needs a name, a reason, and an end in the future")
	// ErrAcceptedBy is returned if another person has accepted the divergence already. The error names this person.
	ErrAcceptedBy = errors.New("somebody else has accepted it")
)

// An accepted divergence counts as open after its end time, without any write to the row. These are conditions on d, a
// divergence.
const (
	openNow     = `(d.state = 'open' OR d.state = 'accepted' AND d.accepted_until <= clock_timestamp())`
	acceptedNow = `(d.state = 'accepted' AND d.accepted_until > clock_timestamp())`
)

// complete is an acceptance without the space around its words, if it has all that it needs.
func complete(a verify.Acceptance) (verify.Acceptance, error) {
	a.Who, a.Why = strings.TrimSpace(a.Who), strings.TrimSpace(a.Why)
	if a.Who == "" || a.Why == "" || !a.Until.After(a.At) {
		return a, ErrAcceptance
	}
	return a, nil
}

// Accept records that somebody accepts a divergence of an order until a time, under one fingerprint. It is not open
// until then. An empty hop means the only one that the order has. The person who accepted it may accept it again;
// others get ErrAcceptedBy until the acceptance is withdrawn or over.
//
// The divergence is accepted as it is now. It is open again if a pass finds another kind, cause, field, value or number
// of rows, or if the stream brings a further message with the same fault.
func (l *Ledger) Accept(ctx context.Context, fingerprint string, key order.Key, hop order.Hop, a verify.Acceptance) (verify.Divergence, error) {
	a, err := complete(a)
	if err != nil {
		return verify.Divergence{}, err
	}
	return l.answer(ctx, fingerprint, key, hop, answer{
		done: "accepted", who: storable(a.Who), where: `d.state <> 'resolved'`,
		set:  `state = 'accepted', accepted_by = $2, accepted_why = $3, accepted_at = $4, accepted_until = $5`,
		args: []any{storable(a.Who), storable(a.Why), micro(a.At), micro(a.Until)},
	})
}

// Withdraw makes an accepted divergence an open one again.
func (l *Ledger) Withdraw(ctx context.Context, fingerprint string, key order.Key, hop order.Hop) (verify.Divergence, error) {
	return l.answer(ctx, fingerprint, key, hop, answer{done: "withdrawn", where: acceptedNow, set: `state = 'open'`})
}

// answer is a change of a divergence by a person.
type answer struct {
	done  string // in the log
	who   string // must be the person who has accepted it; empty for anybody
	where string // a condition on d, the divergence
	set   string // columns, with args from $2 on
	args  []any
}

// answer changes the one divergence of the order that meets the condition. It writes the old state to the log, because
// the row holds only the new one.
func (l *Ledger) answer(ctx context.Context, fingerprint string, key order.Key, hop order.Hop, a answer) (verify.Divergence, error) {
	var before, found verify.Divergence
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT d.id, d.hop FROM divergence d WHERE d.fingerprint = $1 AND d.order_key = $2 AND ($3 = '' OR d.hop = $3) AND `+a.where+`
			ORDER BY d.hop FOR UPDATE`, fingerprint, key, hop)
		if err != nil {
			return err
		}
		var id int64
		var at order.Hop
		var hops []order.Hop
		if _, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error { hops = append(hops, at); return nil }); err != nil {
			return err
		}
		switch {
		case len(hops) == 0:
			return ErrNotOpen
		case len(hops) > 1:
			return fmt.Errorf("%w: %v", ErrSeveralHops, hops)
		}
		if before, err = divergenceByID(ctx, tx, id); err != nil {
			return err
		}
		if by := before.Acceptance; a.who != "" && by != nil && by.Who != a.who && by.Until.After(time.Now()) {
			return fmt.Errorf("%w: %s, until %s", ErrAcceptedBy, by.Who, by.Until.Format(time.RFC3339))
		}
		if _, err := tx.Exec(ctx, `UPDATE divergence SET `+a.set+` WHERE id = $1`, append([]any{id}, a.args...)...); err != nil {
			return err
		}
		if found, err = divergenceByID(ctx, tx, id); err != nil {
			return err
		}
		return l.proveAnswered(ctx, tx, fingerprint)
	})
	if err != nil {
		return verify.Divergence{}, fmt.Errorf("answering for order %s: %w", key, err)
	}
	l.log.InfoContext(ctx, "a divergence was accepted or withdrawn", slog.String("answer", a.done), slog.String("order", string(key)), slog.String("hop", string(found.Mismatch.Hop)),
		slog.Any("before", by(before.Acceptance)), slog.Any("after", by(found.Acceptance)))
	return found, nil
}

func divergenceByID(ctx context.Context, q querier, id int64) (verify.Divergence, error) {
	rows, err := q.Query(ctx, `SELECT `+divergenceColumns+` FROM divergence d WHERE d.id = $1`, id)
	if err != nil {
		return verify.Divergence{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanDivergence)
}

// by is an acceptance in the form for the log.
func by(a *verify.Acceptance) slog.Value {
	if a == nil {
		return slog.StringValue("nobody")
	}
	return slog.GroupValue(slog.String("who", a.Who), slog.String("why", a.Why), slog.Time("until", a.Until))
}

// AcceptedDivergences returns up to limit accepted divergences under a fingerprint, or under any if it is empty, and
// how many there are. The one that ends first comes first.
func (l *Ledger) AcceptedDivergences(ctx context.Context, fingerprint string, limit int) (found []verify.Divergence, all int64, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) (err error) {
		all, err = acceptedCount(ctx, l.pool, fingerprint)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("counting accepted divergences: %w", err)
	}
	if all == 0 || limit == 0 {
		return nil, all, nil
	}
	found, err = l.queryDivergences(ctx, `
		SELECT `+divergenceColumns+` FROM divergence d WHERE `+acceptedNow+` AND ($1 = '' OR d.fingerprint = $1)
		ORDER BY d.accepted_until, d.order_key, d.hop LIMIT $2`, fingerprint, limit)
	return found, all, err
}

func acceptedCount(ctx context.Context, q querier, fingerprint string) (int64, error) {
	rows, err := q.Query(ctx, `SELECT count(*) FROM divergence d WHERE `+acceptedNow+` AND ($1 = '' OR d.fingerprint = $1)`, fingerprint)
	if err != nil {
		return 0, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
}

// acceptance returns nil if the divergence is not accepted now.
func acceptance(state verify.DivergenceState, who, why string, at, until *time.Time) *verify.Acceptance {
	if state != verify.Accepted {
		return nil
	}
	return &verify.Acceptance{Who: who, Why: why, At: orZero(at), Until: orZero(until)}
}
