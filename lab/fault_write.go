package lab

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// The ways in which faults write differently from the desk.

// writeWith writes a deal with a different event, and returns that event's position.
func (l *Lab) writeWith(ctx context.Context, x deal, instead event) (int64, error) {
	if err := l.Desk.writeLegacy(ctx, x); err != nil {
		return 0, err
	}
	return l.Desk.shadow(ctx, instead)
}

// writeUnpublished writes a deal and stores its event, but does not publish it.
func (l *Lab) writeUnpublished(ctx context.Context, x deal) (int64, error) {
	if err := l.Desk.writeLegacy(ctx, x); err != nil {
		return 0, err
	}
	return l.Desk.append(ctx, x.event)
}

// inserter is a pool or a transaction.
type inserter interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// insertEvent stores an event without waiting for its turn, and without checking whether it is there.
func insertEvent(ctx context.Context, into inserter, e event) (id int64, err error) {
	payload, err := e.json()
	if err != nil {
		return 0, fmt.Errorf("encoding payload: %w", err)
	}
	const insert = `INSERT INTO event_store (order_id, event_type, timestamp, payload)
		VALUES ($1, $2, $3, $4::text::jsonb) RETURNING event_id`
	if err := into.QueryRow(ctx, insert, e.order, e.kind, e.at, payload).Scan(&id); err != nil {
		return 0, fmt.Errorf("storing %s of order %d: %w", e.kind, e.order, err)
	}
	return id, nil
}
