package repair

import (
	"cmp"
	"slices"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// audited plans for what an audit has found of the order. One statement appends all that is missing. Where a divergence of the same
// hop is open, that is planned, or left to people, and says all.
func (p *Planner) audited(to *Plan, c Case) (s Statement, ok bool) {
	judged := slices.ContainsFunc(c.Open, func(d verify.Divergence) bool { return d.Mismatch.Hop == order.LegacyToEvents }) &&
		!slices.Contains(to.Gone, Gone{c.Key, order.LegacyToEvents, ""})
	listed := map[string]bool{}
	for _, f := range c.Audit {
		u := Undecided{Key: c.Key, Hop: order.LegacyToEvents, Cause: compare.Cause(cmp.Or(f.Cause, f.Kind)), Found: f.Kind, Why: stays}
		mends := f.Kind == string(history.MissingEvent) || f.Kind == verify.EndDiffers
		switch {
		case listed[f.Kind+f.Cause] || mends && (judged || ok):
			continue
		case f.Part == verify.LegacyPart:
			u.Hop, u.Why = order.LegacyItself, "legacy contradicts its own record: "+f.Detail
		case mends:
			if s, u.Why = p.appended(c); u.Why == "" {
				s.Hop, s.Cause, ok = u.Hop, u.Cause, true
				continue
			}
			if u.Why == told && f.Kind == string(history.MissingEvent) {
				to.Gone = append(to.Gone, Gone{c.Key, u.Hop, f.Kind})
				continue
			}
		}
		listed[f.Kind+f.Cause] = true
		u.Decide = decideFound(u)
		to.Decide = append(to.Decide, u)
	}
	return s, ok
}

// decideFound says what a person must decide of an audit's finding.
func decideFound(u Undecided) string {
	if text, ok := decisions[u.Cause]; ok {
		return text
	}
	switch u.Found {
	case string(history.MissingEvent):
		return decisions[compare.LostShadowWrite]
	case string(history.ExtraEvent):
		return decisions[compare.DuplicateEvent]
	case string(history.DifferentEvent):
		return decisions[compare.WrongEventContent]
	case string(history.DisorderedEvent):
		return "whether readers are to sort the events by time; their order in the store stays"
	default:
		return decide(u.Hop, u.Cause)
	}
}
