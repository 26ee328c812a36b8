package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// errDry rolls a transaction back that was only to count.
var errDry = errors.New("dry run")

// ErrNothingSelected is returned if nothing open is selected, or nothing accepted to withdraw.
var ErrNothingSelected = errors.New("nothing is selected")

// Selection selects divergences and findings of audits that are answered for together. An empty part selects everything. A hop and a
// field select divergences alone, a kind findings alone.
type Selection struct {
	Key   order.Key
	Hop   order.Hop
	Kind  string // of findings
	Cause string
	Field string // the only one that differs

	Divergences bool // select these alone; no selection by itself
}

// Answered counts what an answer was given for: divergences of one hop, or findings of one part of audits.
type Answered struct {
	Hop    order.Hop        `json:"hop,omitempty"`
	Part   verify.AuditPart `json:"part,omitempty"`
	Kind   string           `json:"kind"`
	Cause  string           `json:"cause"`
	Count  int64            `json:"count"`
	Orders int64            `json:"orders"`

	// Acceptance is set if accepted findings are listed; nil otherwise.
	Acceptance *verify.Acceptance `json:"-"`
}

// acceptedBy sets what an acceptance has.
const acceptedBy = `state = 'accepted', accepted_by = $6, accepted_why = $7, accepted_at = $8, accepted_until = $9`

// AcceptAll accepts all that is selected and open under a fingerprint, each as [Ledger.Accept] does. What the same person has
// accepted before is accepted anew; what others have accepted is left alone. If dry is true, it only counts.
func (l *Ledger) AcceptAll(ctx context.Context, fingerprint string, s Selection, a verify.Acceptance, dry bool) ([]Answered, error) {
	a, err := complete(a)
	if err != nil {
		return nil, err
	}
	return l.answerAll(ctx, fingerprint, s, dry, answer{
		done: "accepted", args: []any{storable(a.Who), storable(a.Why), micro(a.At), micro(a.Until)},
		set:   acceptedBy,
		where: `($.state = 'open' OR $.state = 'accepted' AND ($.accepted_until <= clock_timestamp() OR $.accepted_by = $6))`,
	})
}

// WithdrawAll makes all that is selected and accepted open again. If dry is true, it only counts.
func (l *Ledger) WithdrawAll(ctx context.Context, fingerprint string, s Selection, dry bool) ([]Answered, error) {
	return l.answerAll(ctx, fingerprint, s, dry, answer{done: "withdrawn", set: `state = 'open'`, where: `($.state = 'accepted' AND $.accepted_until > clock_timestamp())`})
}

// answerAll changes everything that is selected in one transaction. The conditions of the answer are on $, a row. The locks are
// those of the passes that write such rows.
func (l *Ledger) answerAll(ctx context.Context, fingerprint string, s Selection, dry bool, a answer) (answered []Answered, err error) {
	if s == (Selection{Divergences: s.Divergences}) {
		return nil, ErrNothingSelected
	}
	return l.answerFor(ctx, fingerprint, s, dry, a, func(ctx context.Context, tx pgx.Tx, answered *[]Answered) error {
		if s.Kind == "" {
			if err := a.group(ctx, tx, "divergence", "hop", only["divergence"], []any{fingerprint, s.Key, s.Cause, s.Hop, s.Field}, answered); err != nil {
				return err
			}
		}
		if s.Hop == "" && s.Field == "" && !s.Divergences {
			return a.group(ctx, tx, "audit_finding", "part", only["audit_finding"], []any{fingerprint, s.Key, s.Cause, s.Kind, ""}, answered)
		}
		return nil
	})
}

// answerFor gives the answer in one transaction, and proves what it changes of the evidence.
func (l *Ledger) answerFor(ctx context.Context, fingerprint string, selected any, dry bool, a answer, give func(context.Context, pgx.Tx, *[]Answered) error) (answered []Answered, err error) {
	err = l.write(ctx, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		answered = nil
		for _, lock := range []string{"crosscheck settle", "crosscheck audit"} {
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext($1), hashtext(current_schema()))`, lock); err != nil {
				return err
			}
		}
		if err := give(ctx, tx, &answered); err != nil {
			return err
		}
		if len(answered) == 0 {
			return ErrNothingSelected
		}
		if dry {
			return errDry
		}
		return l.proveAnswered(ctx, tx, fingerprint)
	})
	if dry && errors.Is(err, errDry) {
		return answered, nil
	}
	if err != nil {
		return nil, fmt.Errorf("answering for a group: %w", err)
	}
	l.log.InfoContext(ctx, "a group was accepted or withdrawn", slog.String("answer", a.done), slog.Any("selected", selected), slog.Any("groups", answered), slog.Any("by", a.args))
	return answered, nil
}

// only says for each table what the arguments select.
var only = map[string]string{
	"divergence":    byKeyAndCause + `($4 = '' OR d.hop = $4) AND ($5 = '' OR jsonb_array_length(d.fields) = 1 AND d.fields->0->>'name' = $5)`,
	"audit_finding": byKeyAndCause + `($4 = '' OR d.kind = $4) AND $5 = ''`,
}

const byKeyAndCause = `d.fingerprint = $1 AND ($2 = '' OR d.order_key = $2) AND ($3 = '' OR d.cause = $3) AND `

// group changes the selected rows of one table, and adds their number for each place, kind and cause.
func (a answer) group(ctx context.Context, tx pgx.Tx, table, place, selected string, args []any, into *[]Answered) error {
	chosen := ` WHERE ` + selected + ` AND ` + strings.ReplaceAll(a.where, "$.", "d.")
	rows, err := tx.Query(ctx, `
		WITH chosen AS (UPDATE `+table+` d SET `+a.set+chosen+` RETURNING d.order_key, d.`+place+` AS place, d.kind, d.cause)
		SELECT place, kind, cause, count(*), count(DISTINCT order_key) FROM chosen GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
		append(args, a.args...)...)
	if err != nil {
		return err
	}
	var g Answered
	var at string
	_, err = pgx.ForEachRow(rows, []any{&at, &g.Kind, &g.Cause, &g.Count, &g.Orders}, func() error {
		g.Hop, g.Part = order.Hop(at), ""
		if table == "audit_finding" {
			g.Hop, g.Part = "", verify.AuditPart(at)
		}
		*into = append(*into, g)
		return nil
	})
	return err
}

// AcceptedFindings counts the accepted findings of audits under a fingerprint, or under any if it is empty, by what they are and by
// who has accepted them. What ends first comes first.
func (l *Ledger) AcceptedFindings(ctx context.Context, fingerprint string) (accepted []Answered, err error) {
	err = l.read(ctx, l.bulkTimeout(), func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT part, kind, cause, count(*), count(DISTINCT order_key), accepted_by, accepted_why, max(accepted_at), accepted_until FROM audit_finding f
			WHERE f.state = 'accepted' AND f.accepted_until > clock_timestamp() AND ($1 = '' OR f.fingerprint = $1)
			GROUP BY part, kind, cause, accepted_by, accepted_why, accepted_until ORDER BY accepted_until, part, kind, cause, accepted_by, accepted_why`, fingerprint)
		if err != nil {
			return err
		}
		accepted, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Answered, error) {
			var a Answered
			var by verify.Acceptance
			err := row.Scan(&a.Part, &a.Kind, &a.Cause, &a.Count, &a.Orders, &by.Who, &by.Why, &by.At, &by.Until)
			by.At, by.Until = by.At.UTC(), by.Until.UTC()
			a.Acceptance = &by
			return a, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing accepted findings: %w", err)
	}
	return accepted, nil
}
