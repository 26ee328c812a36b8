// Package ledgertest holds an in-memory ledger for tests, and the conformance suite that both it and the real ledger
// pass.
//
// Invariant: the fake behaves as the contract in verify/ports.go says and as the PostgreSQL ledger does, including
// fencing. [Exercise] runs against both, so that they cannot drift apart.
package ledgertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/lease/leasetest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// Store is a ledger with its leases, as [Exercise] needs it.
type Store interface {
	verify.Ledger
	verify.AuditLedger
	lease.Store
	Abandoned(ctx context.Context, kinds ...verify.PassKind) ([]verify.Pass, error)
	Adopt(ctx context.Context, held lease.Lease, id verify.PassID) error
	Missed(ctx context.Context, kind verify.PassKind, scheduledAt time.Time, reason string) error
	Passes(ctx context.Context, limit int) ([]verify.Pass, error)
	PassDivergences(ctx context.Context, id verify.PassID, limit int) ([]verify.Divergence, error)
	Divergences(ctx context.Context, state verify.DivergenceState, limit int) ([]verify.Divergence, error)
	AuditFindings(ctx context.Context, fingerprint string, state verify.DivergenceState, limit int) ([]verify.AuditFinding, error)
}

// Fake is a ledger in memory. It is safe for concurrent use.
type Fake struct {
	*leasetest.Fake

	now func() time.Time // stands in for the database's clock

	mu          sync.Mutex
	passes      []*pass       // PassID is the index plus one
	divergences []*divergence // ID is the index plus one
	unresolved  map[place]*divergence
	audits      []*auditFinding // ID is the index plus one
}

var _ Store = (*Fake)(nil)

type pass struct {
	verify.Pass
	lease   lease.Lease
	scanned bool
	queue   map[order.Key]verify.Suspect
	tally   verify.Tally
	ranges  map[int]verify.Range
	plan    []verify.Planned
	settled verify.Settled
	seen    map[int64]bool // IDs of divergences that the pass opened or renewed
}

// copied returns the pass as it is read, with the outcomes in the facts.
func (p *pass) copied() verify.Pass {
	c := p.Pass
	if c.Scan.Facts != nil {
		c.Scan.Facts = c.Scan.Facts.Settled(p.settled)
	}
	return c
}

type divergence struct {
	verify.Divergence
	fingerprint string
}

// place identifies at most one divergence that is not resolved.
type place struct {
	fingerprint string
	key         order.Key
	hop         order.Hop
}

var (
	errDone    = errors.New("pass is done")
	errWaiting = errors.New("suspects of the pass still wait for their recheck")
	errNoScan  = errors.New("a pass whose scan never ended cannot be a match")
	errAdopt   = errors.New("pass is not settling")
	errUnknown = errors.New("no such pass")
)

// New makes an empty fake whose leases run by the given clock; nil means time.Now.
func New(now func() time.Time) *Fake {
	if now == nil {
		now = time.Now
	}
	return &Fake{Fake: leasetest.New(now), now: now, unresolved: map[place]*divergence{}}
}

// lock returns the context's error or the injected one. It locks the mutex in every case.
func (f *Fake) lock(ctx context.Context) error {
	f.mu.Lock()
	return f.Err(ctx)
}

// Pair implements [verify.Journal].
func (f *Fake) Pair() verify.PairID { return verify.MainPair }

// BeginPass implements [verify.Journal].
func (f *Fake) BeginPass(ctx context.Context, l lease.Lease, s verify.Start) (verify.PassID, error) {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	switch {
	case err != nil:
		return 0, err
	case !f.Live(l):
		return 0, lease.ErrFenced
	case f.hasRun(s.Kind, s.ScheduledAt):
		return 0, verify.ErrAlreadyRun
	}
	return f.append(verify.Pass{
		Pair: f.Pair(), Kind: s.Kind, State: verify.Scanning, Trigger: s.Trigger, ScheduledAt: micro(s.ScheduledAt),
		Fingerprint: s.Fingerprint, StartedAt: micro(s.At), Ranged: s.Ranged,
	}, l), nil
}

