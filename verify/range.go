package verify

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Range is a range of a full pass that was compared, as the ledger keeps it until the pass ends.
type Range struct {
	Number int // by which a range that is compared once more replaces the one before
	KeyRange
	Found  RangeFacts
	Worker string // the process that compared it; empty if the pass is not shared
}

// RangeFacts are what was found in a range. Those of all ranges add up to the facts of the pass.
type RangeFacts struct {
	Rows
	Counts []GroupCount `json:"counts,omitempty"`
	Strata []Stratum    `json:"strata,omitempty"`
	Sides  Covered      `json:"sides"`
	Events *RangeEvents `json:"events,omitempty"` // nil if legacy was not compared with the events
	Plan   Plan         `json:"plan,omitempty"`
	// Portable is as in FullFacts.
	Portable bool `json:"portable_digests,omitempty"`
	// Audit is what an audit found in the range; nil in other passes.
	Audit *AuditFacts `json:"audit,omitempty"`
	// Mismatches is how many suspects were found.
	Mismatches int64 `json:"mismatches,omitempty"`
	// Behind is true if the range was read from another server than the marks, or from one that was behind.
	Behind bool `json:"behind,omitempty"`
	// Marks and Through are those of the pass. The first range has them, so that a process that resumes the pass knows them.
	Marks   *Marks    `json:"marks,omitempty"`
	Through time.Time `json:"through,omitzero"`
}

// RangeEvents are what the comparison of legacy with the events found in a range.
type RangeEvents struct {
	Covered

	Plan     Plan  `json:"plan,omitempty"`
	Orders   int64 `json:"orders"`
	Archived int64 `json:"archived,omitempty"`
}

// stopped returns true if orders of the range were left out because most have the same symptom.
func (r Range) stopped() bool { return r.Found.left() > 0 }

func (f RangeFacts) left() int64 {
	left := f.Sides.Left
	if f.Events != nil {
		left += f.Events.Left
	}
	return left
}

// merged adds up ranges.
func merged(ranges []Range) (sides, events Covered, facts FullFacts) {
	counts, strata := map[string]GroupCount{}, strataCount{}
	aged, counted := false, len(ranges) > 0
	var shares [2]shared // of sides and events
	for i, r := range ranges {
		f := r.Found
		counted = counted && (f.Counts != nil || f.Larger() == 0)
		facts.Plan = planned(i, facts.Plan, f.Plan)
		facts.Legacy += f.Legacy
		facts.Projection += f.Projection
		facts.Portable = facts.Portable || f.Portable
		for _, c := range f.Counts {
			sum := counts[c.Group]
			counts[c.Group] = GroupCount{Group: c.Group, Legacy: sum.Legacy + c.Legacy, Projection: sum.Projection + c.Projection}
		}
		aged = aged || f.Strata != nil
		for _, s := range f.Strata {
			strata[Stratum{Group: s.Group, Age: s.Age}] += s.Orders
		}
		sides.add(f.Sides)
		shares[0].add(f.Sides)
		if f.Events == nil {
			continue
		}
		if facts.Events == nil {
			facts.Events = &EventsFacts{}
		}
		facts.Events.Plan = planned(i, facts.Events.Plan, f.Events.Plan)
		facts.Events.Orders += f.Events.Orders
		facts.Events.Archived += f.Events.Archived
		events.add(f.Events.Covered)
		shares[1].add(f.Events.Covered)
	}
	if counted { // else some were compared by number, which counts no groups
		facts.Counts = []GroupCount{}
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			facts.Counts = append(facts.Counts, counts[name])
		}
	}
	if aged && counted {
		facts.Strata = strata.list()
	}
	sides.Widespread, events.Widespread = shares[0].list(), shares[1].list()
	facts.Widespread = slices.Concat(sides.Widespread, events.Widespread)
	facts.Ranges = int64(len(ranges))
	return sides, events, facts
}

// summed are ranges as one. They were compared order by order.
func summed(ranges []Range) RangeFacts {
	if len(ranges) == 1 {
		return ranges[0].Found
	}
	sides, events, f := merged(ranges)
	out := RangeFacts{Rows: f.Rows, Counts: f.Counts, Strata: f.Strata, Sides: sides, Plan: f.Plan, Portable: f.Portable, Behind: anyBehind(ranges)}
	if f.Events != nil {
		out.Events = &RangeEvents{Covered: events, Plan: f.Events.Plan, Orders: f.Events.Orders, Archived: f.Events.Archived}
	}
	return out
}

func anyBehind(ranges []Range) bool {
	return slices.ContainsFunc(ranges, func(r Range) bool { return r.Found.Behind })
}

// planned is the plan of some ranges and one more.
func planned(ranges int, before, next Plan) Plan {
	if ranges > 0 && before != next {
		return ByBoth
	}
	return next
}

func (c *Covered) add(o Covered) {
	c.Compared += o.Compared
	c.Left += o.Left
	c.NullKeys += o.NullKeys
}

// shared adds up which share of all orders has a symptom.
type shared struct {
	orders    int64
	having    map[Symptom]float64 // orders
	precision map[Symptom]string
}

func (s *shared) add(c Covered) {
	orders := c.Compared + c.Left
	s.orders += orders
	if s.having == nil {
		s.having, s.precision = map[Symptom]float64{}, map[Symptom]string{}
	}
	for _, w := range c.Widespread {
		s.having[w.Symptom] += w.Share * float64(orders)
		s.precision[w.Symptom] = cmp.Or(s.precision[w.Symptom], w.Precision)
	}
}

// list returns the symptoms that most orders have, or all if there are none; the most frequent first.
func (s *shared) list() (out []Widespread) {
	for symptom, having := range s.having {
		out = append(out, Widespread{symptom, having / float64(max(s.orders, 1)), s.precision[symptom]})
	}
	if slices.ContainsFunc(out, isMost) {
		out = slices.DeleteFunc(out, func(w Widespread) bool { return !isMost(w) })
	}
	slices.SortFunc(out, func(a, b Widespread) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// widespreadInAll returns true if a symptom for which ranges were left is one of most orders of all ranges.
func widespreadInAll(ranges []Range) bool {
	_, _, facts := merged(ranges)
	return slices.ContainsFunc(facts.Widespread, isMost)
}

func isMost(w Widespread) bool { return w.Share > most }

// after is where the ranges end that follow one another from the first key on; false if they are all.
func after(ranges []Range) (order.Key, bool) {
	if len(ranges) == 0 {
		return "", true
	}
	last := ranges[len(ranges)-1].Below
	return last, last != ""
}
