package verify_test

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

// archive moves the events of the first orders out of the store. Order 4 counts as archived too, but has its events.
func archive(t *testing.T) *four {
	f := newFour(t)
	var kept []order.Row
	for key := range int64(10) {
		r := row(key+1, "OPEN", "0")
		if key == 0 {
			r = row(1, "FILLED", "10")
		}
		if key < 4 {
			r.Archived = true
		} else {
			kept = append(kept, r)
		}
		f.legacy.Put(r)
		if key < 3 {
			delete(f.events.histories, r.Key)
			f.folded.Delete(r.Key)
		}
	}
	legacy := sourcetest.New(order.Legacy, sourcetest.Table{KeyType: order.KeyInteger, Fields: foldable, Indexed: true, Rows: kept})
	f.Folded.Legacy = legacy
	return f
}

func TestArchivedOrdersAreComparedWithoutTheirEvents(t *testing.T) {
	for name, run := range bothChecks {
		t.Run(name, func(t *testing.T) {
			f := archive(t)
			pass := f.must(run(t, f))
			if pass.Result.Verdict != compare.Match || f.open() != "" {
				t.Errorf("ended %+v with %s", pass.Result, f.open())
			}
			if got := excused(pass); got != 3 {
				t.Errorf("%d orders were left out, not 3", got)
			}
		})
	}
}

func TestArchivedOrdersAreStillComparedBetweenTheSides(t *testing.T) {
	for name, run := range bothChecks {
		t.Run(name, func(t *testing.T) {
			f := archive(t)
			f.projection.Put(row(2, "CANCELED", "0"))
			f.must(run(t, f))
			open := f.found(t)
			var got []string
			for _, d := range open {
				got = append(got, string(d.Mismatch.Key)+" "+string(d.Mismatch.Hop)+" "+string(d.Mismatch.Cause))
			}
			if text := strings.Join(got, ", "); text != "2 legacy->projection " {
				t.Errorf("found %q", text)
			}
		})
	}
}

// TestAnArchivedOrderWithSomeEventsIsJudged as all others are.
func TestAnArchivedOrderWithSomeEventsIsJudged(t *testing.T) {
	for name, run := range bothChecks {
		t.Run(name, func(t *testing.T) {
			f := archive(t)
			r := row(4, "CANCELED", "0")
			r.Archived = true
			f.legacy.Put(r)
			f.projection.Put(row(4, "CANCELED", "0"))
			f.must(run(t, f))
			if open := f.found(t); len(open) != 1 || open[0].Mismatch.Hop != order.LegacyToEvents {
				t.Errorf("found %+v", open)
			}
		})
	}
}

var bothChecks = map[string]func(*testing.T, *four) (verify.Pass, error){
	"full":   func(t *testing.T, f *four) (verify.Pass, error) { return f.full(t.Context()) },
	"sample": func(t *testing.T, f *four) (verify.Pass, error) { return f.sample(t.Context(), 10) },
}

func excused(p verify.Pass) int64 {
	if f, ok := p.Scan.Facts.(verify.FullFacts); ok {
		return f.Events.Archived
	}
	return p.Scan.Facts.(verify.SampleFacts).Archived
}
