// Package faulttest is a grammar of faults: it makes up orders, goes wrong with each of them in one or two known ways, and
// says what a judge must find.
//
// Invariant: what is right is known by construction and by a model of its own. Nothing here folds, compares or diagnoses
// with the code that is judged by it; only the types of the evidence are shared.
package faulttest

import (
	"fmt"
	"math/big"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Key is the order of every case.
const Key order.Key = "42"

// kind is what the application does to an order.
type kind int

const (
	create kind = iota
	modify
	part
	fill
	cancel
)

// op is one thing that the application did, and the event that says so. Amounts are ten-thousandths.
type op struct {
	in                   *Language // of the store
	kind                 kind
	trader, symbol, side string
	quantity, price      int64 // ordered or traded
	market               bool  // ordered without a price
	remaining            int64 // after a partial fill
	field                string
	old, new             int64 // of a modified field
	oldNull              bool
	reason               string
	at                   time.Time
	position             order.Position
	broken               bool // the event cannot be decoded
}

// row is the order as one representation keeps it.
type row struct {
	exists                       bool
	trader, symbol, side, status string
	quantity, price, filled      int64
	market                       bool
	notional                     int64 // sum of quantity times price, in 10^-8
	created, updated             time.Time
	edited                       map[string]order.Value // fields that somebody has set
	unstamped                    bool                   // the edit left the time of the last change as it was
	setsStatus                   bool                   // the application sets the status, whatever the events tell
}

// apply does one thing to the row. It is how the application, the projector and the events work.
func (r *row) apply(o op) {
	if o.broken || o.kind == create == r.exists {
		return // a second creation, or something before the first
	}
	switch o.kind {
	case create:
		*r = row{
			exists: true, trader: o.trader, symbol: o.symbol, side: o.side, status: "OPEN",
			quantity: o.quantity, price: o.price, market: o.market, created: o.at, setsStatus: r.setsStatus,
		}
		if o.in.whole {
			r.created = o.at.Truncate(time.Second)
		}
	case modify:
		if o.field == "price" {
			r.price, r.market = o.new, false
		} else {
			r.quantity = o.new
		}
	case part, fill:
		r.filled += o.quantity
		r.notional += o.quantity * o.price
		if r.setsStatus || !o.in.derives {
			r.status = map[kind]string{part: "PARTIALLY_FILLED", fill: "FILLED"}[o.kind]
		}
	case cancel:
		r.status = "CANCELED"
	}
	if o.in.derives && !r.setsStatus && r.status != "CANCELED" {
		r.status = r.derived()
	}
	r.updated = o.at
}

// like is true if the events of two ops have the same type.
func (o op) like(x op) bool {
	trade := func(o op) bool { return o.kind == part || o.kind == fill }
	if o.in.derives && trade(o) {
		return trade(x)
	}
	return o.kind == x.kind && (!o.in.derives || o.field == x.field)
}

// derived is the status that follows from what is filled.
func (r *row) derived() string {
	switch {
	case r.filled >= r.quantity:
		return "FILLED"
	case r.filled > 0:
		return "PARTIALLY_FILLED"
	}
	return "OPEN"
}

func replay(ops []op) row { return row{}.after(ops) }

// written is the row that the application writes into legacy.
func written(ops []op) row { return row{setsStatus: true}.after(ops) }

func (r row) after(ops []op) row {
	for _, o := range ops {
		r.apply(o)
	}
	return r
}

func amount(units int64) string {
	sign := ""
	if units < 0 {
		sign, units = "-", -units
	}
	return fmt.Sprintf("%s%d.%04d", sign, units/10_000, units%10_000)
}

// average is rounded half up to six decimals.
func (r *row) average() order.Value {
	if r.filled == 0 {
		return order.Null
	}
	millionths := (200*r.notional + r.filled) / (2 * r.filled)
	return order.Value{Text: fmt.Sprintf("%d.%06d", millionths/1_000_000, millionths%1_000_000)}
}

func (r *row) value(field string) order.Value {
	if v, ok := r.edited[field]; ok {
		return v
	}
	switch field {
	case "trader_id":
		return order.Value{Text: r.trader}
	case "symbol":
		return order.Value{Text: r.symbol}
	case "side":
		return order.Value{Text: r.side}
	case "status":
		return order.Value{Text: r.status}
	case "quantity":
		return order.Value{Text: amount(r.quantity)}
	case "price":
		if r.market {
			return order.Null
		}
		return order.Value{Text: amount(r.price)}
	case "filled_quantity":
		return order.Value{Text: amount(r.filled)}
	case "avg_fill_price":
		return r.average()
	case "created_at":
		return order.Value{Text: order.TimestamptzText(r.created)}
	}
	return order.Value{Text: order.TimestamptzText(r.updated)}
}

func (r *row) set(field string, v order.Value) {
	edited := map[string]order.Value{field: v}
	for name, was := range r.edited {
		if name != field {
			edited[name] = was
		}
	}
	r.edited = edited
}

// same tells whether two values are equal: numbers by value.
func same(a, b order.Value) bool {
	if a.Null || b.Null || a.Text == b.Text {
		return a == b
	}
	x, okX := new(big.Rat).SetString(a.Text)
	y, okY := new(big.Rat).SetString(b.Text)
	return okX && okY && x.Cmp(y) == 0
}

// sameRow compares two rows in the given fields.
func sameRow(fields []order.Field, a, b row) bool {
	if a.exists != b.exists {
		return false
	}
	for _, f := range fields {
		if a.exists && !same(a.value(f.Name), b.value(f.Name)) {
			return false
		}
	}
	return true
}
