package follow_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// upcaster converts the type of old messages.
type upcaster struct{}

func (upcaster) Upcast(_ context.Context, messages []order.RawEvent) ([][]follow.Upcast, error) {
	out := make([][]follow.Upcast, len(messages))
	for i, m := range messages {
		if m.Type == "canceled.v1" {
			m.Type = "OrderCanceled"
			out[i] = []follow.Upcast{{Event: m}}
		}
	}
	return out, nil
}

func TestCensusOfMessages(t *testing.T) {
	rules := ordertest.RulesWith(t, func(r *order.FoldRules) { r.Events["OrderViewed"] = order.EventRule{Ignore: true} })
	canceled := func(eventType, key string) string {
		return `{"event_id":1,"order_id":` + key + `,"event_type":"` + eventType + `","timestamp":"2024-01-01T00:00:00Z","payload":{"reason":null}}`
	}
	c := follow.Census{Rules: rules, KeyType: order.KeyInteger, Store: upcaster{}}
	for _, value := range []string{
		canceled("OrderCanceled", "7"), canceled("canceled.v1", "7"), canceled("OrderViewed", "7"), canceled("ShipmentSent", "7"),
		canceled("OrderCanceled", `"a-b"`), "", "\x00\x00\x00\x00\x07avro", "plain text",
	} {
		if err := c.Add(t.Context(), follow.Message{Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	count, err := c.Done(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]order.Counted{}
	for _, counted := range count.Types() {
		got[counted.Type] = counted
	}
	want := map[string]order.Counted{
		"":              {All: 3, First: "it has no value (a tombstone)"},
		"OrderCanceled": {Type: "OrderCanceled", All: 3, Read: 2, Folded: 2, First: "the order's key is not of the type of the store's keys"},
		"OrderViewed":   {Type: "OrderViewed", All: 1, Ignored: 1},
		"ShipmentSent":  {Type: "ShipmentSent", All: 1, Unnamed: true, First: `there is no rule for the event type "ShipmentSent"`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if why := count.Unusable("messages"); why == "" {
		t.Error("5 of 7 messages cannot be read, and the topic counts as usable")
	}
}

func TestCensusOfASharedTopic(t *testing.T) {
	rules := ordertest.RulesWith(t, func(r *order.FoldRules) { r.OnlyTypes = []string{"OrderCanceled"} })
	c := follow.Census{Rules: rules, KeyType: order.KeyInteger}
	for _, value := range []string{
		`{"event_id":1,"order_id":7,"event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00Z","payload":{"reason":null}}`,
		`{"event_type":"ShipmentSent"}`, `{"event_type":"ShipmentSent","id":3}`, `{"kind":"quote"}`,
	} {
		if err := c.Add(t.Context(), follow.Message{Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	count, err := c.Done(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []order.Counted{{Type: "ShipmentSent", All: 2, Ignored: 2}, {All: 1, Ignored: 1}, {Type: "OrderCanceled", All: 1, Read: 1, Folded: 1}}
	if diff := cmp.Diff(want, count.Types()); diff != "" {
		t.Error(diff)
	}
}
