package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/alerts/slacktest"
	"github.com/nordvarg/crosscheck/lab"
)

// alerted is a lab whose sidecars tell a Slack of our own.
type alerted struct {
	*system
	slack    *slacktest.Server
	sections []string
	// Two sidecars, as in a deployment of two replicas; one of them sends.
	sidecar, second *sidecarProcess
}

func newAlerted(t *testing.T, fault func(string) slacktest.Fault) *alerted {
	t.Helper()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 1000}, Rate: 30, RefreshEvery: labRefresh})
	s.live()
	a := &alerted{system: s, slack: slacktest.New("xoxb-1", "C1", "#cutover")}
	a.slack.Fault = fault
	api := httptest.NewServer(a.slack)
	t.Cleanup(api.Close)
	a.sections = []string{s.eventSections(), fmt.Sprintf(`
alerts: {slack: {token: xoxb-1, channel: C1, api_url: %q}, update_every: 1s}
gate: {criteria: {sample_bound: {enabled: false}, counts: {enabled: false}}}`, api.URL)}
	a.sidecar, a.second = s.sidecar(a.sections...), s.sidecar(a.sections...)
	return a
}

// killed ends a sidecar without a word and starts another. What time would do to the lease is done at once.
func (a *alerted) killed() {
	a.t.Helper()
	if err := a.sidecar.Process.Kill(); err != nil {
		a.t.Fatal(err)
	}
	a.sidecar.end()
	rows(a.t, a.EventsDSN, "UPDATE crosscheck.lease SET expires_at = clock_timestamp()")
	a.sidecar = a.system.sidecar(a.sections...)
}

// until waits for a condition of what people see in Slack.
func (a *alerted) until(what string, seen func(threads string) bool) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !seen(a.slack.Threads()) {
		select {
		case <-ctx.Done():
			a.t.Fatalf("%s: did not happen; threads are\n%s", what, a.slack.Threads())
		case <-tick.C:
		}
	}
}

var divergedThread = regexp.MustCompile(`(?m)^(Resolved: )?\d+ orders? diverged: (.*)$`)

// round plants a fault, waits until people hear of it, and repairs it, after something has happened meanwhile. It
// returns the cause that people are to hear of.
func (a *alerted) round(fault string, meanwhile func()) string {
	a.t.Helper()
	before := len(divergedThread.FindAllString(a.slack.Threads(), -1))
	planted, err := a.Plant(deadline(a.t), fault, 2)
	if err != nil {
		a.t.Fatal(err)
	}
	eventually(a.t, a.EventsDSN, "SELECT count(*) FROM crosscheck.incident WHERE open AND kind = 'divergence'", "1")
	meanwhile()
	a.until(fault+" told", func(threads string) bool {
		return len(divergedThread.FindAllString(threads, -1)) > before
	})
	if err := a.Repair(deadline(a.t)); err != nil {
		a.t.Fatal(err)
	}
	a.until(fault+" told to be repaired", func(threads string) bool {
		return !slices.ContainsFunc(divergedThread.FindAllStringSubmatch(threads, -1), func(m []string) bool { return m[1] == "" })
	})
	return "Resolved: " + planted[0].Cause
}

// ends checks that each incident had its one thread, and prints them.
func (a *alerted) ends(causes []string) {
	a.t.Helper()
	a.until("everything sent", func(string) bool {
		return rows(a.t, a.EventsDSN, "SELECT count(*) FROM crosscheck.outbox WHERE done_at IS NULL") == "0"
	})
	a.sidecar.shows("/metrics", http.StatusOK, "crosscheck_alerts_pending 0")
	a.sidecar.drains()
	a.second.drains()
	var told []string
	threads := a.slack.Threads()
	for _, m := range divergedThread.FindAllStringSubmatch(threads, -1) {
		told = append(told, m[1]+m[2])
	}
	if diff := cmp.Diff(causes, told); diff != "" {
		a.t.Errorf("threads (-planted +told):\n%s", diff)
	}
	if twice := a.slack.Doubled(); len(twice) > 0 {
		a.t.Errorf("sent twice: %q", twice)
	}
	a.t.Logf("what people see in Slack after %d calls:\n%s", len(a.slack.Calls()), threads)
}

// TestAlertsOfALivingSystem plants faults in a trading system and repairs them, once with a Slack that works, and once
// with one that is down for half of the time while the sidecar is killed. Each incident has one thread, and ends.
func TestAlertsOfALivingSystem(t *testing.T) {
	t.Parallel()
	faults, lasts, kills := []string{"stale_projection"}, loadTime(t, 0), []int{0}
	down := func(at time.Duration) bool { return at < time.Second }
	if lasts > 0 {
		faults = []string{"stale_projection", "lost_event", "filled_drift", "ghost_event", "double_apply", "null_filled"}
		down, kills = func(at time.Duration) bool { return at/(25*time.Second)%2 == 0 }, []int{1, 3}
	}
	play := func(t *testing.T, a *alerted, kills []int) {
		var causes []string
		begun := time.Now()
		for n := 0; n < len(faults) || time.Since(begun) < lasts; n++ {
			causes = append(causes, a.round(faults[n%len(faults)], func() {
				if slices.Contains(kills, n) {
					a.killed()
				}
			}))
		}
		a.ends(causes)
	}
	t.Run("slack works", func(t *testing.T) {
		t.Parallel()
		play(t, newAlerted(t, nil), nil)
	})
	t.Run("slack fails and the sidecar is killed", func(t *testing.T) {
		t.Parallel()
		var first time.Time // call; the server asks for one fault after the other
		failed := 0
		play(t, newAlerted(t, func(string) slacktest.Fault {
			if first.IsZero() {
				first = time.Now()
			}
			if !down(time.Since(first)) {
				return slacktest.None
			}
			failed++
			return []slacktest.Fault{slacktest.Down, slacktest.DownAfter}[failed%2]
		}), kills)
		if failed == 0 {
			t.Error("no call has failed")
		}
	})
}
