package lab

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// lateCommitSkip: a writer draws an event id and commits late. Meanwhile the projector has seen a higher id and has
// moved its position past the event. It never comes back. A later event of the order is applied again.
var lateCommitSkip = Fault{
	Name:  "late_commit_skip",
	About: "the event of a modification is committed late, and the projector has already passed its position",
	Hop:   EventsToProjection,
	Cause: "skipped_late_commit",
	Pass:  FullPass,
	plant: func(ctx context.Context, l *Lab, n int) ([]Planted, error) {
		orders, err := l.victims(ctx, n)
		if err != nil {
			return nil, err
		}
		nothing := func(*faults) {}
		err = l.Projector.breakWith(ctx, nothing, func() error {
			for _, o := range orders {
				if err := l.lateCommit(ctx, o); err != nil {
					return err
				}
			}
			return nil
		})
		return plantedAll(orders, Differs, "price"), err
	},
}

// lateCommit modifies an order with a writer that does not wait for its turn, then fills it.
func (l *Lab) lateCommit(ctx context.Context, o workingOrder) error {
	late := modify(o, o.price+unit, 0, l.Desk.after(o))
	if err := l.Desk.writeLegacy(ctx, late); err != nil {
		return err
	}
	var id int64
	err := pgx.BeginFunc(ctx, l.events, func(tx pgx.Tx) (err error) {
		if id, err = insertEvent(ctx, tx, l.Store, late.event); err != nil {
			return err
		}
		if err := l.somethingElse(ctx); err != nil {
			return err
		}
		return l.Projector.projectLocked(ctx) // breakWith holds the lock
	})
	if err != nil {
		return err
	}
	if err := l.Desk.publish(ctx, id, late.event); err != nil {
		return err
	}
	filled := fill(late.after, o.quantity/4, o.price, l.Desk.after(late.after))
	l.freeze(filled.after)
	return l.Desk.write(ctx, filled)
}

// somethingElse is a correct deal of another order.
func (l *Lab) somethingElse(ctx context.Context) error {
	o, err := l.Desk.untouched(ctx)
	if err != nil {
		return err
	}
	x := modify(o, o.price+unit/100, 0, l.Desk.after(o))
	if err := l.Desk.write(ctx, x); err != nil {
		return err
	}
	l.Desk.book.put(x.after)
	return nil
}
