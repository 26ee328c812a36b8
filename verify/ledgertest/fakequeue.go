package ledgertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// AddSuspects implements [verify.Queue].
func (f *Fake) AddSuspects(ctx context.Context, l lease.Lease, id verify.PassID, suspects []verify.Suspect) error {
	return f.write(ctx, l, id, func(p *pass) error {
		for _, s := range suspects {
			was, waits := p.queue[s.Key()]
			if o, is := was.Observation, s.Observation; waits && o.LegacyState == is.LegacyState && o.ProjectionState == is.ProjectionState && o.EventsState == is.EventsState {
				continue
			}
			p.queue[s.Key()] = stored(s)
		}
		return nil
	})
}

// DropSuspects implements [verify.Queue].
func (f *Fake) DropSuspects(ctx context.Context, l lease.Lease, id verify.PassID) error {
	return f.drop(ctx, l, id, func(verify.Suspect) bool { return true })
}

func (f *Fake) drop(ctx context.Context, l lease.Lease, id verify.PassID, which func(verify.Suspect) bool) error {
	return f.write(ctx, l, id, func(p *pass) error {
		maps.DeleteFunc(p.queue, func(_ order.Key, s verify.Suspect) bool { return which(s) })
		return nil
	})
}

// stored returns the suspect as it comes back from the database.
func stored(s verify.Suspect) verify.Suspect {
	o := &s.Observation
	for _, t := range []*time.Time{&o.At, &s.FirstSeen, &s.Due} {
		*t = micro(*t)
	}
	o.Mismatches, o.Agreed, o.Impossible = nil, nil, nil // not kept, as these
	o.LegacyChangedAt, o.ProjectionReached, o.EventsReached = time.Time{}, time.Time{}, time.Time{}
	return s
}

// DueSuspects implements [verify.Queue].
func (f *Fake) DueSuspects(ctx context.Context, id verify.PassID, at time.Time, from order.Key, limit int) ([]verify.Suspect, error) {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var due []verify.Suspect
	for _, key := range f.queued(id) {
		if s := f.passes[id-1].queue[key]; !s.Due.After(micro(at)) && key >= from && len(due) < limit {
			due = append(due, stored(s))
		}
	}
	return due, nil
}

// queued returns the waiting keys, in order.
func (f *Fake) queued(id verify.PassID) []order.Key {
	p, err := f.pass(id)
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(p.queue))
}

// NextDue implements [verify.Queue].
func (f *Fake) NextDue(ctx context.Context, id verify.PassID) (int64, time.Time, error) {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return 0, time.Time{}, err
	}
	keys := f.queued(id)
	var due time.Time
	for i, key := range keys {
		if s := f.passes[id-1].queue[key]; i == 0 || s.Due.Before(due) {
			due = s.Due
		}
	}
	return int64(len(keys)), due, nil
}

// Settle implements [verify.Queue].
func (f *Fake) Settle(ctx context.Context, l lease.Lease, id verify.PassID, outcomes []verify.Outcome, at time.Time) error {
	return f.write(ctx, l, id, func(p *pass) error {
		last := map[order.Key]int{} // key → index of its last outcome, the one that counts
		for i, o := range outcomes {
			if err := valid(o); err != nil {
				return err // before anything is written
			}
			last[o.Suspect.Key()] = i
		}
		for i, o := range outcomes {
			if last[o.Suspect.Key()] == i {
				f.settle(p, o, micro(at))
			}
		}
		return nil
	})
}

func valid(o verify.Outcome) error {
	switch {
	case !o.Final:
		return nil
	case o.Verdict == compare.Diverged && len(o.Diverged) == 0:
		return fmt.Errorf("order %s is diverged without a mismatch", o.Suspect.Key())
	case o.Verdict == compare.Match, o.Verdict == compare.Diverged, o.Verdict == compare.Lagging, o.Verdict == compare.Unverified:
		return nil
	}
	return fmt.Errorf("order %s has the unknown verdict %q", o.Suspect.Key(), o.Verdict)
}

func (f *Fake) settle(p *pass, o verify.Outcome, at time.Time) {
	seen := micro(o.Seen())
	if seen.IsZero() {
		seen = at
	}
	s := stored(o.Suspect)
	for _, m := range o.Diverged {
		f.diverge(p, s, m, seen)
	}
	for _, hop := range o.Agreed() {
		f.resolve(place{p.Fingerprint, s.Key(), hop}, seen, at)
	}
	if !o.Final {
		p.queue[s.Key()] = s
		return
	}
	if s.Counted == (verify.Counted{}) { // it was looked at again for another reason than its recheck
		s.Counted = p.queue[s.Key()].Counted
	}
	delete(p.queue, s.Key())
	switch o.Verdict {
	case compare.Match:
		p.tally.Match++
		p.settled.Matched(s.Counted)
	case compare.Diverged:
		p.tally.Diverged++
		if o.Unproven {
			p.tally.Unverified++
		}
		if s.InSample {
			p.tally.SampledDiverged++
		}
	case compare.Lagging:
		p.tally.Lagging++
		p.settled.Unjudged(s.Counted, 1)
	case compare.Unverified:
		p.tally.Unverified++
		p.settled.Unjudged(s.Counted, 1)
	}
}

