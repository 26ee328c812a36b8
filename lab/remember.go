package lab

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// generated reports whether a database holds exactly this history.
func generated(ctx context.Context, dsn string, h History) (bool, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return false, fmt.Errorf("connecting to look for a history: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const create = `CREATE SCHEMA IF NOT EXISTS lab;
		CREATE TABLE IF NOT EXISTS lab.history (orders bigint, events boolean, seed bigint);
		ALTER TABLE lab.history ADD COLUMN IF NOT EXISTS store text NOT NULL DEFAULT 'orders';
		ALTER TABLE lab.history ADD COLUMN IF NOT EXISTS shape text NOT NULL DEFAULT ''`
	if _, err := conn.Exec(ctx, create); err != nil {
		return false, fmt.Errorf("creating schema lab: %w", err)
	}
	var rows, same int
	const look = `SELECT count(*), count(*) FILTER (WHERE orders = $1 AND events = $2 AND seed = $3 AND store = $4 AND shape = $5) FROM lab.history`
	if err := conn.QueryRow(ctx, look, h.Orders, h.Events, h.Seed, h.store().Name, h.shape()).Scan(&rows, &same); err != nil {
		return false, fmt.Errorf("looking for a history: %w", err)
	}
	if rows > 0 && same == 0 {
		return false, ErrOtherHistory
	}
	return same > 0, nil
}

// remember notes that generation was completed.
func remember(ctx context.Context, dsn string, h History) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connecting to note the history: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const note = "INSERT INTO lab.history (orders, events, seed, store, shape) VALUES ($1, $2, $3, $4, $5)"
	if _, err := conn.Exec(ctx, note, h.Orders, h.Events, h.Seed, h.store().Name, h.shape()); err != nil {
		return fmt.Errorf("noting the history: %w", err)
	}
	return nil
}
