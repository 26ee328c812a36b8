package backfill_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// desk is a store and the jobs of a run, without servers. Unless it is taken, one job is left of a process that has ended.
type desk struct {
	backfill.Store
	taken bool // as soon as it is claimed, by the same run with another ledger, which cuts the keys elsewhere

	mu    sync.Mutex
	now   backfill.Run
	done  []backfill.Range
	tried chan struct{} // closed when the job that is left was done or failed
}

func (d *desk) Oldest(context.Context) (time.Time, bool, error) {
	return noon.Add(time.Hour), true, nil
}

func (d *desk) Kept(at time.Time) (time.Time, string) { return at, "" }

func (d *desk) Claim(_ context.Context, r backfill.Run) ([]backfill.Range, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.now = r; d.taken {
		d.now.Holder, d.now.Claim = "host/2", "another's"
	}
	return nil, nil
}

func (d *desk) Claimed(context.Context) (backfill.Run, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now, nil
}

func (d *desk) Append(_ context.Context, b backfill.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if b.Run.Claim != d.now.Claim {
		return backfill.ErrTaken
	}
	d.done = append(d.done, b.Range)
	return nil
}

func (d *desk) Stored(_ context.Context, _ backfill.Run, numbers []int64) ([]backfill.Range, error) {
	if d.taken {
		return []backfill.Range{{Number: 1, KeyRange: verify.KeyRange{From: "8"}}}, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.done), func(r backfill.Range) bool { return !slices.Contains(numbers, r.Number) }), nil
}

func (d *desk) Finish(context.Context, backfill.Run) error { return nil }

func (d *desk) Known(context.Context, []order.Key) (map[string]bool, error) { return nil, nil }

func (d *desk) Add(context.Context, string, []backfill.Range) error { return nil }

func (d *desk) Held(context.Context, string, time.Duration) ([]int64, error) { return nil, nil }

func (d *desk) Forget(context.Context) error { return nil }

func (d *desk) Work(ctx context.Context, _ int, do func(context.Context, string, backfill.Range) error) error {
	if !d.taken {
		_ = do(ctx, "a dead process's", backfill.Range{Number: 9})
	}
	close(d.tried)
	<-ctx.Done()
	return ctx.Err()
}

// share does the run on a desk.
func share(t *testing.T, d *desk) (backfill.Report, error) {
	t.Helper()
	f := onPaper(t, entered("0", "", "OPEN"), history.Case{})
	f.DryRun, f.Store, f.Wait = false, d, func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	d.now, d.tried = backfill.Run{Name: "an older run", Claim: "its"}, make(chan struct{})
	return f.Share(t.Context(), run, backfill.Sharing{Jobs: d, Lease: time.Minute, Hold: func(ctx context.Context, work func(context.Context, lease.Lease) error) error {
		<-d.tried
		return work(ctx, lease.Lease{})
	}})
}

// TestAJobThatIsLeftEndsNoRun: its claim is of a process that was killed, and the store has another one.
func TestAJobThatIsLeftEndsNoRun(t *testing.T) {
	t.Parallel()
	d := &desk{}
	if r, err := share(t, d); err != nil || r.Events != 1 || len(d.done) != 1 {
		t.Errorf("the report is %+v, stored %+v: %v", r, d.done, err)
	}
}

// TestRangesOfAnotherLedgerAreNotTaken: the run has the same name there, and its ranges the same numbers.
func TestRangesOfAnotherLedgerAreNotTaken(t *testing.T) {
	t.Parallel()
	if r, err := share(t, &desk{taken: true}); !errors.Is(err, backfill.ErrTaken) || r.Events != 0 {
		t.Errorf("the report is %+v: %v", r, err)
	}
}