// resolve ends the unresolved divergence of a place, unless a later look has seen it.
func (f *Fake) resolve(where place, seen, at time.Time) {
	if d := f.unresolved[where]; d != nil && !d.LastSeen.After(seen) {
		d.State, d.ResolvedAt = verify.Resolved, at
		delete(f.unresolved, where)
	}
}

func (f *Fake) diverge(p *pass, s verify.Suspect, m compare.Mismatch, seen time.Time) {
	first := s.FirstSeen
	if first.IsZero() || first.After(seen) {
		first = seen
	}
	where := place{p.Fingerprint, s.Key(), m.Hop}
	d := f.unresolved[where]
	if d == nil {
		d = &divergence{verify.Divergence{
			ID: int64(len(f.divergences) + 1), State: verify.Open, FirstSeen: first, LastSeen: seen, FoundBy: p.Kind,
		}, p.Fingerprint}
		f.divergences = append(f.divergences, d)
		f.unresolved[where] = d
	}
	m.Fields = slices.Clone(m.Fields)
	if !reflect.DeepEqual(d.Mismatch, m) {
		d.State = verify.Open // what was accepted was another
	}
	d.Mismatch = m
	if first.Before(d.FirstSeen) {
		d.FirstSeen = first
	}
	if seen.After(d.LastSeen) {
		d.LastSeen = seen
	}
	p.seen[d.ID] = true
}

// Tally implements [verify.Findings].
func (f *Fake) Tally(ctx context.Context, id verify.PassID) (tally verify.Tally, err error) {
	err = f.read(ctx, id, func(p *pass) { tally = p.tally })
	return tally, err
}

// OpenKeys implements [verify.Findings].
func (f *Fake) OpenKeys(ctx context.Context, id verify.PassID, from order.Key, limit int) (keys []order.Key, err error) {
	err = f.read(ctx, id, func(p *pass) {
		for _, d := range f.divergences {
			if d.State != verify.Resolved && d.fingerprint == p.Fingerprint && d.Mismatch.Key >= from && slices.Contains(order.RowHops(), d.Mismatch.Hop) {
				keys = append(keys, d.Mismatch.Key)
			}
		}
	})
	slices.Sort(keys)
	keys = slices.Compact(keys)
	return keys[:min(limit, len(keys))], err
}

// Base implements [verify.Findings].
func (f *Fake) Base(ctx context.Context, fingerprint string) (base verify.Pass, err error) {
	err = f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return base, err
	}
	for _, p := range f.passes {
		known := p.Kind == verify.Full || p.Kind == verify.Delta
		if known && p.Fingerprint == fingerprint && p.judgedAll() && (p.marked() || base.ID == 0 || !f.passes[base.ID-1].marked()) {
			base = p.copied()
		}
	}
	return base, nil
}

// judgedAll is true of a pass that left no order unjudged: each agrees, or has a divergence.
func (p *pass) judgedAll() bool {
	judged := p.Result.Verdict == compare.Match || p.Result.Verdict == compare.Diverged
	return judged && p.lease != (lease.Lease{}) && p.Scan.Coverage >= 1 && p.Result.Unverified == 0 && p.tally.Unverified == 0 && p.tally.Lagging == 0
}

func (p *pass) marked() bool {
	switch f := p.Scan.Facts.(type) {
	case verify.FullFacts:
		return f.Marks != nil
	case verify.DeltaFacts:
		return f.Marks != nil
	}
	return false
}

// Accept accepts all divergences of an order for ever.
func (f *Fake) Accept(key order.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.divergences {
		if d.State == verify.Open && d.Mismatch.Key == key {
			d.State = verify.Accepted
		}
	}
}

// PassDivergences returns what the pass opened or renewed and what is open or accepted, oldest first.
func (f *Fake) PassDivergences(ctx context.Context, id verify.PassID, limit int) ([]verify.Divergence, error) {
	found, err := f.list(ctx, math.MaxInt, func(d *divergence) bool {
		p, err := f.pass(id)
		return err == nil && p.seen[d.ID] && d.State != verify.Resolved
	})
	slices.SortStableFunc(found, func(a, b verify.Divergence) int {
		return cmp.Or(a.FirstSeen.Compare(b.FirstSeen), order.ByValue(a.Mismatch.Key, b.Mismatch.Key))
	})
	return found[:min(limit, len(found))], err
}

// Divergences returns up to limit divergences in the state, oldest first. Resolved ones come by their resolution,
// newest first.
func (f *Fake) Divergences(ctx context.Context, state verify.DivergenceState, limit int) ([]verify.Divergence, error) {
	return f.list(ctx, limit, func(d *divergence) bool { return d.State == state })
}

func (f *Fake) list(ctx context.Context, limit int, want func(*divergence) bool) ([]verify.Divergence, error) {
	err := f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var found []verify.Divergence
	for _, d := range f.divergences {
		if want(d) {
			found = append(found, d.Divergence)
		}
	}
	slices.SortFunc(found, func(a, b verify.Divergence) int {
		oldest := a.FirstSeen.Compare(b.FirstSeen)
		if a.State == verify.Resolved && b.State == verify.Resolved {
			oldest = b.ResolvedAt.Compare(a.ResolvedAt)
		}
		return cmp.Or(oldest, strings.Compare(string(a.Mismatch.Key), string(b.Mismatch.Key)),
			strings.Compare(string(a.Mismatch.Hop), string(b.Mismatch.Hop)))
	})
	return found[:min(limit, len(found))], nil
}
