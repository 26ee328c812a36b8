package order

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Position is an event's place in the store, its event_id. Positions grow, but become visible out of order: a
// transaction that commits late shows a smaller one after a larger one. Any integer except [NoPosition] is valid.
type Position int64

// NoPosition means that an event has no position, or none that can be read.
const NoPosition Position = math.MinInt64

// Known returns the position, or nil for [NoPosition].
func Known(p Position) *Position {
	if p == NoPosition {
		return nil
	}
	return &p
}

func (p Position) String() string {
	if p == NoPosition {
		return "without a position"
	}
	return strconv.FormatInt(int64(p), 10)
}

// ID is an event's identity where that is not its position, as the store prints it. It is empty if positions identify
// events, or if the event has none that can be read.
type ID string

// Identity tells an event from all others.
type Identity struct {
	ID       ID
	Position Position // of an event without an id
}

// EventType names what happened to an order, as the store calls it.
type EventType string

// Event is one thing that happened to one order.
type Event struct {
	Position Position
	ID       ID
	Key      Key
	Type     EventType
	At       time.Time // nanoseconds kept
	Said     *Said     // nil if the event could not be decoded; it still keeps its place in the history
	// Schema is what is wrong with the event's form; nil if nothing is. If the event says something, it is only an
	// unexpected key.
	Schema *SchemaError
	// PerOrder is [FoldRules.PerOrder].
	PerOrder bool
	// Within is [FoldRules.Within] for an event of the stream.
	Within time.Duration
}

// Identity is the event's id; its position if it has none.
func (e Event) Identity() Identity {
	if e.ID != "" {
		return Identity{ID: e.ID}
	}
	return Identity{Position: e.Position}
}

// Name is what people call the event: its position, and its id if it has one.
func (e Event) Name() string {
	switch {
	case e.ID == "":
		return e.Position.String()
	case e.Position == NoPosition:
		return fmt.Sprintf("with the id %.60q", e.ID)
	}
	return fmt.Sprintf("%s (id %.60q)", e.Position, e.ID)
}

// sameAs reports whether two events say the same of the same order at the same time. Events that could not be decoded do
// not.
func (e Event) sameAs(other Event) bool {
	return e.Key == other.Key && e.At.Equal(other.At) && e.Said != nil && other.Said != nil && e.Said.Same(other.Said)
}

// RawEvent is an event as a store holds it, not decoded.
type RawEvent struct {
	Position Position
	ID       ID
	Key      Key
	Type     string
	At       time.Time
	Payload  []byte // one JSON object
}
