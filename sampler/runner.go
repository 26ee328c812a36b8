package sampler

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// slack is how early the bell may ring after the system's clock was set back. The runner waits for it.
const slack = 5 * time.Second

// Why a scheduled run did not take place.
const (
	reasonOverrun = "the run before it had not ended"
	reasonLate    = "the process did not get to it in time"
	reasonHeld    = "another process held the job but recorded no pass"
	reasonFailed  = "it could not be begun: "
	reasonPanic   = "it broke off: "
)

// runner runs one job. Only the goroutine that has the turn touches its fields.
type runner struct {
	*Sampler
	job  Job
	turn chan struct{} // holds a token; the task that takes it works

	ticks     ticks
	announced bool        // the ledger has stored when the next run is due
	begun     bool        // a pass under the present configuration is in the ledger, or nobody asks for one
	missed    []missedRun // not in the ledger yet, oldest first
	noted     bool        // of a job with an interval: a missed run is noted, and none has begun since

	runs, recovery, start complaint
}

type missedRun struct {
	at     time.Time
	reason string
}

func newRunner(s *Sampler, j Job, start time.Time) *runner {
	return &runner{Sampler: s, job: j, turn: make(chan struct{}, 1), ticks: newTicks(j.Schedule, start)}
}

// tick is called when a run is due. It returns when the run is made, is in the ledger, or the next run is due. Until
// then it asks again and again, if the job is held by another process or the ledger is away. So neither a process that
// dies nor a short outage costs a run.
func (r *runner) tick(ctx context.Context) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return
	}
	if early := time.Until(r.ticks.due); early > 0 && early <= slack {
		_ = lease.Sleep(ctx, early) // the loop looks at ctx
	}
	for ctx.Err() == nil {
		passed := r.ticks.pass(time.Now())
		if len(passed) == 0 {
			return
		}
		latest := len(passed) - 1
		r.miss(ctx, slog.LevelWarn, reasonLate, passed[:latest]...)
		r.pursue(ctx, passed[latest])
	}
}

// pursue tries to run until nothing more can be done about this run, or the next one is due.
func (r *runner) pursue(ctx context.Context, at time.Time) {
	for {
		settled, err := r.attempt(ctx, at)
		held := errors.Is(err, lease.ErrHeld)
		if held {
			r.Log.DebugContext(ctx, "another process holds the job", r.attrs(at, err)...)
		} else {
			r.runs.report(ctx, r.Log, "scheduled run failed", err, r.kind(), slog.Time("scheduled_at", at))
		}
		if settled || ctx.Err() != nil {
			return
		}
		pause := r.ttl() / 3
		if next := r.ticks.due; !next.IsZero() {
			pause = min(pause, time.Until(next))
		}
		if lease.Sleep(ctx, pause) != nil {
			return
		}
		if next := r.ticks.due; next.IsZero() || time.Now().Before(next) {
			continue
		}
		if held {
			r.miss(ctx, slog.LevelDebug, reasonHeld, at)
		} else {
			r.miss(ctx, slog.LevelWarn, reasonFailed+err.Error(), at)
		}
		return
	}
}

// attempt runs once under the lease. It returns true if the ledger has, or will have, a pass of this run.
func (r *runner) attempt(ctx context.Context, at time.Time) (settled bool, err error) {
	err = r.hold(ctx, string(r.job.Kind), func(ctx context.Context, l lease.Lease) error {
		if err := r.writeMissed(ctx); err != nil {
			return err
		}
		if err := r.adopt(ctx, l); err != nil {
			r.recovery.report(ctx, r.Log, "recovering passes failed, will try again", err, r.kind())
		}
		if err := r.announce(ctx); err != nil {
			return err
		}
		settled, err = r.run(ctx, l, at)
		return err
	})
	switch {
	case errors.Is(err, verify.ErrAlreadyRun):
		r.Log.DebugContext(ctx, "another process made the run", r.attrs(at, err)...)
		return true, nil
	case settled && err != nil && ctx.Err() == nil:
		r.close(ctx)
	}
	return settled, err
}

