package sampler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// rescue is called at the start and once in a TTL, after which a dead process has lost its lease. It closes passes that
// cannot go on, goes on with those that were settling, and makes the first pass. It does nothing while a task of the job
// works, because that task recovers by itself.
func (r *runner) rescue(ctx context.Context) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	default:
		return
	}
	err := r.firstAnnouncement(ctx)
	if err == nil {
		err = r.adoptOrphans(ctx)
	}
	if errors.Is(err, lease.ErrHeld) {
		r.Log.DebugContext(ctx, "another process holds the job", r.kind(), slog.String("error", err.Error()))
		err = nil
	}
	r.recovery.report(ctx, r.Log, "recovering passes failed, will try again", err, r.kind())
	if err := r.first(ctx); !errors.Is(err, lease.ErrHeld) {
		r.start.report(ctx, r.Log, "the pass at the start failed", err, r.kind())
	}
}

// firstAnnouncement tells the ledger when the first run of this process is due. A due time in the past is kept until a
// run answers it: it says that nothing ran while no process was alive.
func (r *runner) firstAnnouncement(ctx context.Context) error {
	if r.announced {
		return nil
	}
	next, err := r.Ledger.NextRun(ctx, r.job.Kind)
	if err != nil {
		return err
	}
	overdue := !next.IsZero() && !next.After(time.Now())
	if overdue && !r.ticks.due.IsZero() || next.Equal(r.ticks.due) {
		r.announced = true
		return nil
	}
	return r.announce(ctx)
}

// adoptOrphans takes the lease only if there is something to do, so that it never delays a run.
func (r *runner) adoptOrphans(ctx context.Context) error {
	orphans, err := r.Ledger.Abandoned(ctx, r.job.Kind)
	if err != nil || len(orphans) == 0 {
		return err
	}
	return r.hold(ctx, string(r.job.Kind), r.adopt)
}

// adopt goes on with every orphan of the kind. An error of one does not stop the others.
func (r *runner) adopt(ctx context.Context, l lease.Lease) error {
	orphans, err := r.Ledger.Abandoned(ctx, r.job.Kind)
	if err != nil {
		return err
	}
	var failed []error
	for _, found := range orphans {
		if ctx.Err() != nil {
			break
		}
		if err := r.resume(ctx, l, found); err != nil {
			failed = append(failed, fmt.Errorf("resuming pass %d: %w", found.ID, err))
		}
	}
	return errors.Join(failed...)
}

func (r *runner) resume(ctx context.Context, l lease.Lease, found verify.Pass) error {
	if err := r.Ledger.Adopt(ctx, l, found.ID); err != nil {
		return err
	}
	r.Log.InfoContext(ctx, "pass adopted", r.kind(), slog.Int64("id", int64(found.ID)))
	pass, err := protect(func() (verify.Pass, error) { return r.job.Resume(ctx, l, found) })
	_, panicked := errors.AsType[*panicError](err)
	if panicked || errors.Is(err, ErrNotResumable) {
		pass, err = r.giveUp(ctx, l, found, err)
	}
	r.finished(pass)
	return err
}

// giveUp ends a pass that would otherwise be adopted for ever. It keeps the divergences that were proven.
func (r *runner) giveUp(ctx context.Context, l lease.Lease, found verify.Pass, cause error) (verify.Pass, error) {
	tally, err := r.Ledger.Tally(ctx, found.ID)
	if err != nil {
		return found, errors.Join(cause, err)
	}
	result := found.GivenUp(tally, cause.Error())
	at := time.Now()
	if err := r.Ledger.FinishPass(ctx, l, found.ID, result, at); err != nil {
		return found, errors.Join(cause, err)
	}
	found.State, found.Result, found.FinishedAt = verify.Done, result, at
	return found, cause
}
