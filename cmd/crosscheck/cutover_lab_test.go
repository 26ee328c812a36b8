package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/prober"
)

// cutLab is a living system that can be cut over.
type cutLab struct {
	*system
	file   string
	budget time.Duration
}

const (
	// clientOrders are written in turns, so each rests for two seconds. What never rests cannot be judged.
	clientOrders, clientsEvery = 10, 200 * time.Millisecond
)

// newCutLab is a small one. Half of the budget is for the way back.
func newCutLab(t *testing.T, o lab.Options, budget time.Duration, sections ...string) *cutLab {
	t.Helper()
	o.History.Orders, o.Rate, o.Incremental = 300, 10, true
	return readyToCut(newSystem(t, o), budget, "wait", sections...)
}

// patient is how much time is given: more in a soak, which may share its machine with much else. Legacy may not be closed for as long as the lab's desk is patient.
func patient(d time.Duration) time.Duration {
	if soak() {
		return 3 * d
	}
	return d
}

// readyToCut installs a fence of the mode, and verifies everything. The system lives.
func readyToCut(of *system, budget time.Duration, mode string, sections ...string) *cutLab {
	t := of.t
	t.Helper()
	s := &cutLab{system: of, budget: budget}
	setting := func(name string) string {
		return fmt.Sprintf(`{timeout: %[3]s, sql: {dsn: %[1]q, do: "update app_config set value = 'event_sourced' where name = '%[2]s'", undo: "update app_config set value = 'legacy' where name = '%[2]s'", check: "select value = 'event_sourced' from app_config where name = '%[2]s'"}}`, s.LegacyDSN, name, patient(time.Second))
	}
	s.file = s.config(lab.LedgerSchema, time.Second, fmt.Sprintf("events:\n  dsn: %q\n%s", s.EventsDSN, s.Store.Events), fmt.Sprintf(`
cutover:
  name: orders-2026
  budget: %s
  rollback_reserve: %s
  fence: {dsn: %q, mode: %s}
  switch: {reads: %s, writes: %s}
  probe:
    writes: {timeout: 1s, sql: {dsn: %q, check: "insert into probes select value = 'event_sourced' from app_config where name = 'write_mode' returning at_new"}}
`, budget, budget/2, s.LegacyDSN, mode, setting(lab.ReadSource), setting(lab.WriteMode), s.ClientDSN()), strings.Join(sections, "\n"))
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	s.live()
	return s
}

// does runs crosscheck in this process.
func (s *cutLab) does(want int, args ...string) {
	s.t.Helper()
	var out bytes.Buffer
	if got := s.run(&striker{out: &out}, args...); got != want {
		s.t.Fatalf("%v: exit code %d, want %d\n%s", args, got, want, &out)
	}
}

func (s *cutLab) run(out *striker, args ...string) int {
	return run(s.t.Context(), append(args, "--config", s.file), out, out, os.LookupEnv)
}

// executes is the command that cuts over.
var executes = []string{"cutover", "execute", "--confirm", "orders-2026", "--override", "a test"}

// striker does something at once when a step is printed as done: the coordinator waits for it.
type striker struct {
	out  *bytes.Buffer
	when map[string][]func() // step → what happens after it
}

var stepDone = regexp.MustCompile(`do ([a-z-]+) +(done|accepted)`)

// Write implements [io.Writer].
func (s *striker) Write(p []byte) (int, error) {
	if m := stepDone.FindSubmatch(p); m != nil {
		for _, strike := range s.when[string(m[1])] {
			strike()
		}
		delete(s.when, string(m[1]))
	}
	return s.out.Write(p)
}

// asking lets clients write and read until the returned function is called.
func (s *cutLab) asking(t testing.TB) (end func() prober.Seen) {
	t.Helper()
	client, err := s.NewClient(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	var registers []prober.Register
	for range clientOrders {
		r, err := client.Enter(deadline(t))
		if err != nil {
			t.Fatal(err)
		}
		registers = append(registers, r)
	}
	if err := s.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	history := make(chan []prober.Entry, 1)
	go func() {
		entries, err := prober.Run(ctx, prober.Options{Every: clientsEvery, Patience: patient(time.Minute)}, registers)
		if err != nil {
			t.Error(err)
		}
		history <- entries
	}()
	ended := false
	end = func() prober.Seen {
		if ended {
			return prober.Seen{}
		}
		ended = true
		stop()
		entries := <-history
		client.Close()
		return prober.See(entries)
	}
	t.Cleanup(func() { end() })
	return end
}

// stands checks where the system stands, and that the newest run kept its budget.
func (s *cutLab) stands(t testing.TB, want string) {
	t.Helper()
	got := rows(t, s.LegacyDSN, `SELECT string_agg(value, ' ' ORDER BY name) FROM app_config`)
	if _, err := query(s.LegacyDSN, "BEGIN; UPDATE orders SET price = price WHERE order_id = 1; ROLLBACK"); err != nil {
		got += ", legacy closed"
	}
	if got != want {
		t.Errorf("the system is at %q, want %q", got, want)
	}
}

// closedFor is for how long the newest run had legacy closed, by its journal: within the budget.
func (s *cutLab) closedFor(t testing.TB) time.Duration {
	t.Helper()
	seconds, err := strconv.ParseFloat(rows(t, s.EventsDSN, `SELECT coalesce(extract(epoch FROM max(at) FILTER (WHERE outcome <> '' AND step IN ('fence', 'switch-writes')) - min(at) FILTER (WHERE step = 'fence')), 0)
		FROM crosscheck.cutover_record WHERE run = (SELECT run FROM crosscheck.cutover_record ORDER BY at DESC LIMIT 1)`), 64)
	closed := time.Duration(seconds * float64(time.Second))
	if err != nil || closed > s.budget {
		t.Errorf("legacy was closed for %v, and the budget is %v (%v)", closed, s.budget, err)
	}
	t.Logf("legacy was closed for %v", closed)
	return closed
}

// keptFaith holds what clients saw to what a cutover promises.
func keptFaith(t testing.TB, seen prober.Seen) {
	t.Helper()
	if !seen.OneRegister || seen.Lost+seen.Stale+seen.Writes.Failed > 0 || seen.Writes.Answered == 0 {
		t.Errorf("clients saw %+v", seen)
	}
}

// tradesOn waits until the desk has made some more deals.
func (s *cutLab) tradesOn() {
	s.t.Helper()
	ctx, tick := deadline(s.t), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for from := s.Desk.Deals(); s.Desk.Deals() < from+5; {
		select {
		case <-ctx.Done():
			s.t.Fatal("the desk trades no more")
		case <-tick.C:
		}
	}
}
