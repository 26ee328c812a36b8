package order

import (
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

// EventType names what happened to an order, as the store calls it.
type EventType string

// Event is one thing that happened to one order.
type Event struct {
	Position Position
	Key      Key
	Type     EventType
	At       time.Time // nanoseconds kept
	Said     *Said     // nil if the event could not be decoded; it still keeps its place in the history
	// Schema is what is wrong with the event's form; nil if nothing is. If the event says something, it is only an
	// unexpected key.
	Schema *SchemaError
	// Within is [FoldRules.Within] for an event of the stream.
	Within time.Duration
}

// sameAs reports whether two events say the same of the same order at the same time. Events that could not be decoded do
// not.
func (e Event) sameAs(other Event) bool {
	return e.Key == other.Key && e.At.Equal(other.At) && e.Said != nil && other.Said != nil && e.Said.Same(other.Said)
}

// RawEvent is an event as a store holds it, not decoded.
type RawEvent struct {
	Position Position
	Key      Key
	Type     string
	At       time.Time
	Payload  []byte // one JSON object
}
