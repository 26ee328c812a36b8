package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// errExpired is why work is cancelled when its lease could not be renewed in time.
var errExpired = errors.New("lease could not be renewed before it ran out")

// releaseTimeout ends the attempt to release. A lease that cannot be released expires by itself.
const releaseTimeout = 5 * time.Second

// Holding says how a process holds a job's lease: in whose name, and how long the lease outlives the process.
type Holding struct {
	Store       Store
	Job, Holder string
	TTL         time.Duration // renewed every third of this time
	Log         *slog.Logger
}

// Do runs work under the lease. The context of the work ends when ctx ends, and as soon as the lease is lost. A lease
// is lost if another process takes it, or if it was not renewed before it may have expired by our own clock. The lease
// is also renewed while the work winds down, because ending the work is a write. It is released even if the work
// panics. The error is [ErrHeld] if another process has the lease.
func (h Holding) Do(ctx context.Context, work func(context.Context, Lease) error) error {
	asked := time.Now() // taken before the store's clock starts, so that we never trust the lease longer than the store does
	l, err := h.acquire(ctx)
	if err != nil {
		return err
	}
	held, lose := context.WithCancelCause(ctx)
	stop := h.keep(context.WithoutCancel(ctx), l, asked, lose)
	defer func() {
		stop()
		lose(nil)
		h.release(ctx, l)
	}()
	err = work(held, l)
	if lost := context.Cause(held); err != nil && lost != nil && ctx.Err() == nil && !errors.Is(err, lost) {
		return fmt.Errorf("%w, %w", lost, err)
	}
	return err
}

func (h Holding) acquire(ctx context.Context) (Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, h.TTL/3)
	defer cancel()
	return h.Store.Acquire(ctx, h.Job, h.Holder, h.TTL)
}

// keep renews the lease in the background. It ends when the lease is lost or when stop is called; stop waits for that.
func (h Holding) keep(ctx context.Context, l Lease, asked time.Time, lose context.CancelCauseFunc) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	expiry := time.AfterFunc(h.TTL-time.Since(asked), func() { lose(errExpired) })
	stopped := make(chan struct{}) // closed when renewing has ended
	go func() {
		defer close(stopped)
		defer expiry.Stop()
		for pause := h.TTL / 3; Sleep(ctx, pause) == nil; {
			asked := time.Now()
			switch err := h.renew(ctx, l); {
			case err == nil:
				expiry.Reset(h.TTL - time.Since(asked))
				pause = h.TTL / 3
			case errors.Is(err, ErrFenced):
				lose(err)
				return
			case ctx.Err() == nil:
				h.Log.DebugContext(ctx, "lease not renewed, will try again", slog.String("job", l.Job), slog.String("error", err.Error()))
				pause = h.TTL / 15
			}
		}
	}()
	return func() {
		cancel()
		<-stopped
	}
}

func (h Holding) renew(ctx context.Context, l Lease) error {
	ctx, cancel := context.WithTimeout(ctx, h.TTL/3)
	defer cancel()
	return h.Store.Renew(ctx, l, h.TTL)
}

// release lets the next holder in at once. It also runs after ctx has ended.
func (h Holding) release(ctx context.Context, l Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := h.Store.Release(ctx, l); err != nil && !errors.Is(err, ErrFenced) {
		h.Log.WarnContext(ctx, "lease not released, it expires by itself", slog.String("job", l.Job), slog.String("error", err.Error()))
	}
}
