package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/clients"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/cutover/run/runtest"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
)

func TestLedgerOfCutoversConforms(t *testing.T) {
	t.Parallel()
	runtest.Exercise(t, func(t *testing.T) runtest.Store { return migrated(t, database(t)) })
}

// TestJournalsOfPairsAreApart and nobody changes them, not even the tables' owner by mistake.
func TestJournalsOfPairsAreApart(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l, other := migrated(t, dsn), opened(t, ledger.Config{DSN: dsn, Pair: "other"})
	held := acquire(t, l, "cutover")
	for _, of := range []*ledger.Ledger{l, other} {
		if _, err := of.Append(t.Context(), held, cutover.Record{Run: "r", Detail: "a\x00b"}); err != nil {
			t.Fatal(err)
		}
		if runs, err := of.Runs(t.Context()); err != nil || len(runs) != 1 || len(runs[0]) != 1 {
			t.Errorf("%+v, %v", runs, err)
		}
	}
	conn := connect(t, dsn)
	for _, sql := range []string{"UPDATE crosscheck.cutover_record SET outcome = 'done'", "DELETE FROM crosscheck.cutover_record", "TRUNCATE crosscheck.cutover_record"} {
		if _, err := conn.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "never changed") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// world does everything at once, except what it is told to hold up.
type world struct {
	holdUp  cutover.Step
	begun   chan struct{} // closed when the step that is held up has begun
	goOn    chan struct{}
	left    bool
	evicted int
}

func (w *world) Perform(_ context.Context, a cutoverrun.Attempt) cutoverrun.Result {
	if a.Step == w.holdUp && a.Verb == cutover.Do {
		close(w.begun)
		<-w.goOn
	}
	if a.Verb == cutover.Evict {
		w.evicted++
	}
	return cutoverrun.Result{Outcome: cutover.Done, Positions: map[string]string{"epoch": "seen"}}
}

func (w *world) Abandon(context.Context) error {
	w.left = true
	return nil
}

func coordinator(l *ledger.Ledger, w *world) *cutoverrun.Coordinator {
	return &cutoverrun.Coordinator{
		Journal: l, Actions: w, Budget: cutover.Budget{Total: time.Minute}, Limit: time.Minute, Hold: time.Minute, Now: time.Now, Wait: lease.Sleep,
		Lease: lease.Holding{Store: l, Job: "cutover", Holder: "test", TTL: time.Minute, Log: slog.New(slog.DiscardHandler)},
		Log:   slog.New(slog.DiscardHandler),
	}
}

// TestOfTwoCoordinatorsTheOldOneWritesNothing: it was only slow, and comes back from its action when another has finished.
func TestOfTwoCoordinatorsTheOldOneWritesNothing(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l, second := migrated(t, dsn), opened(t, ledger.Config{DSN: dsn})
	slow, quick := &world{holdUp: cutover.Barrier, begun: make(chan struct{}), goOn: make(chan struct{})}, &world{}
	ended := make(chan error, 1)
	go func() {
		_, err := coordinator(l, slow).Begin(t.Context(), "orders-2026", "")
		ended <- err
	}()
	<-slow.begun
	if _, err := coordinator(second, quick).Resume(t.Context(), "orders-2026"); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("resumed beside one that lives: %v", err)
	}
	expire(t, connect(t, dsn), "cutover")
	status, err := coordinator(second, quick).Resume(t.Context(), "orders-2026")
	if err != nil || status.State.Phase != cutover.Completed || quick.evicted != 1 {
		t.Fatalf("%+v after %d evictions, %v", status, quick.evicted, err)
	}
	close(slow.goOn)
	if err := <-ended; !errors.Is(err, lease.ErrFenced) || !slow.left {
		t.Errorf("the old one ended with %v, and left: %t", err, slow.left)
	}
	runs, err := l.Runs(t.Context())
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	if now, err := cutoverrun.Look(runs[0]); err != nil || now.Records != status.Records || now.State != status.State {
		t.Errorf("the journal has %+v, %v, and the new one had written %+v", now, err, status)
	}
}

// TestWhatStandsBesideAJournalIsKept with its run.
func TestWhatStandsBesideAJournalIsKept(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	seen := clients.Seen{
		At: time.Date(2026, 11, 27, 4, 0, 0, 5000, time.UTC), Every: 0.2,
		Writes: &clients.Service{Asked: 3, Failed: 1, Outage: 1.5, FirstError: "a\x00b", Turns: []clients.Turn{{Side: clients.New}}, Points: [][3]int64{{0, 4, 2}}},
	}
	early := seen
	early.Writes = nil
	if err := errors.Join(l.Saw(t.Context(), "r", early), l.Saw(t.Context(), "other", early), l.Saw(t.Context(), "r", seen)); err != nil {
		t.Fatal(err)
	}
	number, err := l.Ask(t.Context(), "r", cutover.Abort, "bea")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Ask(t.Context(), "other", cutover.Abort, "adam"); err != nil {
		t.Fatal(err)
	}
	for above, want := range map[int64]cutover.Outcome{0: cutover.Abort, number: ""} {
		if asks, newest, err := l.Asked(t.Context(), "r", above); asks != want || newest != number || err != nil {
			t.Errorf("above %d: %q, %d, %v", above, asks, newest, err)
		}
	}
	asked, got, err := l.Beside(t.Context(), "r")
	if err != nil || len(asked) != 1 || asked[0].Who != "bea" || asked[0].At.IsZero() || len(got) != 1 {
		t.Fatalf("%+v, %+v, %v", asked, got, err)
	}
	got[0].Writes.FirstError = seen.Writes.FirstError // which has what no text of the database may have
	if d := cmp.Diff(seen, got[0]); d != "" {
		t.Error(d)
	}
}
