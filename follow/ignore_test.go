package follow_test

import (
	"fmt"
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// TestMessagesOfIgnoredTypesArePassedOver: they may have positions and orders of their own numbering, or none. Others of
// unknown types are found.
func TestMessagesOfIgnoredTypesArePassedOver(t *testing.T) {
	const text = `{"event_id":%d,"order_id":%q,"event_type":%q,"timestamp":"2024-01-01T00:00:00Z","payload":{}}`
	for name, test := range map[string]struct{ text, want string }{
		"ignored":                      {fmt.Sprintf(text, 999, "7", "OrderViewed"), ""},
		"ignored, of a stored event":   {fmt.Sprintf(text, 7, "7", "OrderViewed"), ""},
		"ignored, of no order of ours": {fmt.Sprintf(text, 7, "xyz", "OrderViewed"), ""},
		"ignored, of another form":     {`{"event_type":"OrderViewed"}`, ""},
		"unknown":                      {fmt.Sprintf(text, 999, "7", "OrderSeen"), "7 ghost_publish"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, 1)
			s.rules = ordertest.RulesWith(t, func(r *order.FoldRules) { r.Events["OrderViewed"] = order.EventRule{Ignore: true} })
			s.amongTrades(test.text, test.want)
		})
	}
}

// TestMessagesOfOtherTypesBelongToOthers: the topic is shared, and stream.types says what belongs here.
func TestMessagesOfOtherTypesBelongToOthers(t *testing.T) {
	const text = `{"event_id":%d,"order_id":%q,"event_type":%q,"timestamp":"2024-01-01T00:00:00Z","payload":{}}`
	for name, test := range map[string]struct{ text, want string }{
		"of others":                       {fmt.Sprintf(text, 999, "7", "ShipmentSent"), ""},
		"of others, with a position here": {fmt.Sprintf(text, 7, "7", "ShipmentSent"), ""},
		"of others, of no order of ours":  {fmt.Sprintf(text, 7, "xyz", "ShipmentSent"), ""},
		"of others, of another form":      {`{"type":"ShipmentSent","id":"a-b"}`, ""},
		"ours, and it changes nothing":    {fmt.Sprintf(text, 999, "7", "OrderNoted"), ""},
		"ours, and not known":             {fmt.Sprintf(text, 999, "7", "Amended"), "7 ghost_publish"},
		"ours, and never stored":          {fmt.Sprintf(text, 999, "7", "OrderFilled"), "7 ghost_publish"},
		"no value (a tombstone)":          {"", ""},
		"no message at all":               {`plain text`, "(topic orders, unreadable) schema_drift"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, 1)
			s.rules = ordertest.RulesWith(t, func(r *order.FoldRules) {
				r.OnlyTypes = []string{"Amended"}
				r.Events["OrderNoted"] = order.EventRule{Ignore: true}
			})
			s.amongTrades(test.text, test.want)
		})
	}
}

// TestATypeIsIgnoredByItsOwnName: the store calls fills Fill, and something else OrderFilled.
func TestATypeIsIgnoredByItsOwnName(t *testing.T) {
	rules := ordertest.RulesWith(t, func(r *order.FoldRules) {
		r.Events["Fill"], r.Events["OrderFilled"] = r.Events["OrderFilled"], order.EventRule{Ignore: true}
	})
	for name, want := range map[string]bool{"OrderFilled": true, "Fill": false, "Filled": false} {
		for _, payload := range []string{`{"quantity":1,"price":2}`, `{}`} {
			message := fmt.Appendf(nil, `{"event_id":1,"order_id":7,"event_type":%q,"timestamp":"2024-01-01T00:00:00Z","payload":%s}`, name, payload)
			if e, _ := order.DecodeMessage(message, rules); rules.PassesOver(message, e) != want {
				t.Errorf("%s is passed over: %v", message, !want)
			}
		}
	}
}
