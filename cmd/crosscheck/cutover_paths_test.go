package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
)

// pathStep is one step of a path that the search has found.
type pathStep struct {
	World, Action string
	Outcome       cutover.Outcome
	Really        string
}

// walker walks paths with the real coordinator, steps, fence, switches and ledger. It reads from the database what a path has led to.
type walker struct {
	t       *testing.T
	config  *config.Config
	ledger  *ledger.Ledger
	client  *pgx.Conn
	run     string
	path    []pathStep
	asks    chan cutoverrun.Request
	state   cutover.State
	real    *steps.Steps // of the process that drives
	current *cutoverrun.Coordinator
	late    func() // an attempt that takes effect when it is evicted at the latest
}

// TestACutoverDoesWhatItPromises on the paths of the search: one for each way in which an action ends, all of them where there is time.
func TestACutoverDoesWhatItPromises(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	s.does(exitAgrees, "cutover", "install")
	c, err := config.Load(s.config, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	w := &walker{t: t, config: c}
	if w.ledger, err = openLedger(t.Context(), c, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.ledger.Close)
	if w.client, err = pgx.Connect(t.Context(), s.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hangUp(w.client) })
	walked, seen := 0, map[string]bool{}
	for i, path := range searched(t) {
		last := path[len(path)-1]
		kind := string(last.Outcome) + last.Really
		if seen[kind] && os.Getenv(soakVariable) == "" {
			continue
		}
		seen[kind] = true
		w.walk(fmt.Sprintf("path-%d", i), path)
		if walked++; t.Failed() {
			t.Fatalf("on path %d: %+v", i, path)
		}
		if walked%50 == 0 {
			t.Logf("%d paths so far", walked)
		}
	}
	t.Logf("%d paths", walked)
}

// searched are the paths of the search.
func searched(t *testing.T) (paths [][]pathStep) {
	t.Helper()
	text, err := os.ReadFile("../../cutover/testdata/paths.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &paths); err != nil || len(paths) < 100 {
		t.Fatalf("%d paths, %v", len(paths), err)
	}
	return paths
}

// walk drives one run to its end, with as many processes as it takes.
func (w *walker) walk(run string, path []pathStep) {
	w.t.Helper()
	w.run, w.path, w.late, w.asks, w.state = run, path, nil, make(chan cutoverrun.Request, 1), cutover.Start("")
	status, err := w.process().Begin(w.t.Context(), run, "")
	for tries := 0; !status.State.Ended(); tries++ {
		if !errors.Is(err, lease.ErrFenced) || tries > 20 {
			w.t.Fatalf("%s: %+v, %v", run, status, err)
		}
		next := w.process()
		if status.Records == 0 {
			status, err = next.Begin(w.t.Context(), run, "")
		} else {
			status, err = next.Resume(w.t.Context(), run)
		}
	}
	if err != nil || len(w.path) > 0 {
		w.t.Errorf("%s: %v, and what is left of the path is %+v", run, err, w.path)
	}
	w.reset()
}

