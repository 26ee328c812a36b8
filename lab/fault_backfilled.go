package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// What the faults of the backfill have in common. Each is planted by doing to a few old orders what a wrong backfill would
// have done. Only the store "orders" has a backfilled history.

// searchRange is how many order ids are searched at once for orders that a fault can happen to.
const searchRange = 1000

// old takes n orders of the backfill that suit, the newest first. A working one is taken from the desk.
func (l *Lab) old(ctx context.Context, n int, suits func(past) bool) ([]past, error) {
	var found []past
	for to := l.cutOver; to > 0 && len(found) < n; to -= searchRange {
		pasts, err := readPasts(ctx, l.legacy, max(1, to-searchRange+1), to)
		if err != nil {
			return nil, err
		}
		for _, p := range slices.Backward(pasts) {
			if len(found) < n && l.untold(p) && suits(p) && l.takeOld(p) {
				found = append(found, p)
			}
		}
	}
	if len(found) < n {
		for _, p := range found {
			if p.id >= l.Desk.oldest {
				l.Desk.book.put(p.workingOrder)
			}
		}
		return nil, fmt.Errorf("%w: found %d of %d", ErrNoBackfill, len(found), n)
	}
	return found, nil
}

// untold is true if neither a fault nor the desk has come to the order since it was backfilled.
func (l *Lab) untold(p past) bool {
	return p.updatedAt.Before(l.opened) && !l.inconsistent[p.id] && !slices.ContainsFunc(l.planted, func(other Planted) bool { return other.OrderID == p.id })
}

// takeOld keeps the desk from an order. It reports false if the desk has written it since, or is about to.
func (l *Lab) takeOld(p past) bool {
	if !p.working() || p.id < l.Desk.oldest {
		return true
	}
	o, ok := l.Desk.book.takeOrder(p.id)
	if ok && !o.updatedAt.Equal(p.updatedAt) {
		l.Desk.book.put(o)
		return false
	}
	return ok
}

// right are the events that the backfill has written of an order.
func right(p past) []event { return backfill{tells: true}.events(p) }

// imports is true for an order of which only the row is left.
func imports(p past) bool { return p.filled != 0 && len(p.changes)+len(p.trades) == 0 }

// misread writes the events of n orders as a wrong backfill would have, at their positions. Only orders that suit, and of
// which the wrong backfill tells something else, are taken.
func (l *Lab) misread(ctx context.Context, n int, wrong backfill, suits func(past) bool) ([]workingOrder, error) {
	wrong.tells = true
	orders, err := l.old(ctx, n, func(p past) bool {
		return !imports(p) && suits(p) && !slices.EqualFunc(right(p), wrong.events(p), func(a, b event) bool { return a.at.Equal(b.at) && a.left == b.left })
	})
	if err != nil {
		return nil, err
	}
	for _, p := range orders {
		l.freeze(p.workingOrder)
		l.later(func(ctx context.Context) error { return l.retell(ctx, p.id, right(p)) })
		if err := l.retell(ctx, p.id, wrong.events(p)); err != nil {
			return nil, err
		}
	}
	return oldOrders(orders), l.Projector.refold(ctx, ids(oldOrders(orders)))
}

// retell replaces the stored events of an order, one for one.
func (l *Lab) retell(ctx context.Context, order int64, events []event) error {
	rows, err := l.events.Query(ctx, "SELECT event_id FROM event_store WHERE order_id = $1 ORDER BY event_id", order)
	if err != nil {
		return fmt.Errorf("reading the events of order %d: %w", order, err)
	}
	positions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("reading the events of order %d: %w", order, err)
	}
	if len(positions) != len(events) {
		return fmt.Errorf("order %d has %d events, and the backfill wrote %d", order, len(positions), len(events))
	}
	for i, e := range events {
		kind, payload, err := l.Store.write(e)
		if err != nil {
			return err
		}
		const update = "UPDATE event_store SET event_type = $2, timestamp = $3, payload = $4::text::jsonb WHERE event_id = $1"
		if _, err := l.events.Exec(ctx, update, positions[i], kind, e.at, payload); err != nil {
			return fmt.Errorf("rewriting the events of order %d: %w", order, err)
		}
	}
	return nil
}

// tell appends the events of an order, which the backfill does not publish.
func (l *Lab) tell(ctx context.Context, events []event) (positions []int64, err error) {
	err = pgx.BeginFunc(ctx, l.events, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", AppendLock); err != nil {
			return err
		}
		for _, e := range events {
			id, err := insertEvent(ctx, tx, l.Store, e)
			if err != nil {
				return err
			}
			positions = append(positions, id)
		}
		return nil
	})
	return positions, err
}

// tellAgain appends the events of n orders that suit a second time.
func (l *Lab) tellAgain(ctx context.Context, n int, suits func(past) bool) ([]workingOrder, error) {
	orders, err := l.old(ctx, n, func(p past) bool { return !p.working() && len(p.trades) > 0 && suits(p) })
	if err != nil {
		return nil, err
	}
	for _, p := range orders {
		positions, err := l.tell(ctx, right(p))
		if err != nil {
			return nil, err
		}
		for _, id := range positions {
			l.retractLater(id)
		}
	}
	return oldOrders(orders), nil
}

// untell removes all events of an order, and what was projected from them.
func (l *Lab) untell(ctx context.Context, order int64) error {
	if _, err := l.events.Exec(ctx, "DELETE FROM event_store WHERE order_id = $1", order); err != nil {
		return fmt.Errorf("removing the events of order %d: %w", order, err)
	}
	return l.Projector.refold(ctx, []int64{order})
}

func oldOrders(pasts []past) []workingOrder {
	orders := make([]workingOrder, 0, len(pasts))
	for _, p := range pasts {
		orders = append(orders, p.workingOrder)
	}
	return orders
}

// fraction is true for a time that is not a whole second.
func fraction(t time.Time) bool { return t.Nanosecond() != 0 }
