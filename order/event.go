package order

import (
	"math"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"
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

// EventType names what happened to an order.
type EventType string

// The event types. [Vocabulary] says how a store calls them.
const (
	OrderCreated         EventType = "OrderCreated"
	OrderModified        EventType = "OrderModified"
	OrderPartiallyFilled EventType = "OrderPartiallyFilled"
	OrderFilled          EventType = "OrderFilled"
	OrderCanceled        EventType = "OrderCanceled"
)

// EventTypes lists every EventType, in the order in which an order lives through them.
func EventTypes() []EventType {
	return []EventType{OrderCreated, OrderModified, OrderPartiallyFilled, OrderFilled, OrderCanceled}
}

// Event is one thing that happened to one order.
type Event struct {
	Position Position
	Key      Key
	Type     EventType // the store's name if the vocabulary does not know it
	At       time.Time // nanoseconds kept
	Body     Body      // nil if the event could not be decoded; it still keeps its place in the history
	// Schema is what is wrong with the event's form; nil if nothing is. If there is a Body, it is only an unexpected
	// key.
	Schema *SchemaError
}

// Body is the content of an event: one of [Created], [Modified], [PartiallyFilled], [Filled] and [Canceled].
type Body interface {
	// Type is the event type that has this body.
	Type() EventType
}

// Created enters an order: open, nothing filled.
type Created struct {
	Trader, Symbol, Side string
	Quantity             apd.Decimal
	Price                apd.NullDecimal // not valid for a market order
}

// Modified changes one field of a working order.
type Modified struct {
	Field string // name in the default schema
	Old   *Value // nil if the store does not say
	New   Value
}

// PartiallyFilled is a trade that leaves something of the order.
type PartiallyFilled struct {
	Quantity  apd.Decimal     // of this trade
	Remaining apd.NullDecimal // after it; not valid if the store does not say
	Price     apd.Decimal
}

// Filled is the trade that completes the order.
type Filled struct {
	Quantity apd.Decimal // of this trade
	Price    apd.Decimal
}

// Canceled ends a working order.
type Canceled struct {
	Reason Value
}

// Type implements [Body].
func (Created) Type() EventType { return OrderCreated }

// Type implements [Body].
func (Modified) Type() EventType { return OrderModified }

// Type implements [Body].
func (PartiallyFilled) Type() EventType { return OrderPartiallyFilled }

// Type implements [Body].
func (Filled) Type() EventType { return OrderFilled }

// Type implements [Body].
func (Canceled) Type() EventType { return OrderCanceled }

// sameAs reports whether two events say the same of the same order at the same time. Events that could not be decoded do
// not.
func (e Event) sameAs(other Event) bool {
	return e.Key == other.Key && e.At.Equal(other.At) && e.Body != nil && other.Body != nil && SameBody(e.Body, other.Body)
}

// SameBody tells whether two events say the same, however they are written: 1.0 is 1.00.
func SameBody(a, b Body) bool {
	switch a := a.(type) {
	case Created:
		b, ok := b.(Created)
		return ok && a.Trader == b.Trader && a.Symbol == b.Symbol && a.Side == b.Side && same(a.Quantity, b.Quantity) && sameOrNone(a.Price, b.Price)
	case Modified:
		b, ok := b.(Modified)
		return ok && a.Field == b.Field && sameText(a.Field, a.New, b.New) &&
			(a.Old == nil) == (b.Old == nil) && (a.Old == nil || sameText(a.Field, *a.Old, *b.Old))
	case PartiallyFilled:
		b, ok := b.(PartiallyFilled)
		return ok && same(a.Quantity, b.Quantity) && sameOrNone(a.Remaining, b.Remaining) && same(a.Price, b.Price)
	case Filled:
		b, ok := b.(Filled)
		return ok && same(a.Quantity, b.Quantity) && same(a.Price, b.Price)
	case Canceled:
		b, ok := b.(Canceled)
		return ok && a.Reason == b.Reason
	}
	return false
}

func same(a, b apd.Decimal) bool { return a.Cmp(&b) == 0 }

func sameOrNone(a, b apd.NullDecimal) bool {
	return a.Valid == b.Valid && (!a.Valid || same(a.Decimal, b.Decimal))
}

// sameText compares values of a field: those of numbers as numbers.
func sameText(field string, a, b Value) bool {
	if a == b {
		return true
	}
	if a.Null || b.Null || field != "price" && field != "quantity" {
		return false
	}
	x, okX := parseDecimal(a.Text)
	y, okY := parseDecimal(b.Text)
	return okX && okY && same(x, y)
}

// RawEvent is an event as a store holds it, not decoded.
type RawEvent struct {
	Position Position
	Key      Key
	Type     string
	At       time.Time
	Payload  []byte // one JSON object
}
