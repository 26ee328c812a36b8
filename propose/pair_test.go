package propose_test

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/propose"
)

// TestKeysOfOtherNames: legacy's id is often the order_id of its projection, and never any other identifier.
func TestKeysOfOtherNames(t *testing.T) {
	t.Parallel()
	legacy := table("orders", "id integer unique", "trader_id integer", "status text", "quantity numeric")
	for _, c := range []struct {
		reason     string
		projection propose.Table
		want       string // the projection's key, "" for no pair
	}{
		{"the projection calls it order_id", table("order_view", "order_id integer unique", "status text", "quantity numeric"), "order_id"},
		{"one of several is unique", table("order_view", "trader_id integer", "order_id integer unique", "status text", "quantity numeric"), "order_id"},
		{"the same name wins", table("order_view", "order_ref integer unique", "id integer unique", "status text", "quantity numeric"), "id"},
		{"it is not unique", table("order_lines", "order_id integer", "status text", "quantity numeric"), ""},
		{"one common column may be chance", table("customers", "customer_id integer unique", "status text"), ""},
		{"another type", table("order_view", "order_id numeric unique", "status text", "quantity numeric"), ""},
	} {
		pair, err := propose.Choose([]propose.Table{legacy}, []propose.Table{c.projection}, propose.Names{}, false)
		if got := pair.Key.Projection.Name; got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: the key is %q (%v), want %q", c.reason, got, err, c.want)
			continue
		}
		if f := (&propose.Findings{Pair: pair}); c.want == "order_id" && strings.Count(f.YAML(), "different names for it") != 2 {
			t.Errorf("%s: the file does not ask about the key:\n%s", c.reason, f.YAML())
		}
	}
}
