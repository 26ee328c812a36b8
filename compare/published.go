package compare

import (
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// Published compares a stored event with the message that publishes it, by content and not by form: 1.0 equals 1.00. It
// returns the fields that disagree, with the store's value if there is one to show. Times may differ by less than the
// microsecond that PostgreSQL rounds to, or by less than what the message's time says.
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
	if message.ID != "" && message.Position != order.NoPosition && stored.Position != message.Position {
		differs("position", stored.Position.String())
	}
	if stored.At.Sub(message.At).Abs() >= max(time.Microsecond, message.Within) {
		differs("timestamp", order.TimestamptzText(stored.At))
	}
	if stored.Said == nil || message.Said == nil {
		if stored.Said != message.Said {
			out = append(out, FieldDifference{Name: "payload"})
		}
		return out
	}
	if !stored.Said.Same(message.Said) {
		out = append(out, FieldDifference{Name: "payload"})
	}
	return out
}
