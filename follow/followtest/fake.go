// Package followtest holds a follower's ledger in memory for tests, and the conformance suite that both it and the real
// ledger pass.
//
// Invariant: the fake behaves as the contract of [follow.Ledger] says and as the PostgreSQL ledger does, including
// fencing. [Exercise] runs against both, so that they cannot drift apart.
package followtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/lease/leasetest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Fake is a follower's ledger in memory. It is safe for concurrent use.
type Fake struct {
	*leasetest.Fake

	mu      sync.Mutex
	streams map[string]*stored         // by fingerprint
	intakes map[string]map[int]*intake // by fingerprint and partition
	tokens  int64                      // of claims
	marks   int64                      // of parcels
}

var _ Store = (*Fake)(nil)

// New makes an empty fake.
func New() *Fake {
	return &Fake{Fake: leasetest.New(nil), streams: map[string]*stored{}, intakes: map[string]map[int]*intake{}}
}

// stored is what the fake remembers under one fingerprint.
type stored struct {
	state     follow.State
	closed    map[int64]follow.ClosedBucket
	unmatched map[message]follow.UnmatchedMessage
	lost      map[order.Position]lostEvent
	begun     map[order.Key]bool
	found     []*verify.Divergence
}

type message struct {
	partition int
	offset    int64
}

type lostEvent struct {
	bucket int64
	key    order.Key
}

// stream returns what is known under a fingerprint. The caller must hold the mutex.
func (f *Fake) stream(fingerprint string) *stored {
	s := f.streams[fingerprint]
	if s == nil {
		s = &stored{
			state:  follow.State{Partitions: map[int]follow.PartitionState{}, Buckets: map[int64]*follow.Bucket{}},
			closed: map[int64]follow.ClosedBucket{}, unmatched: map[message]follow.UnmatchedMessage{}, lost: map[order.Position]lostEvent{}, begun: map[order.Key]bool{},
		}
		f.streams[fingerprint] = s
	}
	return s
}

