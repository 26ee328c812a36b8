package compare

import (
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// Archived returns true if the configuration says of legacy's rows of an order that its events were moved out of the
// store. Then nothing is known if it has no events. Of an order that has some, all are expected.
func Archived(legacy []order.Row) bool {
	return len(legacy) > 0 && !slices.ContainsFunc(legacy, func(r order.Row) bool { return !r.Archived })
}

// withoutArchived is what two representations tell of an order whose events were archived.
func withoutArchived(found []Mismatch) Diagnosis {
	d := byRowsAlone(found)
	d.Reason = "its events are not compared: the store has none, and events.archived says that they were archived"
	if len(found) > 0 {
		d.Reason = "legacy and projection differ; " + d.Reason + ", so nothing tells at which hop"
	}
	return d
}
