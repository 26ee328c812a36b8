package follow

import (
	"context"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Upcaster is an EventStore that converts events of old versions to current ones. A publisher may still send the old
// form.
type Upcaster interface {
	// Upcast reads each message as if it were stored at its position. The result may be empty, or have several readings
	// if it is not known which stored columns the message was made from. It is safe for concurrent use.
	Upcast(ctx context.Context, messages []order.RawEvent) ([][]Upcast, error)
}

// Upcast is a message as the store would read it.
type Upcast struct {
	Event order.RawEvent
	// AsStored is true if its payload and type are the stored ones. Only then agreement is a proof, because the store
	// may read other stored columns as well.
	AsStored bool
}

// otherwise is a message that differs from the stored event in its own form.
type otherwise struct {
	value  []byte
	stored order.Event
	event  *order.Event // what it says
	drift  *error       // why it cannot be read as it should
}

// reread reads messages as the store reads its own events. A message in the stored form agrees then. A message that
// could not be read, and differs from the stored event, is reported with that difference.
func reread(ctx context.Context, u Upcaster, v *order.Rules, t order.KeyType, all []otherwise) error {
	var asked []order.RawEvent
	var of []otherwise
	for _, o := range all {
		if raw, ok := order.ReadMessage(o.value, v); ok && len(raw.Payload) <= order.MaxPayload {
			raw.Position = o.stored.Position
			asked, of = append(asked, raw), append(of, o)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	found, err := u.Upcast(ctx, asked)
	if err != nil {
		return err
	}
	for i, o := range of {
		for _, u := range found[i] {
			e, err := order.Decode(u.Event, v)
			e.Position, e.ID, e.Within = o.event.Position, o.event.ID, o.event.Within
			if e.Key, _ = order.CanonicalKey(t, string(e.Key)); harmful(err) != nil {
				continue
			}
			agrees := len(compare.Published(o.stored, e)) == 0
			if u.AsStored || !agrees && *o.drift != nil {
				*o.event, *o.drift = e, nil
			}
			if u.AsStored {
				break
			}
		}
	}
	return nil
}
