package run_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
)

func TestTheHoldPointSaysWhatIsKnown(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	proof := func(pass int64, kind string, ago time.Duration) *run.Proof {
		return &run.Proof{At: now.Add(-ago), Pass: pass, Kind: kind}
	}
	budget := func(forecast time.Duration) cutover.Budget {
		return cutover.Budget{Total: 5 * time.Minute, Reserve: 2 * time.Minute, Forecast: map[cutover.Step]time.Duration{cutover.Fence: time.Second, cutover.Barrier: forecast}}
	}
	for want, h := range map[string]*run.Held{
		"The window is not forecast, because no run has come so far; it may take 3m. Nothing proves that both sides agree.":                                                             run.NewHeld(cutover.Budget{Total: 5 * time.Minute, Reserve: 2 * time.Minute}, nil, nil, now),
		"The window is forecast to take 3s, and fits into 3m. Both sides were proven equal 1h ago (pass 3, full).":                                                                      run.NewHeld(budget(2*time.Second), proof(3, "full", time.Hour), proof(3, "full", time.Hour), now),
		"The window is forecast to take 3m 1s, and DOES NOT FIT into 3m. Both sides were proven equal 1h ago (pass 3, full), and what changed since then up to 2s ago (pass 9, delta).": run.NewHeld(budget(3*time.Minute), proof(3, "full", time.Hour), proof(9, "delta", 2*time.Second), now),
	} {
		if got := h.String(); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}
