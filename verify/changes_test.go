package verify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/verify"
)

// recordBook is legacy's own record in memory.
type recordBook struct {
	histories map[order.Key]history.Record
	asked     int // orders
	err       error
}

func (r *recordBook) Records(_ context.Context, keys []order.Key) (map[order.Key]history.Record, error) {
	r.asked += len(keys)
	out := map[order.Key]history.Record{}
	for _, k := range keys {
		out[k] = r.histories[k]
	}
	return out, r.err
}

// recorded is a world in which every order was changed twice a day before, which the rows do not show.
func recorded(t *testing.T) (*four, *recordBook) {
	t.Helper()
	f, book := newFour(t), &recordBook{histories: map[order.Key]history.Record{}}
	f.Records = book
	before := f.now.Add(-24 * time.Hour)
	for key := range int64(10) {
		var h history.Record
		was := order.Null
		for second, price := range []string{"2", "3"} {
			at, is := before.Add(time.Duration(second)*time.Second), order.Value{Text: price}
			h.Audit = append(h.Audit, history.Line{At: at, Field: "price"})
			f.events.insert(key+1, at, ordertest.Modified{Field: "price", Old: was, New: is})
			was = is
		}
		book.histories[order.Key(strconv.FormatInt(key+1, 10))] = h
	}
	return f, book
}

// insert puts an event behind the first one of an order.
func (s *eventStore) insert(key int64, at time.Time, body ordertest.Body) {
	newest := s.newest
	s.add(key, at, body)
	s.newest = newest
}

func counted(t *testing.T, f *four, pass verify.Pass, changes, withEvents int64) {
	t.Helper()
	var is verify.Changes
	switch facts := f.stored(pass.ID).Scan.Facts.(type) {
	case verify.SampleFacts:
		is = facts.Changes
	case verify.FullFacts:
		is = facts.Changes
	}
	var without int64
	for _, w := range is.Without {
		without += w.Changes
	}
	if is.Recorded != changes || is.WithEvents != withEvents || without != changes-withEvents {
		t.Errorf("%d of %d changes have events, and %d are named that have none; want %d of %d", is.WithEvents, is.Recorded, without, withEvents, changes)
	}
}

func TestASampleCountsChangesWithTheirEvents(t *testing.T) {
	f, book := recorded(t)
	pass := f.must(f.sample(t.Context(), 100))
	counted(t, f, pass, 20, 20)

	// The first of two events is lost: every row is as it should be, and one change has no event.
	h := f.events.histories["3"]
	f.events.histories["3"] = append(h[:1:1], h[2:]...)
	pass = f.must(f.sample(t.Context(), 100))
	counted(t, f, pass, 20, 19)
	if pass.Result.Verdict != compare.Match {
		t.Errorf("ended %+v, though every row is what its events say", pass.Result)
	}

	// What was changed a moment ago may have its event on the way.
	young := book.histories["5"]
	young.Trades = []history.Trade{{At: f.now.Add(-f.Settle.MaxLag + time.Second)}}
	book.histories["5"] = young
	counted(t, f, f.must(f.sample(t.Context(), 100)), 20, 19)
	f.now = f.now.Add(2 * time.Second)
	counted(t, f, f.must(f.sample(t.Context(), 100)), 21, 19)
}

func TestOnlyDrawnOrdersOfLegacyAreAsked(t *testing.T) {
	f, book := recorded(t)
	f.projection.Add(row(77, "OPEN", "0")) // a phantom has no record
	pass := f.must(f.sample(t.Context(), 3))
	if pass.Scan.Facts.(verify.SampleFacts).Sampled != 3 || book.asked > 3 || pass.Scan.Facts.(verify.SampleFacts).Changes.Recorded > 6 {
		t.Errorf("of %d sampled orders %d were asked for, %d changes", pass.Scan.Facts.(verify.SampleFacts).Sampled, book.asked, pass.Scan.Facts.(verify.SampleFacts).Changes.Recorded)
	}
}

func TestAFullPassCountsTheChangesOfDrawnOrders(t *testing.T) {
	f, _ := recorded(t)
	h := f.events.histories["3"]
	f.events.histories["3"] = append(h[:1:1], h[2:]...)
	counted(t, f, f.must(f.full(t.Context())), 20, 19)
}

