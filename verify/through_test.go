package verify_test

import (
	"context"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/sourcetest"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// silent is a standby that does not tell how far it is behind its primary.
type silent struct{ *sourcetest.Fake }

func (silent) Behind(context.Context) (time.Duration, bool, error) { return 0, false, nil }

// TestAPassOfASilentStandbyVerifiesNothingUpToATime, also in ranges and with a throttle between it and the sides.
func TestAPassOfASilentStandbyVerifiesNothingUpToATime(t *testing.T) {
	for _, ranged := range []bool{false, true} {
		w := newWorld(t, dense(300), dense(300))
		if ranged {
			w.inRanges()
		}
		w.Legacy = silent{w.legacy}
		throttled(w, throttle.Limits{MaxSessions: 12}, func(order.Representation) throttle.Load { return throttle.Load{Sessions: 3} })
		pass := w.must(w.full(t.Context()))
		if pass.Result.Verdict != compare.Match || !pass.Scan.Through.IsZero() {
			t.Errorf("ranged %t: %+v, verified up to %s", ranged, pass.Result, pass.Scan.Through)
		}
	}
}

var _ verify.Replica = silent{}
