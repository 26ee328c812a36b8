package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

const (
	// surveyed is about how many orders a survey looks at, in at least fewestParts buckets if there are so many.
	surveyed    = 4096
	fewestParts = 8
)

// example is an order that differs, as it was read.
type example struct {
	key           order.Key
	legacy, other []order.Row
}

// survey looks at a few of the buckets that differ, spread over the key space, if they hold most of the orders. If most
// orders have the same symptom, it records examples and returns true: reading all of them would help nobody. The orders
// that were looked at count as compared only if they agree, or were recorded.
func (w *walk) survey(ctx context.Context, differing buckets) (stop bool, err error) {
	var legacy, other int64
	for _, b := range differing.byNumber {
		legacy += b.legacy
		other += b.projection
	}
	part := float64(max(legacy, other)) / float64(max(w.facts.Larger(), 1))
	if w.noSurvey || max(w.facts.Larger(), w.table) < manyOrders || part <= most {
		return false, nil
	}
	s := newSurvey[example]()
	var equal int64
	_, err = w.merge(ctx, w.layout, spread(differing), func(_ context.Context, key order.Key, legacy, other []order.Row) (bool, error) {
		m := compare.Rows(w.fields, key, legacy, other)
		found := w.symptoms(m, legacy, other)
		s.measure(w.hop, m)
		s.add(key, len(legacy) > 0, len(other) > 0, found, example{key, kept(legacy), kept(other)})
		if len(found) == 0 {
			equal++
		}
		return false, nil
	})
	if err != nil {
		return false, err
	}
	if w.facts.Widespread = s.widespread(part); w.facts.Widespread == nil {
		return false, nil
	}
	if w.examples == nil {
		w.examples = map[string]int{}
	}
	examples := s.examples(w.facts.Widespread, w.examples)
	for _, e := range examples {
		if _, err := w.differ(ctx, e.key, e.legacy, e.other); err != nil {
			return false, err
		}
	}
	w.scan.Compared += equal + int64(len(examples))
	return true, nil
}

// kept copies rows, so that those that were read with them are not kept too.
func kept(rows []order.Row) []order.Row {
	out := slices.Clone(rows)
	for i := range out {
		out[i].Values = slices.Clone(out[i].Values)
	}
	return out
}

func (w *walk) symptoms(m *compare.Mismatch, legacy, other []order.Row) []Symptom {
	if w.archived && len(legacy) == 0 {
		return nil // legacy may have it
	}
	found := symptoms(w.hop, m)
	if slices.ContainsFunc(other, func(r order.Row) bool { return r.Flawed }) {
		found = append(found, Symptom{Hop: w.hop, Kind: FlawedHistory})
	}
	return found
}

// spread picks some buckets, at equal distances.
func spread(b buckets) []int64 {
	numbers := b.numbers()
	var rows int64
	for _, size := range b.byNumber {
		rows += max(size.legacy, size.projection)
	}
	want := max(int(surveyed*int64(len(numbers))/max(rows, 1)), fewestParts)
	if want >= len(numbers) {
		return numbers
	}
	out := make([]int64, want)
	for i := range out {
		out[i] = numbers[(2*i+1)*len(numbers)/(2*want)]
	}
	return out
}

// stoppedAt says why a pass did not compare everything.
func stoppedAt(list []Widespread, about string, rest int64) string {
	return fmt.Sprintf("%s Only examples were recorded. %s%s in detail", Told(list), about, human.Quantity(rest, "other order was not compared", "other orders were not compared"))
}

// fewestDrawn is how many orders must be drawn to tell what is widespread.
const fewestDrawn = 100

// survey returns the orders with which the sample goes on. These are all, unless most of a large table have the same
// symptom. Then they are those that agree, and examples. Each sample draws other orders. So there are no examples if there
// are enough open divergences, at which the sample looks anyway.
func (d *draw) survey(ctx context.Context, looks []compare.Observation, r reading) ([]compare.Observation, error) {
	if d.surveyed || d.orders < manyOrders || len(looks) < fewestDrawn {
		return looks, nil
	}
	d.surveyed = true
	s := newSurvey[compare.Observation]()
	var agree []compare.Observation
	for _, is := range looks {
		if len(is.Mismatches) == 0 {
			agree = append(agree, is)
			s.add(is.Key, true, true, nil, is)
			continue
		}
		var found []Symptom
		for _, m := range is.Mismatches {
			found = append(found, symptoms(m.Hop, &m)...)
			s.measure(m.Hop, &m)
		}
		s.add(is.Key, len(r.legacy[is.Key]) > 0, len(r.projection[is.Key]) > 0, found, is)
	}
	if d.widespread = s.widespread(1); d.widespread == nil {
		return looks, nil
	}
	open, err := d.p.c.Ledger.OpenKeys(ctx, d.p.id, "", recorded)
	if err != nil {
		return nil, fmt.Errorf("reading open divergences: %w", err)
	}
	if len(open) == recorded {
		return agree, nil
	}
	return append(agree, s.examples(d.widespread, map[string]int{})...), nil
}
