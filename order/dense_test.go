package order_test

import (
	"strconv"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

func TestDense(t *testing.T) {
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
		first, last, dense := order.Dense(test.keys)
		if dense != test.dense || dense && (order.Key(strconv.FormatInt(first, 10)) != test.keys[0] || order.Key(strconv.FormatInt(last, 10)) != test.keys[len(test.keys)-1]) {
			t.Errorf("%s: %d to %d, %t", test.reason, first, last, dense)
		}
	}
}
