package source_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

// counted is what a store with these positions in a bucket is counted as.
func counted(bucket int64, positions ...order.Position) follow.PositionCount {
	n := follow.PositionCount{Bucket: bucket, Events: int64(len(positions))}
	for _, p := range positions {
		n.Sum = follow.AddPosition(n.Sum, p)
	}
	return n
}

func TestPositionsAreCountedInParts(t *testing.T) {
	c := eventStore(t, fmt.Sprintf(cancelled, "5,7,4095,4096,9000,9001,20000"))
	view := c
	view.Table, view.Position = "(SELECT event_id + 0 AS id, * FROM public.event_store)", "id"
	table, subquery := openEvents(t, c), openEvents(t, view)
	first, second, third := counted(0, 5, 7, 4095), counted(1, 4096), counted(2, 9000, 9001)
	for name, test := range map[string]struct {
		from, to order.Position
		limit    int64
		upTo     order.Position
		want     []follow.PositionCount
	}{
		"all":                               {5, 20000, 100, 20000, []follow.PositionCount{first, second, third, counted(4, 20000)}},
		"parts of buckets":                  {6, 9000, 100, 9000, []follow.PositionCount{counted(0, 7, 4095), second, counted(2, 9000)}},
		"none":                              {10, 20, 100, 20, nil},
		"the limit ends with a bucket":      {5, 20000, 3, 4095, []follow.PositionCount{first}},
		"the limit ends within a bucket":    {5, 20000, 5, 8191, []follow.PositionCount{first, second}},
		"a bucket has more than the limit":  {5, 20000, 2, 4095, []follow.PositionCount{first}},
		"so has the part that is asked for": {5, 100, 2, 100, []follow.PositionCount{counted(0, 5, 7)}},
	} {
		for kind, e := range map[string]follow.EventStore{"table": table, "subquery": subquery} {
			got, upTo, err := e.CountPositions(t.Context(), test.from, test.to, 12, test.limit)
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(test.want, got); err != nil || upTo != test.upTo || diff != "" {
				t.Errorf("%s of a %s: up to %d, want %d, %v; want (-), got (+):\n%s", name, kind, upTo, test.upTo, err, diff)
			}
		}
	}
}

// TestPositionsAreSummedUpAsPostgreSQLDoes compares sums of random sets, and of odd ones, with the server's.
func TestPositionsAreSummedUpAsPostgreSQLDoes(t *testing.T) {
	e := openEvents(t, eventStore(t, `INSERT INTO event_store SELECT i, 1, 'OrderCanceled', '2024-01-01', '{"reason": null}'
		FROM unnest('{-9223372036854775808,-4294967297,-4294967296,-4294967295,-1,0,1,4294967295,4294967296,4294967297,9223372036854775807}'::bigint[]) AS i`,
		`INSERT INTO event_store SELECT i, 1, 'OrderCanceled', '2024-01-01', '{"reason": null}' FROM generate_series(100000, 140000) AS i WHERE random() < 0.9`,
		`INSERT INTO event_store SELECT (random() * 9e18)::bigint, 1, 'OrderCanceled', '2024-01-01', '{"reason": null}' FROM generate_series(1, 5000)
			ON CONFLICT DO NOTHING`))
	var stored []order.Position
	if err := e.Between(t.Context(), math.MinInt64, math.MaxInt64, func(p order.Position, _ order.Key, _ order.ID) error { stored = append(stored, p); return nil }); err != nil {
		t.Fatal(err)
	}
	rand.Shuffle(len(stored), func(i, j int) { stored[i], stored[j] = stored[j], stored[i] }) // the order does not count
	for _, shift := range []uint{12, 62} {
		sets := map[int64][]order.Position{}
		for _, p := range stored {
			sets[int64(p)>>shift] = append(sets[int64(p)>>shift], p)
		}
		counts, upTo, err := e.CountPositions(t.Context(), math.MinInt64, math.MaxInt64, shift, 1_000_000)
		if err != nil || upTo != math.MaxInt64 || len(counts) != len(sets) {
			t.Fatalf("%d buckets up to %d, %v; want %d", len(counts), upTo, err, len(sets))
		}
		for _, got := range counts {
			if want := counted(got.Bucket, sets[got.Bucket]...); got != want {
				t.Errorf("bucket %d of 2^%d: the server says %+v, and we %+v", got.Bucket, shift, got, want)
			}
		}
	}
}
