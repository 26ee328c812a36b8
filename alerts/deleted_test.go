package alerts_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/incident"
)

// TestAnOpenIncidentWhoseMessageWasDeletedIsToldAgain deletes the parent while orders are diverged.
func TestAnOpenIncidentWhoseMessageWasDeletedIsToldAgain(t *testing.T) {
	w := newWorld(t)
	facts := func(at time.Duration) incident.Facts {
		f := incident.Facts{Fingerprint: "f"}
		count := int64(1)
		if at >= 10*time.Minute {
			count = 4
		}
		if at < 30*time.Minute {
			f.Open = []incident.Group{{Hop: "legacy", Cause: "direct_edit", Count: count, Oldest: t0}}
		}
		return f
	}
	w.run(5*time.Minute, facts, &death{})
	for _, m := range w.slack.Messages() {
		w.slack.Delete(m.TS)
	}
	w.run(20*time.Minute, facts, &death{})
	if diff := cmp.Diff("4 orders diverged: direct_edit\n", w.threads()); diff != "" {
		t.Errorf("threads, deleted and told again (-want +got):\n%s", diff)
	}
	w.run(40*time.Minute, facts, &death{})
	const ended = "Resolved: 4 orders diverged: direct_edit\n    Resolved after …; at most 4 orders.\n"
	if diff := cmp.Diff(ended, w.threads()); diff != "" {
		t.Errorf("threads at the end (-want +got):\n%s", diff)
	}
	if pending, err := w.ledger.AlertsPending(t.Context(), w.clock()); err != nil || pending != 0 {
		t.Errorf("%d messages wait, error %v", pending, err)
	}
}
