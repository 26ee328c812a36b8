package lab

import (
	"encoding/json"
	"time"
)

// kind is what happened to an order, in no store's words.
type kind string

const (
	kindEntry  kind = "entry"
	kindChange kind = "modification"
	kindTrade  kind = "fill"
	kindCancel kind = "cancel"
	kindImport kind = "import" // of the row as it is; only a backfill writes it
)

// event is what the new system stores of a deal, in no store's words. An order's timestamps only grow, and only a fault
// gives two of its events the same one. So order id, timestamp and type together identify one event.
type event struct {
	order int64
	kind  kind
	at    time.Time

	entry                 workingOrder // of kindEntry and kindImport
	field                 string       // of kindChange: price or quantity, and its values
	before, value         amount
	quantity, left, price amount // of kindTrade: what is filled, and what is left of the order

	createdAt time.Time       // of kindImport
	paid      json.RawMessage // of kindImport: what was paid for what is filled
	origin    *origin         // of an event that a backfill has written

	// Faults of the writer, of kindChange: the value that a float has left of value, and a key in another spelling.
	float    float32
	misspelt bool
}

// statement is one SQL command of a legacy transaction.
type statement struct {
	sql  string
	args []any
}

// deal is one change of an order: what the legacy system writes in one transaction, and its event.
type deal struct {
	legacy []statement
	event  event
	after  workingOrder
}

// The functions below only say what to write. Desk writes it.

func create(o workingOrder, at time.Time) deal {
	o.status, o.updatedAt = statusOpen, at
	const insert = `INSERT INTO orders (order_id, trader_id, symbol, side, quantity, price, status, filled_quantity, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5::text::numeric, $6::text::numeric, $7, 0, $8, $8)`
	return deal{
		after: o,
		legacy: []statement{
			{insert, []any{o.id, o.trader, o.symbol, o.side, o.quantity.String(), o.price.String(), o.status, at}},
		},
		event: event{order: o.id, kind: kindEntry, at: at, entry: o},
	}
}

// modify changes the price, or the quantity if newQuantity is not zero.
func modify(o workingOrder, newPrice, newQuantity amount, at time.Time) deal {
	field, before, value := "price", o.price, newPrice
	if newQuantity != 0 {
		field, before, value = "quantity", o.quantity, newQuantity
		o.quantity = newQuantity
	} else {
		o.price = newPrice
	}
	o.updatedAt = at
	update := "UPDATE orders SET " + field + " = $2::text::numeric, updated_at = $3 WHERE order_id = $1"
	const audit = `INSERT INTO audit_log (entity_id, timestamp, field_changed, old_value, new_value) VALUES ($1, $2, $3, $4, $5)`
	return deal{
		after: o,
		legacy: []statement{
			{update, []any{o.id, value.String(), at}},
			{audit, []any{o.id, at, field, before.String(), value.String()}},
		},
		event: event{order: o.id, kind: kindChange, at: at, field: field, before: before, value: value},
	}
}

// fill trades a part of the order, or all of the rest.
func fill(o workingOrder, quantity, price amount, at time.Time) deal {
	o.filled += quantity
	o.updatedAt = at
	e := event{order: o.id, kind: kindTrade, at: at, quantity: quantity, left: o.quantity - o.filled, price: price}
	o.status = statusPartiallyFilled
	if o.filled == o.quantity {
		o.status = statusFilled
	}
	const trade = `INSERT INTO trades (order_id, executed_at, quantity, price) VALUES ($1, $2, $3::text::numeric, $4::text::numeric)`
	const update = `UPDATE orders SET status = $2, filled_quantity = filled_quantity + $3::text::numeric, updated_at = $4,
		avg_fill_price = (SELECT round(sum(quantity * price)::numeric(38, 8) / sum(quantity)::numeric(18, 4), 6) FROM trades WHERE order_id = $1)
		WHERE order_id = $1`
	return deal{
		after: o,
		event: e,
		legacy: []statement{
			{trade, []any{o.id, at, quantity.String(), price.String()}},
			{update, []any{o.id, o.status, quantity.String(), at}},
		},
	}
}

func cancel(o workingOrder, at time.Time) deal {
	o.status, o.updatedAt = statusCanceled, at
	return deal{
		after:  o,
		legacy: []statement{{"UPDATE orders SET status = $2, updated_at = $3 WHERE order_id = $1", []any{o.id, o.status, at}}},
		event:  event{order: o.id, kind: kindCancel, at: at},
	}
}
