package verify_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

// eventStore is histories in memory.
type eventStore struct {
	histories map[order.Key][]order.Event
	position  order.Position
	newest    time.Time
}

var _ verify.Events = (*eventStore)(nil)

func (s *eventStore) Histories(_ context.Context, keys []order.Key) (map[order.Key][]order.Event, error) {
	out := map[order.Key][]order.Event{}
	for _, k := range keys {
		if h, ok := s.histories[k]; ok {
			out[k] = h
		}
	}
	return out, nil
}

func (s *eventStore) Newest(context.Context) (time.Time, error) { return s.newest, nil }

func (s *eventStore) add(key int64, at time.Time, body ordertest.Body) {
	s.position++
	k := order.Key(strconv.FormatInt(key, 10))
	s.histories[k] = append(s.histories[k], ordertest.Event(s.position, k, at, body))
	s.newest = at
}

var foldable = []order.Field{{Name: "status", Type: order.Text}, {Name: "filled_quantity", Type: order.Numeric}}

// four is a world with an event store: legacy, projection and events agree on ten orders, of which the first was filled.
type four struct {
	*world
	events *eventStore
	folded *sourcetest.Fake
}

func newFour(t *testing.T) *four {
	t.Helper()
	store := &eventStore{histories: map[order.Key][]order.Event{}}
	var rows []order.Row
	noon := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	for key := range int64(10) {
		store.add(key+1, noon, ordertest.Created{Symbol: "NVDA", Quantity: *apd.New(10, 0)})
		rows = append(rows, row(key+1, "OPEN", "0"))
	}
	store.add(1, noon.Add(time.Second), ordertest.Filled{Quantity: *apd.New(10, 0), Price: *apd.New(1, 0)})
	rows[0] = row(1, "FILLED", "10")
	side := func(is order.Representation) *sourcetest.Fake {
		return sourcetest.New(is, sourcetest.Table{KeyType: order.KeyInteger, Fields: foldable, Indexed: true, Rows: rows})
	}
	f := &four{world: newWorld(t, nil, nil), events: store, folded: side(order.Events)}
	f.legacy, f.projection = side(order.Legacy), side(order.Projection)
	f.Legacy, f.Projection, f.Fields = f.legacy, f.projection, foldable
	f.Events, f.Folded = store, &verify.Folded{Legacy: f.legacy, Events: f.folded, Fields: foldable}
	return f
}

// lose takes the last event of an order out of the store, and what it made of the order out of the projection too
// where behindBoth.
func (f *four) lose(key int64, behindBoth bool) {
	k := order.Key(strconv.FormatInt(key, 10))
	h := f.events.histories[k]
	f.events.histories[k] = h[:len(h)-1]
	f.folded.Put(row(key, "OPEN", "0"))
	if !behindBoth {
		f.projection.Put(row(key, "OPEN", "0"))
	}
}

func (f *four) found(t *testing.T) []verify.Divergence {
	t.Helper()
	open, err := f.store.Divergences(t.Context(), verify.Open, 100)
	if err != nil {
		t.Fatal(err)
	}
	return open
}

func TestAllRepresentationsAgree(t *testing.T) {
	f := newFour(t)
	pass := f.must(f.full(t.Context()))
	for _, p := range []verify.Pass{pass, f.stored(pass.ID)} {
		events := p.Scan.Facts.(verify.FullFacts).Events
		if p.Result.Verdict != compare.Match || events == nil || events.Orders != 10 || len(f.found(t)) != 0 {
			t.Errorf("full ended %+v, having seen of the events %+v", p.Result, events)
		}
	}
}

func TestAnEventLostBehindBothSidesIsFound(t *testing.T) {
	for name, run := range map[string]func(*four) (verify.Pass, error){
		"full":   func(f *four) (verify.Pass, error) { return f.full(t.Context()) },
		"sample": func(f *four) (verify.Pass, error) { return f.sample(t.Context(), 10) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFour(t)
			f.lose(1, true)
			pass := f.must(run(f))
			open := f.found(t)
			if pass.Result.Verdict != compare.Diverged || len(open) != 1 {
				t.Fatalf("ended %+v with %d divergences", pass.Result, len(open))
			}
			m := open[0].Mismatch
			if m.Key != "1" || m.Hop != order.LegacyToEvents || m.Cause != compare.LostShadowWrite || m.Kind != compare.Differs {
				t.Errorf("found %+v", m)
			}
			for _, field := range m.Fields {
				if field.Legacy == nil || field.Events == nil || field.Projection == nil || *field.Legacy == *field.Events {
					t.Errorf("field %+v", field)
				}
			}
		})
	}
}

