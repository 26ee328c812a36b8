package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/lab"
)

// TestEveryFaultOfRowsIsNamed plants each fault that shows between legacy, events and projection, while the desk trades
// on, and lets a full verification name each order's hop and cause, and accuse no other.
func TestEveryFaultOfRowsIsNamed(t *testing.T) {
	t.Parallel()
	everyFaultIsNamed(t, lab.History{Orders: 1000}, func(f lab.Fault) bool { return !f.Backfill })
}

// TestEveryFaultOfTheBackfillIsNamed plants what a wrong backfill does to old orders. Verification finds that the events do not fold
// to the row; which mistake of a backfill it was is for the audit to say.
func TestEveryFaultOfTheBackfillIsNamed(t *testing.T) {
	t.Parallel()
	everyFaultIsNamed(t, lab.History{Orders: 3000, Backfilled: 90}, func(f lab.Fault) bool { return f.Backfill })
}

// TestFaultsAreNamedInAnotherStore does the same with a desk whose event store has types, keys and payloads of its own. A soak
// plants every fault, and otherwise those that the words of an event make.
func TestFaultsAreNamedInAnotherStore(t *testing.T) {
	t.Parallel()
	everyFaultIsNamed(t, lab.History{Orders: 500, Store: lab.DeskStore}, func(f lab.Fault) bool {
		return !f.Backfill && (soak() || slices.Contains([]string{
			"wrong_price_after_modify", "float_payload", "schema_drift", "timezone_shift", "overfill", "cancel_after_fill", "partial_fill_ignored",
		}, f.Name))
	})
}

func everyFaultIsNamed(t *testing.T, history lab.History, among func(lab.Fault) bool) {
	s := newSystem(t, lab.Options{History: history, Rate: 30, RefreshEvery: labRefresh})
	config := s.config("named", labWindow, s.eventSections(),
		"gate: {criteria: {shadow_write_completeness: {}, event_gaps: {}, projection_lag: {max: 1m}}}")
	s.live()
	if code, r := pass(t, "verify", "--config", config); code != exitAgrees || len(r.Divergences) > 0 {
		t.Fatalf("the clean system ended with exit code %d and %d divergences", code, len(r.Divergences))
	}
	eventCriteria(t, config, "pass", "pass")
	want := map[string]string{}
	for _, fault := range lab.AllFaults() {
		if !among(fault) || fault.Pass != lab.FullPass || fault.Name == "stopped_projector" || fault.Name == "stopped_shadow_writer" {
			continue
		}
		planted, err := s.Plant(deadline(t), fault.Name, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range planted {
			want[strconv.FormatInt(p.OrderID, 10)] = fmt.Sprintf("%s: %s %s", p.Fault, p.Hop, p.Cause)
		}
	}
	code, r := pass(t, "verify", "--config", config)
	if code != exitDiverged {
		t.Errorf("verify ended with exit code %d", code)
	}
	found := map[string]string{}
	for _, d := range r.Divergences {
		fault, _, _ := strings.Cut(want[d.OrderID], ":")
		found[d.OrderID] = fmt.Sprintf("%s: %s %s", fault, d.Hop, d.Cause)
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("planted (-) and found (+) by verify:\n%s", diff)
	}
	gaps := "fail"
	if history.Backfilled > 0 {
		gaps = "pass" // whole orders are missing, and everything else is there
	}
	eventCriteria(t, config, "fail", gaps)
}

// eventCriteria holds what the gate says of the event store; the projection's lag is no fault in any of this.
func eventCriteria(t *testing.T, config, complete, gaps string) {
	t.Helper()
	_, verdicts := criteria(t, config)
	for name, want := range map[string]string{"shadow_write_completeness": complete, "event_gaps": gaps, "projection_lag": "pass"} {
		if verdicts[name] != want {
			t.Errorf("the gate says %s of %s, want %s", verdicts[name], name, want)
		}
	}
}

// TestAPartThatHasStoppedIsNamed stops the projector, and the shadow writer, under live traffic: what differs then is not
// a heap of stale rows and lost events.
func TestAPartThatHasStoppedIsNamed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stopped_projector", "stopped_shadow_writer"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, lab.Options{History: lab.History{Orders: 1000}, Rate: 30, RefreshEvery: labRefresh})
			config := s.config("stopped", labWindow, s.eventSections())
			shortenMaxLag(t, config)
			s.live()
			planted, err := s.Plant(deadline(t), name, 5)
			if err != nil {
				t.Fatal(err)
			}
			code, r := pass(t, "verify", "--config", config)
			if code != exitDiverged || len(r.Divergences) == 0 {
				t.Errorf("verify ended with exit code %d and %d divergences", code, len(r.Divergences))
			}
			for _, d := range r.Divergences {
				if want := planted[0]; string(d.Hop) != want.Hop || d.Cause != want.Cause {
					t.Errorf("order %s: %s %s, want %s %s", d.OrderID, d.Hop, d.Cause, want.Hop, want.Cause)
				}
			}
			if err := s.Repair(deadline(t)); err != nil {
				t.Fatal(err)
			}
			if code, r := pass(t, "verify", "--config", config); code != exitAgrees {
				t.Errorf("after the repair verify ended with exit code %d: %+v", code, r.Divergences)
			}
		})
	}
}

// shortenMaxLag lets a projection that has stopped be late for five seconds only.
func shortenMaxLag(t *testing.T, config string) {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, bytes.ReplaceAll(text, []byte("max_lag: 1m"), []byte("max_lag: 5s")), 0o600); err != nil {
		t.Fatal(err)
	}
}
