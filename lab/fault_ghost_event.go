package lab

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// errRollback ends a transaction on purpose.
var errRollback = errors.New("rolled back")

// ghostEvent: the shadow write is inside the legacy transaction, as in the case study, and the transaction is rolled
// back after it. Repair modifies the order on both sides, because the event store is append-only.
var ghostEvent = Fault{
	Name:  "ghost_event",
	About: "the legacy transaction of a modification is rolled back, but its event stays",
	Hop:   LegacyToEvents,
	Cause: "ghost_event",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.each(ctx, n, func(o workingOrder) error {
			x := modify(o, o.price+unit, 0, l.Desk.after(o))
			behind := o
			behind.updatedAt = x.event.at
			l.amendLater(behind)
			err := pgx.BeginFunc(ctx, l.legacy, func(tx pgx.Tx) error {
				for _, s := range x.legacy {
					if _, err := tx.Exec(ctx, s.sql, s.args...); err != nil {
						return err
					}
				}
				if _, err := l.Desk.shadow(ctx, x.event); err != nil {
					return err
				}
				return errRollback
			})
			if errors.Is(err, errRollback) {
				return nil
			}
			return err
		})
		return plantedAll(orders, Differs, "price", "updated_at"), err
	},
}
