package follow_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// TestWhatTheStreamHasShownNeedsNoSettleWindow: everything has arrived long before a check may say so. An event that nobody has published has not.
func TestWhatTheStreamHasShownNeedsNoSettleWindow(t *testing.T) {
	s := newShop(t, 2)
	shown := func(upTo order.Position) bool {
		state := s.state()
		all, err := state.Shown(t.Context(), s, upTo)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	s.trade(1, 9_000)
	if shown(1) {
		t.Error("a stream of which nothing was read has shown something")
	}
	s.want(9_000, "")
	s.trade(9_001, 18_000)
	began := s.clock()
	if err := s.follow("everything is seen", func() bool { return shown(18_000) }); err != nil {
		t.Fatal(err)
	}
	if took := s.clock().Sub(began); took >= shopWindow || s.state().Evidence.Checked != 9_000 {
		t.Errorf("it took %v, and the check has come to %d", took, s.state().Evidence.Checked)
	}
	s.store(18_001, 7)
	if shown(18_001) || !shown(18_000) {
		t.Error("an event that was not published counts as shown, or hides what was")
	}
}
