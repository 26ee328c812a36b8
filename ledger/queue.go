package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// batchRows is the most rows that one statement writes. Larger requests are split, within one transaction.
const batchRows = 10_000

// suspectArrays are suspects as columns, as unnest needs them: one statement for a batch of any size. What many of a batch have
// in common is sent once.
type suspectArrays struct {
	keys                                      []string
	legacyState, projectionState, eventsState [][]byte
	looks, counted                            []int32 // places in the following
	look                                      dictionary[look]
	count                                     dictionary[verify.Counted]
}

// look is what suspects have in common that were seen together.
type look struct {
	observed, firstSeen, due time.Time
	attempts, number         int32
	inSample                 bool
}

// dictionary gives each value a place, from 1 on.
type dictionary[T comparable] struct {
	places map[T]int32
	values []T
}

func (d *dictionary[T]) place(v T) int32 {
	at, ok := d.places[v]
	if !ok {
		if d.places == nil {
			d.places = map[T]int32{}
		}
		d.values = append(d.values, v)
		at = int32(len(d.values))
		d.places[v] = at
	}
	return at
}

// column is one part of all values.
func column[T comparable, P any](d dictionary[T], part func(T) P) []P {
	out := make([]P, len(d.values))
	for i, v := range d.values {
		out[i] = part(v)
	}
	return out
}

func (a *suspectArrays) add(s verify.Suspect) {
	o := s.Observation
	a.keys = append(a.keys, string(o.Key))
	a.legacyState = append(a.legacyState, []byte(o.LegacyState))
	a.projectionState = append(a.projectionState, []byte(o.ProjectionState))
	if o.EventsState != "" && a.eventsState == nil {
		a.eventsState = make([][]byte, len(a.keys)-1) // the others have none
	}
	if a.eventsState != nil {
		a.eventsState = append(a.eventsState, []byte(o.EventsState))
	}
	a.looks = append(a.looks, a.look.place(look{
		micro(o.At), micro(s.FirstSeen), micro(s.Due), int32(s.Attempts), int32(s.Range), s.InSample,
	}))
	a.counted = append(a.counted, a.count.place(s.Counted))
}

// ifMoved is the condition that a suspect in the queue has another state than the new one.
const ifMoved = `(suspect.legacy_state, suspect.projection_state, suspect.events_state)
	IS DISTINCT FROM (excluded.legacy_state, excluded.projection_state, excluded.events_state)`

// replacing makes an INSERT of suspects replace those with the same key that meet the condition.
func replacing(condition string) string {
	return `
		ON CONFLICT (pass_id, order_key) DO UPDATE SET observed_at = excluded.observed_at,
			legacy_state = excluded.legacy_state, projection_state = excluded.projection_state,
			attempts = excluded.attempts,
			first_seen = excluded.first_seen, due = excluded.due, in_sample = excluded.in_sample,
			events_state = excluded.events_state, counted = excluded.counted, range = excluded.range WHERE ` + condition
}

// write puts the suspects into the pass's queue. onConflict is what becomes of those that are in it; without it they are an error.
func (a *suspectArrays) write(ctx context.Context, tx pgx.Tx, id verify.PassID, onConflict string) error {
	if len(a.keys) == 0 {
		return nil
	}
	counted, err := texted(a.count.values)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO suspect (pass_id, order_key, legacy_state, projection_state, events_state,
			observed_at, first_seen, due, attempts, in_sample, counted, range)
		SELECT $1, k, ls, ps, coalesce(es, ''), ($8::timestamptz[])[l], ($9::timestamptz[])[l], ($10::timestamptz[])[l],
			($11::integer[])[l], ($12::boolean[])[l], ($13::text[]::jsonb[])[c], ($14::integer[])[l]
		FROM unnest($2::text[], $3::bytea[], $4::bytea[], $5::bytea[], $6::integer[], $7::integer[]) AS u(k, ls, ps, es, l, c)`+onConflict,
		id, a.keys, a.legacyState, a.projectionState, a.eventsState, a.looks, a.counted,
		column(a.look, func(l look) time.Time { return l.observed }),
		column(a.look, func(l look) time.Time { return l.firstSeen }), column(a.look, func(l look) time.Time { return l.due }),
		column(a.look, func(l look) int32 { return l.attempts }), column(a.look, func(l look) bool { return l.inSample }), counted,
		column(a.look, func(l look) int32 { return l.number }))
	return err
}

// texted are the values as JSON.
func texted[T any](values []T) ([]string, error) {
	out := make([]string, len(values))
	for i, v := range values {
		text, err := marshalText(v)
		if err != nil {
			return nil, err
		}
		out[i] = *text
	}
	return out, nil
}

// AddSuspects implements [verify.Queue]. If several suspects have one key, the last one counts.
func (l *Ledger) AddSuspects(ctx context.Context, held lease.Lease, id verify.PassID, suspects []verify.Suspect) error {
	err := l.writePass(ctx, held, id, shared, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		return l.addSuspects(ctx, tx, id, suspects)
	})
	if err != nil {
		return fmt.Errorf("queueing %d suspects: %w", len(suspects), err)
	}
	return nil
}

func (l *Ledger) addSuspects(ctx context.Context, tx pgx.Tx, id verify.PassID, suspects []verify.Suspect) error {
	for chunk := range slices.Chunk(suspects, batchRows) {
		var arrays suspectArrays
		for _, s := range lastByKey(chunk, verify.Suspect.Key) {
			arrays.add(s)
		}
		err := l.news.insert(ctx, tx, id, func(tx pgx.Tx, known bool) error {
			if !known {
				return arrays.write(ctx, tx, id, "")
			}
			return arrays.write(ctx, tx, id, replacing(ifMoved))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// DropSuspects implements [verify.Queue].
func (l *Ledger) DropSuspects(ctx context.Context, held lease.Lease, id verify.PassID) error {
	return l.dropSuspects(ctx, held, id, exclusive, "true")
}

func (l *Ledger) dropSuspects(ctx context.Context, held lease.Lease, id verify.PassID, lock passLock, where string, args ...any) error {
	err := l.writePass(ctx, held, id, lock, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM suspect WHERE pass_id = $1 AND `+where, append([]any{id}, args...)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("dropping suspects of pass %d: %w", id, err)
	}
	return nil
}

