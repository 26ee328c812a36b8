package verify

import (
	"context"

	"github.com/nordvarg/crosscheck/order"
)

// Events reads the event store.
type Events interface {
	// Histories returns all events of the orders, each order's in the order of their positions, events that cannot be
	// decoded among them. An order without events is not in the map.
	Histories(ctx context.Context, keys []order.Key) (map[order.Key][]order.Event, error)
}
