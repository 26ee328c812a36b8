package order_test

import (
	"strconv"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

func TestNumbersWithFewGapsAreARange(t *testing.T) {
	keys := func(from, step, n int) (out []order.Key) {
		for i := range n {
			out = append(out, order.Key(strconv.Itoa(from+i*step)))
		}
		return out
	}
	for _, test := range []struct {
		reason string
		keys   []order.Key
		dense  bool
	}{
		{"no gaps", keys(-20, 1, 100), true},
		{"every second", keys(1, 2, 100), true},
		{"every third", keys(1, 3, 100), false},
		{"few", keys(1, 1, 10), false},
		{"the whole range of integers", append(keys(1, 1, 100), "-9223372036854775808", "9223372036854775807"), false},
		{"no number", append(keys(1, 1, 100), "ORD-1"), false},
		{"none", nil, false},
	} {
		_, args := order.AmongSQL("order_id", "integer", test.keys)
		if dense := len(args) == 3; dense != test.dense || dense && (order.Key(strconv.FormatInt(args[1].(int64), 10)) != test.keys[0] || order.Key(strconv.FormatInt(args[2].(int64), 10)) != test.keys[len(test.keys)-1]) {
			t.Errorf("%s: %v", test.reason, args)
		}
	}
	if _, args := order.AmongSQL("order_id", "text", keys(1, 1, 100)); len(args) != 1 {
		t.Errorf("a range of texts is not one of numbers: %v", args)
	}
}
