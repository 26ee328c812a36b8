package follow

import (
	"context"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Upcaster is an EventStore that does not give its events as they are stored: events of old versions become what they are
// called today. Whoever publishes may know nothing of that.
type Upcaster interface {
	// Upcast reads each message as if it were stored in the place of the event at its position: not at all, or in several
	// ways where it is not known which of the stored columns it was made of. It is safe for concurrent use.
	Upcast(ctx context.Context, messages []order.RawEvent) ([][]Upcast, error)
}

// Upcast is a message as the store would read it.
type Upcast struct {
	Event order.RawEvent
	// AsStored is true if its payload and type are those that are stored. Only then agreement proves anything: what the
	// store reads may come from what is stored beside them.
	AsStored bool
}

// otherwise is a message that does not say what is stored, as it stands.
type otherwise struct {
	value  []byte
	stored order.Event
	event  *order.Event // what it says
	drift  *error       // why it cannot be read as it should
}

// reread reads messages as the store reads its own events. One that is what is stored agrees then. One that could not be read
// and says something else than what is stored is told by that.
func reread(ctx context.Context, u Upcaster, v order.Vocabulary, t order.KeyType, all []otherwise) error {
	var asked []order.RawEvent
	var of []otherwise
	for _, o := range all {
		if raw, ok := order.ReadMessage(o.value); ok && raw.Position == o.stored.Position && len(raw.Payload) <= order.MaxPayload {
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
