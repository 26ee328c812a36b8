package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/nordvarg/crosscheck/order"
)

// withFold is a configuration whose section events, without dsn, begins in line 9.
const withFold = `legacy: {dsn: "${LEGACY_DSN}"}
projection: {dsn: "${EVENTS_DSN}"}
ledger: {dsn: "${EVENTS_DSN}"}
compare:
  fields: [{name: status, type: text}, {name: side, type: text}, {name: quantity, type: numeric}, {name: price, type: numeric},
    {name: filled_quantity, type: numeric}, {name: avg_fill_price, type: numeric}, {name: created_at, type: timestamptz}]
events:
  dsn: "${EVENTS_DSN}"
`

func path(p string) order.Source { return order.Source{Path: "$." + p} }

func text(t string) order.Source { return order.Source{Text: &t} }

// TestTheDocumentedFoldIsRead reads the example that the design of the configuration gives.
func TestTheDocumentedFoldIsRead(t *testing.T) {
	c, err := parse(t, withFold+`
  fold:
    Placed:       {create: true, set: {status: {text: OPEN}, side: $.side, quantity: $.orderQty, price: {path: $.limitPrice.amount, scale: 4}}}
    PriceChanged: {set: {price: {path: $.limitPrice.amount, scale: 4}}}
    Executed:     {add: {filled_quantity: $.lastQty}, add_product: {notional: [$.lastQty, {path: $.lastPx.amount, scale: 4}]}}
    Cancelled:    {set: {status: {text: CANCELED}}}
    OrderNoted:   ignore                   # belongs here and changes no field; a type that is not named is a finding
  derive:
    avg_fill_price: {ratio: [notional, filled_quantity], scale: 6}
    status: {unless: [CANCELED], when: [{field: filled_quantity, at_least: quantity, then: FILLED}, {field: filled_quantity, above: 0, then: PARTIALLY_FILLED}]}
  invariants: {ordered: quantity, filled: filled_quantity, status: status, terminal: [FILLED, CANCELED]}   # optional: overfill, fill after cancel, ...
`)
	if err != nil {
		t.Fatal(render(t, err))
	}
	limit := order.Source{Path: "$.limitPrice.amount", Scale: 4}
	want := order.FoldRules{
		Events: map[string]order.EventRule{
			"Placed": {Create: order.Creates, Set: map[string]order.Source{
				"status": text("OPEN"), "side": path("side"), "quantity": path("orderQty"), "price": limit,
			}},
			"PriceChanged": {Set: map[string]order.Source{"price": limit}},
			"Executed": {
				Add:        map[string]order.Source{"filled_quantity": path("lastQty")},
				AddProduct: map[string][2]order.Source{"notional": {path("lastQty"), {Path: "$.lastPx.amount", Scale: 4}}},
			},
			"Cancelled":  {Set: map[string]order.Source{"status": text("CANCELED")}},
			"OrderNoted": {Ignore: true},
		},
		Derive: map[string]order.Derivation{
			"avg_fill_price": {Ratio: [2]string{"notional", "filled_quantity"}, Scale: 6},
			"status": {Unless: []string{"CANCELED"}, When: []order.When{
				{Field: "filled_quantity", AtLeast: "quantity", Then: "FILLED"}, {Field: "filled_quantity", Above: "0", Then: "PARTIALLY_FILLED"},
			}},
		},
		Invariants: order.Invariants{Ordered: "quantity", Filled: "filled_quantity", Status: "status", Terminal: []string{"FILLED", "CANCELED"}},
	}
	if d := cmp.Diff(want, c.Events.Fold, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("read (-want +got):\n%s", d)
	}
	for _, f := range c.Compare.Fields {
		if judged := c.Judges(f.Field); judged == (f.Name == "created_at") {
			t.Errorf("%s is judged by events: %v", f.Name, judged)
		}
	}
}

// TestEveryFormOfARuleIsRead has each operation and each form of a value once.
func TestEveryFormOfARuleIsRead(t *testing.T) {
	c, err := parse(t, withFold+everyForm)
	if err != nil {
		t.Fatal(render(t, err))
	}
	want := order.Orders()
	was, left := order.Source{Path: "$.from", Optional: true}, order.Source{Path: "$.left", Optional: true}
	want.Key = "$.id"
	want.Events["OrderCanceled"] = order.EventRule{Ignore: true}
	want.Events["order.placed.v1"] = order.EventRule{Create: order.CreatesIfAbsent, Set: map[string]order.Source{
		"side":       {Path: "$.side", Map: map[string]string{"1": "BUY", "2": "SELL", "else": "?"}},
		"created_at": {Path: "$.created", Unit: "ms"}, "updated_at": {Of: order.PartAt}, "order_id": {Of: order.PartKey},
		"quantity": text("0.50"), "price": {Path: "$.px.cents", Scale: 2, Null: true, Optional: true}, "reason": text("$$ of ${X}"),
	}}
	want.Events["Busted"] = order.EventRule{
		Subtract:        map[string]order.Source{"filled_quantity": path("qty")},
		SubtractProduct: map[string][2]order.Source{"notional": {path("qty"), text("2")}},
		Remaining:       &left, Keys: []string{"note", "${Y}"},
	}
	want.Events["Moved"] = order.EventRule{SetNamed: &order.Named{
		Field: path("what"), To: path("to"), Was: &was, Only: []string{"price", "quantity"}, Null: []string{"price"}, Names: map[string]string{"px": "price"},
	}}
	want.Events["Ended"] = order.EventRule{Set: map[string]order.Source{"reason": path("why"), "paid_on": path("day")}}
	want.Types["paid_on"] = order.Date
	want.Derive["avg_fill_price"] = order.Derivation{Ratio: [2]string{"notional", "filled_quantity"}}
	if d := cmp.Diff(want, c.Events.Fold, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("read (-want +got):\n%s", d)
	}
}

const everyForm = `
  preset: orders
  payload_key: $.id
  fold:
    OrderCanceled: ignore
    order.placed.v1:
      create: if_absent
      set:
        side: {path: $.side, map: {"1": BUY, 2: SELL, else: "?"}}
        created_at: {path: $.created, unit: ms}
        updated_at: {event: at}
        order_id: {event: key}
        quantity: {number: 0.50}
        price: {path: $.px.cents, scale: 2, null: true, optional: true}
        reason: {text: "$$ of ${X}"}
    Busted:
      subtract: {filled_quantity: $.qty}
      subtract_product: {notional: [$.qty, {number: 2}]}
      remaining: {path: $.left, optional: true}
      keys: [note, "${Y}"]
    Moved: {set_named: {field: $.what, to: $.to, was: {path: $.from, optional: true}, only: [price, quantity], null: [price], names: {px: price}}}
    Ended: {create: false, set: {reason: $.why, paid_on: $.day}}
  registers: {paid_on: date}
  derive: {avg_fill_price: {ratio: [notional, filled_quantity], scale: 0}}
`