// lastByKey drops all but the last item of each key, because one statement cannot write a row twice.
func lastByKey[T any](items []T, key func(T) order.Key) []T {
	sorted := true // as they usually are
	for i := 1; i < len(items) && sorted; i++ {
		sorted = key(items[i-1]) < key(items[i])
	}
	if sorted {
		return items
	}
	last := make(map[order.Key]int, len(items)) // key → index of its last item
	for i, item := range items {
		last[key(item)] = i
	}
	if len(last) == len(items) {
		return items
	}
	kept := make([]T, 0, len(last))
	for i, item := range items {
		if last[key(item)] == i {
			kept = append(kept, item)
		}
	}
	return kept
}

// DueSuspects implements [verify.Queue]. Keys are ordered by their bytes.
func (l *Ledger) DueSuspects(ctx context.Context, id verify.PassID, at time.Time, from order.Key, limit int) ([]verify.Suspect, error) {
	var due []verify.Suspect
	err := l.write(ctx, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		if err := byKey(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, dueSuspects, id, micro(at), string(from), limit)
		if err != nil {
			return err
		}
		due, err = pgx.AppendRows(make([]verify.Suspect, 0, limit), rows, newSuspectScan())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading due suspects of pass %d: %w", id, err)
	}
	return due, nil
}

// dueSuspects reads a part of the queue in the order of its index.
const dueSuspects = `
	SELECT order_key, observed_at, legacy_state, projection_state, attempts, first_seen, due, in_sample, events_state, counted, range
	FROM suspect WHERE pass_id = $1 AND due <= $2 AND order_key >= $3 ORDER BY order_key LIMIT $4`

// newSuspectScan reads suspects. Where they were counted is decoded once for all of the same.
func newSuspectScan() pgx.RowToFunc[verify.Suspect] {
	known := map[string]verify.Counted{}
	return func(row pgx.CollectableRow) (verify.Suspect, error) { return scanSuspect(row, known) }
}

func scanSuspect(row pgx.CollectableRow, known map[string]verify.Counted) (verify.Suspect, error) {
	var s verify.Suspect
	var legacy, projection, events, counted pgtype.DriverBytes
	o := &s.Observation
	err := row.Scan(&o.Key, &o.At, &legacy, &projection, &s.Attempts, &s.FirstSeen, &s.Due, &s.InSample, &events, &counted, &s.Range)
	if err != nil {
		return s, err
	}
	o.LegacyState, o.ProjectionState, o.EventsState = string(legacy), string(projection), string(events)
	for _, t := range []*time.Time{&o.At, &s.FirstSeen, &s.Due} {
		*t = t.UTC()
	}
	var ok bool
	if s.Counted, ok = known[string(counted)]; !ok {
		if s.Counted, err = decodeCounted(counted); err != nil {
			return s, err
		}
		known[string(counted)] = s.Counted
	}
	return s, nil
}

// NextDue implements [verify.Queue].
func (l *Ledger) NextDue(ctx context.Context, id verify.PassID) (int64, time.Time, error) {
	var waiting int64
	var due *time.Time
	err := l.read(ctx, l.bulkTimeout(), func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `SELECT count(*), min(due) FROM suspect WHERE pass_id = $1`, id).Scan(&waiting, &due)
	})
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("reading the queue of pass %d: %w", id, err)
	}
	return waiting, orZero(due), nil
}

// SuspectCount returns how many suspects of all passes wait.
func (l *Ledger) SuspectCount(ctx context.Context) (int64, error) {
	var n int64
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `SELECT count(*) FROM suspect`).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("counting suspects: %w", err)
	}
	return n, nil
}
