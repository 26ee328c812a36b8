package follow

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// TimedStream is a Stream that knows the times of its messages.
type TimedStream interface {
	Stream
	// OffsetsAt returns, by partition, the offset of the first message that is not older than a time. It leaves out
	// partitions without one.
	OffsetsAt(ctx context.Context, at time.Time) (map[int]int64, error)
}

// OrderReader reads what a topic holds of one order. A topic has no index. If that is within Limit, it is read from
// shortly before the order's first event to its end; otherwise only around the times of its events. Times are a hint
// and prove nothing: if an event is not found, the rest is read too, as far as the limit allows.
type OrderReader struct {
	Stream  TimedStream
	Rules   *order.Rules
	KeyType order.KeyType
	IDType  order.KeyType // as in [Follower]
	// Events finds events by their ids; nil if they are matched by positions.
	Events Finder
	// Store reads messages of old versions as it reads its own events; nil if there are no old versions.
	Store Upcaster
	// Margin is how much earlier or later than its event a message is looked for.
	Margin time.Duration
	// Limit is the most messages that are read.
	Limit int64
}

// OrderOnTopic is what was read of one order.
type OrderOnTopic struct {
	Messages []OrderMessage // as a consumer gets them
	Read     int64          // offsets that were read, mostly of other orders
	Held     int64          // offsets that the topic has
	// Lost is true if messages were deleted during the read.
	Lost bool
}

// Whole is true if the whole topic was read, so that an event that was not found is not there.
func (o OrderOnTopic) Whole() bool { return o.Read >= o.Held && !o.Lost }

// OrderMessage is one message of an order.
type OrderMessage struct {
	Partition int
	Offset    int64
	Time      time.Time
	Keyed     bool // the producer set a key: the order's messages are in one partition
	Event     order.Event
	Drift     error // why it cannot be read as agreed
	value     []byte
}

// Read looks for an order with this stored history. Without a history it reads the topic's newest messages. With an
// error it returns what was read before it.
func (r *OrderReader) Read(ctx context.Context, key order.Key, stored []order.Event) (OrderOnTopic, error) {
	partitions, err := r.Stream.Partitions(ctx)
	if err != nil {
		return OrderOnTopic{}, err
	}
	reading := newSearch(r, key, partitions)
	err = reading.run(ctx, stored)
	reading.place(stored)
	err = errors.Join(err, reading.upcast(ctx, stored))
	slices.SortStableFunc(reading.found.Messages, inTurn(reading.found.Messages))
	return reading.found, err
}

// place gives messages the positions of their events.
func (r *search) place(stored []order.Event) {
	at := make(map[order.ID]order.Position, len(stored))
	for _, e := range stored {
		at[e.ID] = e.Position
	}
	for i := range r.found.Messages {
		e := &r.found.Messages[i].Event
		if position, known := at[e.ID]; known && e.ID != "" && e.Position == order.NoPosition {
			e.Position = position
		}
	}
}

// upcast reads messages that an old version wrote in another form.
func (r *search) upcast(ctx context.Context, stored []order.Event) error {
	if r.Store == nil {
		return nil
	}
	var all []otherwise
	for i := range r.found.Messages {
		m := &r.found.Messages[i]
		at := slices.IndexFunc(stored, func(e order.Event) bool { return e.Identity() == m.Event.Identity() && e.Said != nil })
		if at >= 0 && (m.Drift != nil || len(compare.Published(stored[at], m.Event)) > 0) {
			all = append(all, otherwise{m.value, stored[at], &m.Event, &m.Drift})
		}
	}
	return reread(ctx, r.Store, r.Rules, r.KeyType, all)
}