func (f *Fake) append(p verify.Pass, l lease.Lease) verify.PassID {
	p.ID = verify.PassID(len(f.passes) + 1)
	f.passes = append(f.passes, &pass{Pass: p, lease: l, queue: map[order.Key]verify.Suspect{}, seen: map[int64]bool{}, settled: verify.Settled{}})
	return p.ID
}

func (f *Fake) hasRun(kind verify.PassKind, scheduled time.Time) bool {
	return !scheduled.IsZero() && slices.ContainsFunc(f.passes, func(p *pass) bool {
		return p.Kind == kind && p.ScheduledAt.Equal(micro(scheduled))
	})
}

// owned returns the pass if the lease may write to it. The mutex is held.
func (f *Fake) owned(l lease.Lease, id verify.PassID) (*pass, error) {
	p, err := f.pass(id)
	switch {
	case err != nil || p.lease != l || !f.Live(l):
		return nil, fmt.Errorf("pass %d: %w", id, lease.ErrFenced)
	case p.State == verify.Done:
		return nil, fmt.Errorf("pass %d: %w", id, errDone)
	}
	return p, nil
}

// write runs fn on a pass that the lease may write to.
func (f *Fake) write(ctx context.Context, l lease.Lease, id verify.PassID, fn func(*pass) error) error {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return err
	}
	p, err := f.owned(l, id)
	if err != nil {
		return err
	}
	return fn(p)
}

// read runs fn on a pass.
func (f *Fake) read(ctx context.Context, id verify.PassID, fn func(*pass)) error {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return err
	}
	p, err := f.pass(id)
	if err == nil {
		fn(p)
	}
	return err
}

func (f *Fake) pass(id verify.PassID) (*pass, error) {
	if id < 1 || int(id) > len(f.passes) {
		return nil, fmt.Errorf("pass %d: %w", id, errUnknown)
	}
	return f.passes[id-1], nil
}

// ScanDone implements [verify.Journal].
func (f *Fake) ScanDone(ctx context.Context, l lease.Lease, id verify.PassID, s verify.Scan) error {
	return f.write(ctx, l, id, func(p *pass) error {
		var err error
		if s.Facts, err = throughJSON(p.Kind, s.Facts); err != nil {
			return err
		}
		p.Scan, p.State, p.scanned, p.Slowed = s, verify.Settling, true, nil
		return nil
	})
}

// throughJSON returns the facts as they come back from the database.
func throughJSON(kind verify.PassKind, f verify.Facts) (verify.Facts, error) {
	if f == nil {
		return nil, nil
	}
	raw, err := json.Marshal(f)
	return verify.DecodeFacts(kind, raw), err
}

// Slowed implements [verify.Journal].
func (f *Fake) Slowed(ctx context.Context, l lease.Lease, id verify.PassID, sides []throttle.State) error {
	return f.write(ctx, l, id, func(p *pass) error {
		p.Slowed = slices.Clone(sides)
		return nil
	})
}

// FinishPass implements [verify.Journal].
func (f *Fake) FinishPass(ctx context.Context, l lease.Lease, id verify.PassID, r verify.Result, at time.Time) error {
	return f.write(ctx, l, id, func(p *pass) error {
		switch {
		case r.Verdict == compare.Match && len(p.queue) > 0:
			return errWaiting
		case r.Verdict == compare.Match && !p.scanned:
			return errNoScan
		}
		waiting := int64(len(p.queue))
		if waiting > 0 {
			r.Unverified = max(r.Unverified, waiting+p.tally.Unverified+p.tally.Lagging)
		}
		p.tally.Unverified += waiting
		for _, s := range p.queue {
			p.settled.Unjudged(s.Counted, 1)
		}
		clear(p.queue)
		f.countAudit(p)
		p.Result, p.State, p.FinishedAt, p.Slowed = r, verify.Done, micro(at), nil
		return nil
	})
}

// resumable returns true for a pass with which another process can go on.
func (p *pass) resumable() bool {
	return p.State == verify.Settling || p.State == verify.Scanning && p.Ranged
}

