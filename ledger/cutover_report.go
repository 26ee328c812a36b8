package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/cutover/clients"
	"github.com/nordvarg/crosscheck/cutover/report"
)

// Saw stores what a process has seen of a run so far by the clients' way, in place of what it had seen before.
func (l *Ledger) Saw(ctx context.Context, run string, seen clients.Seen) error {
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		text, err := json.Marshal(seen)
		if err != nil {
			return err
		}
		stored := strings.ReplaceAll(storable(string(text)), `\u0000`, `\ufffd`) // jsonb has no such character
		const mine = `pair = $1 AND run = $2 AND seen->>'at' = $3::jsonb->>'at'`
		tag, err := tx.Exec(ctx, `UPDATE cutover_client SET seen = $3 WHERE `+mine, l.pair, run, stored)
		if err == nil && tag.RowsAffected() == 0 {
			_, err = tx.Exec(ctx, `INSERT INTO cutover_client (pair, run, seen) VALUES ($1, $2, $3)`, l.pair, run, stored)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("storing what clients saw of run %s: %w", run, err)
	}
	return nil
}

// Beside returns what stands beside the journal of a run: what people asked, and what was seen by the clients' way.
func (l *Ledger) Beside(ctx context.Context, run string) (asked []report.Request, seen []clients.Seen, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `SELECT asks, who, at FROM cutover_request WHERE pair = $1 AND run = $2 ORDER BY id`, l.pair, run)
		if err != nil {
			return err
		}
		if asked, err = pgx.CollectRows(rows, pgx.RowToStructByPos[report.Request]); err != nil {
			return err
		}
		if rows, err = l.pool.Query(ctx, `SELECT seen FROM cutover_client WHERE pair = $1 AND run = $2 ORDER BY id`, l.pair, run); err != nil {
			return err
		}
		seen, err = pgx.CollectRows(rows, pgx.RowTo[clients.Seen])
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading what was asked and seen of run %s: %w", run, err)
	}
	return asked, seen, nil
}
