package order_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// TestAMessageSaysTheSameAsItsEvent though the rules for messages, which ignore more types, were prepared on their own.
func TestAMessageSaysTheSameAsItsEvent(t *testing.T) {
	spec := order.Orders()
	spec.Events["OrderViewed"] = order.EventRule{Ignore: true}
	rules, err := order.NewRules(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	read := func(value string, rules *order.Rules) *order.Said {
		e, err := order.Decode(order.RawEvent{
			Position: 1, Key: ordertest.Key, Type: "OrderModified", At: ordertest.Start,
			Payload: []byte(`{"field": "price", "old_value": "1", "new_value": "` + value + `"}`),
		}, rules)
		if err != nil {
			t.Fatal(err)
		}
		return e.Said
	}
	stored := read("2", order.Defaults())
	if !stored.Same(read("2.0", rules)) || stored.Same(read("3", rules)) {
		t.Error("a message and its event are not compared by what they say")
	}
}

// TestAFieldMayHaveTwoNames in events that name it: the field's own, and an alias.
func TestAFieldMayHaveTwoNames(t *testing.T) {
	rules := ordertest.RulesWith(t, func(r *order.FoldRules) {
		named := *r.Events["OrderModified"].SetNamed
		named.Names = map[string]string{"px": "price"}
		rule := r.Events["OrderModified"]
		rule.SetNamed = &named
		r.Events["OrderModified"] = rule
	})
	read := func(field string) *order.Said {
		e, err := order.Decode(order.RawEvent{
			Position: 1, Key: ordertest.Key, Type: "OrderModified", At: ordertest.Start,
			Payload: []byte(`{"field": "` + field + `", "old_value": "1", "new_value": "2"}`),
		}, rules)
		if err != nil {
			t.Fatal(err)
		}
		return e.Said
	}
	if price := read("price"); !price.Same(read("px")) || price.Same(read("quantity")) {
		t.Error("events are not compared by the field that they change")
	}
}
