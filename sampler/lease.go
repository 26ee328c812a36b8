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

// hold does work under the job's lease. The context of the work ends when ctx does, and as soon as the lease is lost:
// taken by somebody else, or not renewed until, by our own clock, it may have run out. The lease is renewed while
// the work winds down too, because ending a pass is a write. It is released even if the work panics.
func (s *Sampler) hold(ctx context.Context, job string, work func(context.Context, verify.Lease) error) error {
	asked := time.Now() // before the ledger's clock starts: we never believe longer in the lease than the ledger
	lease, err := s.acquire(ctx, job)
	if err != nil {
		return err
	}
	held, lose := context.WithCancelCause(ctx)
	stop := s.keep(context.WithoutCancel(ctx), lease, asked, lose)
	defer func() {
		stop()
		lose(nil)
		s.release(ctx, lease)
	}()
	err = work(held, lease)
	if lost := context.Cause(held); err != nil && lost != nil && ctx.Err() == nil && !errors.Is(err, lost) {
		return fmt.Errorf("%w, %w", lost, err)
	}
	return err
}

func (s *Sampler) acquire(ctx context.Context, job string) (verify.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, s.ttl()/3)
	defer cancel()
	return s.Ledger.Acquire(ctx, job, s.Holder, s.ttl())
}

// keep renews the lease in the background until it is stopped, which waits, or the lease is lost.
func (s *Sampler) keep(ctx context.Context, l verify.Lease, asked time.Time, lose context.CancelCauseFunc) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	expiry := time.AfterFunc(s.ttl()-time.Since(asked), func() { lose(errExpired) })
	stopped := make(chan struct{}) // closed when nothing renews any more
	go func() {
		defer close(stopped)
		defer expiry.Stop()
		for pause := s.ttl() / 3; sleep(ctx, pause) == nil; {
			asked := time.Now()
			switch err := s.renew(ctx, l); {
			case err == nil:
				expiry.Reset(s.ttl() - time.Since(asked))
				pause = s.ttl() / 3
			case errors.Is(err, verify.ErrFenced):
				lose(err)
				return
			case ctx.Err() == nil:
				s.Log.DebugContext(ctx, "lease not renewed, will try again", slog.String("job", l.Job), slog.String("error", err.Error()))
				pause = s.ttl() / 15
			}
		}
	}()
	return func() {
		cancel()
		<-stopped
	}
}

func (s *Sampler) renew(ctx context.Context, l verify.Lease) error {
	ctx, cancel := context.WithTimeout(ctx, s.ttl()/3)
	defer cancel()
	return s.Ledger.Renew(ctx, l, s.ttl())
}

// release lets the next holder in at once. It is also done when ctx has ended.
func (s *Sampler) release(ctx context.Context, l verify.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := s.Ledger.Release(ctx, l); err != nil && !errors.Is(err, verify.ErrFenced) {
		s.Log.WarnContext(ctx, "lease not released, it runs out by itself", slog.String("job", l.Job), slog.String("error", err.Error()))
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
