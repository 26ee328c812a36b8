package source_test

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/verify"
)

// TestADeltaProvesEverythingByOneNumber, and finds what differs if the numbers do.
func TestADeltaProvesEverythingByOneNumber(t *testing.T) {
	c := newChain(deltaPair(t))
	c.clean()
	c.c.Whole = true
	for _, each := range []struct {
		change, found string
		whole         bool
		full          string
	}{
		{"SELECT 1", "", true, ""},
		{"UPDATE orders SET filled = 500.0 WHERE order_id = 500", "", true, ""},
		{"UPDATE orders SET filled = 0 WHERE order_id = 500", "500 differs filled", false, ""},
		{"UPDATE orders SET filled = 500 WHERE order_id = 500", "", true, ""},
		{"DELETE FROM orders WHERE order_id = 1", "1 missing", false, "rows were deleted on one side only"},
	} {
		c.exec(c.projection, each.change)
		pass, found := c.delta()
		facts, _ := pass.Scan.Facts.(verify.DeltaFacts)
		if strings.Join(found, ", ") != each.found || facts.Whole != each.whole || !strings.HasPrefix(instead(pass), each.full) || (instead(pass) == "") != (each.full == "") {
			t.Errorf("%s: found %v, by one number %t, full %q, %+v", each.change, found, facts.Whole, instead(pass), pass.Result)
		}
	}
}
