package compare

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Streamed is what a topic holds of one order, with its stored history.
type Streamed struct {
	Stored   []order.Event     // in the order of their positions
	Messages []StreamedMessage // as a consumer gets them
	// From is the position from which the topic should hold every event.
	From order.Position
	// Due is the time before which an event must have been stored for its message to be here now.
	Due time.Time
	// Whole is true if every message that could belong to the order was read.
	Whole bool
}

// StreamedMessage is one message of an order.
type StreamedMessage struct {
	Event     order.Event
	Partition int
	Keyed     bool  // the producer gave it a key
	Drift     error // why it cannot be read as agreed; nil if it can
	// Judged is true if the follower has read it and does not miss its event.
	Judged bool
}

// Consumed returns the history as a consumer sees it: the stored events before the topic begins, then the topic. It
// returns false if the topic holds nothing of the order, and need not.
func (s Streamed) Consumed() ([]order.Event, bool) {
	var events []order.Event
	claimed := len(s.Messages) > 0
	for _, e := range s.Stored {
		if e.Position < s.From {
			events = append(events, e)
		} else {
			claimed = true
		}
	}
	for _, m := range s.Messages {
		if m.Event.Position >= s.From || m.Event.Position == order.NoPosition && m.Event.ID != "" {
			events = append(events, m.Event)
		}
	}
	return events, claimed
}

// Diagnose says how the topic differs from the store for this order. It judges first the content of messages, then what
// is missing, then how messages came.
func (s Streamed) Diagnose() Diagnosis {
	for _, judge := range []func() (Diagnosis, bool){s.content, s.missing, s.manner} {
		if d, parts := judge(); parts {
			return d
		}
	}
	return Diagnosis{Verdict: Match}
}

func (s Streamed) parts(v Verdict, cause Cause, at order.Position, format string, args ...any) (Diagnosis, bool) {
	return Diagnosis{
		Verdict: v, Hop: order.EventsToStream, Cause: cause, Confidence: High, PartsAt: order.Known(at),
		Reason: "the rows agree with the events; on the stream " + fmt.Sprintf(format, args...),
	}, true
}

func (s Streamed) content() (Diagnosis, bool) {
	for _, m := range s.Messages {
		at := m.Event.Position
		i := slices.IndexFunc(s.Stored, func(e order.Event) bool { return e.Identity() == m.Event.Identity() })
		if m.Drift != nil {
			return s.parts(Diverged, SchemaDrift, at, "event %s cannot be read as agreed: %v", m.Event.Name(), m.Drift)
		}
		switch {
		case i >= 0:
		case m.Judged:
			continue // its event was archived
		case m.Event.At.After(s.Due):
			return s.parts(Lagging, GhostPublish, at, "event %s is published, but is not in the store yet", m.Event.Name())
		default:
			return s.parts(Diverged, GhostPublish, at, "event %s is published, but is not in the store", m.Event.Name())
		}
		var fields []string
		for _, d := range Published(s.Stored[i], m.Event) {
			fields = append(fields, d.Name)
		}
		if len(fields) > 0 {
			return s.parts(Diverged, WrongPublish, at, "event %s has another %s than in the store", m.Event.Name(), strings.Join(fields, ", "))
		}
	}
	return Diagnosis{}, false
}

func (s Streamed) missing() (Diagnosis, bool) {
	for _, e := range s.Stored {
		there := slices.ContainsFunc(s.Messages, func(m StreamedMessage) bool { return m.Event.Identity() == e.Identity() })
		switch {
		case there || e.Position < s.From:
		case !s.Whole:
			return Diagnosis{
				Verdict: Unverified, PartsAt: order.Known(e.Position),
				Reason: fmt.Sprintf("event %s is not in the part of the stream that was read", e.Name()),
			}, true
		case e.At.After(s.Due):
			return s.parts(Lagging, LostPublish, e.Position, "event %s is not there yet", e.Name())
		default:
			return s.parts(Diverged, LostPublish, e.Position, "event %s is not there", e.Name())
		}
	}
	return Diagnosis{}, false
}

// moved is true of messages with keys that went to other partitions and never came back: keys do that when partitions
// are added.
func (s Streamed) moved() bool {
	left := map[int]bool{}
	for i, m := range s.Messages {
		if i > 0 && m.Partition != s.Messages[i-1].Partition {
			left[s.Messages[i-1].Partition] = true
		}
		if !m.Keyed || left[m.Partition] {
			return false
		}
	}
	return true
}

func (s Streamed) manner() (Diagnosis, bool) {
	seen := map[order.Identity]bool{}
	var last order.Event // the last whose position is known
	last.Position = order.NoPosition
	for i, m := range s.Messages {
		at := m.Event.Position
		switch {
		case seen[m.Event.Identity()]:
			return s.parts(Diverged, DuplicatePublish, at, "event %s is there twice", m.Event.Name())
		case i > 0 && m.Partition != s.Messages[0].Partition && !s.moved():
			return s.parts(Diverged, UnkeyedPublish, at, "it is spread over partitions %d and %d", s.Messages[0].Partition, m.Partition)
		case at != order.NoPosition && at < last.Position:
			return s.parts(Diverged, DisorderedPublish, at, "event %s comes after event %s", m.Event.Name(), last.Name())
		}
		seen[m.Event.Identity()] = true
		if at != order.NoPosition {
			last = m.Event
		}
	}
	return Diagnosis{}, false
}
