package main

import (
	"bytes"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver"
)

// TestACutoverDoesWhatEachFaultAsksFor, with one system that lives on. Those after which a cutover completes are met all at once, at the end; in a
// soak each of them also alone, by another system.
func TestACutoverDoesWhatEachFaultAsksFor(t *testing.T) {
	t.Parallel()
	s := newDisturbedLab(t)
	var completes []lab.CutoverFault
	for _, f := range lab.CutoverFaults() {
		if f.Must == lab.Completes {
			completes = append(completes, f)
			continue
		}
		t.Run(f.Name, func(t *testing.T) { s.disturbed(t, f) })
	}
	t.Run("completes", func(t *testing.T) { s.disturbed(t, completes...) })
	if !soak() {
		return
	}
	for _, f := range completes {
		t.Run(f.Name, func(t *testing.T) { newDisturbedLab(t).disturbed(t, f) })
	}
}

// newDisturbedLab has a server of its own, which may fail over.
func newDisturbedLab(t *testing.T) *cutLab {
	t.Helper()
	server, err := pgserver.Start(deadline(t), pgserver.Options{Settings: map[string]string{"jit": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	return newCutLab(t, lab.Options{Server: server, OwnServer: true}, patient(30*time.Second))
}

// disturbed cuts over with faults that all ask for the same.
func (s *cutLab) disturbed(t *testing.T, faults ...lab.CutoverFault) {
	t.Helper()
	s.t = t
	began := time.Now()
	end := s.asking(t)
	var process *process
	out := &striker{out: &bytes.Buffer{}, when: map[string][]func(){}}
	var all []*lab.Disturbance
	for _, f := range faults {
		d, err := s.Disturb(deadline(t), f.Name, func() error { return process.Process.Kill() })
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
		out.when[f.After] = append(out.when[f.After], func() {
			if err := d.Strike(deadline(t)); err != nil {
				t.Error(err)
			}
		})
	}
	must := faults[0].Must
	var code int
	if faults[0].Name == "coordinator_dies" {
		process = prepare(t, append(executes, "--config", s.file)...)
		process.Stdout = out
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		code = process.end()
	} else {
		code = s.run(out, executes...)
	}
	t.Logf("exit code %d after %v\n%s", code, time.Since(began).Round(time.Millisecond), out.out)
	delete(out.when, lab.BeforeCutover)
	if len(out.when) > 0 {
		t.Errorf("the cutover never came to %v", out.when)
	}
	if code != exitAgrees && code != exitDiverged {
		s.finished(t)
	}
	s.asked(t, all, must)
	s.tradesOn()
	keptFaith(t, end())
	s.undo(t, all, must)
}

// finished is what another process makes of a run whose process is gone.
func (s *cutLab) finished(t *testing.T) {
	t.Helper()
	if err := s.Repair(deadline(t)); err != nil {
		t.Fatal(err)
	}
	rows(t, s.EventsDSN, "UPDATE crosscheck.lease SET expires_at = clock_timestamp()")
	s.does(exitDiverged, "cutover", "resume")
}

// asked checks that the cutover has done what the faults ask for.
func (s *cutLab) asked(t *testing.T, all []*lab.Disturbance, must string) {
	t.Helper()
	if closed := s.closedFor(t); (must == lab.Refuses) != (closed == 0) {
		t.Errorf("legacy was closed for %v, and the cutover %s", closed, must)
	}
	if must == lab.Completes {
		s.stands(t, atNew)
	} else if !slices.ContainsFunc(all, func(d *lab.Disturbance) bool { return d.Name == "switch_lies" }) {
		s.stands(t, atLegacy)
	}
	for _, d := range all {
		if err := d.End(); err != nil {
			t.Error(err)
		}
		for _, order := range d.Written() { // legacy acknowledged it
			if got := rows(t, s.LegacyDSN, "SELECT count(*) FROM orders WHERE order_id = "+strconv.FormatInt(order, 10)); got != "1" || must == lab.Completes {
				t.Errorf("%s: order %d is at legacy %s times, and the cutover %s", d.Name, order, got, must)
			}
		}
		if kept := d.Refused(); must == lab.Completes && kept == 0 && (d.Name == "repeatable_read_writer" || d.Name == "apply_worker_writes") {
			t.Errorf("%s: no write of it was refused", d.Name)
		}
	}
}

// undo has the system as before the fault. After a cutover that went back, both sides are then equal.
func (s *cutLab) undo(t *testing.T, all []*lab.Disturbance, must string) {
	t.Helper()
	if err := s.Repair(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if must == lab.Completes {
		return
	}
	s.stands(t, atLegacy)
	s.rest()
	if found, err := s.Differences(deadline(t)); err != nil || len(found) > 0 {
		t.Errorf("%v: legacy and projection differ in %v (%v)", all[0].Name, found, err)
	}
	s.live()
	s.does(exitAgrees, "cutover", "install") // a failover leaves none
}
