package verify

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Events reads the event store.
type Events interface {
	// Histories returns all events of the orders, each order's in the order of their positions, events that cannot be
	// decoded among them. An order without events is not in the map.
	Histories(ctx context.Context, keys []order.Key) (map[order.Key][]order.Event, error)
	// Newest is the time of the event with the highest position; zero where there is none.
	Newest(context.Context) (time.Time, error)
}

// Records reads legacy's own memory of its orders: audit log and trades.
type Records interface {
	// Records returns what legacy recorded of each of the orders; of an order without an entry it says that there is none.
	Records(ctx context.Context, keys []order.Key) (map[order.Key]compare.History, error)
}

// Folded is the pair that full verification compares after legacy and projection: what legacy has, and what the events
// make of every order. Fields are those that are judged by events, possibly none; both sides have exactly these.
type Folded struct {
	Legacy, Events Side
	Fields         []order.Field
}