// close ends a pass that broke off while it was scanning: nobody works on it now.
func (r *runner) close(ctx context.Context) {
	if _, err := r.Ledger.Abandoned(ctx, r.job.Kind); err != nil {
		r.recovery.report(ctx, r.Log, "recovering passes failed, will try again", err, r.kind())
	}
}

// run makes the pass, and notes the runs that fell due in the meantime: they are skipped. A check that takes longer
// than its interval must not run without a pause.
func (r *runner) run(ctx context.Context, l lease.Lease, at time.Time) (begun bool, err error) {
	start := verify.Start{Kind: r.job.Kind, Trigger: "schedule", ScheduledAt: at, At: time.Now()}
	begun, err = r.make(ctx, l, start)
	p, panicked := errors.AsType[*panicError](err)
	if panicked {
		// This has no effect if there is a pass.
		r.note(reasonPanic+p.Error(), at)
	}
	if ctx.Err() != nil {
		return begun, err // the process stops, or the lease was lost
	}
	if begun {
		r.noted = r.noted && panicked
		r.miss(ctx, slog.LevelWarn, reasonOverrun, r.ticks.pass(time.Now())...)
	}
	if len(r.missed) == 0 {
		return begun, err
	}
	if err := errors.Join(r.writeMissed(ctx), r.announce(ctx)); err != nil {
		r.runs.report(ctx, r.Log, "recording missed runs failed, will try again", err, r.kind())
	}
	return begun, err
}

// make makes one pass. It has begun too if it panicked: it is not tried again, because it would panic again.
func (r *runner) make(ctx context.Context, l lease.Lease, start verify.Start) (begun bool, err error) {
	pass, err := protect(func() (verify.Pass, error) { return r.job.Run(ctx, l, start) })
	r.finished(pass)
	_, panicked := errors.AsType[*panicError](err)
	return pass.ID != 0 || err == nil || panicked, err
}

// announce stores when the next run is due.
func (r *runner) announce(ctx context.Context) error {
	err := r.Ledger.SetSchedule(ctx, r.job.Kind, r.ticks.due, r.ticks.every())
	r.announced = r.announced || err == nil
	return err
}

// miss notes runs that will not take place. The next holder of the lease records them, because only it knows that no
// other process is about to begin them.
func (r *runner) miss(ctx context.Context, level slog.Level, reason string, runs ...time.Time) {
	if r.note(reason, runs...) == 0 {
		level = slog.LevelDebug
	}
	if len(runs) > 0 {
		r.Log.LogAttrs(ctx, level, "scheduled runs missed", r.kind(), slog.Int("runs", len(runs)),
			slog.Time("scheduled_at", runs[0]), slog.String("reason", reason))
	}
}

// note remembers missed runs for the ledger, and returns how many. Of a job with an interval it is the first since a run
// began, and none that fell due while another run worked, in this process or in another.
func (r *runner) note(reason string, runs ...time.Time) int {
	if r.job.Interval {
		if r.noted || len(runs) == 0 || reason == reasonOverrun || reason == reasonHeld {
			return 0
		}
		r.noted, runs = true, runs[:1]
	}
	for _, at := range runs {
		r.missed = append(r.missed, missedRun{at, reason})
	}
	r.missed = r.missed[max(0, len(r.missed)-maxMissed):]
	return len(runs)
}

func (r *runner) writeMissed(ctx context.Context) error {
	for len(r.missed) > 0 {
		if err := r.Ledger.Missed(ctx, r.job.Kind, r.missed[0].at, r.missed[0].reason); err != nil {
			return err
		}
		r.missed = r.missed[1:]
	}
	r.missed = nil
	return nil
}

func (r *runner) kind() slog.Attr { return slog.String("pass", string(r.job.Kind)) }

func (r *runner) attrs(at time.Time, err error) []any {
	return []any{r.kind(), slog.Time("scheduled_at", at), slog.String("error", err.Error())}
}
