package source_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/verify"
)

// TestSumsCompareEverything: also what was changed with its old transaction number kept, or deleted on one side.
func TestSumsCompareEverything(t *testing.T) {
	p := deltaPair(t)
	c := p.comparison()
	for _, each := range []struct {
		change string
		rows   verify.Rows
		equal  bool
	}{
		{"SELECT 1", verify.Rows{Legacy: 1000, Projection: 1000}, true},
		{"UPDATE orders SET filled = 0 WHERE order_id = 500", verify.Rows{Legacy: 1000, Projection: 1000}, false},
		{"UPDATE orders SET filled = 500.0 WHERE order_id = 500", verify.Rows{Legacy: 1000, Projection: 1000}, true},
		{"DELETE FROM orders WHERE order_id = 1", verify.Rows{Legacy: 1000, Projection: 999}, false},
	} {
		p.exec(p.projection, each.change)
		if rows, equal, err := c.Sums(t.Context()); err != nil || equal != each.equal || rows != each.rows {
			t.Errorf("%s: %+v, equal %t, %v; want %+v", each.change, rows, equal, err, each)
		}
	}
}
