// Package jobstest holds jobs in memory for tests, and the conformance suite that both they and the real ones pass.
package jobstest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// Attempts is how often a job may fail.
const Attempts = 5

// Fake is jobs in memory. It is safe for concurrent use.
type Fake struct {
	mu   sync.Mutex
	jobs []*job
	more chan struct{} // closed when a job begins to wait
}

type job struct {
	verify.Job
	fingerprint string
	failed      int
	since       time.Time // it is worked on; zero while it waits
}

var _ Queue = (*Fake)(nil)

// New makes jobs in memory.
func New() *Fake { return &Fake{more: make(chan struct{})} }

// Add implements [verify.Jobs].
func (f *Fake) Add(_ context.Context, fingerprint string, id verify.PassID, numbers []int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, number := range numbers {
		added := verify.Job{Pass: id, Number: number}
		if !slices.ContainsFunc(f.jobs, func(j *job) bool { return j.Job == added }) {
			f.jobs = append(f.jobs, &job{Job: added, fingerprint: fingerprint})
		}
	}
	f.wake()
	return nil
}

func (f *Fake) wake() {
	close(f.more)
	f.more = make(chan struct{})
}

// Held implements [verify.Jobs].
func (f *Fake) Held(_ context.Context, id verify.PassID, limit time.Duration) (numbers []int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range f.jobs {
		if j.Pass == id && (j.since.IsZero() || time.Since(j.since) < limit) {
			numbers = append(numbers, j.Number)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Forget implements [verify.Jobs].
func (f *Fake) Forget(_ context.Context, id verify.PassID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs = slices.DeleteFunc(f.jobs, func(j *job) bool { return j.Pass == id && j.since.IsZero() })
	return nil
}

// Work implements [Queue].
func (f *Fake) Work(ctx context.Context, fingerprint string, _ time.Duration, do func(context.Context, verify.Job) (verify.Answer, error)) error {
	for ctx.Err() == nil {
		f.mu.Lock()
		more := f.more
		f.mu.Unlock()
		if f.Once(ctx, fingerprint, do) {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// Once does one job. It returns false if none waits.
func (f *Fake) Once(ctx context.Context, fingerprint string, do func(context.Context, verify.Job) (verify.Answer, error)) bool {
	f.mu.Lock()
	i := slices.IndexFunc(f.jobs, func(j *job) bool { return j.fingerprint == fingerprint && j.since.IsZero() })
	if i < 0 {
		f.mu.Unlock()
		return false
	}
	j := f.jobs[i]
	j.since = time.Now()
	f.mu.Unlock()
	answer, _ := do(ctx, j.Job)
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil && answer != verify.Finished {
		answer = verify.Later
	}
	if answer == verify.Failed {
		j.failed++
	}
	j.since = time.Time{}
	f.jobs = slices.DeleteFunc(f.jobs, func(other *job) bool { return other == j })
	if answer == verify.Later || answer == verify.Unheld || answer == verify.Failed && j.failed < Attempts {
		f.jobs = append(f.jobs, j)
		f.wake()
	}
	return true
}
