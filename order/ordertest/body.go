package ordertest

import (
	"encoding/json"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// Body is what an event of the default schema says.
type Body interface {
	payload() (eventType string, payload map[string]any)
}

// Created enters an order.
type Created struct {
	Trader, Symbol, Side string
	Quantity             apd.Decimal
	Price                apd.NullDecimal
}

// Imported enters an order as it was found, with what is filled of it.
type Imported struct {
	Trader, Symbol, Side, Status      string
	At                                time.Time // when it was created
	Quantity, Price, Filled, Notional apd.Decimal
}

// Modified changes one field of an order.
type Modified struct {
	Field    string
	Old, New order.Value
}

// PartiallyFilled is a trade that leaves something of the order.
type PartiallyFilled struct{ Quantity, Remaining, Price apd.Decimal }

// Filled is the trade that completes the order.
type Filled struct{ Quantity, Price apd.Decimal }

// Canceled ends an order.
type Canceled struct{ Reason order.Value }

func (b Created) payload() (string, map[string]any) {
	price := any(nil)
	if b.Price.Valid {
		price = number(b.Price.Decimal)
	}
	return "OrderCreated", map[string]any{
		"trader_id": b.Trader, "symbol": b.Symbol, "side": b.Side, "quantity": number(b.Quantity), "price": price,
	}
}

func (b Imported) payload() (string, map[string]any) {
	return "OrderImported", map[string]any{
		"trader_id": b.Trader, "symbol": b.Symbol, "side": b.Side, "status": b.Status, "created_at": b.At.Format(time.RFC3339Nano),
		"quantity": number(b.Quantity), "price": number(b.Price), "filled_quantity": number(b.Filled), "notional": number(b.Notional),
	}
}

func (b Modified) payload() (string, map[string]any) {
	return "OrderModified", map[string]any{"field": b.Field, "old_value": text(b.Old), "new_value": text(b.New)}
}

func (b PartiallyFilled) payload() (string, map[string]any) {
	return "OrderPartiallyFilled", map[string]any{
		"filled_quantity": number(b.Quantity), "remaining_quantity": number(b.Remaining), "price": number(b.Price),
	}
}

func (b Filled) payload() (string, map[string]any) {
	return "OrderFilled", map[string]any{"quantity": number(b.Quantity), "price": number(b.Price)}
}

func (b Canceled) payload() (string, map[string]any) {
	return "OrderCanceled", map[string]any{"reason": text(b.Reason)}
}

func number(d apd.Decimal) json.Number {
	if d.IsZero() {
		return "0" // a zero of a positive exponent has several digits
	}
	return json.Number(d.Text('f'))
}

func text(v order.Value) any {
	if v.Null {
		return nil
	}
	return v.Text
}

// Event decodes an event of the default schema.
func Event(position order.Position, key order.Key, at time.Time, b Body) order.Event {
	eventType, content := b.payload()
	payload, err := json.Marshal(content)
	if err != nil {
		panic(err) // of strings and numbers alone
	}
	e, _ := order.Decode(order.RawEvent{Position: position, Key: key, Type: eventType, At: at, Payload: payload}, order.Defaults())
	return e
}

// Said is what an event says.
func Said(b Body) *order.Said { return Event(1, Key, Start, b).Said }

// Payload is what an event of the default schema says, as its payload. The values of a modification are texts there.
func Payload(said *order.Said) map[string]any {
	out := map[string]any{}
	for _, v := range said.Values() {
		switch {
		case v.Value.Null:
			out[v.Path] = nil
		case v.Number && v.Path != "old_value" && v.Path != "new_value":
			out[v.Path] = json.Number(v.Value.Text)
		default:
			out[v.Path] = v.Value.Text
		}
	}
	return out
}
