package ledger

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// AddRange implements [verify.Ranges].
func (l *Ledger) AddRange(ctx context.Context, held lease.Lease, id verify.PassID, r verify.Range, suspects []verify.Suspect) error {
	found, err := marshalText(r.Found)
	if err != nil {
		return fmt.Errorf("encoding what was found in a range: %w", err)
	}
	err = l.writePass(ctx, held, id, shared, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		if err := l.addSuspects(ctx, tx, id, suspects); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO pass_range (pass_id, number, from_key, below_key, token, found, worker) VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7)
			ON CONFLICT (pass_id, number) DO UPDATE SET from_key = excluded.from_key, below_key = excluded.below_key,
				token = excluded.token, found = excluded.found, worker = excluded.worker, at = clock_timestamp()`,
			id, r.Number, string(r.From), string(r.Below), held.Token, found, r.Worker)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing range %d of pass %d: %w", r.Number, id, err)
	}
	return nil
}

// DropRange implements [verify.Ranges].
func (l *Ledger) DropRange(ctx context.Context, held lease.Lease, id verify.PassID, number int) error {
	return l.dropSuspects(ctx, held, id, shared, "range = $2", number)
}

// Ranges implements [verify.Ranges].
func (l *Ledger) Ranges(ctx context.Context, id verify.PassID) (ranges []verify.Range, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `SELECT number, from_key, below_key, found, worker FROM pass_range WHERE pass_id = $1 ORDER BY number`, id)
		if err != nil {
			return err
		}
		ranges, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r verify.Range, err error) {
			var found []byte
			if err := row.Scan(&r.Number, &r.From, &r.Below, &found, &r.Worker); err != nil {
				return r, err
			}
			return r, json.Unmarshal(found, &r.Found)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the ranges of pass %d: %w", id, err)
	}
	return ranges, nil
}

// Unfinished is a pass that has not ended.
type Unfinished struct {
	verify.Pass

	// Holder works on it, or did until its lease ran out.
	Holder string
	Live   bool
}

// Unfinished returns the newest pass of the kind, if it has not ended; a zero ID if there is none.
func (l *Ledger) Unfinished(ctx context.Context, kind verify.PassKind) (Unfinished, error) {
	var u Unfinished
	passes, err := l.queryPasses(ctx, `SELECT `+passColumns+` FROM pass WHERE pair = $1 AND kind = $2 AND state <> 'done' ORDER BY id DESC LIMIT 1`, l.pair, kind)
	if err != nil || len(passes) == 0 {
		return u, err
	}
	u.Pass = passes[0]
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `SELECT coalesce(l.holder, ''), NOT `+orphan+` FROM pass p LEFT JOIN lease l ON l.job = p.job AND l.token = p.token WHERE p.id = $1`,
			u.ID).Scan(&u.Holder, &u.Live)
	})
	if err != nil {
		return u, fmt.Errorf("asking who works on pass %d: %w", u.ID, err)
	}
	return u, nil
}
