package compare

import (
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// Published compares a stored event with the message that publishes it, by content and not by form: 1.0 equals 1.00. It
// returns the fields that disagree, with the store's value if there is one to show. Times may differ by less than the
// microsecond that PostgreSQL rounds to.
func Published(stored, message order.Event) []FieldDifference {
	var out []FieldDifference
	differs := func(name, value string) {
		out = append(out, FieldDifference{Name: name, Events: &order.Value{Text: value}})
	}
	if stored.Key != message.Key {
		differs("order_id", string(stored.Key))
	}
	if stored.Type != message.Type {
		differs("event_type", string(stored.Type))
	}
	if d := stored.At.Sub(message.At); d <= -time.Microsecond || d >= time.Microsecond {
		differs("timestamp", order.TimestamptzText(stored.At))
	}
	if stored.Body == nil || message.Body == nil {
		if stored.Body != message.Body {
			out = append(out, FieldDifference{Name: "payload"})
		}
		return out
	}
	if !sameBody(stored.Body, message.Body) {
		out = append(out, FieldDifference{Name: "payload"})
	}
	return out
}

func sameBody(a, b order.Body) bool {
	switch a := a.(type) {
	case order.Created:
		b, ok := b.(order.Created)
		return ok && a.Trader == b.Trader && a.Symbol == b.Symbol && a.Side == b.Side && same(a.Quantity, b.Quantity) && sameOrNone(a.Price, b.Price)
	case order.Modified:
		b, ok := b.(order.Modified)
		return ok && a.Field == b.Field && sameNew(a.Field, a.New, b.New) &&
			(a.Old == nil) == (b.Old == nil) && (a.Old == nil || sameNew(a.Field, *a.Old, *b.Old))
	case order.PartiallyFilled:
		b, ok := b.(order.PartiallyFilled)
		return ok && same(a.Quantity, b.Quantity) && sameOrNone(a.Remaining, b.Remaining) && same(a.Price, b.Price)
	case order.Filled:
		b, ok := b.(order.Filled)
		return ok && same(a.Quantity, b.Quantity) && same(a.Price, b.Price)
	case order.Canceled:
		b, ok := b.(order.Canceled)
		return ok && a.Reason == b.Reason
	}
	return false
}

func same(a, b apd.Decimal) bool { return a.Cmp(&b) == 0 }

func sameOrNone(a, b apd.NullDecimal) bool {
	return a.Valid == b.Valid && (!a.Valid || same(a.Decimal, b.Decimal))
}

// sameNew compares values of a modified field. Numbers are compared as numbers.
func sameNew(field string, a, b order.Value) bool {
	if a == b {
		return true
	}
	if a.Null || b.Null || field != "price" && field != "quantity" {
		return false
	}
	x, _, errA := apd.NewFromString(a.Text)
	y, _, errB := apd.NewFromString(b.Text)
	return errA == nil && errB == nil && x.Cmp(y) == 0
}
