package order_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// TestHopsAreBetweenRepresentations holds the text of each hop, which ledgers and metrics of years have.
func TestHopsAreBetweenRepresentations(t *testing.T) {
	want := []string{"legacy", "legacy->events", "events->stream", "events->projection", "legacy->projection"}
	var got []string
	for _, hop := range order.Hops() {
		got = append(got, string(hop))
		for end := range strings.SplitSeq(string(hop), "->") {
			if !slices.Contains(order.Representations(), order.Representation(end)) {
				t.Errorf("%s ends at %q, which is no representation", hop, end)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("hops are %q, want %q", got, want)
	}
	for _, hop := range order.RowHops() {
		if !slices.Contains(order.Hops(), hop) {
			t.Errorf("%s is no hop", hop)
		}
	}
}
