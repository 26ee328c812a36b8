package leasetest

import (
	"errors"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lease"
)

// Exercise checks a store against the contract of [lease.Store]. open returns an empty store.
func Exercise(t *testing.T, open func(t *testing.T) lease.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, lease.Store)
	}{
		{"one process holds a lease", heldOnce},
		{"tokens grow", tokensGrow},
		{"a lease runs out", runsOut},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

const longTTL = time.Minute

func acquire(t *testing.T, s lease.Store, job string) lease.Lease {
	t.Helper()
	l, err := s.Acquire(t.Context(), job, "test", longTTL)
	noError(t, err, "acquiring")
	return l
}

func noError(t *testing.T, err error, doing string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

func wantError(t *testing.T, err, want error, doing string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error is %v, want %v", doing, err, want)
	}
}

func heldOnce(t *testing.T, s lease.Store) {
	l := acquire(t, s, "full")
	for _, holder := range []string{"another", "test"} {
		_, err := s.Acquire(t.Context(), "full", holder, longTTL)
		wantError(t, err, lease.ErrHeld, holder+" acquires a held lease")
	}
	acquire(t, s, "sample") // another job is another lease
	noError(t, s.Renew(t.Context(), l, longTTL), "renewing")
	noError(t, s.Release(t.Context(), l), "releasing")
	wantError(t, s.Renew(t.Context(), l, longTTL), lease.ErrFenced, "renewing a released lease")
	wantError(t, s.Release(t.Context(), l), lease.ErrFenced, "releasing it again")
	if _, err := s.Acquire(t.Context(), "full", "test", 0); err == nil {
		t.Error("acquired a lease for no time")
	}
}

func tokensGrow(t *testing.T, s lease.Store) {
	var last int64
	for range 3 {
		l := acquire(t, s, "full")
		if l.Job != "full" || l.Token <= last {
			t.Errorf("lease %+v after token %d", l, last)
		}
		last = l.Token
		noError(t, s.Release(t.Context(), l), "releasing")
	}
}

// takeOver acquires the job as soon as its lease has run out.
func takeOver(t *testing.T, s lease.Store, job string) lease.Lease {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		l, err := s.Acquire(t.Context(), job, "successor", longTTL)
		if err == nil {
			return l
		}
		wantError(t, err, lease.ErrHeld, "waiting for the lease to run out")
	}
	t.Fatal("the lease did not run out")
	return lease.Lease{}
}

func runsOut(t *testing.T, s lease.Store) {
	old, err := s.Acquire(t.Context(), "full", "test", 50*time.Millisecond)
	noError(t, err, "acquiring")
	l := takeOver(t, s, "full")
	if l.Token <= old.Token {
		t.Errorf("token %d after %d", l.Token, old.Token)
	}
	wantError(t, s.Renew(t.Context(), old, longTTL), lease.ErrFenced, "renewing what was taken over")
	wantError(t, s.Release(t.Context(), old), lease.ErrFenced, "releasing what was taken over")
	noError(t, s.Renew(t.Context(), l, longTTL), "renewing as the successor")
}
