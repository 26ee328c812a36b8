package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// arrival is a message as it came, its content, and what the store says about it.
type arrival struct {
	Message
	id       order.ID       // as the store spells it; empty if it is not an id, or if positions identify events
	position order.Position // of the stored event, or as the message says; NoPosition if neither is known
	key      order.Key      // as the store spells it; empty if it is not a key
	drift    error          // why it cannot be read as agreed
	ignored  bool           // of another system, or it changes nothing
	outside  bool           // of an order that is not in the slice
	next     int32          // a message of the same event in the same batch; -1 if none

	stored    bool
	storedKey order.Key // of the stored event
	differs   []compare.FieldDifference
	twins     []place // other stored events with its id
}

// anonymous is true if nothing says of which event the message is.
func (a *arrival) anonymous() bool { return a.id == "" && a.position == order.NoPosition }

// kept is what is stored of a message that waits for its event. One that is too large to be decoded may be of any size, so only
// its place is kept; what it says is a finding then, as it is with the whole message.
func (a *arrival) kept() []byte {
	if len(a.Value) <= 2*order.MaxPayload {
		return bytes.Clone(a.Value)
	}
	if a.id != "" {
		return fmt.Appendf(nil, `{"event_id": %q, "order_id": %q}`, string(a.id), string(a.key))
	}
	return fmt.Appendf(nil, `{"event_id": %d, "order_id": %q}`, int64(a.position), string(a.key))
}

var (
	// errForeignKey is why a message cannot be matched if its order's key does not have the type of the store's keys.
	errForeignKey = errors.New("the order's key is not of the type of the store's keys")
	// errNoOrder is why a stored event cannot agree with a message.
	errNoOrder = errors.New("the stored event has no order")
)

// reading is the content of a message while it waits for its stored event.
type reading struct {
	flat  order.Flat
	event *order.Event // nil for a message of the usual form, which is decoded only if necessary
	// stored is the stored event, if the message in its own form differs from it; nil if it does not, or if there is no
	// event that can be read.
	stored *order.Event
}

// read fills in the content of the message; a message of the usual form is not decoded.
func (f *Follower) read(a *arrival) reading {
	if flat, ok := order.ReadFlat(a.Value, f.Rules); ok && a.Problem == nil {
		key, isKey := order.CanonicalKey(f.KeyType, string(flat.Key))
		if id, isID := canonicalID(f.IDType, flat.ID); isKey && isID {
			a.id, a.position, a.key = id, flat.Position, key
			return reading{flat: flat}
		}
	}
	e, err := f.decode(a.Message)
	if a.ignored = f.Rules.PassesOver(a.Value, e); a.ignored {
		return reading{event: &e}
	}
	a.id, a.position, a.key, a.drift = e.ID, e.Position, e.Key, err
	return reading{event: &e}
}

func (f *Follower) decode(m Message) (order.Event, error) {
	return decodeMessage(m, f.Rules, f.KeyType, f.IDType)
}

// harmful returns an error of decoding; nil if the event is still usable.
func harmful(err error) error {
	if schema, ok := errors.AsType[*order.SchemaError](err); ok && schema.Harmless() {
		return nil
	}
	return err
}

var (
	errTombstone = errors.New("it has no value (a tombstone)")
	errRegistry  = errors.New("it is not JSON: its first byte is 0, as in Avro or Protobuf messages of a schema registry")
)

// decodeMessage decodes a message. A key that no order of the store can have counts as no key, and so does an id.
func decodeMessage(m Message, v *order.Rules, t, ids order.KeyType) (order.Event, error) {
	e, err := order.DecodeMessage(m.Value, v)
	switch err = harmful(err); {
	case m.Problem != nil:
		e.Said, err = nil, m.Problem
	case len(m.Value) == 0:
		err = errTombstone
	case err != nil && m.Value[0] == 0:
		err = errRegistry
	}
	if id, ok := canonicalID(ids, e.ID); ok {
		e.ID = id
	} else if e.ID = ""; err == nil {
		err = errForeignID
	}
	// An invalid key must never reach a query: the store would refuse it again and again at the same message.
	if e.Key, _ = order.CanonicalKey(t, string(e.Key)); e.Key == "" && err == nil {
		err = errForeignKey
	}
	return e, err
}

// match compares the message with its stored event. It decodes both only if a quick comparison does not find them
// equal.
func (f *Follower) match(a *arrival, r *reading, row order.StoredRow) {
	a.stored = true
	a.position = row.Position
	if r.event == nil && r.flat.Agrees(row, a.key) {
		a.storedKey, a.differs = a.key, nil
		return
	}
	if r.event == nil {
		e, _ := f.decode(a.Message)
		r.event = &e
	}
	stored, err := order.Decode(row.Raw(), f.Rules)
	a.storedKey, a.differs = stored.Key, compare.Published(stored, *r.event)
	if row.Key == nil {
		err = errNoOrder
	}
	if harmful(err) == nil && (a.drift != nil || len(a.differs) > 0) {
		r.stored = &stored
	}
	if a.drift == nil { // the event's own problem is not the message's fault
		a.drift = harmful(err)
	}
}

// arrivals reads messages, and compares each with its stored event. It changes nothing in a running follower, and is
// safe for concurrent use.
func (f *Follower) arrivals(ctx context.Context, messages []Message) ([]arrival, error) {
	arrivals := make([]arrival, len(messages))
	readings := make([]reading, len(messages))
	for i, m := range messages {
		a := &arrivals[i]
		a.Message, a.next, a.position = m, -1, order.NoPosition
		readings[i] = f.read(a)
	}
	var err error
	if f.IDType != "" {
		err = lookUp(arrivals, func(a *arrival) (order.ID, bool) { return a.id, a.id != "" },
			func(ids []order.ID, fn func(order.StoredRow) error) error { return f.Store.RowsByID(ctx, ids, fn) },
			func(row order.StoredRow) order.ID { return order.ID(row.ID) },
			func(i int32, row order.StoredRow) { f.matchByID(&arrivals[i], &readings[i], row) })
	} else {
		err = lookUp(arrivals, func(a *arrival) (order.Position, bool) { return a.position, a.position != order.NoPosition },
			func(at []order.Position, fn func(order.StoredRow) error) error { return f.Store.Rows(ctx, at, fn) },
			func(row order.StoredRow) order.Position { return row.Position },
			func(i int32, row order.StoredRow) { f.match(&arrivals[i], &readings[i], row) })
	}
	if err == nil {
		err = f.passOver(ctx, arrivals)
	}
	if err != nil {
		return arrivals, err
	}
	return arrivals, f.upcast(ctx, arrivals, readings)
}

// upcast looks again at messages that differ from the stored event.
func (f *Follower) upcast(ctx context.Context, arrivals []arrival, readings []reading) error {
	u, ok := f.Store.(Upcaster)
	if !ok {
		return nil
	}
	var all []otherwise
	for i, r := range readings {
		if r.stored != nil {
			all = append(all, otherwise{arrivals[i].Value, *r.stored, r.event, &arrivals[i].drift})
		}
	}
	err := reread(ctx, u, f.Rules, f.KeyType, all)
	for i, r := range readings {
		if r.stored != nil {
			arrivals[i].differs = compare.Published(*r.stored, *r.event)
		}
	}
	return err
}
