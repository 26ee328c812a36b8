package incident_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/incident"
)

func accepted(cause, who string, minutes ...int) []incident.Acceptance {
	var out []incident.Acceptance
	for _, m := range minutes {
		at := t0.Add(time.Duration(m) * time.Minute)
		out = append(out, incident.Acceptance{Hop: "events->projection", Cause: cause, Who: who, At: at, Until: t0.Add(24 * time.Hour)})
	}
	return out
}

func TestWhatIsAcceptedIsNotCalledResolved(t *testing.T) {
	const until = " until 2026-03-03 12:00:00 UTC"
	for why, c := range map[string]struct {
		accepted    []incident.Acceptance
		edit, reply string
	}{
		"repaired":               {nil, "Resolved: ", "Resolved after 3m0s; at most 3 orders."},
		"accepted long before":   {accepted("ghost_row", "Alice", -60), "Resolved: ", "Resolved after 3m0s; at most 3 orders."},
		"of another cause":       {accepted("lost_update", "Alice", 1), "Resolved: ", "Resolved after 3m0s; at most 3 orders."},
		"all accepted":           {accepted("ghost_row", "Alice\n<!here>", 1, 2, 2), "Accepted, not repaired: ", "Accepted by Alice <!here>" + until + ", not repaired, after 3m0s; at most 3 orders."},
		"one accepted":           {accepted("ghost_row", "Alice", 1), "Partly accepted: ", "2 repaired, 1 accepted by Alice" + until + ", not repaired, after 3m0s; at most 3 orders."},
		"accepted by two people": {append(accepted("ghost_row", "Bob", 1, 1), accepted("ghost_row", "Alice", 2)...), "Accepted, not repaired: ", "Accepted by Alice and others" + until + ", not repaired, after 3m0s; at most 3 orders."},
	} {
		t.Run(why, func(t *testing.T) {
			w := newWorld()
			w.at(0, open(group("ghost_row", 3)))
			f := open()
			f.Accepted = c.accepted
			want(t, w.at(3, f), "#1 edit: "+c.edit+"3 orders diverged: ghost_row", "#1 reply: "+c.reply)
			want(t, w.at(4, f))
		})
	}
}
