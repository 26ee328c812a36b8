package ordertest

import (
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// RulesWith are the rules of the default schema with changes, for any compared fields.
func RulesWith(t testing.TB, change func(*order.FoldRules)) *order.Rules {
	t.Helper()
	spec := order.Orders()
	change(&spec)
	rules, err := order.NewRules(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}
