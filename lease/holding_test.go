package lease_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/lease/leasetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ttl = 30 * time.Second

var errAway = errors.New("the store is away")

func holding(f *leasetest.Fake) lease.Holding {
	return lease.Holding{Store: f, Job: "job", Holder: "me", TTL: ttl, Log: slog.New(slog.DiscardHandler)}
}

// lost works until its context ends, and returns how long that took and why it ended.
func lost(t *testing.T, f *leasetest.Fake, during func(lease.Lease)) (after time.Duration, cause, err error) {
	began := time.Now()
	err = holding(f).Do(t.Context(), func(ctx context.Context, l lease.Lease) error {
		during(l)
		<-ctx.Done()
		after, cause = time.Since(began), context.Cause(ctx)
		return ctx.Err()
	})
	return after, cause, err
}

func TestALeaseIsHeldWhileTheWorkLastsAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := leasetest.New(nil)
		err := holding(f).Do(t.Context(), func(ctx context.Context, _ lease.Lease) error {
			for range 10 * 60 {
				if err := holding(f).Do(ctx, func(context.Context, lease.Lease) error { return nil }); !errors.Is(err, lease.ErrHeld) {
					t.Fatalf("another got the lease: %v", err)
				}
				if err := lease.Sleep(ctx, time.Second); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Acquire(t.Context(), "job", "next", ttl); err != nil {
			t.Errorf("the lease was not released: %v", err)
		}
	})
}

func TestWorkEndsAtTheFirstRenewalThatIsFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := leasetest.New(nil)
		after, cause, err := lost(t, f, func(l lease.Lease) {
			if err := f.Release(t.Context(), l); err != nil {
				t.Error(err)
			}
		})
		if after != ttl/3 || !errors.Is(cause, lease.ErrFenced) || !errors.Is(err, lease.ErrFenced) {
			t.Errorf("the work ended after %s because of %v, with error %v", after, cause, err)
		}
	})
}

func TestWorkOutlivesAStoreThatIsAwayForLessThanTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := leasetest.New(nil)
		err := holding(f).Do(t.Context(), func(ctx context.Context, _ lease.Lease) error {
			f.Fail(errAway)
			time.AfterFunc(ttl-5*time.Second, func() { f.Fail(nil) })
			return lease.Sleep(ctx, 3*ttl)
		})
		if err != nil {
			t.Errorf("the work ended with: %v", err)
		}
	})
}

// TestWorkEndsWhenTheLeaseMayHaveRunOut: not a moment later than the store may give it to another.
func TestWorkEndsWhenTheLeaseMayHaveRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := leasetest.New(nil)
		after, cause, err := lost(t, f, func(lease.Lease) { f.Fail(errAway) })
		if after != ttl || cause == nil || !errors.Is(err, cause) {
			t.Errorf("the work ended after %s because of %v, with error %v", after, cause, err)
		}
	})
}

// TestALeaseIsRenewedWhileStoppedWorkWindsDown: what it writes at its end is written under the lease.
func TestALeaseIsRenewedWhileStoppedWorkWindsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := leasetest.New(nil)
		ctx, stop := context.WithCancel(t.Context())
		err := holding(f).Do(ctx, func(ctx context.Context, l lease.Lease) error {
			stop()
			if err := lease.Sleep(context.WithoutCancel(ctx), 2*ttl); err != nil || !f.Live(l) {
				t.Errorf("the lease has run out meanwhile: %v", err)
			}
			return ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
		if _, err := f.Acquire(t.Context(), "job", "next", ttl); err != nil {
			t.Errorf("the lease was not released: %v", err)
		}
	})
}

func TestALeaseIsReleasedThoughTheWorkPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := leasetest.New(nil)
		func() {
			defer func() { _ = recover() }()
			_ = holding(f).Do(t.Context(), func(context.Context, lease.Lease) error { panic("a bug") })
		}()
		if _, err := f.Acquire(t.Context(), "job", "next", ttl); err != nil {
			t.Errorf("the lease was not released: %v", err)
		}
	})
}
