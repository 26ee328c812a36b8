package follow

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// ghostEvery is the time between two checks of a message without an event.
const ghostEvery = time.Minute

// batch matches the messages of one fetch.
func (w *work) batch(ctx context.Context, b readBatch) error {
	p, known := w.state.Partitions[b.Partition]
	if !known {
		p = newPartition()
		w.routing.count(len(w.state.Partitions)+1, w.Now())
	}
	if b.Gap != nil {
		if err := w.gap(ctx, *b.Gap, &p); err != nil {
			return err
		}
	}
	behind, err := w.histories(ctx, b.arrivals, p)
	if err != nil {
		return err
	}
	if err := w.loadClosedOf(ctx, b.arrivals, behind); err != nil {
		return err
	}
	keepsUp := b.End-b.Next <= maxBehind
	for i := range b.arrivals {
		a := &b.arrivals[i]
		if err := w.arrived(ctx, a, behind, &p); err != nil {
			return err
		}
		if keepsUp && a.key != "" && !a.outside {
			w.step.commit.Changed[a.key] = true
		}
	}
	p.Next, p.End, p.Taken = b.Next, b.End, max(p.Taken, b.number)
	w.state.Partitions[b.Partition] = p
	w.step.messages += len(b.arrivals) + 1
	return nil
}

// gap notes a hole. Events that are stored now and are not seen later may have been in it.
func (w *work) gap(ctx context.Context, g Gap, p *PartitionState) error {
	h, err := w.Store.Horizon(ctx)
	if err != nil {
		return err
	}
	w.state.UncertainTo = max(w.state.UncertainTo, h.Position)
	w.step.commit.Gaps++
	if g.Kind == GapTruncated {
		p.ReplayTo = max(p.ReplayTo, g.Expected)
		w.recent, w.unsure = lastMessages{}, unsureOrder{} // the topic may have been created again, with other partitions
		w.stored.check = nil                               // it waits for an end that may never come again
	}
	w.Log.WarnContext(ctx, "the stream has a hole", slog.Int("partition", g.Partition), slog.String("kind", string(g.Kind)),
		slog.Int64("expected", g.Expected), slog.Int64("got", g.Got))
	if g.Kind == GapUnreadable {
		w.find(w.topicKey(fmt.Sprintf(", partition %d, offsets %d to %d", g.Partition, g.Expected, g.Got-1)), compare.Gap, compare.SchemaDrift, nil, false)
		return nil
	}
	w.find(w.topicKey(fmt.Sprintf(", partition %d", g.Partition)), compare.Gap, compare.RetentionGap, nil, false)
	return nil
}