// LoadStream implements [follow.Ledger].
func (f *Fake) LoadStream(ctx context.Context, fingerprint string) (follow.State, error) {
	err := f.Err(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || f.streams[fingerprint] == nil {
		return follow.State{}, err
	}
	s := f.stream(fingerprint)
	out := s.state
	out.Partitions, out.Buckets = maps.Clone(out.Partitions), map[int64]*follow.Bucket{}
	for id, b := range s.state.Buckets {
		out.Buckets[id] = clonedBucket(b)
	}
	for p, e := range s.lost {
		if b := out.Buckets[e.bucket]; b != nil {
			b.SetLost(p)
		}
	}
	return out, nil
}

// clonedBucket is what is stored of a bucket. Lost positions are stored elsewhere.
func clonedBucket(b *follow.Bucket) *follow.Bucket {
	c := *b
	c.Seen, c.Lost = slices.Clone(b.Seen), nil
	return &c
}

// writing begins a write under a lease. The caller unlocks, unless there is an error.
func (f *Fake) writing(ctx context.Context, l lease.Lease) (unlock func(), err error) {
	if err := f.Err(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	if !f.Live(l) {
		f.mu.Unlock()
		return nil, lease.ErrFenced
	}
	return f.mu.Unlock, nil
}

// CommitStream implements [follow.Ledger].
func (f *Fake) CommitStream(ctx context.Context, l lease.Lease, c follow.Commit) error {
	unlock, err := f.writing(ctx, l)
	if err != nil {
		return err
	}
	defer unlock()
	s := f.stream(c.Fingerprint)
	s.remember(c.State)
	for _, k := range c.Closed {
		k.Seen = slices.Clone(k.Seen)
		s.closed[k.Bucket] = k
	}
	for _, m := range c.Matched {
		delete(s.unmatched, message{m.Partition, m.Offset})
	}
	for _, m := range c.Unmatched {
		at := message{m.Partition, m.Offset}
		if was, again := s.unmatched[at]; again {
			was.Due, was.Ghost = micro(m.Due), m.Ghost
			m = was
		}
		m.FirstSeen, m.Due = micro(m.FirstSeen), micro(m.Due)
		s.unmatched[at] = m
	}
	for _, key := range c.BegunBefore {
		s.begun[key] = true
	}
	for _, found := range c.Findings {
		s.publish(found)
	}
	s.resolve(c)
	return nil
}

// remember changes the state as a commit does. A partition that was cut once stays cut.
func (s *stored) remember(state follow.State) {
	partitions, buckets := s.state.Partitions, s.state.Buckets
	for id, p := range state.Partitions {
		if was, known := partitions[id]; known {
			p.Cut, p.Backlog = was.Cut, was.Backlog
		}
		partitions[id] = p
	}
	for id, b := range state.Buckets {
		if b == nil {
			delete(buckets, id)
			continue
		}
		delete(s.closed, id)
		buckets[id] = clonedBucket(b)
	}
	s.state = state
	s.state.Partitions, s.state.Buckets = partitions, buckets
	s.state.Evidence.CaughtUpAt = micro(state.Evidence.CaughtUpAt)
}

// publish opens or renews a finding. A published message cannot be taken back, so its finding stays: a lost event or a
// ghost of the same order does not replace it.
func (s *stored) publish(f follow.Finding) {
	seen := micro(f.Seen)
	for _, d := range s.found {
		if d.State == verify.Open && d.Mismatch.Key == f.Mismatch.Key {
			if !resolvable(f.Mismatch.Cause) {
				d.Mismatch = f.Mismatch
			}
			if seen.After(d.LastSeen) {
				d.LastSeen = seen
			}
			return
		}
	}
	s.found = append(s.found, &verify.Divergence{Mismatch: f.Mismatch, State: verify.Open, FirstSeen: seen, LastSeen: seen, FoundBy: verify.StreamPass})
}

func resolvable(c compare.Cause) bool { return c == compare.LostPublish || c == compare.GhostPublish }

// resolve keeps the list of lost events. It resolves what is no longer lost and no longer a ghost.
func (s *stored) resolve(c follow.Commit) {
	affected := map[order.Key]bool{}
	for p, e := range s.lost {
		if _, replaced := c.Lost[e.bucket]; replaced || slices.Contains(c.Arrived, p) {
			delete(s.lost, p)
			affected[e.key] = true
		}
	}
	for b, events := range c.Lost {
		for _, e := range events {
			s.lost[e.Position] = lostEvent{b, e.Key}
		}
	}
	lost := map[order.Key]bool{}
	for _, e := range s.lost {
		lost[e.key] = true
		delete(affected, e.key)
	}
	over := map[compare.Cause]map[order.Key]bool{compare.LostPublish: affected, compare.GhostPublish: {}}
	for _, key := range c.MatchedOrders {
		over[compare.GhostPublish][key] = true
	}
	for _, d := range s.found {
		cause := d.Mismatch.Cause
		if cause == compare.SchemaDrift && d.Mismatch.Kind == compare.Missing { // an event of no order
			cause = compare.LostPublish
		}
		switch key := d.Mismatch.Key; {
		case d.State != verify.Open || !over[cause][key]:
		case cause == compare.GhostPublish && lost[key]:
			d.Mismatch.Kind, d.Mismatch.Cause, d.Mismatch.Fields = compare.Missing, compare.LostPublish, nil
		default:
			d.State, d.ResolvedAt = verify.Resolved, micro(c.At)
		}
	}
}

// Divergences returns up to limit divergences in the state, oldest first.
func (f *Fake) Divergences(ctx context.Context, state verify.DivergenceState, limit int) ([]verify.Divergence, error) {
	err := f.Err(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var found []verify.Divergence
	for _, s := range f.streams {
		for _, d := range s.found {
			if d.State == state {
				found = append(found, *d)
			}
		}
	}
	slices.SortFunc(found, func(a, b verify.Divergence) int {
		return cmp.Or(a.FirstSeen.Compare(b.FirstSeen), strings.Compare(string(a.Mismatch.Key), string(b.Mismatch.Key)))
	})
	return found[:min(limit, len(found))], nil
}

// DueUnmatched implements [follow.Ledger].
func (f *Fake) DueUnmatched(ctx context.Context, fingerprint string, at time.Time, limit int) (due []follow.UnmatchedMessage, waiting int64, err error) {
	err = f.Err(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		return nil, 0, err
	}
	for _, m := range f.stream(fingerprint).unmatched {
		if !m.Ghost {
			waiting++
		}
		if !m.Due.After(micro(at)) {
			due = append(due, m)
		}
	}
	slices.SortFunc(due, func(a, b follow.UnmatchedMessage) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return due[:min(limit, len(due))], waiting, nil
}

// BegunBefore implements [follow.Ledger].
func (f *Fake) BegunBefore(ctx context.Context, fingerprint string, keys []order.Key) (found []order.Key, err error) {
	err = f.Err(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range keys {
		if err == nil && f.stream(fingerprint).begun[key] && !slices.Contains(found, key) {
			found = append(found, key)
		}
	}
	return found, err
}

// ClosedBuckets implements [follow.ClosedLedger].
func (f *Fake) ClosedBuckets(ctx context.Context, fingerprint string, buckets []int64) ([]follow.ClosedBucket, error) {
	return f.keptBuckets(ctx, fingerprint, len(buckets), func(b int64) bool { return slices.Contains(buckets, b) })
}

// ClosedAfter implements [follow.ClosedLedger].
func (f *Fake) ClosedAfter(ctx context.Context, fingerprint string, after int64, limit int) ([]follow.ClosedBucket, error) {
	return f.keptBuckets(ctx, fingerprint, limit, func(b int64) bool { return b > after })
}

func (f *Fake) keptBuckets(ctx context.Context, fingerprint string, limit int, want func(int64) bool) ([]follow.ClosedBucket, error) {
	err := f.Err(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var kept []follow.ClosedBucket
	closed := f.stream(fingerprint).closed
	for _, b := range slices.Sorted(maps.Keys(closed)) {
		if want(b) && len(kept) < limit {
			k := closed[b]
			k.Seen = slices.Clone(k.Seen)
			kept = append(kept, k)
		}
	}
	return kept, nil
}

// micro returns a time as PostgreSQL keeps it.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
