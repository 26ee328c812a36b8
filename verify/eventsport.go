package verify

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// Events reads the event store.
type Events interface {
	// Histories returns all events of the orders, each order's in the order of their positions, including events that
	// cannot be decoded. An order without events is not in the map.
	Histories(ctx context.Context, keys []order.Key) (map[order.Key][]order.Event, error)
	// Newest is the time of the event with the highest position; zero if there is none.
	Newest(context.Context) (time.Time, error)
}

// Records reads legacy's own record of its orders: audit log and trades.
type Records interface {
	// Records returns what legacy recorded of each of the orders. For an order without an entry the lists are empty,
	// not nil.
	Records(ctx context.Context, keys []order.Key) (map[order.Key]history.Record, error)
}

// Folded is the pair that full verification compares after legacy and projection: legacy, and every order according to
// the events. Fields are those that events judge, possibly none; both sides have exactly these. Legacy leaves out archived
// orders, or their buckets would all differ.
type Folded struct {
	Legacy, Events Side
	Fields         []order.Field
}
