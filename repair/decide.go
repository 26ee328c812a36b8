package repair

import (
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// decide says what a person must decide of a divergence that has no plan.
func decide(hop order.Hop, cause compare.Cause) string {
	if text, ok := decisions[cause]; ok {
		return text
	}
	switch hop {
	case order.LegacyItself:
		return "which of legacy's row and legacy's record is right; correct the row, or accept the divergence"
	case order.LegacyToEvents:
		return "whether a correcting event may be appended, what it says, and under whose name; or accept the divergence"
	case order.EventsToStream:
		return "whether the event may be published again; consumers must bear a second message"
	case order.EventsToProjection:
		return "how the projector can build the row anew"
	default:
		return "which side is right; without events nothing tells"
	}
}

var decisions = map[compare.Cause]string{
	compare.LostUpdate:          "which of the two changes of legacy's row holds; correct the row in legacy, or accept the divergence",
	compare.DirectEdit:          "whether the edit of legacy's row holds: then its event is to be written by whoever may, otherwise the row is to be corrected",
	compare.LostShadowWrite:     "what the lost event has to say where legacy's records do not tell, or how events after it are to be corrected",
	compare.StoppedShadowWriter: "start the shadow writer again first; then plan again, or backfill what it has left out",
	compare.GhostEvent:          "which compensating event takes back what never happened; the ghost itself stays in the store",
	compare.DuplicateEvent:      "whether readers are to pass over the second event, or a compensating event takes it back; both stay in the store",
	compare.WrongEventContent:   "which correcting event says what legacy did; the wrong one stays in the store",
	compare.SchemaDrift:         "whether readers learn the form of the event (an upcaster, a rule), or a correcting event replaces it",
	compare.TimezoneShift:       "how readers are to correct the times; the events stay as they are",
	compare.FloatRounding:       "whether the rounded number is accepted, or a correcting event gives the exact one",
	compare.RetentionGap:        "whether the lost messages are to be published again from the store",
	compare.StoppedProjector:    "start the projector again and wait; plan again for what is still open then",
	compare.DuplicateRow:        "which of the rows to keep, and which constraint prevents the next one",
}
