package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/lab"
)

// TestASecondFaultDoesNotResolveTheFirst loses an event of each of two orders on a trading system, accepts one of them,
// and edits the projection of both.
func TestASecondFaultDoesNotResolveTheFirst(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 1000}, Rate: 30, RefreshEvery: labRefresh})
	config := s.config("second", labWindow, s.eventSections())
	s.live()
	planted, err := s.Plant(deadline(t), "lost_event", 2)
	if err != nil {
		t.Fatal(err)
	}
	a, b := strconv.FormatInt(planted[0].OrderID, 10), strconv.FormatInt(planted[1].OrderID, 10)
	verify := func(doing string, orders int64, want ...string) {
		t.Helper()
		code, r := pass(t, "verify", "--config", config)
		if code != exitDiverged || r.Diverged != orders || len(r.Divergences) != len(want) || r.Truncated {
			t.Errorf("%s: exit code %d, %d orders diverged, %d divergences, truncated %t", doing, code, r.Diverged, len(r.Divergences), r.Truncated)
		}
		got := rows(t, s.EventsDSN, "SELECT order_key || ' ' || hop || ' ' || cause || ' ' || state FROM second.divergence WHERE state <> 'resolved' ORDER BY order_key::bigint, hop DESC")
		if got != strings.Join(want, "\n") {
			t.Errorf("%s: the ledger has\n%s\nwant\n%s", doing, got, strings.Join(want, "\n"))
		}
	}
	if planted[0].OrderID > planted[1].OrderID {
		a, b = b, a
	}
	verify("events lost", 2, a+" legacy->events lost_shadow_write open", b+" legacy->events lost_shadow_write open")
	if code := start(t, "accept", a, "--config", config, "--why", "a test", "--until", "2999-01-01").end(); code != 0 {
		t.Fatalf("accept ended with exit code %d", code)
	}
	rows(t, s.EventsDSN, fmt.Sprintf("UPDATE orders_projection SET trader_id = trader_id + 1000 WHERE order_id IN (%s, %s)", a, b))
	verify("projection edited", 2,
		a+" legacy->events lost_shadow_write accepted", a+" events->projection wrong_value open",
		b+" legacy->events lost_shadow_write open", b+" events->projection wrong_value open")
	p := start(t, "explain", b, "--config", config)
	p.end()
	for _, text := range []string{"legacy->events", "lost_shadow_write", "DIVERGED at events->projection", "wrong_value"} {
		if !strings.Contains(p.stdout.String(), text) {
			t.Errorf("explain does not say %q", text)
		}
	}
	rows(t, s.EventsDSN, fmt.Sprintf("UPDATE orders_projection SET trader_id = trader_id - 1000 WHERE order_id IN (%s, %s)", a, b))
	verify("projection repaired", 2, a+" legacy->events lost_shadow_write accepted", b+" legacy->events lost_shadow_write open")
}
