package sampler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// errExpired is why a pass is cancelled whose lease could not be renewed in time.
var errExpired = errors.New("lease could not be renewed before it ran out")

// Holding is how a job's lease is held: by whom, and for how long it outlives a process that was killed.
type Holding struct {
	Leases
	Job, Holder string
	TTL         time.Duration
	Log         *slog.Logger
}

func (s *Sampler) hold(ctx context.Context, job string, work func(context.Context, verify.Lease) error) error {
	return Holding{Leases: s.Ledger, Job: job, Holder: s.Holder, TTL: s.ttl(), Log: s.Log}.Do(ctx, work)
}

// Do does work under the lease. The context of the work ends when ctx does, and as soon as the lease is lost: taken by
// somebody else, or not renewed until, by our own clock, it may have run out. The lease is renewed while the work winds
// down too, because ending a pass is a write. It is released even if the work panics. The error is
// [verify.ErrHeld] where somebody else has the lease.
func (h Holding) Do(ctx context.Context, work func(context.Context, verify.Lease) error) error {
	asked := time.Now() // before the ledger's clock starts: we never believe longer in the lease than the ledger
	lease, err := h.acquire(ctx)
	if err != nil {
		return err
	}
	held, lose := context.WithCancelCause(ctx)
	stop := h.keep(context.WithoutCancel(ctx), lease, asked, lose)
	defer func() {
		stop()
		lose(nil)
		h.release(ctx, lease)
	}()
	err = work(held, lease)
	if lost := context.Cause(held); err != nil && lost != nil && ctx.Err() == nil && !errors.Is(err, lost) {
		return fmt.Errorf("%w, %w", lost, err)
	}
	return err
}

func (h Holding) acquire(ctx context.Context) (verify.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, h.TTL/3)
	defer cancel()
	return h.Acquire(ctx, h.Job, h.Holder, h.TTL)
}

// keep renews the lease in the background until it is stopped, which waits, or the lease is lost.
func (h Holding) keep(ctx context.Context, l verify.Lease, asked time.Time, lose context.CancelCauseFunc) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	expiry := time.AfterFunc(h.TTL-time.Since(asked), func() { lose(errExpired) })
	stopped := make(chan struct{}) // closed when nothing renews any more
	go func() {
		defer close(stopped)
		defer expiry.Stop()
		for pause := h.TTL / 3; sleep(ctx, pause) == nil; {
			asked := time.Now()
			switch err := h.renew(ctx, l); {
			case err == nil:
				expiry.Reset(h.TTL - time.Since(asked))
				pause = h.TTL / 3
			case errors.Is(err, verify.ErrFenced):
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

func (h Holding) renew(ctx context.Context, l verify.Lease) error {
	ctx, cancel := context.WithTimeout(ctx, h.TTL/3)
	defer cancel()
	return h.Renew(ctx, l, h.TTL)
}

// release lets the next holder in at once. It is also done when ctx has ended.
func (h Holding) release(ctx context.Context, l verify.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := h.Release(ctx, l); err != nil && !errors.Is(err, verify.ErrFenced) {
		h.Log.WarnContext(ctx, "lease not released, it runs out by itself", slog.String("job", l.Job), slog.String("error", err.Error()))
	}
}

// sleep returns early with the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
