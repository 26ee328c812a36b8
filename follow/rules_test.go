package follow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

const (
	placed = `{"side": "1", "client": null, "account": "A0EEBC999C0B4EF8BB6D6BB9BD380A11", "day": "2024-02-29", "desk": 17, "orderQty": "100",
		"limitPrice": {"amount": 12345, "currency": "EUR"}, "placedAt": 1704103200123, "expires": "2024-01-01T10:00:00.25+01:00",
		"goodTillCancel": true, "priority": 2}`
	otherwise = `{"note": [1], "priority": "x", "goodTillCancel": "true", "placedAt": "1704103200123.0", "limitPrice": {"amount": "12345"}, "orderQty": 1e2,
		"desk": "17", "day": "2024-02-29", "account": "A0EEBC999C0B4EF8BB6D6BB9BD380A11", "client": null, "side": "\u0042", "expires": "2024-01-01T09:00:00.25Z"}`
	amended  = `{"fieldName": "limitPrice", "newValue": "99.50", "oldValue": 123.45}`
	executed = `{"lastQty": 40, "lastPx": {"amount": 12300, "currency": "EUR"}}`
)

// TestMessagesByRulesOfAUser agree with their stored events by what the rules read of them, and by nothing else.
func TestMessagesByRulesOfAUser(t *testing.T) {
	but := func(text, old, is string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%s is not in %s", old, text)
		}
		return strings.Replace(text, old, is, 1)
	}
	const wrong, drift = "7 wrong_publish", "7 schema_drift"
	for name, test := range map[string]struct{ is, stored, published, want string }{
		"placed":                         {"Placed", placed, placed, ""},
		"in other words":                 {"Placed", placed, otherwise, ""},
		"of another limit":               {"Placed", placed, but(placed, "12345", "12346"), wrong},
		"of no limit":                    {"Placed", placed, but(placed, "12345", "null"), wrong},
		"in no whole cents":              {"Placed", placed, but(placed, "12345", "123.45"), drift},
		"the amount under another key":   {"Placed", placed, but(placed, "amount", "value"), drift},
		"the amount without its object":  {"Placed", placed, but(placed, `{"amount": 12345, "currency": "EUR"}`, "12345"), drift},
		"in a currency that nobody read": {"Placed", placed, but(placed, "EUR", "USD"), ""},
		"a millisecond later":            {"Placed", placed, but(placed, "123,", "124,"), wrong},
		"kept for a day":                 {"Placed", placed, but(placed, "true", "false"), wrong},
		"on the other side":              {"Placed", placed, but(placed, `"1"`, `"2"`), wrong},
		"on a side that no map has":      {"Placed", placed, but(placed, `"1"`, `"3"`), drift},
		"expiring later":                 {"Placed", placed, but(placed, "+01:00", "Z"), wrong},
		"expiring never":                 {"Placed", placed, but(placed, `"2024-01-01T10:00:00.25+01:00"`, "null"), wrong},
		"amended":                        {"Amended", amended, `{"newValue":99.5,"oldValue":"123.450","fieldName":"limitPrice"}`, ""},
		"amended to another value":       {"Amended", amended, but(amended, "99.50", "99.51"), wrong},
		"amended to nothing":             {"Amended", amended, but(amended, `"99.50"`, "null"), wrong},
		"amended from another value":     {"Amended", amended, but(amended, "123.45", "123.46"), wrong},
		"amended from what is not said":  {"Amended", amended, but(amended, `, "oldValue": 123.45`, ""), wrong},
		"another field amended":          {"Amended", amended, but(amended, "limitPrice", "orderQty"), wrong},
		"a field that may not be named":  {"Amended", amended, but(amended, "limitPrice", "side"), drift},
		"executed":                       {"Executed", executed, `{"lastPx": {"amount": 12300}, "lastQty": "40.0"}`, ""},
		"executed for less":              {"Executed", executed, but(executed, "12300", "1230"), wrong},
		"executed below zero":            {"Executed", executed, but(executed, "12300", "-12300"), wrong},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, 1)
			s.rules = deskRules(t)
			s.trade(1, 10)
			s.storeText(saying(test.is, test.stored))
			s.publishText(0, 7, saying(test.is, test.published))
			s.trade(12, 20)
			s.want(20, test.want)
			s.wantCounts(20, 20, 1)
		})
	}
}

// TestATypeOfTheSameFormIsAnother: a trade that is taken back says the same as a trade.
func TestATypeOfTheSameFormIsAnother(t *testing.T) {
	s := newShop(t, 1)
	s.rules = deskRules(t)
	s.storeText(saying("Busted", executed))
	s.publishText(0, 7, saying("Executed", executed))
	s.trade(12, 20)
	s.want(20, "7 wrong_publish")
}

// deskRules have the type of the shop's other events too.
func deskRules(t *testing.T) *order.Rules {
	t.Helper()
	rules := ordertest.Desk()
	rules.Events["OrderCanceled"] = rules.Events["Cancelled"]
	r, err := order.NewRules(rules, ordertest.DeskFields())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// saying is the message of event 11, of order 7.
func saying(is, payload string) string {
	return fmt.Sprintf(`{"event_id":11,"order_id":7,"event_type":%q,"timestamp":"2024-01-01T00:00:00Z","payload":%s}`, is, payload)
}