// TestAnEventThatNobodyCanReadIsFoundByAllChecks leaves every row as the fold has it: the history itself is the finding.
func TestAnEventThatNobodyCanReadIsFoundByAllChecks(t *testing.T) {
	for name, run := range map[string]func(*four) (verify.Pass, error){
		"full":   func(f *four) (verify.Pass, error) { return f.full(t.Context()) },
		"sample": func(f *four) (verify.Pass, error) { return f.sample(t.Context(), 10) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFour(t)
			f.events.position++
			f.events.histories["3"] = append(f.events.histories["3"], order.Event{Position: f.events.position, Key: "3", Type: "OrderRerouted", At: f.events.newest})
			flawed := row(3, "OPEN", "0")
			flawed.Flawed = true
			f.folded.Put(flawed)
			pass := f.must(run(f))
			open := f.found(t)
			if pass.Result.Verdict != compare.Diverged || len(open) != 1 {
				t.Fatalf("ended %+v with %d divergences", pass.Result, len(open))
			}
			if m := open[0].Mismatch; m.Key != "3" || m.Hop != order.LegacyToEvents || m.Cause != compare.SchemaDrift {
				t.Errorf("found %+v", m)
			}
		})
	}
}

// TestAgreementOfTwoDoesNotResolve lets a sample look at an order of which legacy and projection agree, and the events do
// not: its divergence stays open until they do.
func TestAgreementOfTwoDoesNotResolve(t *testing.T) {
	f := newFour(t)
	f.lose(1, true)
	f.must(f.full(t.Context()))
	if f.must(f.sample(t.Context(), 10)); len(f.found(t)) != 1 {
		t.Fatal("a sample has resolved what is still wrong")
	}
	f.events.add(1, f.now, ordertest.Filled{Quantity: *apd.New(10, 0), Price: *apd.New(1, 0)})
	f.folded.Put(row(1, "FILLED", "10"))
	if pass := f.must(f.full(t.Context())); pass.Result.Verdict != compare.Match || len(f.found(t)) != 0 {
		t.Errorf("after the repair full ended %+v, with %d open", pass.Result, len(f.found(t)))
	}
}

func TestAnEventThatIsOnItsWayIsNoDivergence(t *testing.T) {
	f := newFour(t)
	f.lose(1, true)
	f.meanwhile = func(int) {
		if len(f.events.histories["1"]) == 1 {
			f.events.add(1, f.now, ordertest.Filled{Quantity: *apd.New(10, 0), Price: *apd.New(1, 0)})
		}
	}
	if pass := f.must(f.full(t.Context())); pass.Result.Verdict != compare.Match || len(f.found(t)) != 0 {
		t.Errorf("full ended %+v", pass.Result)
	}
}

func TestALostEventPartsTheProjectionToo(t *testing.T) {
	f := newFour(t)
	f.lose(1, false)
	f.must(f.full(t.Context()))
	open := f.found(t)
	if len(open) != 1 || open[0].Mismatch.Hop != order.LegacyToEvents || open[0].Mismatch.Cause != compare.LostShadowWrite {
		t.Errorf("found %+v", open)
	}
}

// TestAStoppedShadowWriterIsNoHeapOfLostEvents has several orders written in legacy since the newest event of all.
func TestAStoppedShadowWriterIsNoHeapOfLostEvents(t *testing.T) {
	f := newFour(t)
	for key := range int64(4) {
		r := row(key+2, "CANCELED", "0")
		r.ChangedAt = f.events.newest.Add(time.Duration(key+1) * time.Second)
		f.legacy.Put(r)
	}
	f.must(f.full(t.Context()))
	open := f.found(t)
	for _, d := range open {
		if d.Mismatch.Hop != order.LegacyToEvents || d.Mismatch.Cause != compare.StoppedShadowWriter {
			t.Errorf("order %s: %s %s", d.Mismatch.Key, d.Mismatch.Hop, d.Mismatch.Cause)
		}
	}
	if len(open) != 4 {
		t.Errorf("%d divergences, want 4", len(open))
	}
}

// TestALateCommitIsNotAnImpossibleState has a projection that was refreshed before a transaction with an older event was
// committed: it shows what no prefix of the history gives, and is right at the next refresh.
func TestALateCommitIsNotAnImpossibleState(t *testing.T) {
	f := newFour(t)
	one := *apd.New(1, 0)
	early, late := f.now.Add(time.Second), f.now.Add(2*time.Second)
	f.events.add(2, early, ordertest.PartiallyFilled{Quantity: *apd.New(3, 0), Price: one})
	f.events.add(2, late, ordertest.PartiallyFilled{Quantity: *apd.New(4, 0), Price: one})
	whole := f.events.histories["2"]
	f.events.histories["2"] = []order.Event{whole[0], whole[2]} // the one between is not committed yet
	refreshed := row(2, "PARTIALLY_FILLED", "4")
	after := row(2, "PARTIALLY_FILLED", "7")
	f.legacy.Put(after)
	f.folded.Put(refreshed)
	f.projection.Put(refreshed)
	f.meanwhile = func(wait int) {
		if wait == 1 {
			f.events.histories["2"] = whole
			f.folded.Put(after)
		} else {
			f.projection.Put(after)
		}
	}
	if pass := f.must(f.sample(t.Context(), 10)); pass.Result.Verdict != compare.Match || len(f.found(t)) != 0 {
		t.Errorf("the sample ended %+v, found %+v", pass.Result, f.found(t))
	}
}

