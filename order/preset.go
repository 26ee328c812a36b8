package order

import "slices"

// The states of an order in the default schema.
const (
	StatusOpen            = "OPEN"
	StatusPartiallyFilled = "PARTIALLY_FILLED"
	StatusFilled          = "FILLED"
	StatusCanceled        = "CANCELED"
)

// AverageScale is how many decimals avg_fill_price has in the default schema.
const AverageScale = 6

// Orders are the rules of the default schema: the preset "orders".
func Orders() FoldRules {
	text := func(s string) Source { return Source{Text: &s} }
	path := func(p string) Source { return Source{Path: "$." + p} }
	at := Source{Of: PartAt}
	may := []string{"event_id", "order_id", "event_type", "timestamp", "_backfill"}
	trade := func(quantity, status string) EventRule {
		return EventRule{
			Set:        map[string]Source{"status": text(status), "updated_at": at},
			Add:        map[string]Source{"filled_quantity": path(quantity)},
			AddProduct: map[string][2]Source{"notional": {path(quantity), path("price")}},
			Keys:       may,
		}
	}
	part, left := trade("filled_quantity", StatusPartiallyFilled), path("remaining_quantity")
	part.Remaining = &left
	nullable := func(p string) Source { return Source{Path: "$." + p, Null: true} }
	was := path("old_value")
	changed := []string{"trader_id", "symbol", "side", "quantity", "price"}
	rules := FoldRules{
		Events: map[string]EventRule{
			"OrderCreated": {Create: Creates, Keys: may, Set: map[string]Source{
				"order_id": {Of: PartKey}, "status": text(StatusOpen), "created_at": at, "updated_at": at,
				"trader_id": path("trader_id"), "symbol": path("symbol"), "side": path("side"),
				"quantity": path("quantity"), "price": nullable("price"),
			}},
			"OrderModified": {Keys: may, Set: map[string]Source{"updated_at": at}, SetNamed: &Named{
				Field: path("field"), To: path("new_value"), Was: &was, Only: changed, Null: []string{"price"},
			}},
			"OrderPartiallyFilled": part,
			"OrderFilled":          trade("quantity", StatusFilled),
			"OrderImported": {Create: CreatesIfAbsent, Keys: may, Set: map[string]Source{
				"order_id": {Of: PartKey}, "status": path("status"), "created_at": path("created_at"), "updated_at": at,
				"trader_id": path("trader_id"), "symbol": path("symbol"), "side": path("side"),
				"quantity": path("quantity"), "price": nullable("price"), "filled_quantity": path("filled_quantity"), "notional": path("notional"),
			}},
			"OrderCanceled": {Keys: may, Set: map[string]Source{
				"status": text(StatusCanceled), "reason": nullable("reason"), "updated_at": at,
			}},
		},
		Derive: map[string]Derivation{"avg_fill_price": {Ratio: [2]string{"notional", "filled_quantity"}, Scale: AverageScale}},
		Types:  map[string]FieldType{"quantity": Numeric, "price": Numeric, "created_at": Timestamptz, "updated_at": Timestamptz},
		Invariants: Invariants{
			Ordered: "quantity", Filled: "filled_quantity", Average: "avg_fill_price", Status: "status",
			Terminal: []string{StatusFilled, StatusCanceled},
		},
		Key: "$.order_id",
	}
	for _, name := range slices.Concat(changed[:3], []string{"order_id", "status", "reason"}) {
		rules.Types[name] = Text
	}
	return rules
}
