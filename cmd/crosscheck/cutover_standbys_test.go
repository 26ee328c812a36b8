package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// TestStandbysThatClientsReadAreWaitedFor, and one that is none is told before anything is touched. It is not parallel, because the
// standby is one of all databases, and each cutover waits for those of legacy.
func TestStandbysThatClientsReadAreWaitedFor(t *testing.T) {
	s := newCutSystem(t)
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	s.config = s.configured(fmt.Sprintf("  standbys: [%q]", s.dsn))
	if text := unwrapped(s.does(exitDiverged, "cutover", "rehearse")); !strings.Contains(text, "cutover.standbys[0]: is no standby of the new side: it takes writes itself") {
		t.Errorf("a primary as a standby is told as %s", text)
	}
	of, err := pgx.ParseConfig(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	standby := pgtest.Standby(t, nil)
	s.config = s.configured(fmt.Sprintf("  standbys: [%q]", standby.DSN(of.Database)))
	if text := unwrapped(s.does(exitDiverged, "cutover", "plan")); !strings.Contains(text, "1 standby follows the new side") {
		t.Errorf("the plan says %s", text)
	}
	s.does(exitAgrees, "cutover", "rehearse")
	s.is(atLegacy)
}
