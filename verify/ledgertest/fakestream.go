package ledgertest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

var _ StreamStore = (*Fake)(nil)

// followed is what the fake remembers of the stream under one fingerprint.
type followed struct {
	state  verify.StreamState
	closed map[int64]verify.KeptBucket
	strays map[message]verify.StrayMessage
	lost   map[order.Position]lostEvent
}

type message struct {
	partition int
	offset    int64
}

type lostEvent struct {
	bucket int64
	key    order.Key
}

// stream is what is known under a fingerprint; the mutex must be held.
func (f *Fake) stream(fingerprint string) *followed {
	s := f.streams[fingerprint]
	if s == nil {
		s = &followed{
			state:  verify.StreamState{Partitions: map[int]verify.StreamPartitionState{}, Buckets: map[int64]*verify.StreamBucket{}},
			closed: map[int64]verify.KeptBucket{}, strays: map[message]verify.StrayMessage{}, lost: map[order.Position]lostEvent{},
		}
		f.streams[fingerprint] = s
	}
	return s
}

// LoadStream implements [verify.StreamLedger].
func (f *Fake) LoadStream(ctx context.Context, fingerprint string) (verify.StreamState, error) {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil || f.streams[fingerprint] == nil {
		return verify.StreamState{}, err
	}
	s := f.stream(fingerprint)
	out := s.state
	out.Partitions, out.Buckets = maps.Clone(out.Partitions), map[int64]*verify.StreamBucket{}
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

// clonedBucket is what is stored of a bucket: not what was lost, which has a place of its own.
func clonedBucket(b *verify.StreamBucket) *verify.StreamBucket {
	c := *b
	c.Seen, c.Lost = slices.Clone(b.Seen), nil
	return &c
}

// CommitStream implements [verify.StreamLedger].
func (f *Fake) CommitStream(ctx context.Context, l lease.Lease, c verify.StreamCommit) error {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	switch {
	case err != nil:
		return err
	case !f.Live(l):
		return lease.ErrFenced
	}
	s := f.stream(c.Fingerprint)
	s.remember(c.State)
	for _, k := range c.Closed {
		k.Seen = slices.Clone(k.Seen)
		s.closed[k.Bucket] = k
	}
	for _, m := range c.Settled {
		delete(s.strays, message{m.Partition, m.Offset})
	}
	for _, m := range c.Strays {
		at := message{m.Partition, m.Offset}
		if was, again := s.strays[at]; again {
			was.Due, was.Judged = micro(m.Due), m.Judged
			m = was
		}
		m.FirstSeen, m.Due = micro(m.FirstSeen), micro(m.Due)
		s.strays[at] = m
	}
	for _, found := range c.Findings {
		f.published(c.Fingerprint, found)
	}
	f.resolveStream(s, c)
	return nil
}

// remember is how the state changes with a commit: a partition that was cut once stays so.
func (s *followed) remember(state verify.StreamState) {
	partitions, buckets := s.state.Partitions, s.state.Buckets
	for id, p := range state.Partitions {
		if was, known := partitions[id]; known {
			p.Cut = was.Cut
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

// published opens or renews a finding. What was published cannot be taken back: a lost event or a ghost does not take
// the place of another finding of the same order.
func (f *Fake) published(fingerprint string, found verify.StreamFinding) {
	where, seen := place{fingerprint, found.Mismatch.Key, found.Mismatch.Hop}, micro(found.Seen)
	d := f.unresolved[where]
	if d == nil {
		d = &divergence{verify.Divergence{
			ID: int64(len(f.divergences) + 1), Mismatch: found.Mismatch, State: verify.Open, FirstSeen: seen, LastSeen: seen, FoundBy: verify.StreamPass,
		}, fingerprint}
		f.divergences = append(f.divergences, d)
		f.unresolved[where] = d
		return
	}
	if !resolvable(found.Mismatch.Cause) {
		d.Mismatch = found.Mismatch
	}
	if seen.After(d.LastSeen) {
		d.LastSeen = seen
	}
}

func resolvable(c compare.Cause) bool { return c == compare.LostPublish || c == compare.GhostPublish }

// resolveStream keeps the list of lost events, and resolves what is not lost and no ghost any more.
func (f *Fake) resolveStream(s *followed, c verify.StreamCommit) {
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
	for _, e := range s.lost {
		delete(affected, e.key)
	}
	over := map[compare.Cause]map[order.Key]bool{compare.LostPublish: affected, compare.GhostPublish: {}}
	for _, key := range c.Cleared {
		over[compare.GhostPublish][key] = true
	}
	for where, d := range f.unresolved {
		m := d.Mismatch
		if where.fingerprint == c.Fingerprint && m.Hop == compare.EventsToStream && d.State == verify.Open && over[m.Cause][m.Key] {
			d.State, d.ResolvedAt = verify.Resolved, micro(c.At)
			delete(f.unresolved, where)
		}
	}
}

// DueStrays implements [verify.StreamLedger].
func (f *Fake) DueStrays(ctx context.Context, fingerprint string, at time.Time, limit int) (due []verify.StrayMessage, waiting int64, err error) {
	err = f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return nil, 0, err
	}
	for _, m := range f.stream(fingerprint).strays {
		if !m.Judged {
			waiting++
		}
		if !m.Due.After(micro(at)) {
			due = append(due, m)
		}
	}
	slices.SortFunc(due, func(a, b verify.StrayMessage) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return due[:min(limit, len(due))], waiting, nil
}

// KeptBuckets implements [verify.ClosedBuckets].
func (f *Fake) KeptBuckets(ctx context.Context, fingerprint string, buckets []int64) ([]verify.KeptBucket, error) {
	return f.keptBuckets(ctx, fingerprint, len(buckets), func(b int64) bool { return slices.Contains(buckets, b) })
}

// KeptAfter implements [verify.ClosedBuckets].
func (f *Fake) KeptAfter(ctx context.Context, fingerprint string, after int64, limit int) ([]verify.KeptBucket, error) {
	return f.keptBuckets(ctx, fingerprint, limit, func(b int64) bool { return b > after })
}

func (f *Fake) keptBuckets(ctx context.Context, fingerprint string, limit int, want func(int64) bool) ([]verify.KeptBucket, error) {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var kept []verify.KeptBucket
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
