package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

var _ run.Journal = (*Ledger)(nil)

// Append implements [run.Journal]. The statement that writes also locks the lease, so a process that takes over waits for it,
// and reads what it wrote.
func (l *Ledger) Append(ctx context.Context, held lease.Lease, r cutover.Record) (at time.Time, err error) {
	a := r.Action
	err = l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		var live bool
		var stored *time.Time
		err := tx.QueryRow(ctx, `
			WITH held AS (
				SELECT token FROM lease WHERE job = $1 AND token = $2 AND expires_at > clock_timestamp() FOR KEY SHARE
			), written AS (
				INSERT INTO cutover_record (pair, run, seq, epoch, verb, step, slice, outcome, positions, detail)
				SELECT $3, $4, $5, token, $6, $7, $8, $9, $10, $11 FROM held ON CONFLICT DO NOTHING RETURNING at
			)
			SELECT EXISTS (SELECT FROM held), (SELECT at FROM written)`,
			held.Job, held.Token, l.pair, r.Run, r.Seq, a.Verb, a.Step, a.Slice, r.Outcome, r.Positions, storable(r.Detail)).Scan(&live, &stored)
		switch {
		case err != nil:
			return err
		case !live:
			return lease.ErrFenced
		case stored != nil:
			at = stored.UTC()
			return nil
		}
		err = tx.QueryRow(ctx, `
			SELECT at FROM cutover_record
			WHERE pair = $1 AND run = $2 AND seq = $3 AND epoch = $4 AND verb = $5 AND step = $6 AND slice = $7 AND outcome = $8`,
			l.pair, r.Run, r.Seq, held.Token, a.Verb, a.Step, a.Slice, r.Outcome).Scan(&at)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: number %d has another record", cutover.ErrJournal, r.Seq)
		}
		at = at.UTC()
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("writing the journal of a cutover: %w", err)
	}
	return at, nil
}

// Runs implements [run.Journal].
func (l *Ledger) Runs(ctx context.Context) (runs [][]cutover.Record, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) (err error) {
		runs, err = journals(ctx, l.pool, l.pair)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the journals of cutovers: %w", err)
	}
	return runs, nil
}

func journals(ctx context.Context, q querier, pair verify.PairID) (runs [][]cutover.Record, err error) {
	at := map[string]int{} // run → its place in runs
	rows, err := q.Query(ctx, `
		SELECT run, seq, epoch, verb, step, slice, outcome, at, positions, detail FROM cutover_record WHERE pair = $1 ORDER BY id`, pair)
	if err != nil {
		return nil, err
	}
	var r cutover.Record
	_, err = pgx.ForEachRow(rows, []any{
		&r.Run, &r.Seq, &r.Epoch, &r.Action.Verb, &r.Action.Step, &r.Action.Slice, &r.Outcome, &r.At, &r.Positions, &r.Detail,
	}, func() error {
		i, ok := at[r.Run]
		if !ok {
			i = len(runs)
			at[r.Run], runs = i, append(runs, nil)
		}
		r.At = r.At.UTC()
		runs[i] = append(runs[i], r)
		r.Positions = nil // the next row must not be read into the same map
		return nil
	})
	return runs, err
}
