package compare

import "github.com/nordvarg/crosscheck/order"

// Cause is why an order differs, as far as the evidence tells. It is the same identifier in code, JSON and metric
// labels, and the name of its page in docs/causes.
type Cause string

// The causes. [Causes] says what each means.
const (
	// Of the legacy row itself.
	LostUpdate Cause = "lost_update"
	DirectEdit Cause = "direct_edit"

	// Between legacy and events.
	LostShadowWrite      Cause = "lost_shadow_write"
	StoppedShadowWriter  Cause = "stopped_shadow_writer"
	GhostEvent           Cause = "ghost_event"
	DuplicateEvent       Cause = "duplicate_event"
	WrongEventContent    Cause = "wrong_event_content"
	ImpossibleTransition Cause = "impossible_transition"
	SchemaDrift          Cause = "schema_drift"

	// Between events and stream.
	LostPublish       Cause = "lost_publish"
	GhostPublish      Cause = "ghost_publish"
	DuplicatePublish  Cause = "duplicate_publish"
	DisorderedPublish Cause = "disordered_publish"
	UnkeyedPublish    Cause = "unkeyed_publish"
	WrongPublish      Cause = "wrong_publish"
	RetentionGap      Cause = "retention_gap"

	// Between events and projection.
	StaleProjection       Cause = "stale_projection"
	StoppedProjector      Cause = "stopped_projector"
	EventTypeIgnored      Cause = "event_type_ignored"
	EventAppliedTwice     Cause = "event_applied_twice"
	EventSkipped          Cause = "event_skipped"
	SkippedEqualTimestamp Cause = "skipped_equal_timestamp"
	SkippedLateCommit     Cause = "skipped_late_commit"
	AppliedOutOfOrder     Cause = "applied_out_of_order"
	ValueDrift            Cause = "value_drift"
	NullInsteadOfValue    Cause = "null_instead_of_value"
	WrongValue            Cause = "wrong_value"
	GhostRow              Cause = "ghost_row"
	DuplicateRow          Cause = "duplicate_row"

	// Wherever a value is copied from one representation to the next.
	TimezoneShift Cause = "timezone_shift"
	FloatRounding Cause = "float_rounding"
)

// CauseInfo describes a cause.
type CauseInfo struct {
	Cause   Cause
	Hop     order.Hop // where it arises; the first hop if there are several
	Meaning string
}

// Causes lists every Cause, in the order in which data flows.
func Causes() []CauseInfo {
	return []CauseInfo{
		{LostUpdate, order.LegacyItself, "of two writers of the legacy row, one overwrote the other's change"},
		{DirectEdit, order.LegacyItself, "somebody changed the legacy row without the application"},

		{LostShadowWrite, order.LegacyToEvents, "a change of the legacy row has no event"},
		{StoppedShadowWriter, order.LegacyToEvents, "since some moment, no change of any legacy row has an event"},
		{GhostEvent, order.LegacyToEvents, "an event of something that never happened in legacy, for example of a rolled-back transaction"},
		{DuplicateEvent, order.LegacyToEvents, "one thing that happened has two events"},
		{WrongEventContent, order.LegacyToEvents, "an event does not say what legacy did"},
		{ImpossibleTransition, order.LegacyToEvents, "an event cannot happen to an order in that state"},
		{SchemaDrift, order.LegacyToEvents, "an event or a message does not have the agreed form"},
		{TimezoneShift, order.LegacyToEvents, "a time is wrong by the difference between two time zones"},
		{FloatRounding, order.LegacyToEvents, "a decimal went through a binary float"},

		{LostPublish, order.EventsToStream, "a stored event was never published"},
		{GhostPublish, order.EventsToStream, "a message on the stream has no stored event"},
		{DuplicatePublish, order.EventsToStream, "an event was published more than once"},
		{DisorderedPublish, order.EventsToStream, "the events of an order were published in another order"},
		{UnkeyedPublish, order.EventsToStream, "messages lack the order's key, so one order is spread over partitions"},
		{WrongPublish, order.EventsToStream, "a message does not say what the stored event says"},
		{RetentionGap, order.EventsToStream, "messages were deleted before crosscheck read them"},

		{StaleProjection, order.EventsToProjection, "the projection's row has stopped moving while events went on"},
		{StoppedProjector, order.EventsToProjection, "the projection as a whole has stopped moving"},
		{EventTypeIgnored, order.EventsToProjection, "the projector does not apply events of one type"},
		{EventAppliedTwice, order.EventsToProjection, "the projector applied an event twice"},
		{EventSkipped, order.EventsToProjection, "the projector left events out and applied later ones"},
		{SkippedEqualTimestamp, order.EventsToProjection, "the projector left out an event that has the same timestamp as one before it"},
		{SkippedLateCommit, order.EventsToProjection, "the projector had already passed the position of an event that was committed late"},
		{AppliedOutOfOrder, order.EventsToProjection, "the projector applied two events in the wrong order"},
		{ValueDrift, order.EventsToProjection, "one number in the projection is a little off"},
		{NullInsteadOfValue, order.EventsToProjection, "the projection has NULL where there is a value"},
		{WrongValue, order.EventsToProjection, "the projection has a value that no known mistake of projectors explains"},
		{GhostRow, order.EventsToProjection, "the projection has a row of an order that was never created"},
		{DuplicateRow, order.EventsToProjection, "the projection has an order more than once"},
	}
}
