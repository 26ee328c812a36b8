package explain

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Stream is what explain needs of the hop from the events to the stream.
type Stream struct {
	// Open connects to the topic. The result is closed with the context.
	Open func(context.Context) (Topic, error)
	// Found returns what the follower has found about an order and is still open.
	Found func(context.Context, order.Key) ([]verify.Divergence, error)
	// Judged reports of each message whether the follower has read it and does not miss its event; may be nil.
	Judged func(context.Context, []follow.OrderMessage) ([]bool, error)
}

// Topic reads what the topic holds of one order.
type Topic interface {
	// Read looks for the messages of an order with this history. With an error it returns what was read before it.
	Read(context.Context, order.Key, []order.Event) (follow.OrderOnTopic, error)
	// Begins is the position from which the topic should hold every event of the order.
	Begins(context.Context, follow.OrderOnTopic) (order.Position, error)
}

var _ Topic = (*follow.OrderReader)(nil)

// Finding is what following the stream has found about an order.
type Finding struct {
	Kind      compare.Kind  `json:"kind"`
	Cause     compare.Cause `json:"cause"`
	FirstSeen time.Time     `json:"first_seen"`
}

// onStream reads the topic for the order, and what the follower has found about it. If everything else agrees, the
// order can only differ there. If the topic cannot be read, that is not known.
func (x *Explainer) onStream(ctx context.Context, l *look, verdict compare.Verdict) (compare.Verdict, error) {
	if x.Stream == nil {
		return verdict, nil
	}
	l.topic = x.readTopic(ctx, *l)
	found, err := x.Stream.Found(ctx, l.Key)
	for _, d := range found {
		l.stream = append(l.stream, Finding{d.Mismatch.Kind, d.Mismatch.Cause, d.FirstSeen})
	}
	if err != nil || verdict != compare.Match {
		return verdict, err
	}
	if len(l.stream) > 0 {
		cause := l.stream[0].Cause
		l.diagnosis.Hop, l.diagnosis.Cause, l.diagnosis.Confidence = order.EventsToStream, cause, compare.High
		l.diagnosis.Reason = "the rows agree with the events; on the stream " + meaning(cause)
		return compare.Diverged, nil
	}
	d := l.topic.diagnose()
	if d.Verdict == compare.Lagging && !x.Once { // again, when everything that is stored now is due
		if err := x.pause(ctx); err != nil {
			return compare.Unverified, err
		}
		l.At = x.Comparison.Now()
		l.topic = x.readTopic(ctx, *l)
		d = l.topic.diagnose()
	}
	if d.Verdict != compare.Match {
		l.diagnosis.Hop, l.diagnosis.Cause, l.diagnosis.Confidence = d.Hop, d.Cause, d.Confidence
		l.diagnosis.Or, l.diagnosis.Reason, l.diagnosis.PartsAt = d.Or, d.Reason, d.PartsAt
	}
	return d.Verdict, nil
}

func meaning(c compare.Cause) string {
	for _, info := range compare.Causes() {
		if info.Cause == c {
			return info.Meaning
		}
	}
	return string(c)
}
