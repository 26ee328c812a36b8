package verify

import (
	"cmp"
	"slices"
)

// Counted says where a scan has counted an order, so that what becomes of it can be taken off there.
type Counted struct {
	// Legacy and Projection are the groups in which each side's row was counted; empty where the side does not have it.
	Legacy     string `json:"legacy,omitempty"`
	Projection string `json:"projection,omitempty"`
	Age        Age    `json:"age,omitempty"`
}

// stratum is the order's status and age, by legacy where that has it once; false where neither side does.
func (c Counted) stratum() (Stratum, bool) {
	group := cmp.Or(c.Legacy, c.Projection)
	return Stratum{Group: group, Age: cmp.Or(c.Age, Old)}, group != ""
}

// GroupCount is the number of rows with one value of the grouping field (the status) on each side.
type GroupCount struct {
	Group      string `json:"group"` // "(null)" for NULL, "(all)" where nothing is grouped by
	Legacy     int64  `json:"legacy"`
	Projection int64  `json:"projection"`
	// SettledLegacy and SettledProjection are how many of these rows belong to suspects that proved to be lag;
	// Unverified to suspects that could not be judged. They are filled in as the pass settles.
	SettledLegacy     int64 `json:"settled_legacy,omitempty"`
	SettledProjection int64 `json:"settled_projection,omitempty"`
	Unverified        int64 `json:"unverified,omitempty"`
}

// Settled is what became of a pass's suspects, by the group in which the scan had counted them. It is kept apart from the
// facts, which the scan writes once: suspects are settled before and after that.
type Settled map[string]SettledGroup

// SettledGroup is what became of the suspects of one group.
type SettledGroup struct {
	Legacy     int64 `json:"legacy,omitempty"`     // rows of legacy that proved to be lag
	Projection int64 `json:"projection,omitempty"` // rows of the projection that did
	Unverified int64 `json:"unverified,omitempty"` // orders that could not be judged
	// Ages is how many orders could not be judged by age, in the one group that they are a stratum of.
	Ages map[Age]int64 `json:"ages,omitempty"`
}

// Matched adds an order that proved to be lag.
func (s Settled) Matched(c Counted) {
	s.plus(c.Legacy, SettledGroup{Legacy: 1})
	s.plus(c.Projection, SettledGroup{Projection: 1})
}

// Unjudged adds orders that could not be judged: in the groups of both sides, once where that is the same, and in their one
// stratum.
func (s Settled) Unjudged(c Counted, orders int64) {
	s.plus(c.Legacy, SettledGroup{Unverified: orders})
	if c.Projection != c.Legacy {
		s.plus(c.Projection, SettledGroup{Unverified: orders})
	}
	if stratum, ok := c.stratum(); ok {
		s.plus(stratum.Group, SettledGroup{Ages: map[Age]int64{stratum.Age: orders}})
	}
}

// Add adds all of another.
func (s Settled) Add(other Settled) {
	for name, g := range other {
		s.plus(name, g)
	}
}

func (s Settled) plus(name string, g SettledGroup) {
	if name == "" { // the side does not have the order
		return
	}
	was := s[name]
	sum := SettledGroup{Legacy: was.Legacy + g.Legacy, Projection: was.Projection + g.Projection, Unverified: was.Unverified + g.Unverified}
	for _, part := range []map[Age]int64{was.Ages, g.Ages} {
		for age, orders := range part {
			if sum.Ages == nil {
				sum.Ages = map[Age]int64{}
			}
			sum.Ages[age] += orders
		}
	}
	s[name] = sum
}

// counts are the scan's counts with what settled.
func (s Settled) counts(scanned []GroupCount) []GroupCount {
	out := slices.Clone(scanned)
	for i := range out {
		g := s[out[i].Group]
		out[i].SettledLegacy, out[i].SettledProjection, out[i].Unverified = g.Legacy, g.Projection, g.Unverified
	}
	return out
}

// strata are the scan's strata with the orders that could not be judged. Where ages are not told apart they stay nil.
func (s Settled) strata(scanned []Stratum) []Stratum {
	if scanned == nil {
		return nil
	}
	orders, unverified := strataCount{}, strataCount{}
	for _, x := range scanned {
		orders[Stratum{Group: x.Group, Age: x.Age}] = x.Orders
	}
	for name, g := range s {
		for age, n := range g.Ages {
			where := Stratum{Group: name, Age: age}
			orders[where] += 0 // one that only the projection has was counted nowhere
			unverified[where] += n
		}
	}
	out := []Stratum{}
	for where, n := range orders {
		out = append(out, Stratum{Group: where.Group, Age: where.Age, Orders: n, Unverified: unverified[where]})
	}
	slices.SortFunc(out, byStatusAndAge)
	return out
}
