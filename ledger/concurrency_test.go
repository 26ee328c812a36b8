package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// suspects are n orders, each missing from the projection.
func suspects(n int) []verify.Suspect {
	all := make([]verify.Suspect, n)
	for i := range all {
		key := order.Key(fmt.Sprint(i))
		all[i] = verify.Suspect{
			Observation: compare.Observation{Key: key, At: t0, LegacyState: "l", Mismatches: []compare.Mismatch{{
				Key: key, Kind: compare.Missing, Hop: order.LegacyToProjection, LegacyCopies: 1,
			}}},
			FirstSeen: t0, Due: t0.Add(30 * time.Second),
		}
	}
	return all
}

func outcomes(suspects []verify.Suspect, v compare.Verdict) []verify.Outcome {
	all := make([]verify.Outcome, len(suspects))
	for i, s := range suspects {
		all[i] = verify.Outcome{Suspect: s, Verdict: v, Final: true}
		if v == compare.Diverged {
			all[i].Diverged = slices.Clone(s.Observation.Mismatches)
		}
	}
	return all
}

func acquire(t *testing.T, l *ledger.Ledger, job string) lease.Lease {
	t.Helper()
	held, err := l.Acquire(t.Context(), job, "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func begin(t *testing.T, l *ledger.Ledger, held lease.Lease, s verify.Start) verify.PassID {
	t.Helper()
	id, err := l.BeginPass(t.Context(), held, s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// expire lets a lease run out without waiting for it.
func expire(t *testing.T, conn *pgx.Conn, job string) {
	t.Helper()
	exec(t, conn, `UPDATE crosscheck.lease SET expires_at = clock_timestamp() WHERE job = $1`, job)
}

func TestOneOfManyGetsTheLease(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	first := migrated(t, dsn)
	second := opened(t, ledger.Config{DSN: dsn})
	for round := range 5 {
		job := fmt.Sprint("job ", round%2) // a job that nobody ever held, and one whose lease has run out
		var winners atomic.Int64
		var group sync.WaitGroup
		for i := range 8 {
			l := []*ledger.Ledger{first, second}[i%2]
			group.Go(func() {
				_, err := l.Acquire(t.Context(), job, fmt.Sprint(i), time.Minute)
				if err == nil {
					winners.Add(1)
				} else if !errors.Is(err, lease.ErrHeld) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if winners.Load() != 1 {
			t.Fatalf("%d processes hold the lease", winners.Load())
		}
		expire(t, connect(t, dsn), job)
	}
}

func TestTakeOverWaitsForAWriteAndRenewalDoesNot(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := migrated(t, dsn)
	held := acquire(t, l, "full")
	id := begin(t, l, held, verify.Start{Kind: verify.Full})

	// A write of the pass that got as far as the divergences, and waits there for somebody else's row.
	settleOne := func() error { return l.Settle(t.Context(), held, id, outcomes(suspects(1), compare.Diverged), t0) }
	if err := settleOne(); err != nil {
		t.Fatal(err)
	}
	blocker := connect(t, dsn)
	exec(t, blocker, `BEGIN`)
	exec(t, blocker, `SELECT FROM crosscheck.divergence FOR UPDATE`)
	written := make(chan error, 1)
	go func() { written <- settleOne() }()
	observer := connect(t, dsn)
	eventually(t, "the write waits", func() bool { return waiting(t, observer) == 1 })

	if err := l.Renew(t.Context(), held, time.Minute); err != nil {
		t.Fatalf("renewing while a write is under way: %v", err)
	}
	// The lease runs out in the middle of the write, and another process comes.
	if err := l.Renew(t.Context(), held, time.Microsecond); err != nil {
		t.Fatal(err)
	}
	taken := make(chan error, 1)
	go func() {
		_, err := l.Acquire(t.Context(), "full", "another", time.Minute)
		taken <- err
	}()
	eventually(t, "the take-over waits for the write", func() bool { return waiting(t, observer) == 2 })
	exec(t, blocker, `COMMIT`)
	if err := <-written; err != nil {
		t.Errorf("the write that was under way: %v", err)
	}
	if err := <-taken; err != nil {
		t.Errorf("taking over: %v", err)
	}
	if err := settleOne(); !errors.Is(err, lease.ErrFenced) {
		t.Errorf("a write after the take-over: %v, want ErrFenced", err)
	}
}

// waiting is how many sessions of the ledger wait for a lock.
func waiting(t *testing.T, conn *pgx.Conn) (n int) {
	t.Helper()
	err := conn.QueryRow(t.Context(), `
		SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'crosscheck-ledger' AND wait_event_type = 'Lock'`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestConnectionLostInMidPassLeavesNoHalfPass(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := migrated(t, dsn)
	held := acquire(t, l, "full")
	id := begin(t, l, held, verify.Start{Kind: verify.Full, Fingerprint: "f", At: t0})
	some := suspects(20)
	if err := l.AddSuspects(t.Context(), held, id, some); err != nil {
		t.Fatal(err)
	}
	if err := l.Settle(t.Context(), held, id, outcomes(some[:10], compare.Diverged), t0); err != nil {
		t.Fatal(err)
	}

	// The server ends the session in the middle of a batch: five new divergences are written, the sixth order waits.
	blocker := connect(t, dsn)
	exec(t, blocker, `BEGIN`)
	exec(t, blocker, `SELECT FROM crosscheck.divergence WHERE order_key = '3' FOR UPDATE`)
	batch := append(outcomes(some[10:15], compare.Diverged), outcomes(some[3:4], compare.Diverged)...)
	lost := make(chan error, 1)
	go func() { lost <- l.Settle(t.Context(), held, id, batch, t0) }()
	observer := connect(t, dsn)
	eventually(t, "the batch waits", func() bool { return waiting(t, observer) == 1 })
	exec(t, observer, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'crosscheck-ledger'`)
	if err := <-lost; err == nil {
		t.Error("the batch was settled on a session that was ended")
	}
	exec(t, blocker, `ROLLBACK`)

	tally, err := l.Tally(t.Context(), id)
	if err != nil || tally != (verify.Tally{Diverged: 10}) {
		t.Errorf("tally %+v, error %v, want what was settled before", tally, err)
	}
	if n, _, err := l.NextDue(t.Context(), id); err != nil || n != 10 {
		t.Errorf("%d suspects wait, error %v, want 10", n, err)
	}
	expire(t, observer, "full")
	if settling, err := l.Abandoned(t.Context()); err != nil || len(settling) != 0 {
		t.Errorf("settling passes %v, error %v", settling, err)
	}
	e, err := l.Evidence(t.Context(), "f", t0, 0)
	if err != nil || e.Full == nil || e.Full.Verdict != "unverified" || e.Full.Unverified != 10 || e.Full.Diverged != 10 || e.Full.Coverage != 0 {
		t.Errorf("the gate sees %+v, error %v, want an unverified pass that covered nothing", e.Full, err)
	}
}

func TestHalfAPassIsRefusedByTheDatabaseItself(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := migrated(t, dsn)
	begin(t, l, acquire(t, l, "full"), verify.Start{Kind: verify.Full})
	_, err := connect(t, dsn).Exec(t.Context(), `UPDATE crosscheck.pass SET state = 'done', finished_at = now(), verdict = 'match'`)
	if err == nil {
		t.Error("a scanning pass was made a match behind the ledger's back")
	}
}

func TestPassesThatSettleTheSameOrdersAtOnce(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	forward := outcomes(suspects(2000), compare.Diverged)
	backward := slices.Clone(forward)
	slices.Reverse(backward)
	var group sync.WaitGroup
	for i, batch := range [][]verify.Outcome{forward, backward, forward, backward} {
		held := acquire(t, l, fmt.Sprint(i))
		id := begin(t, l, held, verify.Start{Kind: verify.Sample})
		group.Go(func() {
			for range 3 {
				if err := l.Settle(t.Context(), held, id, batch, t0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	open, err := l.OpenCounts(t.Context(), "")
	if err != nil || len(open) != 1 || open[0].Count != 2000 {
		t.Errorf("open divergences %+v, error %v, want 2000", open, err)
	}
}

func TestBulk(t *testing.T) {
	t.Parallel()
	const n = 20_000
	l := migrated(t, database(t))
	held := acquire(t, l, "full")
	id := begin(t, l, held, verify.Start{Kind: verify.Full, Fingerprint: "f", At: t0})
	timed := func(what string, fn func() error) {
		t.Helper()
		began := time.Now()
		if err := fn(); err != nil {
			t.Fatal(what, err)
		}
		t.Logf("%s %d: %s", what, n, time.Since(began))
	}
	all := suspects(n)
	timed("adding", func() error { return l.AddSuspects(t.Context(), held, id, all) })
	timed("diverging", func() error { return l.Settle(t.Context(), held, id, outcomes(all, compare.Diverged), t0) })
	timed("renewing", func() error { return l.Settle(t.Context(), held, id, outcomes(all, compare.Diverged), t0) })
	open, err := l.PassDivergences(t.Context(), id, n+1)
	if err != nil || len(open) != n {
		t.Errorf("%d open divergences, error %v, want %d", len(open), err, n)
	}
	timed("resolving", func() error { return l.Settle(t.Context(), held, id, outcomes(all, compare.Match), t0) })
	if counts, err := l.OpenCounts(t.Context(), ""); err != nil || len(counts) != 0 {
		t.Errorf("open divergences %+v, error %v", counts, err)
	}
	if waiting, err := l.SuspectCount(t.Context()); err != nil || waiting != 0 {
		t.Errorf("%d suspects wait, error %v", waiting, err)
	}
}

func TestUnreachableIsAnErrorInTime(t *testing.T) {
	t.Parallel()
	l := opened(t, ledger.Config{DSN: "postgres://nobody@127.0.0.1:1/none?connect_timeout=2", Timeout: 2 * time.Second})
	if _, err := l.Passes(t.Context(), 1); err == nil || errors.Is(err, board.ErrNotMigrated) {
		t.Errorf("error is %v, want that it cannot connect", err)
	}
	if _, err := l.Check(t.Context()); err == nil {
		t.Error("checked a database that is not there")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Passes(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
}
