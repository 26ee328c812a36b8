package lab

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// backfillRange is how many order ids the backfill takes at once.
const backfillRange = 20_000

// backfillAll writes the events of all orders up to the cut-over.
func backfillAll(ctx context.Context, legacyDSN string, events *pgx.Conn, cutOver int64) error {
	legacy, err := pgx.Connect(ctx, legacyDSN)
	if err != nil {
		return fmt.Errorf("connecting to backfill: %w", err)
	}
	defer legacy.Close(context.WithoutCancel(ctx))
	if err := bulkSession(ctx, legacy); err != nil {
		return err
	}
	for from := int64(1); from <= cutOver; from += backfillRange {
		to := min(from+backfillRange-1, cutOver)
		pasts, err := readPasts(ctx, legacy, from, to)
		if err != nil {
			return err
		}
		b := backfill{tells: true, batch: fmt.Sprintf("orders %d to %d", from, to)}
		if err := copyEvents(ctx, events, b, pasts); err != nil {
			return fmt.Errorf("backfilling orders %d to %d: %w", from, to, err)
		}
	}
	return nil
}

// copyEvents writes the events of orders into the store "orders".
func copyEvents(ctx context.Context, conn *pgx.Conn, b backfill, pasts []past) error {
	var left []event
	next := func() ([]any, error) {
		for len(left) == 0 {
			if len(pasts) == 0 {
				return nil, nil
			}
			left, pasts = b.events(pasts[0]), pasts[1:]
		}
		e := left[0]
		left = left[1:]
		kind, payload, err := OrdersStore.write(e)
		return []any{e.order, kind, e.at, payload}, err
	}
	_, err := conn.CopyFrom(ctx, pgx.Identifier{OrdersStore.table}, []string{"order_id", "event_type", "timestamp", "payload"}, pgx.CopyFromFunc(next))
	return err
}
