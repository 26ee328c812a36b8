package verify_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

func decimal(t *testing.T, s string) *apd.Decimal {
	t.Helper()
	if s == "" {
		return nil
	}
	d, _, err := apd.NewFromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// largest remembers the largest batch of suspects, and which orders were suspected in the uniform part of a sample.
type largest struct {
	verify.Ledger
	batch int
	drawn map[order.Key]int
}

func (l *largest) AddSuspects(ctx context.Context, held lease.Lease, id verify.PassID, suspects []verify.Suspect) error {
	l.batch = max(l.batch, len(suspects))
	for _, s := range suspects {
		if s.InSample && l.drawn != nil {
			l.drawn[s.Key()]++
		}
	}
	return l.Ledger.AddSuspects(ctx, held, id, suspects)
}

// TestEveryOrderHasTheSameChance over many samples: in a dense run or alone in a gap, at either end, missing or
// phantom. All orders differ, so that those drawn show as suspects.
func TestEveryOrderHasTheSameChance(t *testing.T) {
	const size = 10
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	for name, spread := range map[string]int64{"by key": 1, "by address": 1 << 50} {
		t.Run(name, func(t *testing.T) {
			var legacy, projection []order.Row
			for i, key := range []int64{-60, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 30, 31, 60, 90, 91, 92, 93, 400} {
				if i%4 != 1 {
					legacy = append(legacy, row(key*spread, "A", "1"))
				}
				if i%4 != 2 {
					projection = append(projection, row(key*spread, "B", "1"))
				}
			}
			w := newWorld(t, legacy, projection)
			w.Random = rand.New(rand.NewPCG(5, 6))
			drawn := &largest{drawn: map[order.Key]int{}}
			w.Ledger = drawn
			for range rounds {
				store := ledgertest.New(w.Now)
				drawn.Ledger, w.store, w.waits = store, store, 0
				w.lease = w.acquire()
				w.must(w.sample(t.Context(), size))
			}
			total := 0
			for _, n := range drawn.drawn {
				total += n
			}
			expected := float64(total) / 20
			for i, key := range []int64{-60, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 30, 31, 60, 90, 91, 92, 93, 400} {
				n := drawn.drawn[order.Key(strconv.FormatInt(key*spread, 10))]
				if away := math.Abs(float64(n)-expected) / math.Sqrt(expected); away > 5 {
					t.Errorf("order %d (%d) was drawn %d times, %.0f are expected: %.1f standard deviations", i, key, n, expected, away)
				}
			}
		})
	}
}

func TestSampleAtTheEndsOfTheKeySpace(t *testing.T) {
	for name, rows := range map[string][]order.Row{
		"whole range": {row(math.MinInt64, "A", "1"), row(0, "A", "1"), row(math.MaxInt64, "A", "1")},
		"largest":     {row(math.MaxInt64, "A", "1"), row(math.MaxInt64-1, "A", "1")},
		"smallest":    {row(math.MinInt64, "A", "1"), row(math.MinInt64+2, "A", "1")},
		"only one":    {row(42, "A", "1")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, rows, rows[:1])
			pass := w.must(w.sample(t.Context(), 100))
			if pass.Scan.Facts.(verify.SampleFacts).Sampled != int64(len(rows)) || pass.Result.Diverged != int64(len(rows)-1) {
				t.Errorf("sample ended %+v", pass)
			}
			w = newWorld(t, rows, rows[:1])
			if pass = w.must(w.full(t.Context())); pass.Scan.Compared != int64(len(rows)) || pass.Result.Diverged != int64(len(rows)-1) {
				t.Errorf("full ended %+v", pass)
			}
		})
	}
}

// TestSampleCountsEachOrderOnce: an order with an open divergence that is drawn too was compared once.
func TestSampleCountsEachOrderOnce(t *testing.T) {
	w := newWorld(t, dense(30), dense(25))
	w.must(w.full(t.Context()))
	pass := w.must(w.sample(t.Context(), 1000))
	if pass.Scan.Facts.(verify.SampleFacts).Sampled != 30 || pass.Scan.Compared != 30 || pass.Result.Diverged != 5 || pass.Result.Verdict != compare.Diverged {
		t.Errorf("sample ended %+v", pass)
	}
	pass = w.must(w.sample(t.Context(), 1))
	if pass.Scan.Facts.(verify.SampleFacts).Sampled < 1 || pass.Scan.Compared < 5 || pass.Scan.Compared > 30 || pass.Result.Diverged != 5 {
		t.Errorf("small sample ended %+v", pass)
	}
}
