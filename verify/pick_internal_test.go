package verify

import (
	"slices"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// TestAPartOfABucketIsWithinIt, and all parts together leave out nothing but what the last one is short of.
func TestAPartOfABucketIsWithinIt(t *testing.T) {
	for _, test := range [][2]order.Key{
		{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
		{"3f000000-0000-7000-8000-0000000000ff", "3f000000-0001-7000-8000-000000000000"},
		{"3f000000-0000-7000-8000-000000000001", "3f000000-0000-7000-8000-000000000002"},
		{"3f000000-0000-7000-8000-000000000001", "3f000000-0000-7001-8000-000000000000"},
	} {
		end := test[0]
		for part := range uint64(pickedParts) {
			got := within(test[0], test[1], part)
			if !slices.IsSorted(got) || got[0] < test[0] || got[1] > test[1] || got[0] == got[1] {
				t.Errorf("part %d from %s to %s is %v", part, test[0], test[1], got)
			}
			if got[0] != end && got[0] != test[0] {
				t.Errorf("part %d begins at %s, and the one before it ended at %s", part, got[0], end)
			}
			end = got[1]
		}
	}
}
