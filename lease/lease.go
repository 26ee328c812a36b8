// Package lease is the right of one process to do a job, for a time.
//
// Invariant: at most one process can write for a job. Each lease has a fencing token greater than all earlier ones, and
// the store refuses a write under any but the newest. The work of a holder is cancelled as soon as another process may
// have the lease.
//
// Time is the process's own (package time); tests run in a bubble of testing/synctest.
package lease

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrFenced is returned by every write under a lease that was released, expired, or taken by another process. The
	// work must stop, because it belongs to another process.
	ErrFenced = errors.New("lease was taken over by another process")

	// ErrHeld is returned when a job's lease is held by a process that is alive.
	ErrHeld = errors.New("job is running in another process")
)

// Lease is the right to write for one job, with its fencing token. The tokens of a job only grow.
type Lease struct {
	Job   string
	Token int64
}

// Store keeps leases, by its own clock. All methods must return when their context ends.
type Store interface {
	// Acquire takes the lease of a job. It returns ErrHeld while a live process has it, even if that is the same
	// holder.
	Acquire(ctx context.Context, job, holder string, ttl time.Duration) (Lease, error)
	// Renew prolongs a lease to ttl from now, and Release ends it. Both return ErrFenced if the lease was lost.
	Renew(ctx context.Context, l Lease, ttl time.Duration) error
	Release(ctx context.Context, l Lease) error
}

// Sleep waits between two attempts to get a lease or to work under it. It returns early with the context's error.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
