package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// errExpired is why work is cancelled whose lease could not be renewed in time.
var errExpired = errors.New("lease could not be renewed before it ran out")

// releaseTimeout ends the attempt to release; a lease that cannot be released runs out by itself.
const releaseTimeout = 5 * time.Second

// Holding is how a job's lease is held: by whom, and for how long it outlives a process that was killed.
type Holding struct {
	Store       Store
	Job, Holder string
	TTL         time.Duration // renewed every third of it
	Log         *slog.Logger
}

// Do does work under the lease. The context of the work ends when ctx does, and as soon as the lease is lost: taken by
// somebody else, or not renewed until, by our own clock, it may have run out. The lease is renewed while the work winds
// down too, because ending the work is a write. It is released even if the work panics. The error is [ErrHeld] where
// somebody else has the lease.
func (h Holding) Do(ctx context.Context, work func(context.Context, Lease) error) error {
	asked := time.Now() // before the store's clock starts: we never believe longer in the lease than the store
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

// keep renews the lease in the background until it is stopped, which waits, or the lease is lost.
func (h Holding) keep(ctx context.Context, l Lease, asked time.Time, lose context.CancelCauseFunc) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	expiry := time.AfterFunc(h.TTL-time.Since(asked), func() { lose(errExpired) })
	stopped := make(chan struct{}) // closed when nothing renews any more
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

// release lets the next holder in at once. It is also done when ctx has ended.
func (h Holding) release(ctx context.Context, l Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := h.Store.Release(ctx, l); err != nil && !errors.Is(err, ErrFenced) {
		h.Log.WarnContext(ctx, "lease not released, it runs out by itself", slog.String("job", l.Job), slog.String("error", err.Error()))
	}
}
