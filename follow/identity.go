package follow

import (
	"context"
	"errors"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// errForeignID is why a message cannot be matched if its id does not have the type of the store's ids.
var errForeignID = errors.New("the message's id is not of the type of the store's ids")

// canonicalID returns an id as the store prints it. It is empty if positions identify events, and false for text that cannot
// be an id of the store.
func canonicalID(t order.KeyType, id order.ID) (order.ID, bool) {
	if t == "" {
		return "", true
	}
	key, ok := order.CanonicalKey(t, string(id))
	return order.ID(key), ok
}

// Finder finds stored events by their ids. Every [EventStore] does.
type Finder interface {
	RowsByID(ctx context.Context, ids []order.ID, fn func(order.StoredRow) error) error
}

// positionsOf returns where events with these ids are stored, as far as they are.
func positionsOf(ctx context.Context, store Finder, ids []order.ID) (map[order.ID]order.Position, error) {
	at := make(map[order.ID]order.Position, len(ids))
	err := store.RowsByID(ctx, ids, func(row order.StoredRow) error {
		at[order.ID(row.ID)] = row.Position
		return nil
	})
	return at, err
}

// ofEvent names a stored event in a finding, if events have ids. Of several events, the first is named.
func ofEvent(id order.ID) []compare.FieldDifference {
	if id == "" {
		return nil
	}
	return []compare.FieldDifference{{Name: "event_id", Events: &order.Value{Text: string(id)}}}
}

// place is where an event is stored.
type place struct {
	position order.Position
	key      order.Key // empty if it has no order
}

// lookUp asks the store for the events of messages, and calls fn for each message with each of its events.
func lookUp[K comparable](arrivals []arrival, of func(*arrival) (K, bool), ask func([]K, func(order.StoredRow) error) error,
	is func(order.StoredRow) K, fn func(int32, order.StoredRow),
) error {
	asked := make([]K, 0, len(arrivals))
	at := make(map[K]int32, len(arrivals)) // the last arrival with that identity
	for i := range arrivals {
		k, ok := of(&arrivals[i])
		if !ok {
			continue
		}
		if other, twice := at[k]; twice {
			arrivals[i].next = other
		} else {
			asked = append(asked, k)
		}
		at[k] = int32(i) //nolint:gosec // a batch is far smaller
	}
	return ask(asked, func(row order.StoredRow) error {
		last, found := at[is(row)]
		for i := last; found && i >= 0; i = arrivals[i].next {
			fn(i, row)
		}
		return nil
	})
}

// matchByID compares a message with an event that has its id. If the store has several, the message publishes one that it
// agrees with; the others are its twins.
func (f *Follower) matchByID(a *arrival, r *reading, row order.StoredRow) {
	if !a.stored {
		f.match(a, r, row)
		return
	}
	other := arrival{Message: a.Message, next: a.next, position: order.NoPosition}
	reading := f.read(&other)
	f.match(&other, &reading, row)
	twins, loser := a.twins, &other
	if (a.drift != nil || len(a.differs) > 0) && other.drift == nil && len(other.differs) == 0 {
		was := *a
		*a, *r, loser = other, reading, &was
	}
	a.twins = append(twins, place{loser.position, loser.storedKey})
}

// matchedTwins reports several stored events with the id of one message. All of them count as published.
func (w *work) matchedTwins(a *arrival) {
	for _, twin := range a.twins {
		if twin.key == "" {
			twin.key = a.key
		}
		w.find(twin.key, compare.Duplicate, compare.SchemaDrift, ofEvent(a.id), false)
		w.find(a.key, compare.Duplicate, compare.SchemaDrift, ofEvent(a.id), false)
		if w.seen(twin.position) == notSeen {
			w.shown(twin.position, a.id, twin.key, false)
		}
	}
}
