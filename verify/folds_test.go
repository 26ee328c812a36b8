package verify_test

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/verify"
)

// TestWhatDiffersFromItsFoldIsLookedAtAgain: an order may be written between the look at its row and the look at its events, and
// an event may become visible after one that has a higher position.
func TestWhatDiffersFromItsFoldIsLookedAtAgain(t *testing.T) {
	fill := func(f *four) { f.projection.Put(row(2, "FILLED", "10")) }
	for name, test := range map[string]struct {
		meanwhile              func(*four)
		equal, behind, differs int
		waits                  int
	}{
		"it was under way": {func(f *four) {
			f.events.add(2, f.now, ordertest.Filled{Quantity: *apd.New(10, 0), Price: *apd.New(1, 0)})
		}, 10, 0, 0, 1},
		"it differs":           {func(*four) {}, 9, 0, 1, 1},
		"it differs otherwise": {func(f *four) { f.projection.Put(row(2, "FILLED", "9")) }, 9, 0, 1, 1},
		"it is gone":           {func(f *four) { f.projection.Delete("2") }, 9, 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFour(t)
			fill(f)
			folds := compare.Folds{Oracle: compare.Oracle{Fields: foldable, Rules: order.Defaults()}}
			wait := func(context.Context, time.Duration) error { f.waits++; test.meanwhile(f); return nil }
			_, err := verify.Folds{Projection: f.projection, Events: f.events, Random: f.Random, Wait: wait}.Compare(t.Context(), 100, &folds)
			if err != nil {
				t.Fatal(err)
			}
			if folds.Equal != test.equal || folds.Behind != test.behind || folds.Differing() != test.differs || f.waits != test.waits {
				t.Errorf("%d equal, %d behind, %d differ, after %d waits", folds.Equal, folds.Behind, folds.Differing(), f.waits)
			}
		})
	}
}