// histories reads the histories of orders whose message comes after newer ones of its partition, if the order's last
// message is not remembered. Only then may an order's own events be in the wrong order.
func (w *work) histories(ctx context.Context, arrivals []arrival, p PartitionState) (map[order.Key][]order.Event, error) {
	newest := p.Newest
	asked := map[order.Key]bool{}
	var keys []order.Key
	for i := range arrivals {
		a := &arrivals[i]
		at, key := a.position, a.key
		if !a.outside && at < newest && at != order.NoPosition && key != "" && a.Key != nil && !w.replayed(a.Offset, at, p) && !asked[key] {
			if _, known := w.recent.of(key); !known {
				asked[key] = true
				keys = append(keys, key)
			}
		}
		if !a.outside {
			newest = max(newest, at)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return w.Store.Histories(ctx, keys)
}

// arrived matches one message.
func (w *work) arrived(ctx context.Context, a *arrival, behind map[order.Key][]order.Event, p *PartitionState) error {
	if a.ignored {
		return nil
	}
	if a.outside {
		w.tellOutside(a)
		return nil
	}
	at, key := a.position, a.key
	replayed := w.replayed(a.Offset, at, *p)
	if a.anonymous() || key == "" {
		w.unreadable(a)
		w.find(w.topicKey(", unreadable"), compare.Differs, compare.SchemaDrift, nil, false)
		if a.stored && a.storedKey == "" { // an event without an order, published in the same form
			w.shown(at, a.id, w.topicKey(", unreadable"), replayed)
		}
		return nil
	}
	if err := w.judgeKey(ctx, a); err != nil {
		return err
	}
	if p.First == order.NoPosition && a.stored { // a message without an event says nothing about where the stream begins, or about earlier events
		p.First = at
	}
	if a.Key != nil && !replayed && w.disordered(a, behind, *p) {
		w.find(key, compare.Disorder, compare.DisorderedPublish, ofEvent(a.id), false)
	}
	if !a.stored {
		now := w.Now()
		w.unsure.wait(a, w.recent, replayed)
		w.step.commit.Unmatched = append(w.step.commit.Unmatched, UnmatchedMessage{
			Partition: a.Partition, Offset: a.Offset, Value: a.kept(), FirstSeen: now, Due: now.Add(w.Window),
		})
		return nil
	}
	p.Newest = max(p.Newest, at)
	w.recent.note(key, at, a.Partition, a.Time)
	w.unsure.passed(a)
	w.matched(a, replayed)
	return nil
}

// unreadable says where a message is that has no readable order, for the first one in a commit.
func (w *work) unreadable(a *arrival) {
	if _, twice := w.step.found[foundKey{w.topicKey(", unreadable"), compare.SchemaDrift}]; !twice {
		w.Log.Warn("a message cannot be read", slog.Int("partition", a.Partition), slog.Int64("offset", a.Offset), slog.Any("error", a.drift))
	}
}

// disordered returns true if a newer event of the same order came before.
func (w *work) disordered(a *arrival, behind map[order.Key][]order.Event, p PartitionState) bool {
	at := a.position
	if at >= p.Newest || at == order.NoPosition {
		return false
	}
	if last, known := w.recent.of(a.key); known {
		s := last.in(a.Partition)
		return s != nil && s.newest > at
	}
	if w.routing.moved && a.Time.Before(w.routing.settled) { // the newer event may have come from another partition
		return false
	}
	for _, e := range behind[a.key] {
		if e.Position > at && w.seen(e.Position) == seenBefore {
			return true
		}
	}
	return false
}

// matched notes the result of comparing a message with its event.
func (w *work) matched(a *arrival, replayed bool) {
	key := a.storedKey
	if key == "" { // the stored event has no order, but the message has
		key = a.key
	}
	if len(a.differs) > 0 || a.drift != nil {
		cause := compare.WrongPublish
		if a.drift != nil {
			cause = compare.SchemaDrift
		}
		w.find(key, compare.Differs, cause, append(ofEvent(a.id), a.differs...), false)
	}
	w.shown(a.position, a.id, key, replayed)
	w.matchedTwins(a)
}

// shown notes that a stored event is on the stream.
func (w *work) shown(at order.Position, id order.ID, key order.Key, replayed bool) {
	switch w.seen(at) {
	case seenBefore:
		if !replayed {
			w.find(key, compare.Duplicate, compare.DuplicatePublish, ofEvent(id), false)
		}
	case notSeen:
		w.mark(at)
		if at <= w.state.Evidence.Checked {
			w.step.commit.Arrived = append(w.step.commit.Arrived, at)
		}
	case notClaimed:
	}
}

type foundKey struct {
	key   order.Key
	cause compare.Cause
}

// find notes a finding, once for each order and cause in a commit. again is true if the same finding was made before.
func (w *work) find(key order.Key, kind compare.Kind, cause compare.Cause, fields []compare.FieldDifference, again bool) {
	id := foundKey{key, cause}
	if i, twice := w.step.found[id]; twice {
		w.step.commit.Findings[i].Again = w.step.commit.Findings[i].Again && again
		return
	}
	w.step.found[id] = len(w.step.commit.Findings)
	w.step.commit.Findings = append(w.step.commit.Findings, Finding{
		Mismatch: compare.Mismatch{Key: key, Kind: kind, Hop: order.EventsToStream, Cause: cause, Fields: fields},
		Seen:     w.Now(), Again: again,
	})
}

// topicKey is used if a finding has no order. No order's key looks like it.
func (w *work) topicKey(detail string) order.Key {
	return order.Key("(topic " + w.Topic + detail + ")")
}

// judgeUnmatched compares messages that had no event with the store again.
func (w *work) judgeUnmatched(ctx context.Context) error {
	if err := w.commit(ctx); err != nil { // those of this process are in the ledger then
		return err
	}
	now := w.Now()
	due, waiting, err := w.Ledger.DueUnmatched(ctx, w.Fingerprint, now, unmatchedBatch)
	if err != nil {
		return err
	}
	w.waiting = waiting
	if len(due) == 0 {
		return nil
	}
	messages := make([]Message, len(due))
	for i, s := range due {
		messages[i] = Message{Partition: s.Partition, Offset: s.Offset, Value: s.Value}
	}
	arrivals, err := w.arrivals(ctx, messages)
	if err != nil {
		return err
	}
	if err := w.loadClosedOf(ctx, arrivals, nil); err != nil {
		return err
	}
	if err := w.passOverOrders(ctx, arrivals); err != nil {
		return err
	}
	archived, err := w.archived(ctx, due, arrivals)
	if err != nil {
		return err
	}
	for i, s := range due {
		a := &arrivals[i]
		if archived[i] || a.outside {
			w.step.commit.Matched = append(w.step.commit.Matched, s)
			if s.Ghost {
				w.step.commit.MatchedOrders = append(w.step.commit.MatchedOrders, a.key)
			}
			continue
		}
		if a.stored {
			if w.unsure.disordered(a) {
				w.find(a.key, compare.Disorder, compare.DisorderedPublish, ofEvent(a.id), false)
			}
			w.matched(a, w.replayed(s.Offset, a.position, w.state.Partitions[s.Partition]))
			w.step.commit.Matched = append(w.step.commit.Matched, s)
			w.step.commit.MatchedOrders = append(w.step.commit.MatchedOrders, a.key)
			continue
		}
		w.find(a.key, compare.Phantom, compare.GhostPublish, nil, s.Ghost)
		s.Ghost, s.Due = true, now.Add(max(w.Window, ghostEvery))
		w.step.commit.Unmatched = append(w.step.commit.Unmatched, s)
	}
	return w.commit(ctx)
}
