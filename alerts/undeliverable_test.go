package alerts_test

import (
	"strings"
	"testing"
	"time"
)

// TestOneMessageThatCannotBeDeliveredStopsNoOther has incidents that were told in a channel which is gone by now: what
// belongs into their threads waits, and later incidents are told.
func TestOneMessageThatCannotBeDeliveredStopsNoOther(t *testing.T) {
	w := newWorld(t)
	w.run(7*time.Minute, history, &death{})
	before := strings.Count(w.threads(), "\n")
	w.exec("UPDATE crosscheck.incident SET channel = 'C0OLD'")
	w.run(5*time.Hour, history, &death{})
	threads := w.threads()
	if !strings.Contains(threads, "The gate says GO after") || strings.Count(threads, "\n") <= before {
		t.Errorf("later incidents were not told:\n%s", threads)
	}
	pending, err := w.ledger.AlertsPending(t.Context(), w.clock())
	if err != nil || pending == 0 {
		t.Errorf("%d messages wait, %v; those into the old channel should", pending, err)
	}
}
