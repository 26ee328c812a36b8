package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Age is the time from legacy's last write of an order to a pass's snapshots; the same string in ledger, report and
// metric labels. Orders that are left out are rarely spread evenly: orders that never hold still are young, and a
// sample that reads the table from its front finds only old ones.
type Age string

// The ages, youngest first. If legacy does not have an order, or not the time of its last write, the order counts as
// old.
const (
	UnderAnHour Age = "under 1h"
	UnderADay   Age = "under 1d"
	UnderAWeek  Age = "under 7d"
	Old         Age = "older"
)

// ages are the bands that have an end.
var ages = []struct {
	age   Age
	under time.Duration
}{{UnderAnHour, time.Hour}, {UnderADay, 24 * time.Hour}, {UnderAWeek, 7 * 24 * time.Hour}}

// Ages lists every Age, the youngest first.
func Ages() []Age {
	var all []Age
	for _, a := range ages {
		all = append(all, a.age)
	}
	return append(all, Old)
}

// Stratum is the orders of one status and age that a pass set out to look at. For a full pass these are legacy's orders
// at its snapshot, for a sample the orders that it looked at.
type Stratum struct {
	Group  string `json:"group"` // as in GroupCount
	Age    Age    `json:"age"`
	Orders int64  `json:"orders"`
	// Unverified is how many were left unjudged. It is filled in as the pass settles.
	Unverified int64 `json:"unverified,omitempty"`
}

// Dated is a Snapshot that can count its rows by the time of their last change.
type Dated interface {
	// Since counts the rows by group and by the first of the given times, which fall, after which they were changed. It
	// does not count rows that were changed before all of them, or at an unknown time. It returns ErrNotIndexed instead
	// of scanning.
	Since(ctx context.Context, times []time.Time) ([]Recent, error)
}

// Recent is the number of rows of one group that were changed at the time with that index or later.
type Recent struct {
	Group order.Value
	Index int
	Rows  int64
}

// ageCuts are the times at which the bands begin, the youngest first, as PostgreSQL keeps them.
func ageCuts(at time.Time) []time.Time {
	cuts := make([]time.Time, len(ages))
	for i, a := range ages {
		cuts[i] = at.Add(-a.under).Truncate(time.Microsecond)
	}
	return cuts
}

// ageAt is the age at a time of an order that was changed then.
func ageAt(at, changed time.Time) Age {
	for i, cut := range ageCuts(at) {
		if !changed.IsZero() && !changed.Before(cut) {
			return ages[i].age
		}
	}
	return Old
}

// byAge splits the rows of each status by age. It counts the young ones through the index on the time of the change;
// the rest of the status is old. Without such an index, ages are not known.
func (p *pass) byAge(ctx context.Context, legacy Snapshot, facts *FullFacts) error {
	n, ok := legacy.(Dated)
	if !ok || len(facts.Counts) == 0 {
		return nil
	}
	found, err := n.Since(ctx, ageCuts(p.at))
	if errors.Is(err, ErrNotIndexed) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("counting orders by age: %w", err)
	}
	t := strataCount{}
	for _, c := range facts.Counts {
		t[Stratum{Group: c.Group, Age: Old}] = c.Legacy
	}
	for _, r := range found {
		group := p.groupName(r.Group)
		t[Stratum{Group: group, Age: ages[r.Index].age}] += r.Rows
		t[Stratum{Group: group, Age: Old}] -= r.Rows // below 0 only if the two counts contradict each other, which the gate reports
	}
	facts.Strata = t.list()
	return nil
}

func byStatusAndAge(a, b Stratum) int {
	all := Ages()
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(slices.Index(all, a.Age), slices.Index(all, b.Age)))
}

// strataCount counts orders by stratum; the keys' own numbers are zero.
type strataCount map[Stratum]int64

// countStratum counts an order that a sample has compared.
func (p *pass) countStratum(key order.Key, legacy, projection map[order.Key][]order.Row) {
	if p.strata == nil {
		return
	}
	if group := cmp.Or(p.groupOf(legacy[key]), p.groupOf(projection[key])); group != "" {
		p.strata[Stratum{Group: group, Age: p.ageOf(legacy[key])}]++
	}
}

// ageOf is the age of an order by legacy's rows.
func (p *pass) ageOf(legacy []order.Row) Age {
	if len(legacy) != 1 {
		return Old
	}
	return ageAt(p.at, legacy[0].ChangedAt)
}

// list returns the strata that hold any order, by status and from young to old.
func (t strataCount) list() []Stratum {
	out := []Stratum{}
	for s, n := range t {
		if s.Orders = n; n != 0 {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, byStatusAndAge)
	return out
}
