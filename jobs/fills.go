package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/verify"
)

// Fills are the jobs of one run of a backfill.
type Fills struct {
	q     *Queue
	queue string
}

var _ backfill.Jobs = (*Fills)(nil)

// Fills returns the jobs of a run. Processes whose run has another name do not see them.
func (q *Queue) Fills(run string) *Fills {
	sum := sha256.Sum256([]byte(run))
	return &Fills{q, "backfill-" + hex.EncodeToString(sum[:8])}
}

// fillJob is a job as it is stored.
type fillJob struct {
	Claim  string          `json:"claim"`
	Number int64           `json:"number"`
	Keys   verify.KeyRange `json:"keys"`
}

// Kind implements [river.JobArgs].
func (fillJob) Kind() string { return "backfill" }

// Add implements [backfill.Jobs].
func (f *Fills) Add(ctx context.Context, claim string, ranges []backfill.Range) error {
	jobs := make([]river.JobArgs, len(ranges))
	for i, r := range ranges {
		jobs[i] = fillJob{claim, r.Number, r.KeyRange}
	}
	return f.q.add(ctx, f.queue, jobs)
}

// Held implements [backfill.Jobs], by the database's clock.
func (f *Fills) Held(ctx context.Context, claim string, within time.Duration) ([]int64, error) {
	numbers, err := held[int64](ctx, f.q, fillJob{}.Kind(), fmt.Sprintf(`{"claim": %q}`, claim), within)
	if err != nil {
		return nil, fmt.Errorf("reading the jobs of a backfill: %w", err)
	}
	return numbers, nil
}

// Forget implements [backfill.Jobs].
func (f *Fills) Forget(ctx context.Context) error {
	if err := f.q.forget(ctx, river.NewJobDeleteManyParams().Queues(f.queue)); err != nil {
		return fmt.Errorf("dropping the jobs of a backfill: %w", err)
	}
	return nil
}

// Work implements [backfill.Jobs]. A job has no time limit: throttles may hold it for hours.
func (f *Fills) Work(ctx context.Context, atOnce int, do func(ctx context.Context, claim string, r backfill.Range) error) error {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[fillJob]) error {
		if err := do(ctx, job.Args.Claim, backfill.Range{Number: job.Args.Number, KeyRange: job.Args.Keys}); err != nil {
			return river.JobSnooze(0) // this process ends, and says why
		}
		return nil
	}))
	return f.q.serve(ctx, workers, &river.Config{
		Queues: map[string]river.QueueConfig{f.queue: {MaxWorkers: atOnce}}, JobTimeout: -1, RescueStuckJobsAfter: stuck,
	})
}

// stuck is when River itself gives back a job whose process is gone. Whoever holds the run does it long before.
const stuck = 24 * time.Hour
