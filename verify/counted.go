package verify

import (
	"cmp"
	"slices"
)

// Counted says where a scan has counted an order, so that its outcome can be subtracted there.
type Counted struct {
	// Legacy and Projection are the groups in which each side's row was counted; empty if the side does not have it.
	Legacy     string `json:"legacy,omitempty"`
	Projection string `json:"projection,omitempty"`
	Age        Age    `json:"age,omitempty"`
}

// stratum returns the order's status and age, from legacy if that has exactly one row; false if neither side does.
func (c Counted) stratum() (Stratum, bool) {
	group := cmp.Or(c.Legacy, c.Projection)
	return Stratum{Group: group, Age: cmp.Or(c.Age, Old)}, group != ""
}

// GroupCount is the number of rows with one value of the grouping field (the status) on each side.
type GroupCount struct {
	Group      string `json:"group"` // "(null)" for NULL, "(all)" if nothing is grouped
	Legacy     int64  `json:"legacy"`
	Projection int64  `json:"projection"`
	// SettledLegacy and SettledProjection are how many of these rows belong to suspects that proved to be lag.
	// Unverified belong to suspects that could not be judged. They are filled in as the pass settles.
	SettledLegacy     int64 `json:"settled_legacy,omitempty"`
	SettledProjection int64 `json:"settled_projection,omitempty"`
	Unverified        int64 `json:"unverified,omitempty"`
}

// Settled is the outcome of a pass's suspects, by the group in which the scan had counted them. It is stored separately
// from the facts, which the scan writes once, because suspects are settled before and after that.
type Settled map[string]SettledGroup

// SettledGroup is the outcome of the suspects of one group.
type SettledGroup struct {
	Legacy     int64 `json:"legacy,omitempty"`     // rows of legacy that proved to be lag
	Projection int64 `json:"projection,omitempty"` // rows of the projection that did
	Unverified int64 `json:"unverified,omitempty"` // orders that could not be judged
	// Ages is how many orders could not be judged, by age, in the one group whose stratum they are in.
	Ages map[Age]int64 `json:"ages,omitempty"`
}

// Matched adds an order that proved to be lag.
func (s Settled) Matched(c Counted) {
	s.plus(c.Legacy, SettledGroup{Legacy: 1})
	s.plus(c.Projection, SettledGroup{Projection: 1})
}

// Unjudged adds orders that could not be judged: in the groups of both sides, once if that is the same group, and in
// their one stratum.
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

// counts returns the scan's counts with the outcomes.
func (s Settled) counts(scanned []GroupCount) []GroupCount {
	out := slices.Clone(scanned)
	for i := range out {
		g := s[out[i].Group]
		out[i].SettledLegacy, out[i].SettledProjection, out[i].Unverified = g.Legacy, g.Projection, g.Unverified
	}
	return out
}

// strata returns the scan's strata with the orders that could not be judged. They stay nil if ages are not known.
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
			orders[where] += 0 // an order that only the projection has was not counted
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
