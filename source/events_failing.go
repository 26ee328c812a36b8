package source

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
)

// without returns the events as they are read without the payloads at these positions, because the payload's expression fails for
// them: PostgreSQL refuses the whole query because of one. What stands for it is no object, so decoding fails: without a payload, an event
// that sets only optional fields would say that nothing has changed.
func (e *Events) without(positions []order.Position) *Events {
	out := *e
	out.unread = slices.Concat(e.unread, positions)
	if out.payload == "" {
		out.payload = e.config.Payload
	}
	out.config.Payload = fmt.Sprintf("CASE WHEN (%s) = ANY ('%s'::bigint[]) THEN '%s' ELSE (%s) END", e.config.Position, int8Array(out.unread), unreadPayload, out.payload)
	return &out
}

// unreadPayload is in JSON, and of any type that a payload has.
const unreadPayload = `"cannot be read"`

// finder finds events of which the payload's expression fails.
type finder func(context.Context, *Events) ([]order.Position, error)

// tolerant reads, and reads again without the payloads that fail.
func (e *Events) tolerant(ctx context.Context, read func(*Events) error, find finder) error {
	events := e
	for {
		err := read(events)
		if !failsForRow(err) || e.config.PerOrder { // a position within an order identifies no event
			return err
		}
		searching, cancel := context.WithTimeout(ctx, readTimeout)
		found, searchErr := find(searching, events)
		cancel()
		switch {
		case searchErr != nil:
			return fmt.Errorf("%w (looking for such events: %w)", err, searchErr)
		case len(found) == 0:
			return err
		case len(events.unread)+len(found) > maxFailing:
			return fmt.Errorf("the event at position %s: %w (looking for such events: %w)", found[0], err, errManyFail)
		}
		events = events.without(found)
	}
}

// failingOf finds the events of a condition of which the payload fails, by halves.
func failingOf(condition string, args ...any) finder {
	return func(ctx context.Context, e *Events) (found []order.Position, err error) {
		rows, err := e.side.pool.Query(ctx, fmt.Sprintf("SELECT (%[1]s)::bigint FROM %[2]s WHERE %[3]s AND (%[1]s) IS NOT NULL", e.config.Position, e.side.from(), condition), args...)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		positions := map[order.Position]bool{}
		for rows.Next() {
			var p int64
			if err := rows.Scan(&p); err != nil {
				return nil, err
			}
			positions[order.Position(p)] = true
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		return e.narrow(ctx, slices.Sorted(maps.Keys(positions)))
	}
}

func (e *Events) narrow(ctx context.Context, positions []order.Position) ([]order.Position, error) {
	if len(positions) == 0 {
		return nil, nil
	}
	rows, err := e.side.pool.Query(ctx, fmt.Sprintf("SELECT count(%s) FROM %s WHERE (%s) = ANY ('%s'::bigint[])", e.payloadSQL(), e.side.from(), e.config.Position, int8Array(positions)))
	if err == nil {
		rows.Close()
		err = rows.Err()
	}
	switch {
	case !failsForRow(err):
		return nil, err
	case len(positions) == 1:
		return positions, nil
	}
	half := len(positions) / 2
	first, err := e.narrow(ctx, positions[:half])
	if err != nil || len(first) > maxFailing {
		return first, err
	}
	second, err := e.narrow(ctx, positions[half:])
	return append(first, second...), err
}

// firstFailing finds the first event of which the payload fails, in the order in which the server scans the store.
func firstFailing(ctx context.Context, e *Events) (found []order.Position, err error) {
	err = e.side.pool.Read(ctx, func(tx *session.Tx) error {
		if err := tx.Set(ctx, inScanOrder); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, fmt.Sprintf("SELECT pg_catalog.concat(%s) IS NULL FROM %s", e.payloadSQL(), e.side.from()))
		if err != nil {
			return err
		}
		good := 0
		for rows.Next() {
			good++
		}
		rows.Close()
		if !failsForRow(rows.Err()) {
			return rows.Err()
		}
		if err := tx.Set(ctx, "ROLLBACK TO SAVEPOINT crosscheck_row"); err != nil {
			return err
		}
		var p *int64
		if err := tx.QueryRow(ctx, fmt.Sprintf("SELECT (%s)::bigint FROM %s OFFSET %d LIMIT 1", e.config.Position, e.side.from(), good)).Scan(&p); err != nil || p == nil {
			return err
		}
		found = []order.Position{order.Position(*p)}
		return nil
	})
	return found, err
}

// kept keeps an error that an event causes for later: an error of one part would cancel the statements of the others, and their
// transactions could not be used again.
func (f *folding) kept(err error) error {
	if failsForRow(err) {
		f.failed.Store(&err)
		return nil
	}
	return err
}

// why is the error of the part that failed; nil if none did.
func (f *folding) why() error {
	if err := f.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// tolerantly folds some orders, or all if there are no keys, and folds again without the payloads that fail.
func (n *folded) tolerantly(ctx context.Context, keys []order.Key, fold func() error) error {
	find := firstFailing
	if keys != nil {
		of, args := n.fold.events.ofKeys(keys)
		find = failingOf(of, args...)
	}
	return n.fold.events.tolerant(ctx, func(e *Events) error {
		if e != n.fold.events {
			without := *n.fold
			without.events, n.fold = e, &without
		}
		return fold()
	}, find)
}

// newestFailing finds those of the newest events of which the payload fails.
func newestFailing(ctx context.Context, e *Events) ([]order.Position, error) {
	newest := fmt.Sprintf("(%[1]s) IN (SELECT (%[1]s) FROM %[2]s %[3]s LIMIT %[4]d)", e.config.Position, e.side.from(), e.config.newestFirst(), censusEvents)
	return failingOf(newest)(ctx, e)
}
