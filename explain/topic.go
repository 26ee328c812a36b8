package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

// topicTime is how long a topic is read for one order. A topic cannot be read by order.
const topicTime = 6 * time.Second

// onTopic is an order according to the topic.
type onTopic struct {
	found follow.OrderOnTopic
	facts compare.Streamed
	// missed is why the topic was not read completely; nil if it was.
	missed error
}

// TopicRead says how much of the topic was read for one order.
type TopicRead struct {
	Complete bool   `json:"complete"` // every message that could belong to the order was read, or all that are due were found
	Reason   string `json:"reason,omitempty"`
	Messages int    `json:"messages"` // of the order
	Read     int64  `json:"read"`     // of all orders
	Held     int64  `json:"held"`     // that the topic has
}

// Why a topic was read in part.
var (
	errEventMissing = errors.New("the part of the topic that was read does not have every event")
	errNotToTheEnd  = errors.New("it was not read to its end")
)

// readTopic reads what the topic holds of an order. It never fails: it records what could not be read, and reports the
// rest. It reads the history again after the topic, because events that were stored in the meantime make another
// version.
func (x *Explainer) readTopic(ctx context.Context, l look) *onTopic {
	t := &onTopic{facts: compare.Streamed{Stored: l.Events, Due: l.At.Add(-x.Comparison.Settle.Window)}}
	t.missed = x.consume(ctx, l.Key, t)
	later, err := x.Comparison.Events.Histories(ctx, []order.Key{l.Key})
	if err != nil {
		t.missed = cmp.Or(t.missed, err)
		return t
	}
	judged := make([]bool, len(t.found.Messages))
	if x.Stream.Judged != nil && len(judged) > 0 {
		if judged, err = x.Stream.Judged(ctx, t.found.Messages); err != nil {
			t.missed = cmp.Or(t.missed, err)
			return t
		}
	}
	for i, m := range t.found.Messages {
		if !isLater(m.Event, l.Events, later[l.Key]) {
			t.facts.Messages = append(t.facts.Messages, compare.StreamedMessage{Event: m.Event, Partition: m.Partition, Keyed: m.Keyed, Drift: m.Drift, Judged: judged[i]})
		}
	}
	t.facts.Whole = t.missed == nil && t.found.Whole()
	if t.missed == nil && t.facts.Diagnose().Verdict == compare.Unverified {
		t.missed = errEventMissing
	}
	return t
}

// consume reads the order's messages, and the beginning of the topic if not all events are among them.
func (x *Explainer) consume(ctx context.Context, key order.Key, t *onTopic) error {
	ctx, cancel := context.WithTimeout(ctx, topicTime)
	defer cancel()
	r, err := x.Stream.Open(ctx)
	if err != nil {
		return err
	}
	if t.found, err = r.Read(ctx, key, t.facts.Stored); err != nil {
		if t.found.Read > 0 && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("%w within %s", errNotToTheEnd, topicTime)
		}
		return err
	}
	for _, e := range t.facts.Stored {
		if !amongst(t.found.Messages, e) {
			t.facts.From, err = r.Begins(ctx, t.found)
			return err
		}
	}
	return nil
}

func amongst(messages []follow.OrderMessage, event order.Event) bool {
	return slices.ContainsFunc(messages, func(m follow.OrderMessage) bool { return m.Event.Identity() == event.Identity() })
}

// isLater returns true for an event that was stored after the history had been read.
func isLater(event order.Event, was, is []order.Event) bool {
	there := func(e order.Event) bool { return e.Identity() == event.Identity() }
	return !slices.ContainsFunc(was, there) && slices.ContainsFunc(is, there)
}

// diagnose says how the topic differs from the store, as far as it was read.
func (t *onTopic) diagnose() compare.Diagnosis {
	d := t.facts.Diagnose()
	if d.Verdict == compare.Unverified && t.found.Read == 0 {
		d.Reason, d.PartsAt = "the rows agree with the events; the stream could not be read", nil
	}
	return d
}

// consumed returns the order as a consumer of the topic has it; false if that is not known.
func (x *Explainer) consumed(t *onTopic) (map[string]*string, bool) {
	events, claimed := t.facts.Consumed()
	if !claimed || len(t.facts.Messages) == 0 && t.missed != nil {
		return nil, false
	}
	state, _ := order.Fold(events)
	return x.stateValues(&state), true
}

// read says what was read. An event that the follower has reported as lost need not be looked for.
func (t *onTopic) read(found []Finding) *TopicRead {
	r := &TopicRead{Complete: t.missed == nil, Messages: len(t.facts.Messages), Read: t.found.Read, Held: t.found.Held}
	lost := slices.ContainsFunc(found, func(f Finding) bool { return f.Cause == compare.LostPublish })
	switch older := t.older(); {
	case errors.Is(t.missed, errEventMissing) && lost:
		r.Complete = true
	case t.missed != nil:
		r.Reason = strings.Join(strings.Fields(t.missed.Error()), " ")
	case t.archived() > 0:
		r.Reason = fmt.Sprintf("messages of events that the store does not have any more (%d) are not judged, as by the follower", t.archived())
	case older > 0:
		r.Reason = fmt.Sprintf("the topic begins with event %d; older events of the order (%d) are taken from the store", t.facts.From, older)
		if t.facts.From == follow.NothingHeld {
			r.Reason = "the topic holds no events yet, or no longer holds any"
		}
	}
	return r
}

// archived counts the messages that the follower has judged and whose events are not stored.
func (t *onTopic) archived() (n int) {
	for _, m := range t.facts.Messages {
		if m.Judged && !slices.ContainsFunc(t.facts.Stored, func(e order.Event) bool { return e.Identity() == m.Event.Identity() }) {
			n++
		}
	}
	return n
}

// older counts the events from before the topic begins.
func (t *onTopic) older() (n int) {
	for _, e := range t.facts.Stored {
		if e.Position < t.facts.From {
			n++
		}
	}
	return n
}

func (t *onTopic) moments() []Moment {
	var out []Moment
	messages := slices.Clone(t.found.Messages) // partitions are read at the same time
	slices.SortStableFunc(messages, func(a, b follow.OrderMessage) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	for _, m := range messages {
		what := fmt.Sprintf("%s (partition %d, offset %d)", m.Event.Type, m.Partition, m.Offset)
		out = append(out, Moment{At: m.Time, Source: string(order.Stream), Event: m.Event.Position.String(), ID: string(m.Event.ID), What: what, position: m.Event.Position})
	}
	return out
}
