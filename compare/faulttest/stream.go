package faulttest

import (
	"errors"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// StreamFault is one thing that goes wrong between the event store and the topic.
type StreamFault struct {
	Name   string
	Causes []compare.Cause // those that are right
	plant  func(d dice, t *topic) bool
}

// message is an event as the topic has it.
type message struct {
	op
	partition int
	keyed     bool
}

// topic is what the store and the topic have of an order.
type topic struct {
	stored   []op
	from     order.Position
	messages []message
}

// StreamCase is an order in store and topic, at rest.
type StreamCase struct {
	Faults   []StreamFault
	Streamed compare.Streamed
	// Observable is true if the topic does not have what the store says, as it says it, once and in order.
	Observable bool
}

// Causes are those that are right.
func (c StreamCase) Causes() (out []compare.Cause) {
	for _, f := range c.Faults {
		out = append(out, f.Causes...)
	}
	return out
}

var errDrift = errors.New("a key has another name")

// Stream makes a case of these faults, or of none. It returns false if the order cannot have them.
func (l *Language) Stream(seed uint64, faults ...StreamFault) (StreamCase, bool) {
	d := l.roll(seed)
	t := &topic{stored: draw(d, mostOps)}
	if d.oneIn(4) {
		t.from = t.stored[d.index(len(t.stored))].position
	}
	first, second, moves := d.index(3), d.index(3), d.index(2*len(t.stored)) // partitions are added, and the key moves once
	for i, o := range t.stored {
		if o.position < t.from {
			continue
		}
		m := message{op: o, partition: first, keyed: true}
		if i >= moves {
			m.partition = second
		}
		t.messages = append(t.messages, m)
	}
	for _, f := range faults {
		if len(t.messages) == 0 || !f.plant(d, t) {
			return StreamCase{}, false
		}
	}
	due := t.stored[0].at
	for _, o := range t.stored {
		due = later(due, o.at)
	}
	c := StreamCase{Faults: faults, Observable: !t.right()}
	c.Streamed = compare.Streamed{Stored: l.events(t.stored), From: t.from, Due: due.Add(24 * time.Hour), Whole: true}
	for _, m := range t.messages {
		e := l.published(m.op)
		e.Partition, e.Keyed = m.partition, m.keyed
		e.Event.Position = placed(e.Event, c.Streamed.Stored)
		c.Streamed.Messages = append(c.Streamed.Messages, e)
	}
	return c, true
}

// placed is the position of a message, or of its event if the message has none.
func placed(message order.Event, stored []order.Event) order.Position {
	i := slices.IndexFunc(stored, func(e order.Event) bool { return e.Identity() == message.Identity() })
	if message.Position != order.NoPosition || i < 0 {
		return message.Position
	}
	return stored[i].Position
}

// right is true if the messages, each with its key, are what is stored.
func (t *topic) right() bool {
	due := slices.DeleteFunc(slices.Clone(t.stored), func(o op) bool { return o.position < t.from })
	return slices.EqualFunc(due, t.messages, func(o op, m message) bool { return o == m.op && m.keyed })
}

// StreamFaults lists every fault of the topic.
func StreamFaults() []StreamFault {
	f := func(name string, plant func(dice, *topic) bool, causes ...compare.Cause) StreamFault {
		return StreamFault{name, causes, plant}
	}
	altered := func(by func(dice, *world) bool) func(dice, *topic) bool {
		return func(d dice, t *topic) bool { return t.alter(d, by) }
	}
	return []StreamFault{
		f("message lost", loseMessage, compare.LostPublish),
		f("message twice", doubleMessage, compare.DuplicatePublish),
		f("messages of a range again", replayMessages, compare.DuplicatePublish, compare.DisorderedPublish),
		f("two messages in the wrong order", swapMessages, compare.DisorderedPublish),
		f("message late", lateMessage, compare.DisorderedPublish),
		f("message with another order's key", loseMessage, compare.LostPublish, compare.WrongPublish),
		f("message of another order", foreignMessage, compare.GhostPublish, compare.WrongPublish),
		f("message of something rolled back", ghostMessage, compare.GhostPublish),
		f("event deleted from the store behind its message", unstoreEvent, compare.GhostPublish),
		f("messages without a key", unkey, compare.UnkeyedPublish),
		f("two messages merged into one", altered(merge), compare.LostPublish, compare.WrongPublish),
		f("message split into two", splitMessage, compare.DuplicatePublish, compare.WrongPublish),
		f("message with another value", altered(alterStored), compare.WrongPublish),
		f("message with a rounded value", altered(roundStored), compare.WrongPublish, compare.FloatRounding),
		f("message with a value made a float", altered(floatStored), compare.WrongPublish, compare.FloatRounding),
		f("message with another type", altered(retype), compare.WrongPublish),
		f("message with a renamed key", altered(breakStored), compare.SchemaDrift),
		f("message in another time zone", altered(zoneStored), compare.WrongPublish, compare.TimezoneShift),
		f("message with another time", altered(shiftStored), compare.WrongPublish),
	}
}

// alter does to messages what is otherwise done to stored events.
func (t *topic) alter(d dice, by func(dice, *world) bool) bool {
	w := &world{}
	for _, m := range t.messages {
		w.stored = append(w.stored, m.op)
	}
	if !by(d, w) {
		return false
	}
	was := t.messages
	t.messages = nil
	for _, o := range w.stored {
		i := slices.IndexFunc(was, func(m message) bool { return m.position == o.position })
		t.messages = append(t.messages, message{op: o, partition: was[i].partition, keyed: was[i].keyed})
	}
	return true
}

func loseMessage(d dice, t *topic) bool {
	i := d.index(len(t.messages))
	t.messages = without(t.messages, i, i+1)
	return true
}

func doubleMessage(d dice, t *topic) bool {
	i := d.index(len(t.messages))
	t.messages = slices.Insert(slices.Clone(t.messages), i, t.messages[i])
	return true
}

func replayMessages(d dice, t *topic) bool {
	if len(t.messages) < 2 {
		return false
	}
	i := d.index(len(t.messages) - 1)
	j := d.farther(i, len(t.messages)+1)
	again := slices.Clone(t.messages[i:j])
	for n := range again {
		again[n].partition = t.messages[j-1].partition // keys have gone there by then
	}
	t.messages = slices.Insert(slices.Clone(t.messages), j, again...)
	return true
}

func swapMessages(d dice, t *topic) bool {
	if len(t.messages) < 2 {
		return false
	}
	i := d.index(len(t.messages) - 1)
	t.messages = slices.Clone(t.messages)
	a, b := &t.messages[i], &t.messages[i+1]
	a.op, b.op = b.op, a.op
	return true
}

func lateMessage(d dice, t *topic) bool {
	if len(t.messages) < 3 {
		return false
	}
	i := d.index(len(t.messages) - 2)
	j := d.farther(i, len(t.messages))
	t.messages = moved(t.messages, i, j)
	t.messages[j].partition = t.messages[j-1].partition
	return true
}

// beyond is a position that the store does not have.
func (t *topic) beyond() order.Position {
	return max(t.stored[len(t.stored)-1].position, t.messages[len(t.messages)-1].position) + 1
}

func foreignMessage(d dice, t *topic) bool {
	others := draw(d, 6)
	m := t.messages[len(t.messages)-1]
	o := pick(d, others)
	o.position, o.at = t.beyond(), m.at
	t.messages = append(slices.Clone(t.messages), message{op: o, partition: m.partition, keyed: m.keyed})
	return true
}

func ghostMessage(d dice, t *topic) bool {
	m := t.messages[len(t.messages)-1]
	m.op = op{in: d.in, kind: cancel, reason: "NEVER", position: t.beyond(), at: m.at.Add(time.Duration(d.between(1, 60)) * time.Second)}
	t.messages = append(slices.Clone(t.messages), m)
	return true
}

func unstoreEvent(d dice, t *topic) bool {
	position := pick(d, t.messages).position
	t.stored = slices.DeleteFunc(slices.Clone(t.stored), func(o op) bool { return o.position == position })
	return len(t.stored) > 0
}

// unkey spreads messages over partitions.
func unkey(d dice, t *topic) bool {
	if len(t.messages) < 2 {
		return false
	}
	t.messages = slices.Clone(t.messages)
	for i := range t.messages {
		t.messages[i].partition, t.messages[i].keyed = i%2, false
	}
	return true
}

func splitMessage(d dice, t *topic) bool {
	var fills []int
	for i, m := range t.messages {
		if (m.kind == part || m.kind == fill) && m.quantity > 1 {
			fills = append(fills, i)
		}
	}
	if len(fills) == 0 {
		return false
	}
	i := pick(d, fills)
	first, second := t.messages[i], t.messages[i]
	first.quantity = d.between(1, first.quantity-1)
	second.quantity -= first.quantity
	t.messages = slices.Insert(slices.Clone(t.messages), i+1, second)
	t.messages[i] = first
	return true
}
