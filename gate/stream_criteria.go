package gate

import (
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/human"
)

// streamFrom says how to get evidence about the stream.
const streamFrom = "configure stream and events and let crosscheck run"

// StreamEvidence is what following the Kafka topic has shown, as of At.
type StreamEvidence struct {
	// Stored is the number of stored events that were looked for in the stream. Seen is how many of them it had.
	Stored, Seen int64
	// LagMessages is how many messages of the topic had not been read yet, over all partitions.
	LagMessages int64
	// Gaps is how many holes the topic has. A hole is a range of offsets that retention deleted before they were read.
	Gaps int64
	// Accepted of the events that the stream did not have are accepted, and so are AcceptedGaps of the holes.
	Accepted, AcceptedGaps int64 `json:",omitempty"`
	// CaughtUpAt is when the follower had last read everything; zero if it never had. At is when this evidence was
	// recorded.
	CaughtUpAt, At time.Time
	// WaitingFor is the open transaction for which the search for missing messages has waited longer than max_lag, since
	// WaitingSince; empty if it does not wait.
	WaitingFor   string
	WaitingSince time.Time
	// BeforeStore is how many messages were not judged, because they are from before the event store begins, or of orders that
	// were archived.
	BeforeStore int64
	// CutAt is the position of the event with which the topic begins, if its older messages were deleted before they were first
	// read; nil otherwise. Stored events before it were not looked for.
	CutAt *int64 `json:",omitempty"`
	// Pending is how many further stored events the stream did not have for longer than the settle window. They are waited for,
	// until newer events come or max_lag is over, and are in neither Stored nor Seen.
	Pending int64 `json:",omitempty"`
}

// notJudged returns sentences about what was not judged; empty if all was.
func (e *StreamEvidence) notJudged() (said string) {
	if e.CutAt != nil {
		said = fmt.Sprintf(" Older messages had been deleted before crosscheck first read the topic: stored events before event %d were not looked for.", *e.CutAt)
	}
	if e.BeforeStore > 0 {
		said += fmt.Sprintf(" %s from before the event store begins (its first position), or of orders whose events were archived, and could not be compared.",
			human.Quantity(e.BeforeStore, "message of the topic is", "messages of the topic are"))
	}
	if e.WaitingFor == "" {
		return said
	}
	return said + fmt.Sprintf(" Events that were stored since %s are not looked for yet: that waits for %s.", human.Instant(e.WaitingSince), e.WaitingFor)
}

func (e *StreamEvidence) at() time.Time {
	if e == nil {
		return time.Time{}
	}
	return e.At
}

func streamCollection(e *StreamEvidence) collection {
	return collection{what: "The stream", from: streamFrom, at: e.At}
}

