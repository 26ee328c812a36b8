package incident

import (
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// Acceptance is a divergence that was accepted, so it is not open. It is not repaired.
type Acceptance struct {
	Hop        order.Hop
	Cause, Who string
	At, Until  time.Time
}

// clocks is how far another machine's clock may be behind ours. Counting an acceptance that is a little too old is
// harmless.
const clocks = time.Minute

// acceptances returns the acceptances of divergences of an incident.
func acceptances(i Incident, f Facts) []Acceptance {
	var found []Acceptance
	for _, a := range f.Accepted {
		if i.Subject == subject(a.Hop, a.Cause) && !a.At.Before(i.OpenedAt.Add(-clocks)) {
			found = append(found, a)
		}
	}
	return found
}

// gone is how an incident ends whose orders are no longer open. Accepted orders are not called resolved.
func gone(i Incident, f Facts) ending {
	accepted := acceptances(i, f)
	n := int64(len(accepted))
	switch {
	case i.Kind == Audit && f.Audit != nil && f.Audit.Accepted > 0:
		return ending{"Accepted, not repaired", human.Quantity(f.Audit.Accepted, "finding", "findings") + " accepted, not repaired,"}
	case n == 0:
		return ending{"Resolved", "Resolved"}
	case n < i.Peak:
		return ending{"Partly accepted", fmt.Sprintf("%d repaired, %d accepted %s, not repaired,", i.Peak-n, n, answerer(accepted))}
	}
	return ending{"Accepted, not repaired", fmt.Sprintf("Accepted %s, not repaired,", answerer(accepted))}
}

// answerer names the last person who accepted, and until when.
func answerer(accepted []Acceptance) string {
	newest, others := accepted[0], ""
	for _, a := range accepted[1:] {
		if a.Who != newest.Who {
			others = " and others"
		}
		if a.At.After(newest.At) {
			newest = a
		}
	}
	return fmt.Sprintf("by %s%s until %s", strings.Join(strings.Fields(newest.Who), " "), others, human.Instant(newest.Until))
}
