// Package leasetest holds leases in memory for tests, and the conformance suite of a [lease.Store].
//
// Invariant: the fake behaves as the contract of [lease.Store] says and as the PostgreSQL ledger does, including
// fencing. [Exercise] runs against both, so that they cannot drift apart.
package leasetest

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/lease"
)

// Fake keeps leases in memory. It is safe for concurrent use.
type Fake struct {
	now func() time.Time // stands in for the database's clock

	mu      sync.Mutex
	newest  map[string]*kept // job → its newest lease, live or not
	failure error            // if set, every call returns it and does nothing else
}

var _ lease.Store = (*Fake)(nil)

type kept struct {
	token   int64
	expires time.Time
}

// New makes an empty fake whose leases run by the given clock; nil is time.Now.
func New(now func() time.Time) *Fake {
	if now == nil {
		now = time.Now
	}
	return &Fake{now: now, newest: map[string]*kept{}}
}

// Fail makes every later call return err and change nothing, as if the database were away; nil ends this.
func (f *Fake) Fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failure = err
}

// Err returns what a call with that context would return instead of working.
func (f *Fake) Err(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return cmp.Or(ctx.Err(), f.failure)
}

// Live reports whether the lease may still write.
func (f *Fake) Live(l lease.Lease) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.live(l)
}

func (f *Fake) live(l lease.Lease) bool {
	k := f.newest[l.Job]
	return k != nil && k.token == l.Token && k.expires.After(f.now())
}

// Acquire implements [lease.Store].
func (f *Fake) Acquire(ctx context.Context, job, _ string, ttl time.Duration) (lease.Lease, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := cmp.Or(ctx.Err(), f.failure); err != nil {
		return lease.Lease{}, err
	}
	if ttl <= 0 {
		return lease.Lease{}, fmt.Errorf("time to live %s is not positive", ttl)
	}
	k := f.newest[job]
	if k == nil {
		k = &kept{}
		f.newest[job] = k
	}
	if k.expires.After(f.now()) {
		return lease.Lease{}, lease.ErrHeld
	}
	k.token++
	k.expires = f.now().Add(ttl)
	return lease.Lease{Job: job, Token: k.token}, nil
}

// Renew implements [lease.Store].
func (f *Fake) Renew(ctx context.Context, l lease.Lease, ttl time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := cmp.Or(ctx.Err(), f.failure); err != nil {
		return err
	}
	if !f.live(l) {
		return lease.ErrFenced
	}
	f.newest[l.Job].expires = f.now().Add(ttl)
	return nil
}

// Release implements [lease.Store].
func (f *Fake) Release(ctx context.Context, l lease.Lease) error { return f.Renew(ctx, l, 0) }