// TestAnImpossibleStateIsFoundInAnOrderThatNeverRests lets an order go on trading while its projection is wrong.
func TestAnImpossibleStateIsFoundInAnOrderThatNeverRests(t *testing.T) {
	f := newFour(t)
	f.projection.Put(row(2, "CANCELED", "99"))
	f.meanwhile = func(wait int) {
		f.events.add(2, f.now, ordertest.PartiallyFilled{Quantity: *apd.New(1, -6), Price: *apd.New(1, 0)})
		f.legacy.Put(row(2, "PARTIALLY_FILLED", "0.00000"+strconv.Itoa(wait)))
	}
	pass := f.must(f.sample(t.Context(), 10))
	open := f.found(t)
	if pass.Result.Verdict != compare.Diverged || len(open) != 1 || open[0].Mismatch.Hop != order.EventsToProjection {
		t.Errorf("the sample ended %+v, found %+v", pass.Result, open)
	}
}

// TestAnImpossibleStateIsProvenByAWindowAtRest: an event that was committed late came between the looks, and the end of
// max_lag lets the next one follow in less than a window.
func TestAnImpossibleStateIsProvenByAWindowAtRest(t *testing.T) {
	f := newFour(t)
	f.Settle.MaxLag = 65 * time.Second // more than two windows by a little
	fill := func(quantity int64) ordertest.Body {
		return ordertest.PartiallyFilled{Quantity: *apd.New(quantity, 0), Price: *apd.New(1, 0)}
	}
	f.events.add(2, f.now.Add(-2*time.Second), fill(3))
	f.legacy.Put(row(2, "PARTIALLY_FILLED", "3"))
	f.meanwhile = func(wait int) {
		switch wait {
		case 1:
			f.events.add(2, f.now, fill(1))
			f.legacy.Put(row(2, "PARTIALLY_FILLED", "4"))
		case 2: // the projection was refreshed before the late event was there
			h := f.events.histories["2"]
			late := h[1]
			late.Position, late.Said = h[0].Position+1, ordertest.Said(fill(2))
			f.events.histories["2"] = []order.Event{h[0], late, h[1], h[2]}
			f.legacy.Put(row(2, "PARTIALLY_FILLED", "6"))
			f.projection.Put(row(2, "PARTIALLY_FILLED", "4"))
		default: // it is refreshed in the end, within the window
			if f.now.Sub(f.stored(1).StartedAt) > 85*time.Second {
				f.projection.Put(row(2, "PARTIALLY_FILLED", "6"))
			}
		}
	}
	if pass := f.must(f.sample(t.Context(), 10)); pass.Result.Verdict != compare.Match || f.open() != "" {
		t.Errorf("ended %+v, open are %q", pass, f.open())
	}
}

// TestEventsAreComparedAlsoIfTablesWereEmptyWhenAPassWentOn: they are empty for the moment in which the next process opens them.
func TestEventsAreComparedAlsoIfTablesWereEmptyWhenAPassWentOn(t *testing.T) {
	f := newFour(t)
	f.inRanges()
	delete(f.events.histories, "10")
	f.folded.Delete("10")
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	stored := 0
	f.Ledger = watched{f.store, func(verify.Range) {
		if stored++; stored == 2 {
			kill()
		}
	}}
	stopped, _ := f.full(ctx)
	ranges, err := f.store.Ranges(t.Context(), stopped.ID)
	if err != nil || len(ranges) != 1 || stopped.State != verify.Scanning {
		t.Fatalf("stopped as %+v after %v, %v", stopped, ranges, err)
	}
	f.Ledger = f.store
	for _, side := range []*sourcetest.Fake{f.legacy, f.projection} {
		for key := range int64(10) {
			side.Delete(order.Key(strconv.FormatInt(key+1, 10)))
		}
		empty := true
		side.Before = func(read string) error {
			if read != "position" || !empty { // a range begins
				return nil
			}
			empty = false
			side.Put(row(1, "FILLED", "10"))
			for key := range int64(9) {
				side.Put(row(key+2, "OPEN", "0"))
			}
			return nil
		}
	}
	if err := f.store.Release(t.Context(), f.lease); err != nil {
		t.Fatal(err)
	}
	f.lease = f.acquire()
	if err := f.store.Adopt(t.Context(), f.lease, stopped.ID); err != nil {
		t.Fatal(err)
	}
	pass := f.must(f.Resume(t.Context(), f.lease, f.stored(stopped.ID)))
	facts := pass.Scan.Facts.(verify.FullFacts)
	if pass.Result.Diverged != 1 || f.open() == "" || facts.Events == nil || facts.Events.Orders != 9 || pass.Scan.Compared != 10 {
		t.Errorf("%+v, open is %q; of the events was seen %+v", pass.Result, f.open(), facts.Events)
	}
}
