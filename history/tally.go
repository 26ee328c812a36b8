package history

import (
	"github.com/nordvarg/crosscheck/order"
)

// Share is a number of things that have a property, out of all.
type Share struct {
	Of  int64 `json:"of"`
	All int64 `json:"all"`
}

func (s *Share) add(t Share) { s.Of, s.All = s.Of+t.Of, s.All+t.All }

func (s *Share) count(has bool) {
	s.All++
	if has {
		s.Of++
	}
}

// Tally are the numbers of an audit, added up over orders.
type Tally struct {
	Orders int64 `json:"orders"`
	// Whole are the orders whose events are all there.
	Whole Share `json:"whole"`
	// TradesTold and LinesTold are the records of legacy that an event tells. EventsKnown is the reverse: the events that
	// something in legacy tells.
	TradesTold  Share `json:"trades_told"`
	LinesTold   Share `json:"lines_told"`
	EventsKnown Share `json:"events_known"`
	// Ends are the orders whose events fold to the row, and Moments the moments of the audit log at which they fold to its
	// old value.
	Ends    Share `json:"ends"`
	Moments Share `json:"moments"`
	// Evidence counts the deeds by how sure they are.
	Evidence map[Evidence]int64 `json:"evidence"`
	// Errors are the reportable events that do not fully and accurately reflect what happened, as in the error rate of
	// SEC Rule 613(c)(3): the missing, the extra, the different and the disordered ones, out of all that should be there or are.
	Errors Share `json:"errors"`
	// Coarse are the events whose time has no digits below the second. Early are those that are older than the event before.
	Coarse Share `json:"coarse_times"`
	Early  Share `json:"early_times"`
	// Excused are deeds without an event that are in no other number: the store has no words for them, or only a contradiction of
	// legacy asks for them.
	Excused int64 `json:"excused,omitempty"`
	// Silent are the events that are in no share of errors or of what is known, because legacy has no record of their types.
	Silent int64 `json:"silent,omitempty"`
	// Faulty are the orders whose legacy row contradicts its own record.
	Faulty Share `json:"faulty"`
}

// Add adds the numbers of other orders.
func (t *Tally) Add(u Tally) {
	t.Orders += u.Orders
	t.Excused += u.Excused
	t.Silent += u.Silent
	for _, pair := range []struct{ to, from *Share }{
		{&t.Whole, &u.Whole},
		{&t.TradesTold, &u.TradesTold},
		{&t.LinesTold, &u.LinesTold},
		{&t.EventsKnown, &u.EventsKnown},
		{&t.Ends, &u.Ends},
		{&t.Moments, &u.Moments},
		{&t.Errors, &u.Errors},
		{&t.Coarse, &u.Coarse},
		{&t.Early, &u.Early},
		{&t.Faulty, &u.Faulty},
	} {
		pair.to.add(*pair.from)
	}
	if t.Evidence == nil {
		t.Evidence = map[Evidence]int64{}
	}
	for evidence, n := range u.Evidence {
		t.Evidence[evidence] += n
	}
}

// tally counts one order.
func (a *Audited) tally(c Case, moments int) {
	t := &a.Tally
	t.Orders = 1
	wrong, missing := map[*Deed]bool{}, false
	extra := int64(0)
	for _, d := range a.Deviants {
		if d.Deed != nil {
			wrong[d.Deed] = true
		}
		missing = missing || d.Kind == MissingEvent
		if d.Kind == ExtraEvent {
			extra++
		}
	}
	t.Whole.count(!missing)
	t.Evidence = map[Evidence]int64{}
	for i := range a.Deeds {
		d := &a.Deeds[i]
		if a.excused[d] {
			t.Excused++
			continue
		}
		t.Evidence[d.Evidence]++
		t.Errors.count(wrong[d])
		switch d.From.Table {
		case "trades":
			t.TradesTold.count(!wrong[d])
		case "audit_log":
			t.LinesTold.count(!wrong[d])
		}
	}
	t.Errors.add(Share{extra, extra})
	events := int64(len(c.Events)) - t.Silent
	t.EventsKnown = Share{events - extra, events}
	t.Ends.count(len(a.Ends) == 0)
	t.Moments = Share{int64(moments - len(a.Moments)), int64(moments)}
	t.Faulty.count(len(a.Legacy) > 0)
	t.times(c.Events)
}

func (t *Tally) times(events []order.Event) {
	for i, e := range events {
		t.Coarse.count(e.At.Nanosecond() == 0)
		t.Early.count(i > 0 && e.At.Before(events[i-1].At))
	}
}
