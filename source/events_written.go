package source

import (
	"context"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

var _ verify.Growing = (*Events)(nil)

// briefRows is how many events are counted at once if a snapshot may not be held for long.
const briefRows = 200_000

// Mark counts the events too, because a deleted one leaves nothing else. What older transactions have written
// grows no more, so later snapshots may count the rest. Only what is deleted after it was counted is noticed by a later look.
func (e *Events) Mark(ctx context.Context, q verify.EventsQuery) (m verify.Mark, err error) {
	defer e.side.observe("mark")()
	var rest []string // pieces that are not counted yet
	err = e.inSnapshot(ctx, func(tx *session.Tx) error {
		if m, err = e.mark(ctx, tx); err != nil || m.Unknown != "" {
			return err
		}
		if err := e.firstTail(ctx, tx, q, &m); err != nil {
			return err
		}
		most := atOnce(q.Pace, pieceRows)
		if q.Hold > 0 {
			most = min(most, briefRows)
		}
		if rest, err = e.side.pieces(ctx, tx, m, most); err == nil && q.Hold == 0 {
			err = e.countOld(ctx, tx, &m, &rest, q)
		}
		return err
	})
	for err == nil && len(rest) > 0 {
		err = e.inSnapshot(ctx, func(tx *session.Tx) error {
			if err := wholeSettings(ctx, tx, 0); err != nil {
				return err
			}
			return e.countOld(ctx, tx, &m, &rest, q)
		})
	}
	if err != nil {
		return m, fmt.Errorf("counting the events: %w", err)
	}
	return m, nil
}

// countOld counts events that are older than the mark, until the snapshot has been held for long enough.
func (e *Events) countOld(ctx context.Context, tx *session.Tx, m *verify.Mark, rest *[]string, q verify.EventsQuery) error {
	for began := time.Now(); len(*rest) > 0; {
		var n int64
		query := fmt.Sprintf("SELECT count(*) FILTER (WHERE NOT (%s)) FROM %s WHERE %s", writtenSince(*m), e.side.itself(), (*rest)[0])
		if err := tx.QueryRow(ctx, query).Scan(&n); err != nil {
			return err
		}
		m.Events += n
		*rest = (*rest)[1:]
		if err := paused(ctx, q.Pace, n); err != nil {
			return err
		}
		if q.Hold > 0 && time.Since(began) > q.Hold/2 {
			return nil
		}
	}
	return nil
}

// Written reads the whole store, because an event that was committed late has an old position; or only its tail.
func (e *Events) Written(ctx context.Context, since verify.Mark, q verify.EventsQuery) (w verify.WrittenEvents, err error) {
	defer e.side.observe("written")()
	err = e.inSnapshot(ctx, func(tx *session.Tx) error {
		if w.Now, err = e.mark(ctx, tx); err != nil || w.Now.Unlike(since) {
			return err
		}
		if since.Tail != nil {
			return e.writtenWithTail(ctx, tx, since, q, &w)
		}
		return e.writtenInAll(ctx, tx, since, q, &w)
	})
	if err != nil {
		return w, fmt.Errorf("looking for events that were written: %w", err)
	}
	return w, nil
}

func (e *Events) writtenInAll(ctx context.Context, tx *session.Tx, since verify.Mark, q verify.EventsQuery, w *verify.WrittenEvents) error {
	chunks, err := e.side.pieces(ctx, tx, w.Now, atOnce(q.Pace, pieceRows))
	if err != nil {
		return err
	}
	for _, chunk := range chunks {
		before := w.Written + w.Old
		if _, err := e.writtenIn(ctx, tx, chunk, since, w); err != nil || w.Written > q.Most {
			return err
		}
		if err := paused(ctx, q.Pace, w.Written+w.Old-before); err != nil {
			return err
		}
	}
	return nil
}

// inSnapshot runs fn in a snapshot of its own.
func (e *Events) inSnapshot(ctx context.Context, fn func(*session.Tx) error) error {
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

// writtenIn adds a part of the store. It returns the sum of hashes of the positions of events that were written since the earlier
// mark and before the snapshot's own.
//
// Each row of the store is asked only once for its transaction. What follows is decided for the few that are young.
func (e *Events) writtenIn(ctx context.Context, tx *session.Tx, chunk string, since verify.Mark, w *verify.WrittenEvents) (sum string, err error) {
	first := since
	if since.Tail != nil && !w.Tail {
		first.Oldest = since.Tail.Oldest
	}
	rows, err := tx.Query(ctx, fmt.Sprintf(`SELECT s.events::text, w.changed::text, w.young::text, w.between::text, w.between_sum::text, w.sum::text, k.key FROM (
		SELECT count(*) AS events, array_agg(ROW((%[1]s)::text, (%[2]s)::bigint, age(t.xmin))) FILTER (WHERE %[3]s) AS rows FROM %[4]s WHERE %[5]s) AS s
		CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE x.age <= %[6]s) AS changed, count(*) FILTER (WHERE x.age <= %[7]s) AS young,
			count(*) FILTER (WHERE x.age > %[6]s) AS between, sum(x.hash) FILTER (WHERE x.age > %[6]s) AS between_sum,
			sum(x.hash) FILTER (WHERE x.age <= %[6]s AND x.age > %[7]s) AS sum, array_agg(DISTINCT x.key) FILTER (WHERE x.age <= %[6]s) AS keys
			FROM (SELECT key, age, pg_catalog.hashint8extended(position, 0) AS hash FROM unnest(s.rows) AS x(key text, position bigint, age integer)) AS x) AS w
		LEFT JOIN LATERAL unnest(w.keys) AS k(key) ON true`,
		e.config.Key, e.config.Position, writtenSince(first), e.side.itself(), chunk, ageOf(since), ageOf(w.Now)))
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all, written, young, between int64
	var betweenSum string
	for rows.Next() {
		raw := rows.RawValues()
		for i, into := range []*int64{&all, &written, &young, &between} {
			if *into, err = parseInt(raw[i]); err != nil {
				return "", err
			}
		}
		betweenSum, sum = string(raw[4]), string(raw[5])
		switch {
		case raw[6] != nil:
			w.Keys = append(w.Keys, order.Key(raw[6]))
		case written > 0: // the list is not empty, so that this is the key of an event
			w.NoOrder = true
		}
	}
	w.Written, w.Old, w.Now.Events = w.Written+written, w.Old+all-written, w.Now.Events+all-young
	w.Between += between
	if err := rows.Err(); err != nil {
		return "", err
	}
	w.BetweenSum, err = verify.AddSums(w.BetweenSum, betweenSum)
	return sum, err
}
