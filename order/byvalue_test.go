package order

import (
	"slices"
	"testing"
)

func TestKeysAreOrderedByValue(t *testing.T) {
	want := []Key{"-100", "-20", "-3", "0", "2", "10", "99999999999999999999", "", "-", "1.5", "9a", "b", "ä"}
	got := slices.Clone(want)
	slices.Sort(got)
	slices.SortStableFunc(got, ByValue)
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
