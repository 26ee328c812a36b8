package jobs_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/verify"
)

// TestARangeThatOneProcessGivesBackIsDoneByAnother, of the same run and of no other.
func TestARangeThatOneProcessGivesBackIsDoneByAnother(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	execute(t, dsn, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize())
	q := opened(t, dsn)
	if err := q.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	one, other, stranger := q.Fills("run"), opened(t, dsn).Fills("run"), opened(t, dsn).Fills("another run")
	ranges := []backfill.Range{{Number: 1, KeyRange: verify.KeyRange{Below: "5"}}, {Number: 2, KeyRange: verify.KeyRange{From: "5"}}}
	for _, f := range []interface {
		Add(context.Context, string, []backfill.Range) error
	}{one, other} { // the second time they are there
		if err := f.Add(t.Context(), "claim", ranges); err != nil {
			t.Fatal(err)
		}
	}
	held := func(claim string, within time.Duration, want ...int64) {
		t.Helper()
		if got, err := one.Held(t.Context(), claim, within); err != nil || !slices.Equal(got, want) {
			t.Errorf("held are %v, %v; want %v", got, err, want)
		}
	}
	held("claim", time.Minute, 1, 2)
	held("an earlier claim", time.Minute)

	working, stop := context.WithCancel(t.Context())
	err := one.Work(working, 2, func(context.Context, string, backfill.Range) error {
		held("claim", time.Minute, 1, 2)
		stop()
		return errors.New("cannot be read here")
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := stranger.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	held("claim", time.Minute, 1, 2)

	working, stop = context.WithCancel(t.Context())
	done := make(chan backfill.Range, len(ranges))
	err = other.Work(working, 1, func(_ context.Context, claim string, r backfill.Range) error {
		if claim != "claim" {
			t.Errorf("the claim is %q", claim)
		}
		held("claim", 0, slices.DeleteFunc([]int64{1, 2}, func(n int64) bool { return n == r.Number || len(done) > 0 })...)
		if done <- r; len(done) == cap(done) {
			stop()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	got := []backfill.Range{<-done, <-done}
	slices.SortFunc(got, func(a, b backfill.Range) int { return int(a.Number - b.Number) })
	if got[0].KeyRange != ranges[0].KeyRange || got[1].KeyRange != ranges[1].KeyRange {
		t.Errorf("done are %+v", got)
	}
	held("claim", time.Minute)
	if err := one.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
}
