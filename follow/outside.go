package follow

import (
	"context"
	"log/slog"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// Sliced is an event store that may be restricted to a part of its events, the slice. The topic is not restricted.
type Sliced interface {
	// Sliced returns true if it is.
	Sliced() bool
	// OutsideAt returns the orders of those events at the positions that are stored and are not in the slice. It leaves
	// out events without an order.
	OutsideAt(ctx context.Context, positions []order.Position) (map[order.Position]order.Key, error)
	// OutsideByID is the same by the ids of events.
	OutsideByID(ctx context.Context, ids []order.ID) (map[order.ID]order.Key, error)
	// OutsideOrders returns those of the orders that have stored events, and none of them in the slice.
	OutsideOrders(ctx context.Context, keys []order.Key) ([]order.Key, error)
}

// sliced is the store if it is restricted; nil otherwise.
func (f *Follower) sliced() Sliced {
	if s, ok := f.Store.(Sliced); ok && s.Sliced() {
		return s
	}
	return nil
}

// passOver notes which messages publish an event outside of the slice, of the order that the message names. A message that
// names another order is judged, because that order may be in the slice.
func (f *Follower) passOver(ctx context.Context, arrivals []arrival) (err error) {
	s := f.sliced()
	if s == nil {
		return nil
	}
	var positions []order.Position
	var ids []order.ID
	for i := range arrivals {
		switch a := &arrivals[i]; {
		case a.stored || a.ignored || a.key == "":
		case f.IDType != "" && a.id != "":
			ids = append(ids, a.id)
		case f.IDType == "" && a.position != order.NoPosition:
			positions = append(positions, a.position)
		}
	}
	var at map[order.Position]order.Key
	var by map[order.ID]order.Key
	if len(positions) > 0 {
		at, err = s.OutsideAt(ctx, positions)
	}
	if len(ids) > 0 && err == nil {
		by, err = s.OutsideByID(ctx, ids)
	}
	for i := range arrivals {
		a := &arrivals[i]
		a.outside = !a.stored && a.key != "" && (at[a.position] == a.key || by[a.id] == a.key)
	}
	return err
}

// passOverOrders also passes over messages without any stored event if all events of their order are outside of the slice.
func (w *work) passOverOrders(ctx context.Context, arrivals []arrival) error {
	s := w.sliced()
	if s == nil {
		return nil
	}
	var keys []order.Key
	for i := range arrivals {
		if a := &arrivals[i]; !a.stored && !a.outside && a.key != "" {
			keys = append(keys, a.key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	outside, err := s.OutsideOrders(ctx, keys)
	for i := range arrivals {
		a := &arrivals[i]
		a.outside = a.outside || !a.stored && slices.Contains(outside, a.key)
	}
	return err
}

// tellOutside says once that messages are passed over.
func (w *work) tellOutside(a *arrival) {
	if w.toldOutside {
		return
	}
	w.toldOutside = true
	w.Log.Info("messages of orders outside of events.where are passed over", slog.Int("partition", a.Partition), slog.Int64("offset", a.Offset))
}
