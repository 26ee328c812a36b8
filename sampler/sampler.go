// Package sampler decides when passes run: by schedule, one at a time, on one of any number of sidecars. It is the only
// package that uses gocron. gocron only rings; the decisions are made here.
//
// Invariant: every scheduled run that falls due while a sampler runs leaves exactly one pass in the ledger. This is the
// pass that a holder of the job's lease ran, or a record that the run was missed and why. The due time comes from the
// schedule and not from the clock, so that all sidecars mean the same run. A pass is worked on only under a lease that
// is renewed all the time, and is cancelled as soon as another process may have the lease.
//
// Jobs with an interval ([Job.Interval]) are the exception. Each of their passes covers everything since the one before.
// So a run that falls due while another works has missed nothing, and leaves no record. Of runs in a row that could not
// take place, the first is recorded. An outage does not fill the ledger, even if the interval is a second.
//
// Time is the process's own (package time), because gocron's is; tests run in a bubble of testing/synctest.
package sampler

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// ErrNotResumable is returned by [Job.Resume] for a pass that cannot go on, for example because it began under another
// configuration. The sampler ends such a pass as unverified, with the error's text as the reason.
var ErrNotResumable = errors.New("pass cannot be resumed")

// Orphans finds passes whose process is gone. Abandoned ends those that were scanning and returns those that were
// settling; any process may call it at any time. Adopt gives one of them to the holder of a lease.
type Orphans interface {
	Abandoned(ctx context.Context, kinds ...verify.PassKind) ([]verify.Pass, error)
	Adopt(ctx context.Context, l lease.Lease, id verify.PassID) error
}

// Closing ends an adopted pass that cannot be resumed.
type Closing interface {
	Tally(ctx context.Context, id verify.PassID) (verify.Tally, error)
	FinishPass(ctx context.Context, l lease.Lease, id verify.PassID, r verify.Result, at time.Time) error
}

// Calendar is what the ledger knows of schedules. NextRun returns what SetSchedule stored; zero if that was zero or
// nothing. Missed does nothing if the run is in the ledger already.
type Calendar interface {
	NextRun(ctx context.Context, kind verify.PassKind) (time.Time, error)
	SetSchedule(ctx context.Context, kind verify.PassKind, next time.Time, every time.Duration) error
	Missed(ctx context.Context, kind verify.PassKind, scheduledAt time.Time, reason string) error
}

// Ledger is what the sampler stores and shares with other sidecars. Every call has its own deadline.
type Ledger interface {
	lease.Store
	Orphans
	Closing
	Calendar
}

// Schedule is when a job runs.
type Schedule interface {
	// Next returns the first instant after t; zero if there is none. It depends only on t.
	Next(t time.Time) time.Time
}

// Job is one kind of pass. Its lease has the kind's name.
type Job struct {
	Kind verify.PassKind
	// Schedule is when the job runs. If it is nil, or its Next is zero, the job never runs, but its orphans are
	// adopted.
	Schedule Schedule
	// Interval says that the schedule is an interval of perhaps seconds, and that a pass covers everything since the one
	// before. It changes which runs are recorded as missed; see the package.
	Interval bool
	// First reports whether the ledger has no pass of this kind under the present configuration. Then the sampler makes
	// one at its start, under the lease and outside the schedule. Nil is no such pass.
	First func(context.Context) (bool, error)
	// Run makes one pass. It returns verify.ErrAlreadyRun if the ledger has one for the same ScheduledAt. A pass
	// without ID means that none was begun; the sampler then tries again until the next run is due. Run fills in the
	// fingerprint of the start. It must return soon after its context has ended.
	Run func(context.Context, lease.Lease, verify.Start) (verify.Pass, error)
	// Resume goes on with an adopted pass, or returns ErrNotResumable.
	Resume func(context.Context, lease.Lease, verify.Pass) (verify.Pass, error)
}

// Sampler runs jobs. Its fields must not change while Run runs.
type Sampler struct {
	Jobs   []Job
	Ledger Ledger
	// Holder names this process in leases, for people.
	Holder string
	// TTL is how long a lease outlives its process; zero is 30 s. The lease is renewed every third of it. The sampler
	// looks for orphans once in a TTL.
	TTL time.Duration
	// Prune deletes old records of the ledger. It runs at the start and once a day, under its own lease; may be nil.
	Prune func(context.Context) error
	// Finished is called with every pass that this process finished; may be nil.
	Finished func(verify.Pass)
	Log      *slog.Logger
}

// The lease of the pruning, and the fixed settings.
const (
	pruneJob   = "prune"
	pruneEvery = 24 * time.Hour
	pruneLook  = time.Hour        // a pruning that failed is tried again after this
	defaultTTL = 30 * time.Second // outlasts a restart of the ledger, and is short enough for a take-over to wait for
)

func (s *Sampler) ttl() time.Duration { return cmp.Or(s.TTL, defaultTTL) }

func (s *Sampler) hold(ctx context.Context, job string, work func(context.Context, lease.Lease) error) error {
	return lease.Holding{Store: s.Ledger, Job: job, Holder: s.Holder, TTL: s.ttl(), Log: s.Log}.Do(ctx, work)
}

// Run rings, runs and recovers until ctx ends. Then no run begins any more, the current run ends because its context
// does, and leases are released. Run returns when all its goroutines have ended. Errors of runs are logged and never
// end Run. It returns an error only for jobs that cannot be scheduled.
func (s *Sampler) Run(ctx context.Context) error {
	bell, err := newBell(ctx, s.Log)
	if err != nil {
		return err
	}
	started := time.Now()
	for _, job := range s.Jobs {
		r := newRunner(s, job, started)
		bell.every(string(job.Kind)+" recovery", s.ttl(), r.rescue)
		if !r.ticks.due.IsZero() {
			bell.at(string(job.Kind), job.Schedule, r.tick)
		}
	}
	if s.Prune != nil {
		bell.every(pruneJob, pruneLook, (&pruner{Sampler: s}).prune)
	}
	return bell.run(ctx)
}

func (s *Sampler) finished(p verify.Pass) {
	if s.Finished != nil && p.State == verify.Done {
		s.Finished(p)
	}
}

// pruner remembers when this process pruned last.
type pruner struct {
	*Sampler
	complaint

	last time.Time
}

func (p *pruner) prune(ctx context.Context) {
	if !p.last.IsZero() && time.Since(p.last) < pruneEvery {
		return
	}
	err := p.hold(ctx, pruneJob, func(ctx context.Context, _ lease.Lease) error { return p.Prune(ctx) })
	if err == nil || errors.Is(err, lease.ErrHeld) {
		p.last = time.Now()
		err = nil
	}
	p.report(ctx, p.Log, "pruning the ledger failed, will try again", err)
}
