package compare

import (
	"fmt"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// byHop is what one look says of each hop of an order.
//
// # One order may have several faults
//
// Each hop is judged by itself, by its own two ends:
//
//   - legacy->events: the legacy row against the fold of the events. legacy: the row against its own record. A row that
//     equals the fold is in agreement at both. If it does not, the evidence puts the difference at one of the two, or at
//     both.
//   - events->projection: the projection's row against the fold, whatever legacy has.
//   - legacy->projection: only what no hop before it explains, such as fields that events do not judge.
//
// A hop is parted, or it is agreed, or the look could not judge it. The last is so in these cases:
//
//   - An event cannot be read: the fold says nothing, and only legacy->events is named.
//   - Legacy and projection agree, and the events do not: the events are the odd one, at legacy->events. The projection is
//     not accused, but it does not agree with the events either.
//   - There is no event of the creation of an order that legacy has: nothing tells what the projection should show.
//   - Legacy's row contradicts its record and hides what the events lack; or the record could not be read.
//   - A fault at another hop may explain why fields differ that events do not judge.
//
// A hop that was not judged keeps the divergence that it has.
type byHop struct {
	parts  []Diagnosis // one for each hop at which the order parts, nearest to the source first
	agreed []order.Hop // the hops in agreement
}

func (h *byHop) part(d Diagnosis) { h.parts = append(h.parts, d) }

func (h *byHop) agree(hops ...order.Hop) { h.agreed = append(h.agreed, hops...) }

func (c *placedOrder) byHop() byHop {
	var h byHop
	if flaw, ok := c.flaw(); ok {
		h.part(flaw)
		return h
	}
	c.judgeLegacy(&h)
	c.judgeProjection(&h)
	c.judgeEnds(&h)
	return h
}

// judgeLegacy judges legacy itself, and legacy against the events.
func (c *placedOrder) judgeLegacy(h *byHop) {
	if c.legacy.Kind == PlacedWhole {
		found, orphan := c.ofNoOrder()
		if !orphan {
			found, _ = c.impossibleForAll()
		}
		for _, hop := range []order.Hop{order.LegacyItself, order.LegacyToEvents} {
			if found.Hop == hop {
				h.part(found)
			} else {
				h.agree(hop)
			}
		}
		return
	}
	d := c.legacyWrong()
	h.part(d)
	if d.Hop == order.LegacyToEvents {
		if !c.contradicted() {
			h.agree(order.LegacyItself)
		}
		return
	}
	found, wrong := c.disaccord(Diagnosis{Verdict: Lagging, Hop: order.LegacyToEvents})
	switch {
	case wrong:
		h.part(found)
	case len(c.Legacy) == 1 && (c.legacy.Behind == 1 || c.leftOutByLegacy() >= 0 || c.recordHasFold()):
		h.agree(order.LegacyToEvents) // the fault in legacy is the whole difference
	}
}

// contradicted returns true unless legacy agrees with what is known of it: one row or none, whose own record, if it has
// one, does not contradict it.
func (c *placedOrder) contradicted() bool {
	if len(c.Legacy) > 1 || c.Recorded && c.History == nil {
		return true
	}
	if len(c.Legacy) == 0 {
		return false
	}
	_, found := c.contradiction(c.differing(c.known, &c.final, c.Legacy[0]))
	return found
}

// recordHasFold returns true if in each field in which legacy's row differs, its own record has the events' value.
func (c *placedOrder) recordHasFold() bool {
	fields := c.differing(c.known, &c.final, c.Legacy[0])
	right := *c
	right.Legacy = []order.Row{c.Legacy[0]}
	right.Legacy[0].Values = slices.Clone(c.Legacy[0].Values)
	for _, i := range fields {
		if _, found := c.contradiction([]int{i}); !found {
			return false
		}
		right.Legacy[0].Values[i], _ = c.final.Value(c.Fields[i].Name)
	}
	_, found := right.contradiction(fields)
	return !found
}

// ofNoOrder looks for events of an order that no event creates, and that legacy does not have.
func (c *placedOrder) ofNoOrder() (Diagnosis, bool) {
	if len(c.Legacy) > 0 || len(c.clean) == 0 || c.final.Exists() || c.Leftovers && len(c.Projection) == 0 {
		return Diagnosis{}, false
	}
	first := c.clean[0]
	return Diagnosis{
		Verdict: Lagging, Hop: order.LegacyToEvents, Cause: GhostEvent, Confidence: Medium, Or: []Cause{WrongEventContent, LostShadowWrite},
		PartsAt: order.Known(first.Position),
		Reason:  fmt.Sprintf("event %d (%s) is of an order that no event creates, and legacy does not have it: it may be another order's", first.Position, first.Type),
	}, true
}

// impossibleForAll looks for an impossible event of a history that legacy shows too.
func (c *placedOrder) impossibleForAll() (Diagnosis, bool) {
	for _, p := range c.problems {
		if p.Kind == order.ProblemGap {
			return Diagnosis{
				Verdict: Diverged, Hop: order.LegacyToEvents, Cause: LostShadowWrite, Confidence: Medium, PartsAt: order.Known(p.Position),
				Reason: fmt.Sprintf("legacy agrees with the events, but event %d %s", p.Position, p.Detail),
			}, true
		}
		if p.Kind == order.ProblemCreatedTwice { // no row shows the second creation, so legacy's row says nothing of it
			return Diagnosis{
				Verdict: Diverged, Hop: order.LegacyToEvents, Cause: DuplicateEvent, Confidence: Medium, Or: []Cause{ImpossibleTransition}, PartsAt: order.Known(p.Position),
				Reason: fmt.Sprintf("legacy agrees with the events, but event %d creates the order a second time", p.Position),
			}, true
		}
		if p.Kind == order.ProblemConflict { // legacy did what the first event says, so the other one is too many
			return Diagnosis{
				Verdict: Diverged, Hop: order.LegacyToEvents, Cause: DuplicateEvent, Confidence: Medium, Or: []Cause{GhostEvent, WrongEventContent}, PartsAt: order.Known(p.Position),
				Reason: fmt.Sprintf("legacy agrees with the events, but event %d: %s", p.Position, p.Detail),
			}, true
		}
		if p.Kind.Impossible() {
			return Diagnosis{
				Verdict: Diverged, Hop: order.LegacyItself, Cause: ImpossibleTransition, Confidence: Medium, PartsAt: order.Known(p.Position),
				Reason: fmt.Sprintf("legacy agrees with the events, but the history is impossible: event %d: %s", p.Position, p.Detail),
			}, true
		}
	}
	return Diagnosis{}, false
}

// judgeProjection judges the events against the projection.
func (c *placedOrder) judgeProjection(h *byHop) {
	switch {
	case c.projection.Kind == PlacedWhole:
		h.agree(order.EventsToProjection)
	case !c.final.Exists() && len(c.Legacy) > 0, c.legacy.Kind != PlacedWhole && c.sidesAgreeAsJudged():
		// not judged
	default:
		h.part(c.projectionWrong())
	}
}

// judgeEnds judges legacy against the projection, in what no other hop explains.
func (c *placedOrder) judgeEnds(h *byHop) {
	switch {
	case c.sidesAgree():
		h.agree(order.LegacyToProjection)
	case c.legacy.Kind == PlacedWhole && c.projection.Kind == PlacedWhole:
		h.part(Diagnosis{
			Verdict: Lagging, Hop: order.LegacyToProjection, Cause: WrongValue, Confidence: Low,
			Reason: "both sides agree with the events, but differ in a field that events do not judge",
		})
	case c.oneEach() && !slices.ContainsFunc(c.unlike(), c.unexplained):
		h.agree(order.LegacyToProjection)
	}
}

func (c *placedOrder) oneEach() bool { return len(c.Legacy) == 1 && len(c.Projection) == 1 }

func (c *placedOrder) sidesAgree() bool { return Rows(c.Fields, "", c.Legacy, c.Projection) == nil }

func (c *placedOrder) sidesAgreeAsJudged() bool {
	if !c.oneEach() {
		return c.sidesAgree()
	}
	return !slices.ContainsFunc(c.unlike(), func(i int) bool { return slices.Contains(c.known, i) })
}

// unlike returns the fields in which the two sides, one row each, differ.
func (c *placedOrder) unlike() (fields []int) {
	for i, f := range c.Fields {
		if !Equal(f, c.Legacy[0].Values[i], c.Projection[0].Values[i]) {
			fields = append(fields, i)
		}
	}
	return fields
}

// unexplained returns true for a field in which the sides differ although neither differs from the events.
func (c *placedOrder) unexplained(i int) bool {
	fold, judged := c.final.Value(c.Fields[i].Name)
	return !judged || !slices.Contains(c.known, i) ||
		Equal(c.Fields[i], c.Legacy[0].Values[i], fold) && Equal(c.Fields[i], c.Projection[0].Values[i], fold)
}
