package verify_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/verify"
)

// TestOnlyFindsWhatOneSideHas: keys are in the order of their values, copies are one key, and a side that breaks off is an error and no end.
func TestOnlyFindsWhatOneSideHas(t *testing.T) {
	side := func(is order.Representation, keys ...order.Key) *sourcetest.Fake {
		table := sourcetest.Table{KeyType: order.KeyInteger}
		for _, key := range keys {
			table.Rows = append(table.Rows, order.Row{Key: key})
		}
		return sourcetest.New(is, table)
	}
	a, b := side(order.Projection, "-3", "2", "10", "10", "11", "100"), side(order.Legacy, "-3", "10", "12")
	all := func(_ context.Context, keys []order.Key) ([]order.Key, error) { return keys, nil }
	found, err := verify.Only(t.Context(), a, b, 2, all)
	if want := []order.Key{"2", "11"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("%v, %v; want %v", found, err, want)
	}
	if found, err = verify.Only(t.Context(), side(order.Projection), b, 2, all); err != nil || len(found) > 0 {
		t.Errorf("an empty side: %v, %v", found, err)
	}
	broken := errors.New("broken")
	b.Before = func(read string) error {
		if read == "scan" {
			return broken
		}
		return nil
	}
	if _, err := verify.Only(t.Context(), a, b, 2, all); !errors.Is(err, broken) {
		t.Errorf("a side that breaks off: %v", err)
	}
}
