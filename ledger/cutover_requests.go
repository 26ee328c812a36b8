package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/cutover"
)

// Ask stores what somebody asks of whoever drives a run, and returns the number of the request.
func (l *Ledger) Ask(ctx context.Context, run string, asks cutover.Outcome, who string) (number int64, err error) {
	err = l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `INSERT INTO cutover_request (pair, run, asks, who) VALUES ($1, $2, $3, $4) RETURNING id`, l.pair, run, asks, storable(who)).Scan(&number)
	})
	if err != nil {
		return 0, fmt.Errorf("asking for %s of run %s: %w", asks, run, err)
	}
	return number, nil
}

// Asked returns the newest request for a run whose number is above another, and its number; that number and nothing if there is none.
func (l *Ledger) Asked(ctx context.Context, run string, above int64) (asks cutover.Outcome, newest int64, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `SELECT id, asks FROM cutover_request WHERE pair = $1 AND run = $2 AND id > $3 ORDER BY id DESC LIMIT 1`, l.pair, run, above)
		if err != nil {
			return err
		}
		newest = above
		_, err = pgx.ForEachRow(rows, []any{&newest, &asks}, func() error { return nil })
		return err
	})
	if err != nil {
		return "", above, fmt.Errorf("reading what was asked of run %s: %w", run, err)
	}
	return asks, newest, nil
}