// reset has the system as before, as a person does it.
func (w *walker) reset() {
	w.t.Helper()
	f, err := newFence(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.sql(f.ByHand())
	w.sql("UPDATE app_config SET value = 'legacy'; DELETE FROM orders WHERE order_id > 500; DELETE FROM orders_new WHERE order_id > 500")
}

// sql may be called by any goroutine.
func (w *walker) sql(statements string) string {
	w.t.Helper()
	out, err := queryOn(w.t.Context(), w.client, statements)
	if err != nil {
		w.t.Error(err)
	}
	return strings.TrimSpace(out)
}

// process is another process that drives the run.
func (w *walker) process() *cutoverrun.Coordinator {
	w.t.Helper()
	f, err := newFence(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	soon := func(ctx context.Context, _ time.Duration) error { return ctx.Err() } // what is late comes before it is evicted
	w.real = &steps.Steps{
		Fence: fencing{f}, Reads: newSwitch(w.config, "reads", w.config.Cutover.Reads), Writes: newSwitch(w.config, "writes", w.config.Cutover.Writes),
		Checks: w, Gate: unheld{}, Evidence: w, Wait: soon,
	}
	log := slog.New(slog.DiscardHandler)
	w.current = &cutoverrun.Coordinator{
		Journal: w.ledger, Actions: &walking{w, w.real}, Lease: holding(w.ledger, cutoverJob, time.Minute, log), Limit: time.Minute, Hold: time.Hour,
		Asks: w.asks, Report: w.report, Now: time.Now, Wait: soon, Log: log,
	}
	w.prepare()
	return w.current
}

// report is called after each record.
func (w *walker) report(s cutoverrun.Status) {
	w.state = s.State
	w.check(s.Newest.Action.String() + " " + string(s.Newest.Outcome))
	if s.Newest.Outcome != "" {
		w.prepare()
	}
}

// prepare makes happen what comes before the next action.
func (w *walker) prepare() {
	w.environment()
	w.current.Budget = cutover.Budget{Total: time.Hour}
	if len(w.path) == 0 {
		return
	}
	switch o := w.path[0].Outcome; o {
	case cutover.Abort, cutover.Reverse:
		w.asks <- cutoverrun.Request{Asks: o}
	case cutover.NoTime:
		w.current.Budget.Total = -1
	default:
		return
	}
	w.path = w.path[1:]
}

// environment does what clients do on the path. The standby of the search is none here.
func (w *walker) environment() {
	for ; len(w.path) > 0 && w.path[0].World != ""; w.path = w.path[1:] {
		switch w.path[0].World {
		case "the writer at the new side commits":
			w.sql("INSERT INTO orders_new VALUES (501, 'OPEN', 0)")
		case "the reverse feed brings the write to legacy":
			w.sql("DELETE FROM orders_new WHERE order_id = 501") // as far as anybody can tell, both have it
		case "the writer commits, and the shadow write is lost":
			w.sql("INSERT INTO orders VALUES (502, 'OPEN', 0)")
		}
	}
}

func (w *walker) accepted() bool {
	return w.sql("SELECT count(*) FROM orders_new WHERE order_id = 501") == "1"
}

func (w *walker) lost() bool {
	return w.sql("SELECT count(*) FROM orders WHERE order_id = 502") == "1"
}

// check holds the databases to the invariants.
func (w *walker) check(when string) {
	w.t.Helper()
	at := w.sql("SELECT string_agg(value, ' ' ORDER BY name) FROM app_config")
	reads, open := strings.HasPrefix(at, "event_sourced"), strings.HasSuffix(at, "event_sourced")
	_, err := queryOn(w.t.Context(), w.client, "UPDATE orders SET filled = filled WHERE order_id = 1")
	legacy, accepted, lost := err == nil, w.accepted(), w.lost()
	broken := ""
	switch s := w.state; {
	case err != nil && !strings.Contains(err.Error(), "25006"):
		broken = err.Error()
	case legacy && open:
		broken = "two sides are writable"
	case legacy && accepted:
		broken = "legacy goes on without a write that the new side acknowledged"
	case legacy && reads:
		broken = "reads are at the new side, and legacy is written"
	case (reads || open) && lost:
		broken = "the new side goes on without a write that legacy acknowledged"
	case s.Phase == cutover.RolledBack && (!legacy || reads || open):
		broken = "rolled back, but not all is as before"
	case s.Phase == cutover.Completed && (legacy || !reads || !open):
		broken = "completed, but not all is at the new side"
	}
	if broken != "" {
		w.t.Errorf("%s, after %s: %s (%s, legacy writable %t)", w.run, when, broken, at, legacy)
	}
}

// killSession ends the session that holds the fence.
func (w *walker) killSession() {
	w.sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'crosscheck-fence' AND datname = current_database()")
}

// walking is one process: its actions end as the path says.
type walking struct {
	*walker
	steps *steps.Steps
}

// Perform implements [cutoverrun.Actions].
func (p *walking) Perform(ctx context.Context, a cutoverrun.Attempt) cutoverrun.Result {
	if a.Verb == cutover.Evict && p.late != nil {
		p.late()
		p.late = nil
		p.check("a late effect")
	}
	p.environment()
	if len(p.path) == 0 || a.Verb == cutover.Evict && p.path[0].Action != a.String() {
		return p.really(ctx, a)
	}
	next := p.path[0]
	p.path = p.path[1:]
	if next.Action != a.String() {
		p.t.Errorf("%s: %s is to be done, and not %s", p.run, a.Action, next.Action)
	}
	var seen cutoverrun.Result
	switch next.Really {
	case "is not read back yet": // it waits for a standby in the search, until that has caught up or somebody interrupts it
		seen = p.really(ctx, a)
		if p.prepare(); len(p.path) == 0 || p.path[0].Action != next.Action {
			return cutoverrun.Result{Outcome: cutover.Unknown, Positions: seen.Positions}
		}
		return p.Perform(ctx, a)
	case "may have its effect later":
		own := context.WithoutCancel(ctx)
		p.late = func() {
			bounded, cancel := context.WithTimeout(own, time.Minute)
			defer cancel()
			p.steps.Perform(bounded, a)
		}
	case "had no effect":
	default:
		seen = p.really(ctx, a)
	}
	switch next.Outcome {
	case cutover.FenceLost:
		p.killSession()
	case cutover.Takeover:
		if err := p.ledger.Release(ctx, lease.Lease{Job: cutoverJob, Token: a.Epoch}); err != nil {
			p.t.Error(err)
		}
	case cutover.Done, cutover.Accepted:
		if seen.Outcome != next.Outcome {
			p.t.Errorf("%s: %s is %s (%s), want %s", p.run, a.Action, seen.Outcome, seen.Detail, next.Outcome)
		}
		return seen
	default:
	}
	return cutoverrun.Result{Outcome: next.Outcome, Positions: seen.Positions}
}

// really does it. The tables tell whether the new side has acknowledged a write, as a probe of writes would.
func (p *walking) really(ctx context.Context, a cutoverrun.Attempt) cutoverrun.Result {
	r := p.steps.Perform(ctx, a)
	asked := a.Verb == cutover.Do && (a.Step == cutover.SwitchWrites || a.Step == cutover.Release || a.Step == cutover.TailCheck)
	if asked && r.Outcome == cutover.Done && p.accepted() {
		r.Outcome = cutover.Accepted
	}
	return r
}

// Abandon implements [cutoverrun.Actions].
func (p *walking) Abandon(ctx context.Context) error { return p.steps.Abandon(ctx) }

// Guardrails implements [steps.Checks].
func (w *walker) Guardrails(context.Context, steps.Scope) []steps.Guardrail { return nil }

// Basis implements [steps.Checks].
func (w *walker) Basis() map[string]string { return nil }

// Fenced implements [steps.Evidence], as all that follow.
func (w *walker) Fenced(context.Context, steps.Scope) (map[string]string, error) {
	return map[string]string{"legacy": "here"}, nil
}

// Barrier has nothing to wait for.
func (w *walker) Barrier(context.Context, steps.Scope, map[string]string) (map[string]string, string, error) {
	return nil, "", nil
}

// Final sees what was lost.
func (w *walker) Final(context.Context, steps.Scope, map[string]string) (map[string]string, string, error) {
	if w.lost() {
		return nil, "", fmt.Errorf("%w: order 502 is lost", steps.ErrContradicted)
	}
	return nil, "", nil
}

// Lacking sees what legacy lacks.
func (w *walker) Lacking(context.Context, steps.Scope, map[string]string) (bool, string, error) {
	return w.accepted(), "", nil
}

// Tail finds nothing.
func (w *walker) Tail(context.Context, steps.Scope, map[string]string) (string, error) {
	return "", nil
}
