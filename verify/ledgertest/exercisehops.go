package ledgertest

import (
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// atHops is an order that parts at these hops, looked at some minutes after t0.
func atHops(minutes int, hops ...order.Hop) verify.Suspect {
	s := suspect("1", t0.Add(time.Duration(minutes)*time.Minute))
	m := s.Observation.Mismatches[0]
	s.Observation.Mismatches = nil
	for _, hop := range hops {
		m.Hop = hop
		s.Observation.Mismatches = append(s.Observation.Mismatches, m)
	}
	return s
}

func agreeing(o verify.Outcome, hops ...order.Hop) verify.Outcome {
	o.Suspect.Observation.Agreed = hops
	return o
}

func openHops(t *testing.T, s Store) []order.Hop {
	t.Helper()
	var hops []order.Hop
	for _, d := range openOnes(t, s) {
		hops = append(hops, d.Mismatch.Hop)
	}
	slices.Sort(hops)
	return hops
}

func eachHop(t *testing.T, s Store) {
	const first, second = order.LegacyToEvents, order.EventsToProjection
	l, id := start(t, s)
	both := atHops(1, first, second)
	add(t, s, l, id, both)
	due, err := s.DueSuspects(t.Context(), id, t0.Add(time.Hour), "", 10)
	noError(t, err, "reading due suspects")
	same(t, due, []verify.Suspect{stored(both)}, "a suspect that parts at two hops")

	settle(t, s, l, id, t0, final(atHops(1, first), compare.Diverged))
	settle(t, s, l, id, t0, final(atHops(2, second), compare.Diverged))
	same(t, openHops(t, s), []order.Hop{second, first}, "open after a look that could not judge the first hop")
	settle(t, s, l, id, t0, final(atHops(3, first, second), compare.Diverged))
	same(t, len(openOnes(t, s)), 2, "rows of two divergences that were seen again")
	settle(t, s, l, id, t0, agreeing(final(atHops(0, second), compare.Diverged), first))
	same(t, openHops(t, s), []order.Hop{second, first}, "open after agreement in an older look")
	settle(t, s, l, id, t0, agreeing(final(atHops(4, second), compare.Diverged), first))
	same(t, openHops(t, s), []order.Hop{second}, "open after agreement at the first hop")
	settle(t, s, l, id, t0, agreeing(final(atHops(5), compare.Unverified), second))
	same(t, openHops(t, s), []order.Hop{}, "open after agreement at the second, in an order that could not be judged")
	settle(t, s, l, id, t0, final(atHops(6, first, second), compare.Diverged))
	settle(t, s, l, id, t0, final(atHops(7), compare.Match))
	same(t, openHops(t, s), []order.Hop{}, "open after a match")
	tally, err := s.Tally(t.Context(), id)
	noError(t, err, "reading the tally")
	same(t, tally, verify.Tally{Match: 1, Diverged: 6, Unverified: 1}, "tally, of outcomes and not of hops")
}

func hopBeforeOthers(t *testing.T, s Store) {
	l, id := start(t, s)
	waits := atHops(1, order.LegacyToEvents, order.EventsToProjection)
	add(t, s, l, id, waits)
	settle(t, s, l, id, t0, verify.Outcome{Suspect: waits, Verdict: compare.Lagging, Diverged: waits.Observation.Mismatches[:1]})
	same(t, openHops(t, s), []order.Hop{order.LegacyToEvents}, "open while the other hop waits")
	same(t, dueKeys(t, s, id, t0.Add(time.Hour), 10), []order.Key{"1"}, "the queue")
	tally, err := s.Tally(t.Context(), id)
	noError(t, err, "reading the tally")
	same(t, tally, verify.Tally{}, "tally of an order that waits")
}
