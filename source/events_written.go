package source

import (
	"context"
	"fmt"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

var _ verify.Growing = (*Events)(nil)

// Mark counts the events too, because a deleted one leaves nothing else.
func (e *Events) Mark(ctx context.Context, p *verify.Pace) (m verify.Mark, err error) {
	defer e.side.observe("mark")()
	err = e.atOnce(ctx, func(tx *session.Tx) error {
		if m, err = e.mark(ctx, tx); err != nil || m.Unknown != "" {
			return err
		}
		chunks, err := e.side.pieces(ctx, tx, m, p)
		if err != nil {
			return err
		}
		for _, chunk := range chunks {
			var n int64
			if err := tx.QueryRow(ctx, "SELECT count(*) FROM "+e.side.itself()+" WHERE "+chunk).Scan(&n); err != nil {
				return err
			}
			m.Events += n
			if err := paused(ctx, p, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return m, fmt.Errorf("counting the events: %w", err)
	}
	return m, nil
}

// Written reads the whole store: an event that was committed late has an old position.
func (e *Events) Written(ctx context.Context, since verify.Mark, q verify.EventsQuery) (keys []order.Key, written int64, now verify.Mark, err error) {
	defer e.side.observe("written")()
	err = e.atOnce(ctx, func(tx *session.Tx) error {
		if now, err = e.mark(ctx, tx); err != nil || now.Unlike(since) {
			return err
		}
		chunks, err := e.side.pieces(ctx, tx, now, q.Pace)
		if err != nil {
			return err
		}
		for _, chunk := range chunks {
			more, all, changed, err := e.writtenIn(ctx, tx, chunk, since)
			if err != nil {
				return err
			}
			keys, written, now.Events = append(keys, more...), written+changed, now.Events+all
			if written > q.Most {
				return nil
			}
			if err := paused(ctx, q.Pace, all); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, now, fmt.Errorf("looking for events that were written: %w", err)
	}
	return keys, written, now, nil
}

// atOnce runs fn in a snapshot of its own.
func (e *Events) atOnce(ctx context.Context, fn func(*session.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	n, err := e.side.begin(ctx, "SELECT 1 FROM "+e.side.from()+" LIMIT 0")
	if err != nil {
		return err
	}
	defer n.Close()
	return fn(n.tx)
}

// mark looks at all columns that decide on an event.
func (e *Events) mark(ctx context.Context, tx *session.Tx) (verify.Mark, error) {
	c := e.config
	return e.side.mark(ctx, tx, c.Key, c.Position, c.Type, c.At, c.Payload)
}

func (e *Events) writtenIn(ctx context.Context, tx *session.Tx, chunk string, since verify.Mark) (keys []order.Key, all, written int64, err error) {
	rows, err := tx.Query(ctx, fmt.Sprintf(`SELECT s.events::text, s.changed::text, k.key FROM (
		SELECT count(*) AS events, count(*) FILTER (WHERE %[2]s) AS changed, array_agg(DISTINCT (%[1]s)::text) FILTER (WHERE %[2]s) AS keys
		FROM %[3]s WHERE %[4]s) AS s LEFT JOIN LATERAL unnest(s.keys) AS k(key) ON true`,
		e.config.Key, writtenSince(since), e.side.itself(), chunk))
	if err != nil {
		return nil, 0, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		raw := rows.RawValues()
		if all, err = parseInt(raw[0]); err != nil {
			return nil, 0, 0, err
		}
		if written, err = parseInt(raw[1]); err != nil {
			return nil, 0, 0, err
		}
		if raw[2] != nil {
			keys = append(keys, order.Key(raw[2]))
		}
	}
	return keys, all, written, rows.Err()
}
