package board

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/gate"
)

func TestWhenTheStreamCountsAsStopped(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for why, c := range map[string]struct {
		looked, started time.Time
		window          time.Duration
		stopped         bool
	}{
		"just looked":                  {ago(time.Second), ago(time.Hour), time.Second, false},
		"a minute, for short windows":  {ago(time.Minute), ago(time.Hour), time.Second, false},
		"longer":                       {ago(61 * time.Second), ago(time.Hour), time.Second, true},
		"five windows":                 {ago(150 * time.Second), ago(time.Hour), 30 * time.Second, false},
		"more":                         {ago(151 * time.Second), ago(time.Hour), 30 * time.Second, true},
		"stopped before we came":       {ago(time.Hour), ago(time.Second), time.Second, true},
		"never, and we have just come": {time.Time{}, ago(time.Second), time.Second, false},
		"never, since long":            {time.Time{}, ago(time.Hour), time.Second, true},
		"never, and not by us":         {time.Time{}, time.Time{}, time.Second, false},
	} {
		var e *gate.StreamEvidence
		if !c.looked.IsZero() {
			e = &gate.StreamEvidence{At: c.looked}
		}
		if stopped := !streamOf(e, nil, c.started, now, c.window).Stopped.IsZero(); stopped != c.stopped {
			t.Errorf("%s: stopped is %v", why, stopped)
		}
	}
}
