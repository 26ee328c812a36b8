// Package lease is the right of one process to do a job, for a time.
//
// Invariant: of any number of processes at most one can write for a job. Each lease has a fencing token greater than
// all before it, the store refuses a write under any but the newest, and the work of a holder is cancelled as soon as
// its lease may be somebody else's.
//
// Time is the process's own (package time); tests run in a bubble of testing/synctest.
package lease

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrFenced is returned by every write under a lease that was released, ran out, or is somebody else's by now. The
	// work must stop: it belongs to another process.
	ErrFenced = errors.New("lease was taken over by another process")

	// ErrHeld is returned when a job's lease is held by a process that is alive.
	ErrHeld = errors.New("job is running in another process")
)

// Lease is the right to write for one job, with its fencing token. Tokens of a job only ever grow.
type Lease struct {
	Job   string
	Token int64
}

// Store keeps leases, by its own clock. All methods must return when their context ends.
type Store interface {
	// Acquire takes the lease of a job. It returns ErrHeld while a live process has it, the same holder included.
	Acquire(ctx context.Context, job, holder string, ttl time.Duration) (Lease, error)
	// Renew prolongs a lease to ttl from now, and Release ends it. Both return ErrFenced when the lease was lost.
	Renew(ctx context.Context, l Lease, ttl time.Duration) error
	Release(ctx context.Context, l Lease) error
}

// Sleep waits between two tries to get a lease or to work under it. It returns early with the context's error.
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
