package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// TestWhatABackfillHasDoneIsKept until it has ended, for each pair and run, and only the holder of the lease notes it.
func TestWhatABackfillHasDoneIsKept(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l, other := migrated(t, dsn), opened(t, ledger.Config{DSN: dsn, Schema: "crosscheck", Pair: "other"})
	held, err := l.Acquire(t.Context(), "backfill", "me", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	first := backfill.Range{Number: 1, KeyRange: verify.KeyRange{Below: "9"}, Orders: 8, Events: 20, Again: []order.Key{"5"}, Left: map[backfill.Missing]int64{backfill.Unspeakable: 2}}
	if err := l.Note(t.Context(), held, "run", first); err != nil {
		t.Fatal(err)
	}
	first.Events, first.Again = 21, []order.Key{}
	want := []backfill.Range{first, {Number: 2, KeyRange: verify.KeyRange{From: "9"}, Again: []order.Key{}, Left: map[backfill.Missing]int64{}}}
	for _, r := range want {
		if err := l.Note(t.Context(), held, "run", r); err != nil {
			t.Fatal(err)
		}
	}
	done := func(of *ledger.Ledger, run string) []backfill.Range {
		t.Helper()
		got, err := of.Done(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if diff := cmp.Diff(want, done(l, "run")); diff != "" || len(done(l, "another"))+len(done(other, "run")) != 0 {
		t.Errorf("done (-want +got):\n%s", diff)
	}
	if err := l.Note(t.Context(), lease.Lease{Job: "backfill", Token: held.Token + 1}, "run", first); !errors.Is(err, lease.ErrFenced) {
		t.Errorf("noted under another lease: %v", err)
	}
	if err := l.Forget(t.Context(), held, "run"); err != nil || len(done(l, "run")) != 0 {
		t.Errorf("not forgotten: %v", err)
	}
}
