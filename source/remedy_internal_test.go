package source

import "testing"

func TestTablesOfASubqueryAreKnownByTheirNames(t *testing.T) {
	for text, want := range map[string]bool{
		`(SELECT * FROM sales.orders)`:        true,
		`(SELECT * FROM Sales . Orders AS o)`: true,
		`(SELECT * FROM "sales"."orders")`:    true,
		`(SELECT * FROM sales.orders_old)`:    false,
		`(SELECT * FROM presales.orders)`:     false,
		`(SELECT * FROM "Sales"."orders")`:    false,
		`(SELECT orders FROM sales.trades)`:   false,
	} {
		if got := textNames(text, "sales", "orders"); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}