// Abandoned closes passes without a live lease, except those that can be resumed, which it returns.
func (f *Fake) Abandoned(ctx context.Context, kinds ...verify.PassKind) ([]verify.Pass, error) {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var found []verify.Pass
	for _, p := range f.passes {
		if p.State == verify.Done || f.Live(p.lease) || len(kinds) > 0 && !slices.Contains(kinds, p.Kind) {
			continue
		}
		if p.resumable() {
			found = append(found, p.copied())
			continue
		}
		t := p.tally
		p.Result = verify.Result{
			Verdict: compare.Unverified, Reason: "process ended during the scan", Diverged: t.Diverged,
			Lagging: t.Lagging, Unverified: t.Lagging + t.Unverified + int64(len(p.queue)),
		}
		p.State, p.FinishedAt = verify.Done, micro(f.now())
		clear(p.queue)
	}
	return found, nil
}

// Adopt gives a pass that can be resumed and is without a live lease to the lease.
func (f *Fake) Adopt(ctx context.Context, l lease.Lease, id verify.PassID) error {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return err
	}
	p, err := f.pass(id)
	switch {
	case !f.Live(l):
		return lease.ErrFenced
	case err != nil || !p.resumable() || f.Live(p.lease):
		return errAdopt
	}
	p.lease = l
	return nil
}

// Missed records a scheduled run that did not take place.
func (f *Fake) Missed(ctx context.Context, kind verify.PassKind, scheduledAt time.Time, reason string) error {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil || f.hasRun(kind, scheduledAt) {
		return err
	}
	f.append(verify.Pass{
		Pair: f.Pair(), Kind: kind, State: verify.Done, Trigger: "schedule", ScheduledAt: micro(scheduledAt), StartedAt: micro(f.now()),
		FinishedAt: micro(f.now()), Result: verify.Result{Verdict: compare.Unverified, Reason: reason},
	}, lease.Lease{})
	return nil
}

// Passes returns up to limit passes, newest first.
func (f *Fake) Passes(ctx context.Context, limit int) ([]verify.Pass, error) {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var passes []verify.Pass
	for _, p := range slices.Backward(f.passes) {
		if len(passes) == limit {
			break
		}
		passes = append(passes, p.copied())
	}
	return passes, nil
}

// AddClean adds a full pass that found nothing and counted rows at a time, so that the next one may compare by numbers.
func (f *Fake) AddClean(fingerprint string, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.append(verify.Pass{
		Pair: f.Pair(), Kind: verify.Full, State: verify.Done, Trigger: "manual", Fingerprint: fingerprint, StartedAt: micro(at), FinishedAt: micro(at),
		Scan:   verify.Scan{Compared: 1, Coverage: 1, Facts: verify.FullFacts{Counts: []verify.GroupCount{{Group: "(all)"}}, Events: &verify.EventsFacts{}}},
		Result: verify.Result{Verdict: compare.Match},
	}, lease.Lease{Job: "earlier"})
}

// Earlier implements [verify.Findings].
func (f *Fake) Earlier(ctx context.Context, id verify.PassID) (e verify.Earlier, err error) {
	err = f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return e, err
	}
	this, err := f.pass(id)
	if err != nil {
		return e, err
	}
	for _, p := range f.passes {
		if p.Kind != verify.Full || p.State != verify.Done || p.Fingerprint != this.Fingerprint || p.lease == (lease.Lease{}) {
			continue
		}
		last := p.copied()
		e.Last = &last
		if facts, ok := last.Scan.Facts.(verify.FullFacts); ok && facts.Counts != nil {
			e.Counted = last.StartedAt
		}
	}
	return e, nil
}

// Unrecorded implements [verify.Findings].
func (f *Fake) Unrecorded(ctx context.Context, id verify.PassID) (keys []order.Key, err error) {
	err = f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	this, err := f.pass(id)
	if err != nil {
		return nil, err
	}
	for _, p := range f.passes[:id-1] {
		var c verify.Changes
		switch facts := p.Scan.Facts.(type) {
		case verify.SampleFacts:
			c = facts.Changes
		case verify.FullFacts:
			c = facts.Changes
		}
		if p.State != verify.Done || p.Fingerprint != this.Fingerprint || c.Recorded == 0 {
			continue
		}
		if p.Scan.Coverage >= 1 {
			keys = nil
		}
		for _, u := range c.Without {
			keys = append(keys, u.Key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// micro returns t with PostgreSQL's precision.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
