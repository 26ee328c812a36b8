package main

import (
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab"
)

// TestDoctorComparesTheFoldsOfALiveSystem: rows that are on their way are no difference, and a forgotten assignment is one.
func TestDoctorComparesTheFoldsOfALiveSystem(t *testing.T) {
	t.Parallel()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 3000}})
	s.live()
	doctor := func(fold string) string {
		t.Helper()
		p := start(t, "doctor", "--all", "--config", s.config("folds", time.Second, `events: {dsn: "`+s.EventsDSN+`"`+fold+`}`))
		p.end()
		for line := range strings.Lines(p.stdout.String()) {
			if f := strings.Fields(line); len(f) > 3 && f[1] == "events" && f[2] == checkFold {
				return line
			}
		}
		t.Fatalf("no folds were compared:\n%s%s", &p.stdout, &p.stderr)
		return ""
	}
	for range 3 {
		if line := doctor(""); !strings.HasPrefix(line, "ok ") || !strings.Contains(line, "of 1,000 folds equal the projection") {
			t.Error(line)
		}
	}
	s.rest()
	line := doctor(`, preset: orders, fold: {OrderCanceled: {set: {reason: {path: $.reason, null: true}, updated_at: {event: at}}}}`)
	if !strings.Contains(line, "differ in `status` after `OrderCanceled`: is the rule complete?") {
		t.Error(line)
	}
}
