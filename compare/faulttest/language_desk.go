package faulttest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// Desk is another language. Types, keys and fields have other names, prices are whole units within objects, one type of
// event sets a price and another one a field that it names, all trades have one type, so the status is derived, and the
// creation's time is in whole seconds. The topic has CloudEvents, whose id is not the position.
var Desk = &Language{
	Name: "desk", Rules: deskRules, fields: deskFields, derives: true, whole: true, stored: deskEvent, published: deskMessage,
}

var deskFields = map[string]string{
	"trader_id": "trader", "quantity": "ordered", "price": "limit_price", "status": "state", "filled_quantity": "done",
	"avg_fill_price": "average", "created_at": "placed", "updated_at": "changed",
}

var deskRules = func() *order.Rules {
	text := func(s string) order.Source { return order.Source{Text: &s} }
	path := func(p string) order.Source { return order.Source{Path: "$." + p} }
	at := order.Source{Of: order.PartAt}
	limit := order.Source{Path: "$.limitPrice.amount", Scale: 4}
	was, left := order.Source{Path: "$.oldValue"}, path("leavesQty")
	entered := limit
	entered.Optional = true
	spec := order.FoldRules{
		Events: map[string]order.EventRule{
			"Placed": {Create: order.Creates, Set: map[string]order.Source{
				"trader": path("traderId"), "symbol": path("symbol"), "side": {Path: "$.side", Map: map[string]string{"1": "BUY", "2": "SELL"}},
				"ordered": path("orderQty"), "limit_price": entered, "state": text("OPEN"), "placed": {Path: "$.placedAt", Unit: "s"}, "changed": at,
			}},
			"PriceChanged": {Set: map[string]order.Source{"limit_price": limit, "changed": at}},
			"Amended": {Set: map[string]order.Source{"changed": at}, SetNamed: &order.Named{
				Field: path("fieldName"), To: path("newValue"), Was: &was, Only: []string{"ordered"}, Names: map[string]string{"orderQty": "ordered"},
			}},
			"Executed": {
				Set:        map[string]order.Source{"changed": at},
				Add:        map[string]order.Source{"done": path("lastQty")},
				AddProduct: map[string][2]order.Source{"paid": {path("lastQty"), {Path: "$.lastPx.amount", Scale: 4}}},
				Remaining:  &left,
			},
			"Cancelled": {Set: map[string]order.Source{"state": text("CANCELED"), "reason": path("text"), "changed": at}},
			"Noted":     {Ignore: true},
		},
		Derive: map[string]order.Derivation{
			"average": {Ratio: [2]string{"paid", "done"}, Scale: 6},
			"state": {Unless: []string{"CANCELED"}, When: []order.When{
				{Field: "done", AtLeast: "ordered", Then: "FILLED"}, {Field: "done", Above: "0", Then: "PARTIALLY_FILLED"},
			}},
		},
		Types:      map[string]order.FieldType{"reason": order.Text},
		ByID:       true,
		Invariants: order.Invariants{Ordered: "ordered", Filled: "done", Average: "average", Status: "state", Terminal: []string{"FILLED", "CANCELED"}},
	}
	rules, err := order.NewRules(spec, (&Language{fields: deskFields}).Fields())
	if err != nil {
		panic(err) // a mistake in them is a bug
	}
	return rules
}()

// deskSays is the type and the payload. That of an op that is broken has one key in another spelling.
func deskSays(o op) (string, []byte) {
	kind, format, args := "Cancelled", `{%q: %q}`, []any{"text", o.reason}
	switch {
	case o.kind == create && o.market:
		kind, format = "Placed", `{%q: %s, "symbol": %q, "side": %d, "orderQty": %q, "placedAt": %d}`
		args = []any{"traderId", o.trader, o.symbol, deskSide[o.side], amount(o.quantity), o.at.Unix()}
	case o.kind == create:
		kind, format = "Placed", `{%q: %s, "symbol": %q, "side": "%d", "orderQty": %s, "limitPrice": {"amount": %d, "currency": "USD"}, "placedAt": %d}`
		args = []any{"traderId", o.trader, o.symbol, deskSide[o.side], amount(o.quantity), o.price, o.at.Unix()}
	case o.kind == modify && o.field == "price":
		kind, format, args = "PriceChanged", `{%q: {"amount": %d}}`, []any{"limitPrice", o.new}
	case o.kind == modify:
		kind, format, args = "Amended", `{%q: %s, "fieldName": "orderQty", "oldValue": %s}`, []any{"newValue", amount(o.new), amount(o.old)}
	case o.kind == part, o.kind == fill:
		kind, format = "Executed", `{%q: %q, "leavesQty": %s, "lastPx": {"amount": %d, "currency": "USD"}}`
		args = []any{"lastQty", amount(o.quantity), amount(o.remaining), o.price}
	}
	if o.broken {
		args[0] = "the_" + args[0].(string)
	}
	return kind, fmt.Appendf(nil, format, args...)
}

var deskSide = map[string]int{"BUY": 1, "SELL": 2}

func deskEvent(o op) order.Event {
	kind, payload := deskSays(o)
	e, _ := order.Decode(order.RawEvent{Position: o.position, ID: o.id(), Key: Key, Type: kind, At: o.at, Payload: payload}, deskRules)
	return e
}

// id is a uuid.
func (o op) id() order.ID {
	return order.ID(fmt.Sprintf("5eed0000-0000-4000-8000-%012x", int64(o.position)))
}

// deskOpener reads the messages of the topic.
var deskOpener = func() *order.Opener {
	e := order.CloudEvents()
	e.Key, e.Type.Strip = order.EnvelopePart{From: "ce:subject", Strip: "order-"}, "desk."
	o, err := order.NewOpener(e)
	if err != nil {
		panic(err) // a mistake in it is a bug
	}
	return o
}()

// deskMessage is read from a structured CloudEvent.
func deskMessage(o op) compare.StreamedMessage {
	kind, payload := deskSays(o)
	value, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": o.id(), "source": "/desk", "subject": "order-" + string(Key),
		"type": "desk." + kind, "time": o.at.Format(time.RFC3339Nano), "data": json.RawMessage(payload),
	})
	if err != nil {
		panic(err) // of texts and an object alone
	}
	opened := deskOpener.Open(order.Record{Value: value})
	m := compare.StreamedMessage{Drift: opened.Problem}
	if m.Event, err = order.DecodeMessage(opened.Value, deskRules); m.Drift == nil {
		m.Drift = err
	}
	return m
}
