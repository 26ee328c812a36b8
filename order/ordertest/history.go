// Package ordertest makes up histories of orders for property tests.
//
// Invariant: a working order system could have written a history of [Clean], so the fold finds no problem in it. A
// history of [Odd] may hold anything, including events that cannot be decoded.
package ordertest

import (
	"time"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
)

// Key is the order of every history.
const Key order.Key = "42"

// Start is when every history begins.
var Start = time.Date(2024, 1, 1, 9, 30, 0, 0, time.UTC)

// Cents makes a decimal from ten-thousandths, the precision of the default schema's columns.
func Cents(units int64) apd.Decimal { return *apd.New(units, -4) }

// Clean draws a history of a creation and at most the given number of further events. Every event has its own time, and
// changes the order.
func Clean(t *rapid.T, most int) []order.Event {
	b := builder{t: t, at: Start, quantity: 10_000 * rapid.Int64Range(2, 20_000).Draw(t, "quantity"), price: rapid.Int64Range(10_000, 5_000_000).Draw(t, "price")}
	b.enter()
	for n := rapid.IntRange(0, most).Draw(t, "events"); n > 0 && !b.ended; n-- {
		b.step()
	}
	return b.events
}

type builder struct {
	t               *rapid.T
	at              time.Time
	position        order.Position
	quantity, price int64 // ten-thousandths
	filled          int64
	ended           bool
	events          []order.Event
}

func (b *builder) add(body Body) {
	b.position += order.Position(rapid.Int64Range(1, 5).Draw(b.t, "gap"))
	b.at = b.at.Add(time.Duration(rapid.Int64Range(1, 5_000_000).Draw(b.t, "pause")) * time.Microsecond)
	b.events = append(b.events, Event(b.position, Key, b.at, body))
}

// enter begins with a creation, or now and then with an import of an order that nothing has happened to.
func (b *builder) enter() {
	side := rapid.SampledFrom([]string{"BUY", "SELL"}).Draw(b.t, "side")
	if rapid.IntRange(0, 9).Draw(b.t, "imported") == 9 {
		b.add(Imported{
			Trader: "7", Symbol: "NVDA", Side: side, Status: order.StatusOpen, At: Start,
			Quantity: Cents(b.quantity), Price: Cents(b.price),
		})
		return
	}
	b.add(Created{
		Trader: "7", Symbol: "NVDA", Side: side,
		Quantity: Cents(b.quantity), Price: apd.NullDecimal{Decimal: Cents(b.price), Valid: true},
	})
}

func (b *builder) step() {
	left := b.quantity - b.filled
	trade := Cents(b.price + rapid.Int64Range(-5_000, 5_000).Draw(b.t, "near"))
	switch rapid.IntRange(0, 9).Draw(b.t, "what") {
	case 0, 1:
		before := b.price
		b.price += rapid.Int64Range(1, 90_000).Draw(b.t, "up")
		b.modify("price", before, b.price)
	case 2:
		before := b.quantity
		b.quantity += 10_000 * rapid.Int64Range(1, 100).Draw(b.t, "more")
		b.modify("quantity", before, b.quantity)
	case 3:
		b.ended = true
		b.add(Canceled{Reason: order.Value{Text: "TRADER_CANCEL"}})
	case 4:
		b.ended = true
		b.add(Filled{Quantity: Cents(left), Price: trade})
	default:
		if left < 2 {
			return
		}
		part := rapid.Int64Range(1, left-1).Draw(b.t, "part")
		b.filled += part
		b.add(PartiallyFilled{
			Quantity: Cents(part), Remaining: Cents(left - part), Price: trade,
		})
	}
}

func (b *builder) modify(field string, before, after int64) {
	old, value := Cents(before), Cents(after)
	b.add(Modified{Field: field, Old: order.Value{Text: old.Text('f')}, New: order.Value{Text: value.Text('f')}})
}

// Odd draws a history of at most the given number of events. It follows no rules.
func Odd(t *rapid.T, most int) []order.Event {
	events := Clean(t, most)
	for range rapid.IntRange(0, most).Draw(t, "oddities") {
		i := rapid.IntRange(0, len(events)-1).Draw(t, "where")
		j := rapid.IntRange(0, len(events)-1).Draw(t, "other")
		switch rapid.IntRange(0, 7).Draw(t, "oddity") {
		case 0:
			events = append(events, events[i])
		case 1:
			events[i].Said = nil
		case 2:
			events[i].Said, events[i].Schema = nil, &order.SchemaError{Kind: order.MissingKey, Detail: "made up"}
		case 3:
			events[i], events[j] = events[j], events[i]
		case 4:
			events[i].Key = "43"
		case 5:
			events[i].Said = Said(Modified{Field: rapid.SampledFrom([]string{"price", "status", ""}).Draw(t, "field"), New: oddValue(t)})
		case 6:
			events[i].Said = Said(Filled{Quantity: oddDecimal(t), Price: oddDecimal(t)})
		default:
			events[i].Said = Said(Canceled{})
		}
	}
	return events
}

func oddDecimal(t *rapid.T) apd.Decimal {
	return *apd.New(rapid.Int64().Draw(t, "coefficient"), rapid.Int32Range(-60, 60).Draw(t, "exponent"))
}

func oddValue(t *rapid.T) order.Value {
	return order.Value{
		Text: rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"1e3", "-0", "1.2300", "NaN"})).Draw(t, "text"),
		Null: rapid.Bool().Draw(t, "null"),
	}
}
