package main

import (
	"errors"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
)

// TestARunThatIsBackAlreadyIsNotRolledBack, although it is completed: a later run has found its orders at legacy.
func TestARunThatIsBackAlreadyIsNotRolledBack(t *testing.T) {
	began := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	of := func(run, slice string, phase cutover.Phase) cutoverrun.Status {
		return cutoverrun.Status{Run: run, Began: began, Fenced: &began, State: cutover.State{Phase: phase, Slice: slice}}
	}
	for _, slice := range []string{"", "symbol=A"} {
		all := []cutoverrun.Status{of("1", slice, cutover.Completed)}
		if s, err := goingBack(all, slice, slice != ""); err != nil || s.Run != "1" {
			t.Errorf("%q at the new side: %v, %v", slice, s, err)
		}
		all = append(all, of("2", slice, cutover.RolledBack))
		if s, err := goingBack(all, slice, slice != ""); !errors.Is(err, errBackAlready) {
			t.Errorf("%q at legacy: %v, %v", slice, s, err)
		}
	}
}
