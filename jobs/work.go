package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/nordvarg/crosscheck/verify"
)

const (
	// storing is how long a job may take beyond its range. Longer than that, it is rescued.
	storing = time.Minute
	// later is how long a job waits that cannot be done now, and alone one whose pass nobody holds.
	later, alone = time.Second, 5 * time.Second
)

// Work does jobs of a fingerprint, one at a time, until ctx ends. A job takes no longer than a limit, and some time to store.
func (q *Queue) Work(ctx context.Context, fingerprint string, limit time.Duration, do func(context.Context, verify.Job) (verify.Answer, error)) error {
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{do: do, stopped: ctx})
	return q.serve(ctx, workers, &river.Config{
		Queues:     map[string]river.QueueConfig{queueOf(fingerprint): {MaxWorkers: 1}},
		JobTimeout: limit + storing, RescueStuckJobsAfter: limit + 2*storing,
	})
}

// serve works until ctx ends, as a configuration says of queues and times.
func (q *Queue) serve(ctx context.Context, workers *river.Workers, c *river.Config) error {
	c.Workers, c.Logger, c.RetryPolicy = workers, q.log, policy{}
	c.PollOnly, c.FetchPollInterval, c.FetchCooldown, c.SoftStopTimeout = true, pollEvery, fetchEvery, fetchEvery
	c.ReindexerIndexNames = []string{} // the tables are small
	client, err := river.NewClient(riverpgxv5.New(q.pool), c)
	if err != nil {
		return fmt.Errorf("working on jobs: %w", err)
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("working on jobs: %w", err)
	}
	q.mu.Lock()
	q.working = client
	q.mu.Unlock()
	<-client.Stopped()
	q.mu.Lock()
	q.working = nil
	q.mu.Unlock()
	return ctx.Err()
}

// policy is a [river.ClientRetryPolicy].
type policy struct{}

// NextRetry implements [river.ClientRetryPolicy].
func (policy) NextRetry(job *rivertype.JobRow) time.Time { return nextRetry(job) }

// worker is a [river.Worker].
type worker struct {
	river.WorkerDefaults[rangeJob]

	do      func(context.Context, verify.Job) (verify.Answer, error)
	stopped context.Context // of the worker as a whole: ends before that of its job
}

var errGivenUp = errors.New("the holder of the pass does it")

// Work implements [river.Worker].
func (w *worker) Work(ctx context.Context, job *river.Job[rangeJob]) error {
	answer, err := w.do(ctx, verify.Job{Pass: verify.PassID(job.Args.Pass), Number: job.Args.Number})
	switch {
	case w.stopped.Err() != nil && answer != verify.Finished:
		return river.JobSnooze(0)
	case answer == verify.Unheld:
		return river.JobSnooze(alone)
	case answer == verify.Later:
		return river.JobSnooze(later)
	case answer == verify.GivenUp:
		return river.JobCancel(errors.Join(errGivenUp, err))
	case answer == verify.Failed:
		return errors.Join(errors.New("a range of keys could not be compared"), err)
	}
	return nil
}
