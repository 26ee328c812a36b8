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
			query := fmt.Sprintf("SELECT count(*) FILTER (WHERE NOT (%s)) FROM %s WHERE %s", writtenSince(m), e.side.itself(), chunk)
			if err := tx.QueryRow(ctx, query).Scan(&n); err != nil {
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
func (e *Events) Written(ctx context.Context, since verify.Mark, q verify.EventsQuery) (w verify.WrittenEvents, err error) {
	defer e.side.observe("written")()
	err = e.atOnce(ctx, func(tx *session.Tx) error {
		if w.Now, err = e.mark(ctx, tx); err != nil || w.Now.Unlike(since) {
			return err
		}
		chunks, err := e.side.pieces(ctx, tx, w.Now, q.Pace)
		if err != nil {
			return err
		}
		for _, chunk := range chunks {
			before := w.Written + w.Old
			if err := e.writtenIn(ctx, tx, chunk, since, &w); err != nil || w.Written > q.Most {
				return err
			}
			if err := paused(ctx, q.Pace, w.Written+w.Old-before); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return w, fmt.Errorf("looking for events that were written: %w", err)
	}
	return w, nil
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

// writtenIn adds a part of the store.
func (e *Events) writtenIn(ctx context.Context, tx *session.Tx, chunk string, since verify.Mark, w *verify.WrittenEvents) error {
	rows, err := tx.Query(ctx, fmt.Sprintf(`SELECT s.events::text, s.changed::text, s.young::text, k.key FROM (
		SELECT count(*) AS events, count(*) FILTER (WHERE %[2]s) AS changed, count(*) FILTER (WHERE %[2]s AND %[5]s) AS young,
			array_agg(DISTINCT (%[1]s)::text) FILTER (WHERE %[2]s) AS keys
		FROM %[3]s WHERE %[4]s) AS s LEFT JOIN LATERAL unnest(s.keys) AS k(key) ON true`,
		e.config.Key, writtenSince(since), e.side.itself(), chunk, writtenSince(w.Now)))
	if err != nil {
		return err
	}
	defer rows.Close()
	var all, written, young int64
	for rows.Next() {
		raw := rows.RawValues()
		for i, into := range []*int64{&all, &written, &young} {
			if *into, err = parseInt(raw[i]); err != nil {
				return err
			}
		}
		switch {
		case raw[3] != nil:
			w.Keys = append(w.Keys, order.Key(raw[3]))
		case written > 0: // the list is not empty, so that this is the key of an event
			w.NoOrder = true
		}
	}
	w.Written, w.Old, w.Now.Events = w.Written+written, w.Old+all-written, w.Now.Events+all-young
	return rows.Err()
}