func TestARecordThatCannotBeReadLeavesTheSampleAlone(t *testing.T) {
	f, book := recorded(t)
	book.err = errors.New("canceled: the audit log has no index")
	pass := f.must(f.sample(t.Context(), 100))
	counted(t, f, pass, 0, 0)
	if pass.Result.Verdict != compare.Match || pass.Scan.Coverage != 1 {
		t.Errorf("ended %+v", pass)
	}
	f.projection.Put(row(3, "FILLED", "10"))
	if pass = f.must(f.sample(t.Context(), 100)); pass.Result.Diverged != 1 || f.open() == "" {
		t.Errorf("ended %+v, open are %q", pass, f.open())
	}
}

func TestAHiddenRecordEndsThePass(t *testing.T) {
	f, book := recorded(t)
	book.err = fmt.Errorf("reading the audit log: %w", verify.ErrHidden)
	pass, err := f.sample(t.Context(), 100)
	if !errors.Is(err, verify.ErrHidden) || pass.Result.Verdict != compare.Unverified {
		t.Errorf("ended %+v: %v", pass, err)
	}
}

// TestALossStandsUntilItsEventIsFound, although a later sample draws other orders.
func TestALossStandsUntilItsEventIsFound(t *testing.T) {
	f, book := recorded(t)
	h := f.events.histories["3"]
	f.events.histories["3"] = append(h[:1:1], h[2:]...)
	counted(t, f, f.must(f.sample(t.Context(), 100)), 20, 19)
	names := func(pass verify.Pass) (keys []order.Key) {
		for _, w := range f.stored(pass.ID).Scan.Facts.(verify.SampleFacts).Changes.Without {
			keys = append(keys, w.Key)
		}
		return keys
	}
	for range 5 {
		if keys := names(f.must(f.sample(t.Context(), 1))); !slices.Equal(keys, []order.Key{"3"}) {
			t.Errorf("a sample of one order knows that %v have changes without an event", keys)
		}
	}
	book.err = errors.New("the audit log cannot be read")
	counted(t, f, f.must(f.sample(t.Context(), 1)), 0, 0)
	book.err = nil
	counted(t, f, f.must(f.full(t.Context())), 20, 19)
	f.legacy.Delete("3")
	for range 5 {
		if keys := names(f.must(f.sample(t.Context(), 1))); len(keys) > 0 {
			t.Errorf("%v are named, and legacy has them no more", keys)
		}
	}
	f.legacy.Put(row(3, "OPEN", "0"))
	f.events.histories["3"] = h
	counted(t, f, f.must(f.sample(t.Context(), 100)), 20, 20)
	if keys := names(f.must(f.sample(t.Context(), 1))); len(keys) > 0 {
		t.Errorf("%v are named although the events were found", keys)
	}
}

// TestASampleOfFewerOrdersThanThereAreSaysSo: one that ends with the table is as good as one of any size.
func TestASampleOfFewerOrdersThanThereAreSaysSo(t *testing.T) {
	f, _ := recorded(t)
	for size, want := range map[int]bool{3: true, 11: false} {
		start := f.start()
		start.Fewer = true
		pass, err := f.Sample(t.Context(), f.lease, start, size)
		if facts := f.stored(f.must(pass, err).ID).Scan.Facts.(verify.SampleFacts); facts.Fewer != want {
			t.Errorf("a sample of %d of 10 orders: %+v", size, facts)
		}
	}
}

// TestAnEventThatFollowsALongTransactionIsNoLoss: the change is older than any lag when it can first be seen.
func TestAnEventThatFollowsALongTransactionIsNoLoss(t *testing.T) {
	for name, pass := range map[string]func(*four) (verify.Pass, error){
		"sample": func(f *four) (verify.Pass, error) { return f.sample(t.Context(), 100) },
		"full":   func(f *four) (verify.Pass, error) { return f.full(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			f, book := recorded(t)
			h, lost := f.events.histories["3"], f.events.histories["4"]
			f.events.histories["3"], f.events.histories["4"] = append(h[:1:1], h[2:]...), append(lost[:1:1], lost[2:]...)
			f.meanwhile = func(int) {
				f.events.histories["3"] = h
				delete(book.histories, "4") // that legacy has erased its record finds no event
			}
			counted(t, f, f.must(pass(f)), 20, 19)
		})
	}
}