// inTurn is the order in which a consumer gets messages: by offset within a partition. Between partitions there is no
// order, so the events' own order is used.
func inTurn(all []OrderMessage) func(a, b OrderMessage) int {
	for _, m := range all {
		if m.Partition != all[0].Partition {
			return func(a, b OrderMessage) int {
				return cmp.Or(cmp.Compare(a.Event.Position, b.Event.Position), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
			}
		}
	}
	return func(a, b OrderMessage) int { return cmp.Compare(a.Offset, b.Offset) }
}

// search is the search for one order.
type search struct {
	*OrderReader
	key          order.Key
	firsts, ends map[int]int64 // partition → its bounds at the start
	next         map[int]int64 // partition → the end of the planned ranges so far

	mu    sync.Mutex
	at    map[int]int64 // partition → how far the present range was read
	found OrderOnTopic
}

func newSearch(r *OrderReader, key order.Key, partitions []Partition) *search {
	reading := &search{OrderReader: r, key: key, firsts: map[int]int64{}, ends: map[int]int64{}, next: map[int]int64{}}
	for _, p := range partitions {
		reading.firsts[p.Partition], reading.ends[p.Partition], reading.next[p.Partition] = p.First, p.End, p.First
		reading.found.Held += p.End - p.First
	}
	return reading
}

// smallPart of the limit is read without looking for a start.
const smallPart = 20

func (r *search) run(ctx context.Context, stored []order.Event) error {
	switch {
	case r.found.Held <= r.Limit/smallPart:
		return r.read(ctx, r.upTo(r.ends))
	case len(stored) == 0:
		for partition, end := range r.ends {
			r.next[partition] = max(r.firsts[partition], end-r.Limit/int64(len(r.ends)))
		}
		return r.read(ctx, r.upTo(r.ends))
	}
	times := make([]time.Time, len(stored))
	for i, e := range stored {
		times[i] = e.At
	}
	slices.SortFunc(times, time.Time.Compare)
	from, err := r.Stream.OffsetsAt(ctx, times[0].Add(-r.Margin))
	if err != nil {
		return err
	}
	behind := int64(0)
	for partition, end := range r.ends {
		r.next[partition] = r.clamp(partition, from)
		behind += end - r.next[partition]
	}
	if behind > r.Limit {
		return r.around(ctx, times)
	}
	begun := maps.Clone(r.next)
	if err := r.read(ctx, r.upTo(r.ends)); err != nil || r.complete(stored) || r.found.Held > r.Limit {
		return err
	}
	r.next = maps.Clone(r.firsts)
	return r.read(ctx, r.upTo(begun))
}

// complete returns true once every stored event has a message.
func (r *search) complete(stored []order.Event) bool {
	return !slices.ContainsFunc(stored, func(e order.Event) bool {
		return !slices.ContainsFunc(r.found.Messages, func(m OrderMessage) bool { return m.Event.Identity() == e.Identity() })
	})
}

// around reads windows around the times, as many as the limit allows.
func (r *search) around(ctx context.Context, times []time.Time) error {
	left := r.Limit
	for _, at := range times {
		from, err := r.Stream.OffsetsAt(ctx, at.Add(-r.Margin))
		if err != nil {
			return err
		}
		to, err := r.Stream.OffsetsAt(ctx, at.Add(r.Margin))
		if err != nil {
			return err
		}
		ends := map[int]int64{}
		for partition := range r.ends {
			start := max(r.next[partition], r.clamp(partition, from))
			end := min(max(start, r.clamp(partition, to)), start+left)
			left -= end - start
			r.next[partition], ends[partition] = start, end
		}
		if err := r.read(ctx, r.upTo(ends)); err != nil {
			return err
		}
	}
	return nil
}

// clamp returns the offset found in a partition; its end if there was none.
func (r *search) clamp(partition int, found map[int]int64) int64 {
	if offset, ok := found[partition]; ok {
		return min(offset, r.ends[partition])
	}
	return r.ends[partition]
}

// upTo returns the range from the end of the others.
func (r *search) upTo(ends map[int]int64) Range {
	out := Range{From: map[int]int64{}, To: map[int]int64{}}
	for partition, end := range ends {
		if from := r.next[partition]; from < end {
			out.From[partition], out.To[partition] = from, end
			r.next[partition] = end
		}
	}
	return out
}

func (r *search) read(ctx context.Context, to Range) error {
	r.at = maps.Clone(to.From)
	if len(to.To) == 0 {
		return nil
	}
	return r.Stream.Read(ctx, to, r.take)
}

// take keeps the messages of the order.
func (r *search) take(_ context.Context, b Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found.Lost = r.found.Lost || b.Gap != nil
	r.found.Read += max(0, b.Next-r.at[b.Partition])
	r.at[b.Partition] = b.Next
	for _, m := range b.Messages {
		if m, ok := r.ofOrder(m); ok {
			r.found.Messages = append(r.found.Messages, m)
		}
	}
	return nil
}

func (r *search) ofOrder(m Message) (OrderMessage, bool) {
	if r.KeyType == order.KeyInteger && !bytes.Contains(m.Value, []byte(r.key)) && string(m.Key) != string(r.key) {
		return OrderMessage{}, false // decoding takes most of the time
	}
	event, drift := decodeMessage(m, r.Rules, r.KeyType, r.IDType)
	if r.Rules.PassesOver(m.Value, event) {
		return OrderMessage{}, false
	}
	if event.Key != r.key && (event.Key != "" || string(m.Key) != string(r.key)) {
		return OrderMessage{}, false
	}
	event.Key = r.key
	return OrderMessage{Partition: m.Partition, Offset: m.Offset, Time: m.Time, Keyed: len(m.Key) > 0, Event: event, Drift: drift, value: bytes.Clone(m.Value)}, true
}

// begins returns the position from which the order's own messages show that the topic holds it; NothingHeld if they do
// not. A partition loses its oldest messages first.
func (o OrderOnTopic) begins() order.Position {
	first := NothingHeld
	for _, m := range o.Messages {
		if !m.Keyed || m.Partition != o.Messages[0].Partition {
			return NothingHeld
		}
		if m.Event.Position != order.NoPosition {
			first = min(first, m.Event.Position)
		}
	}
	return first
}

// errFirstRead ends the search for a partition's first event.
var errFirstRead = errors.New("the first event was read")

// NothingHeld is the beginning of a topic without messages.
const NothingHeld = order.Position(math.MaxInt64)

// errUnreadableStart is why the beginning of a topic is not known.
var errUnreadableStart = errors.New("the topic's first messages cannot be read")

// Begins returns the position from which a topic should hold every event of an order, judged by its first messages and
// those of the order. Publishing may have begun long after the store, and old messages are deleted.
func (r *OrderReader) Begins(ctx context.Context, o OrderOnTopic) (order.Position, error) {
	all, err := r.allBegin(ctx)
	return min(all, o.begins()), err
}

// allBegin is the same for all orders.
func (r *OrderReader) allBegin(ctx context.Context) (order.Position, error) {
	partitions, err := r.Stream.Partitions(ctx)
	if err != nil {
		return 0, err
	}
	whole, cut := order.NoPosition, order.NoPosition
	for _, p := range partitions {
		if p.End == p.First {
			if p.First > 0 {
				return NothingHeld, nil
			}
			continue
		}
		first, err := r.first(ctx, p)
		if err != nil {
			return 0, fmt.Errorf("reading the first message of partition %d: %w", p.Partition, err)
		}
		if p.First > 0 {
			cut = max(cut, first)
		} else if whole == order.NoPosition || first < whole {
			whole = first
		}
	}
	if max(whole, cut) == order.NoPosition {
		return NothingHeld, nil // an empty topic: nothing has been published
	}
	return max(whole, cut), nil
}

// first returns the position of a partition's first event.
func (r *OrderReader) first(ctx context.Context, p Partition) (first order.Position, err error) {
	// A few messages, because one of another form is no reason to give up, and many of others.
	few, many := 20, int64(20_000)
	var events []order.Event
	to := Range{From: map[int]int64{p.Partition: p.First}, To: map[int]int64{p.Partition: min(p.End, p.First+many)}}
	err = r.Stream.Read(ctx, to, func(_ context.Context, b Batch) error {
		for _, m := range b.Messages {
			e, _ := decodeMessage(m, r.Rules, r.KeyType, r.IDType)
			if r.Rules.PassesOver(m.Value, e) {
				continue
			}
			if events = append(events, e); e.Position != order.NoPosition || len(events) == few {
				return errFirstRead
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errFirstRead) {
		return order.NoPosition, err
	}
	return r.firstStored(ctx, events)
}

// firstStored returns the position of the first message that has one, or whose event has one.
func (r *OrderReader) firstStored(ctx context.Context, events []order.Event) (order.Position, error) {
	at := map[order.ID]order.Position{}
	if r.Events != nil {
		var ids []order.ID
		for _, e := range events {
			if e.ID != "" {
				ids = append(ids, e.ID)
			}
		}
		var err error
		if at, err = positionsOf(ctx, r.Events, ids); err != nil {
			return order.NoPosition, err
		}
	}
	for _, e := range events {
		position, known := at[e.ID]
		if e.Position != order.NoPosition {
			return e.Position, nil
		}
		if known {
			return position, nil
		}
	}
	return order.NoPosition, errUnreadableStart
}