// StreamCompletenessCriterion asks that the stream had at least the share Min of the stored events, and that it has no
// hole.
type StreamCompletenessCriterion struct {
	Rule
	// Min is the smallest accepted share; default 1, every event.
	Min float64
	// MaxAge is how old the evidence may be, and how long ago the follower may last have caught up; default 1h.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (StreamCompletenessCriterion) Name() string { return "stream_completeness" }

func (c *StreamCompletenessCriterion) settings(s Settings) {
	shareSettings(s, &c.Min, &c.MaxAge)
}

func (c *StreamCompletenessCriterion) byDefault() {
	*c = StreamCompletenessCriterion{Rule: Rule{Severity: Blocking}, Min: 1, MaxAge: time.Hour}
}

// EvidenceAt is when the stream was looked at.
func (StreamCompletenessCriterion) EvidenceAt(e Evidence) time.Time { return e.Stream.at() }

// Judge compares the stored events with those seen. A hole fails unless it is accepted, because its messages were never read.
func (c StreamCompletenessCriterion) Judge(e Evidence, now time.Time) Result {
	limit := scalar(c.Min)
	if r, bad := senseless(&c, limit); bad {
		return r
	}
	if e.Stream == nil {
		return collection{what: "The stream", from: streamFrom}.nothing(limit)
	}
	v, from := e.Stream, streamCollection(e.Stream)
	s := share{
		part: v.Seen, whole: v.Stored, accepted: v.Accepted, min: c.Min, of: "stored events", good: "were in the stream",
		repair: "see docs/causes/lost_publish.md, and publish the missing events again",
	}
	r := s.judge(from, c.MaxAge, now)
	r.Reason += v.notJudged()
	if v.AcceptedGaps > 0 {
		r.Reason += fmt.Sprintf(" Of %s in the stream, %s accepted.", human.Quantity(v.Gaps, "hole", "holes"), human.Quantity(v.AcceptedGaps, "is", "are"))
	}
	switch {
	case r.Verdict == Errored || r.Verdict == Inconclusive:
		return r
	case v.AcceptedGaps < 0 || v.Gaps < v.AcceptedGaps:
		return broken(limit, streamFrom, "%s: %d gaps are impossible.", from.when(now), v.Gaps)
	case v.Gaps > v.AcceptedGaps:
		return fail(r.Observed, limit, "see docs/causes/retention_gap.md", "%s The stream has %s.", r.Reason, human.Quantity(v.Gaps, "hole", "holes"))
	case v.CaughtUpAt.IsZero():
		return inconclusive(r.Observed, limit, streamFrom, "%s The follower has never caught up with the topic, so the result is incomplete.", r.Reason)
	case now.Sub(v.CaughtUpAt) > c.MaxAge:
		return inconclusive(r.Observed, limit, "wait until the follower has caught up, or see docs/runbooks/CrosscheckStreamLagGrowing.md",
			"%s The follower last caught up with the topic %s ago.", r.Reason, human.Duration(now.Sub(v.CaughtUpAt)))
	case r.Verdict == Passes && v.Pending > 0 && ratio(v.Seen+v.Accepted, v.Stored+v.Pending) < c.Min:
		return inconclusive(r.Observed, limit, "wait: in compare.settle.max_lag at most, a message that does not come is reported as lost", "%s %s not in the stream, and still waited for.",
			r.Reason, human.Quantity(v.Pending, "further stored event is", "further stored events are"))
	}
	return r
}

// StreamLagCriterion asks that at most Max messages of the topic wait to be read.
type StreamLagCriterion struct {
	Rule
	// Max is how many messages may wait, over all partitions; default 1000.
	Max int64
	// MaxAge is how long ago the stream may have been looked at; default 10m.
	MaxAge time.Duration
}

// Name is the criterion's identifier everywhere.
func (StreamLagCriterion) Name() string { return "stream_lag" }

func (c *StreamLagCriterion) settings(s Settings) {
	mostSettings(s, &c.Max, &c.MaxAge)
}

func (c *StreamLagCriterion) byDefault() {
	*c = StreamLagCriterion{Rule: Rule{Severity: Blocking}, Max: 1000, MaxAge: 10 * time.Minute}
}

// EvidenceAt is when the stream was looked at.
func (StreamLagCriterion) EvidenceAt(e Evidence) time.Time { return e.Stream.at() }

// Judge counts the messages that wait.
func (c StreamLagCriterion) Judge(e Evidence, now time.Time) Result {
	if r, bad := senseless(&c, c.Max); bad {
		return r
	}
	if e.Stream == nil {
		return collection{what: "The stream", from: streamFrom}.nothing(c.Max)
	}
	v, from := e.Stream, streamCollection(e.Stream)
	if v.LagMessages < 0 {
		return broken(c.Max, streamFrom, "%s: a lag of %d messages is impossible.", from.when(now), v.LagMessages)
	}
	if r, ok := from.usable(v.LagMessages, c.Max, c.MaxAge, now); !ok {
		return r
	}
	said := fmt.Sprintf("%s. At that time %s not been read yet", from.when(now), human.Quantity(v.LagMessages, "message had", "messages had"))
	if v.LagMessages > c.Max {
		return fail(v.LagMessages, c.Max, "wait until the follower has caught up, or see docs/runbooks/CrosscheckStreamLagGrowing.md", "%s; the limit is %s.", said, human.Number(c.Max))
	}
	return pass(v.LagMessages, c.Max, "%s.", said)
}
