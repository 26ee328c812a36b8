package leasetest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/lease/leasetest"
)

func TestFake(t *testing.T) {
	leasetest.Exercise(t, func(*testing.T) lease.Store { return leasetest.New(nil) })
}

func TestFakeRunsByTheGivenClock(t *testing.T) {
	now := time.Unix(0, 0)
	f := leasetest.New(func() time.Time { return now })
	l, err := f.Acquire(t.Context(), "full", "a", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if now = now.Add(time.Second); f.Renew(t.Context(), l, time.Second) == nil {
		t.Error("renewed a lease that had run out")
	}
}

func TestFailMakesEveryCallFail(t *testing.T) {
	f, away := leasetest.New(nil), errors.New("away")
	f.Fail(away)
	if _, err := f.Acquire(t.Context(), "full", "a", time.Second); !errors.Is(err, away) {
		t.Errorf("error is %v", err)
	}
	f.Fail(nil)
	if _, err := f.Acquire(t.Context(), "full", "a", time.Second); err != nil {
		t.Errorf("error is %v after the failure ended", err)
	}
}
