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
func insertEvent(ctx context.Context, into inserter, store *Store, e event) (id int64, err error) {
	kind, payload, err := store.write(e)
	if err != nil {
		return 0, err
	}
	if err := into.QueryRow(ctx, store.insert()+" RETURNING "+store.position, e.order, kind, e.at, payload).Scan(&id); err != nil {
		return 0, fmt.Errorf("storing %s of order %d: %w", e.kind, e.order, err)
	}
	return id, nil
}
