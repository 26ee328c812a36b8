package alerts_test

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/alerts/slacktest"
	"github.com/nordvarg/crosscheck/incident"
)

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.slack.ServeHTTP(rw, r) }

// history is an hour and a half in which two kinds of divergence come, grow and go, a pass fails, and the gate flips.
func history(at time.Duration) incident.Facts {
	f := incident.Facts{Fingerprint: "f", Decision: "GO"}
	among := func(from, to int) bool {
		return at >= time.Duration(from)*time.Minute && at < time.Duration(to)*time.Minute
	}
	add := func(cause string, count int64) {
		f.Open = append(f.Open, incident.Group{Hop: "events->projection", Cause: cause, Count: count, Oldest: t0})
		f.Decision, f.Failing = "NO-GO", []string{"open_divergences"}
	}
	switch {
	case among(5, 15):
		add("stale_projection", 1)
	case among(15, 25):
		add("stale_projection", 5)
	case among(25, 35):
		add("stale_projection", 2)
	}
	if among(20, 40) {
		add("ghost_row", 3)
	}
	if among(45, 50) {
		add("stale_projection", 1) // again
	}
	if among(30, 45) {
		f.Passes = []incident.Pass{{Kind: "full", ID: 9, Coverage: 1, Unverified: true, Reason: "timeout"}}
	}
	return f
}

const historyEnds = 60 * time.Minute

// calm is what people see of the history, when nothing goes wrong.
const calm = `The gate says GO
Resolved: 2 orders diverged: stale_projection
    Now 5 orders.
    Now 2 orders.
    Resolved after …; at most 5 orders.
Resolved: The gate says NO-GO
    The gate says GO after ….
Resolved: 3 orders diverged: ghost_row
    Resolved after …; at most 3 orders.
Resolved: The full pass could not judge everything
    Resolved after ….
Resolved: 1 order diverged: stale_projection
    Resolved after …; at most 1 order.
Resolved: The gate says NO-GO
    The gate says GO after ….
`

func (w *world) sameAsCalm(why string) {
	w.t.Helper()
	if diff := cmp.Diff(calm, w.threads()); diff != "" {
		w.t.Errorf("%s: threads (-calm +got):\n%s", why, diff)
	}
	if doubled := w.slack.Doubled(); len(doubled) > 0 {
		w.t.Errorf("%s: sent twice: %q", why, doubled)
	}
	if pending, err := w.ledger.AlertsPending(w.t.Context(), w.clock()); err != nil || pending != 0 {
		w.t.Errorf("%s: %d messages were never sent, error %v", why, pending, err)
	}
}

func TestACalmHistory(t *testing.T) {
	w := newWorld(t)
	w.run(historyEnds, history, &death{})
	w.sameAsCalm("calm")
	var last time.Time
	for _, m := range w.slack.Messages() {
		if m.At.Sub(last) < time.Second {
			t.Errorf("%q follows the message before it within a second", m.Text)
		}
		last = m.At
	}
}

// TestSlackDownForHalfOfTheTime answers every other two minutes in all the ways in which Slack fails, those included
// in which it has taken the message.
func TestSlackDownForHalfOfTheTime(t *testing.T) {
	w := newWorld(t)
	faults := []slacktest.Fault{slacktest.Down, slacktest.DownAfter, slacktest.HangUp, slacktest.HangUpAfter, slacktest.Limited}
	failed := 0
	for seed := range uint64(3) {
		w.restart()
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test's
		w.slack.Fault = func(string) slacktest.Fault {
			if w.elapsed()/(2*time.Minute)%2 == 1 {
				return slacktest.None
			}
			failed++
			return faults[random.IntN(len(faults))]
		}
		w.run(historyEnds+10*time.Minute, history, &death{})
		w.sameAsCalm("down for half of the time")
	}
	if failed < 30 {
		t.Errorf("only %d calls have failed", failed)
	}
}

// TestSlackDownForADay loses nothing of what happened meanwhile.
func TestSlackDownForADay(t *testing.T) {
	w := newWorld(t)
	w.slack.Fault = func(string) slacktest.Fault {
		if w.elapsed() < 24*time.Hour {
			return slacktest.Down
		}
		return slacktest.None
	}
	w.run(24*time.Hour+20*time.Minute, history, &death{})
	w.sameAsCalm("down for a day")
}

// TestKilledAtAnyStep kills the process before and after each call that it makes, while Slack works and while it does
// not answer though it takes messages, and lets another go on.
func TestKilledAtAnyStep(t *testing.T) {
	w := newWorld(t)
	short := func(at time.Duration) incident.Facts { // two incidents, told and resolved within a minute
		f := incident.Facts{Fingerprint: "f"}
		if at < 20*time.Second {
			f.Open = []incident.Group{{Hop: "legacy", Cause: "direct_edit", Count: 1, Oldest: t0}, {Hop: "legacy", Cause: "lost_update", Count: 2, Oldest: t0}}
		}
		return f
	}
	const threads = "Resolved: 1 order diverged: direct_edit\n    Resolved after …; at most 1 order.\n" +
		"Resolved: 2 orders diverged: lost_update\n    Resolved after …; at most 2 orders.\n"
	every := 1
	if testing.Short() {
		every = 5
	}
	for name, fault := range map[string]slacktest.Fault{"works": slacktest.None, "takes and hangs up": slacktest.HangUpAfter} {
		for at := 1; ; at += every {
			w.restart()
			calls := 0
			w.slack.Fault = func(string) slacktest.Fault {
				calls++
				if calls%3 == 1 {
					return fault
				}
				return slacktest.None
			}
			d := &death{at: at}
			w.run(45*time.Second, told(w, short), d)
			if d.step < at { // it came to its end without dying
				if at < 40 {
					t.Errorf("%s: only %d steps", name, at)
				}
				break
			}
			w.expire()
			w.run(w.elapsed()+2*time.Minute, told(w, short), &death{})
			if got := w.threads(); got != threads || len(w.slack.Doubled()) > 0 {
				t.Fatalf("slack %s, killed at step %d: doubled %q, threads\n%s", name, at, w.slack.Doubled(), got)
			}
		}
	}
}

// told keeps the divergences open until there are incidents of them: what nobody saw needs no message.
func told(w *world, f func(time.Duration) incident.Facts) func(time.Duration) incident.Facts {
	return func(at time.Duration) incident.Facts {
		var seen bool
		if err := w.conn.QueryRow(w.t.Context(), "SELECT count(*) > 0 FROM crosscheck.incident").Scan(&seen); err != nil {
			w.t.Error(err)
		}
		if !seen {
			at = 0
		}
		return f(at)
	}
}

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
