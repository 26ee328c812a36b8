package sampler_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/sampler"
	"github.com/nordvarg/crosscheck/verify"
)

// sidecar is one process with its own connections to the ledger.
func sidecar(t *testing.T, dsn string) (*sampler.Sampler, *ledger.Ledger) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: dsn, Schema: "crosscheck", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	if err := l.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	finish := func(ctx context.Context, held lease.Lease, p verify.Pass) (verify.Pass, error) {
		p.State, p.Result = verify.Done, verify.Result{Verdict: compare.Match}
		return p, l.FinishPass(ctx, held, p.ID, p.Result, time.Now())
	}
	return &sampler.Sampler{
		Ledger: l, Holder: t.Name(), TTL: 3 * time.Second, Log: log,
		Prune: func(ctx context.Context) error {
			_, err := l.Prune(ctx, time.Now(), ledger.Retention{})
			return err
		},
		Jobs: []sampler.Job{{
			Kind: verify.Sample, Schedule: schedule(t, "* * * * * *"), Resume: finish,
			Run: func(ctx context.Context, held lease.Lease, start verify.Start) (verify.Pass, error) {
				id, err := l.BeginPass(ctx, held, start)
				if err != nil {
					return verify.Pass{}, err
				}
				p := verify.Pass{ID: id, Kind: start.Kind}
				if err := l.ScanDone(ctx, held, id, verify.Scan{Coverage: 1, Compared: 1}); err != nil {
					return p, err
				}
				return finish(ctx, held, p)
			},
		}, {Kind: verify.Full, Schedule: schedule(t, "off"), Resume: finish}},
	}, l
}

func TestTwoSidecarsOnPostgreSQL(t *testing.T) {
	dsn := pgtest.Database(t)
	a, l := sidecar(t, dsn)
	b, _ := sidecar(t, dsn)
	orphan := abandon(t, l)
	if err := l.SetSchedule(t.Context(), verify.Full, time.Now().Add(-time.Hour), time.Hour); err != nil {
		t.Fatal(err) // of a configuration in which full passes were not off
	}
	var mu sync.Mutex
	ran := map[verify.PassID]int{}
	a.Finished = func(p verify.Pass) {
		mu.Lock()
		defer mu.Unlock()
		ran[p.ID]++
	}
	b.Finished = a.Finished
	stop := begin(t, a, b)
	poll(t, "six passes", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(ran) >= 6 && ran[orphan] > 0
	})
	stop()

	passes, err := l.Passes(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range passes {
		missed := p.Result.Verdict == compare.Unverified && p.Fingerprint == "" && p.Scan.Compared == 0
		if p.State != verify.Done || ran[p.ID] != 1 && !missed {
			t.Errorf("pass %+v ended %d times", p, ran[p.ID])
		}
		if p.ID != orphan && !p.ScheduledAt.Equal(p.ScheduledAt.Truncate(time.Second)) {
			t.Errorf("pass %d was scheduled at %s", p.ID, p.ScheduledAt)
		}
	}
	kinds, err := l.Kinds(t.Context())
	if err != nil || len(kinds) != 2 {
		t.Fatalf("kinds %+v, error %v", kinds, err)
	}
	if full := kinds[0]; full.Overdue(time.Now(), 0) || !full.NextDue.IsZero() {
		t.Errorf("a kind that is off: %+v", full)
	}
	if sample := kinds[1]; sample.Every != time.Second || sample.NextDue.Before(sample.Newest.ScheduledAt) {
		t.Errorf("sample: %+v", sample)
	}
	if _, err := l.Acquire(t.Context(), "sample", "next", time.Second); err != nil {
		t.Errorf("the lease was not released: %v", err)
	}
}

// abandon leaves a manual pass that was settling when its process died.
func abandon(t *testing.T, l *ledger.Ledger) verify.PassID {
	t.Helper()
	held, err := l.Acquire(t.Context(), "manual sample 1", "dead", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	id, err := l.BeginPass(t.Context(), held, verify.Start{Kind: verify.Sample, Trigger: "manual", At: time.Now()})
	if err == nil {
		err = l.ScanDone(t.Context(), held, id, verify.Scan{Coverage: 1, Compared: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
