package verify

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
)

// Throttle limits what passes over everything cost the databases.
type Throttle struct {
	Limits throttle.Limits
	// Observe asks the server of a representation what else it does.
	Observe map[order.Representation]func(context.Context) (throttle.Load, error)
	// Changed is called when a side begins to wait, waits for something else, or goes on. Paused is called with each
	// pause. Both may be nil, and may be called at the same time.
	Changed func(throttle.State)
	Paused  func(side string, r throttle.Reason, took time.Duration)
}

// Pace is how a read over everything lets others work.
type Pace struct {
	// Rows is about how many rows one statement reads.
	Rows int64
	// After is called after each statement with the rows that it read, and returns when the next may begin. During is
	// called while rows of a statement are received, instead of After for these, and returns soon.
	After, During func(ctx context.Context, rows int64) error
}

// slowed are the sides of a running pass that are not read at full speed.
type slowed struct {
	mu    sync.Mutex
	sides map[string]throttle.State
}

// clear forgets what has slowed a scan down that has ended.
func (s *slowed) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sides)
}

// throttle makes everything that the pass reads from now on keep the limits. Passes that read a few orders by key have
// none, and only a read of everything keeps the hours.
func (p *pass) throttle(kind PassKind, everything bool) {
	t := p.c.Throttle
	if t == nil || kind != Full && kind != Delta && kind != Audit {
		return
	}
	if p.unpaced == nil {
		p.unpaced = p.c
	}
	p.c = p.unpaced
	limits := t.Limits
	if !everything {
		limits.Hours = throttle.Hours{}
	}
	if !limits.Given() {
		return
	}
	c := *p.unpaced
	pacers := map[order.Representation]*throttle.Pacer{}
	pacer := func(is order.Representation) *throttle.Pacer {
		if pacers[is] == nil {
			pacers[is] = &throttle.Pacer{
				Limits: limits, Side: string(is), Ranged: kind == Full && c.MaxSnapshot > 0 || kind == Audit, Observe: t.Observe[is], Now: c.Now, Wait: c.Wait, Changed: p.slow, Paused: t.Paused,
			}
		}
		return pacers[is]
	}
	c.Legacy, c.Projection = paced(c.Legacy, pacer), paced(c.Projection, pacer)
	if c.Events != nil {
		c.Events = pacedEvents{c.Events, pacer(order.Events)}
	}
	if f := c.Folded; f != nil {
		c.Folded = &Folded{Legacy: paced(f.Legacy, pacer), Events: paced(f.Events, pacer), Fields: f.Fields}
	}
	if a := c.Audits; a != nil {
		slower := *a
		slower.read = pacer(order.Legacy).Read
		c.Audits = &slower
	}
	c.Pace = func(ctx context.Context, _ int64) error {
		for _, is := range slices.Sorted(maps.Keys(pacers)) {
			if err := pacers[is].Begin(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	p.c = &c
}

// pace waits until the next piece of work may begin. No snapshot is held.
func (p *pass) pace(ctx context.Context) error {
	if p.c.Pace == nil {
		return nil
	}
	return p.c.Pace(ctx, 0)
}

// slow tells everybody why a side is slowed down. If the ledger cannot note that, the pass goes on.
func (p *pass) slow(ctx context.Context, s throttle.State) error {
	p.slowed.mu.Lock()
	defer p.slowed.mu.Unlock()
	if p.slowed.sides == nil {
		p.slowed.sides = map[string]throttle.State{}
	}
	if p.slowed.sides[s.Side] = s; s.Reason == "" {
		delete(p.slowed.sides, s.Side)
	}
	if p.id == 0 { // it has not begun
		return nil
	}
	p.c.Log.InfoContext(ctx, "throttle", slog.String("state", s.String()), slog.Int64("pass", int64(p.id)), slog.String("side", s.Side))
	if p.c.Throttle.Changed != nil {
		p.c.Throttle.Changed(s)
	}
	var sides []throttle.State
	for _, side := range slices.Sorted(maps.Keys(p.slowed.sides)) {
		sides = append(sides, p.slowed.sides[side])
	}
	if p.helps { // the holder tells what slows itself down
		return nil
	}
	err := p.c.Ledger.Slowed(ctx, p.lease, p.id, sides)
	if err == nil || errors.Is(err, lease.ErrFenced) {
		return err
	}
	p.c.Log.WarnContext(ctx, "the ledger could not note what a pass waits for", slog.String("error", err.Error()))
	return nil
}

// pacedSide is a side whose reads keep the limits of a throttle.
type pacedSide struct {
	Side
	pacer   *throttle.Pacer
	indexed *atomic.Bool // as its newest Extent says
}

func paced(s Side, pacer func(order.Representation) *throttle.Pacer) Side {
	return pacedSide{s, pacer(s.Representation()), &atomic.Bool{}}
}

// Begin implements [Side].
func (s pacedSide) Begin(ctx context.Context) (Snapshot, error) {
	n, err := s.Side.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &pacedSnapshot{n, s.pacer, s.indexed}, nil
}

// pacedSnapshot pauses between small statements.
type pacedSnapshot struct {
	Snapshot
	pacer   *throttle.Pacer
	indexed *atomic.Bool
}

var _ Dated = (*pacedSnapshot)(nil)

// Since implements [Dated].
func (n *pacedSnapshot) Since(ctx context.Context, times []time.Time) ([]Recent, error) {
	dated, ok := n.Snapshot.(Dated)
	if !ok {
		return nil, ErrNotIndexed
	}
	return dated.Since(ctx, times)
}

// Extent implements [Snapshot].
func (n *pacedSnapshot) Extent(ctx context.Context) (Extent, error) {
	e, err := n.Snapshot.Extent(ctx)
	n.indexed.Store(e.Indexed)
	return e, err
}

// Digests implements [Snapshot].
func (n *pacedSnapshot) Digests(ctx context.Context, q DigestQuery, progress func(rows int64)) ([]Digest, error) {
	q.Pace = &Pace{Rows: n.pacer.Limits.Chunk(), After: n.pacer.Read, During: n.pacer.Pay}
	if q.Buckets == nil || q.Keys != nil || !n.cuts(q.Parent) || !n.cuts(q.Layout) {
		return n.Snapshot.Digests(ctx, q, progress)
	}
	var out []Digest // a bucket is in one of the parts
	for part := range n.parts(q.Buckets) {
		q.Buckets = part
		found, err := n.Snapshot.Digests(ctx, q, progress)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// Scan implements [Snapshot]. A scan that cannot be cut only keeps the rate: the server waits while nobody takes its
// rows, but not for long.
func (n *pacedSnapshot) Scan(ctx context.Context, l Layout, buckets []int64, fn func(order.Row) error) error {
	cut := n.cuts(l)
	parts := n.parts(buckets)
	if !cut {
		parts = slices.Values([][]int64{buckets})
	}
	chunk := n.pacer.Limits.Chunk()
	for part := range parts {
		var rows int64
		err := n.Snapshot.Scan(ctx, l, part, func(r order.Row) error {
			if rows++; rows == chunk {
				rows = 0
				if err := n.pacer.Pay(ctx, chunk); err != nil {
					return err
				}
			}
			return fn(r)
		})
		if err == nil {
			err = n.pacer.Read(ctx, rows)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Rows implements [Snapshot].
func (n *pacedSnapshot) Rows(ctx context.Context, keys []order.Key) ([]order.Row, error) {
	rows, err := n.Snapshot.Rows(ctx, keys)
	if err == nil {
		err = n.pacer.Read(ctx, int64(len(rows)))
	}
	return rows, err
}

// cuts is true if reading a part of the buckets costs what the part holds.
func (n *pacedSnapshot) cuts(l Layout) bool {
	return n.indexed.Load() && !l.ByHash && !l.ByBounds && !l.Whole
}

// parts are sorted parts of the buckets, each of about a chunk of rows.
func (n *pacedSnapshot) parts(buckets []int64) iter.Seq[[]int64] {
	return slices.Chunk(slices.Sorted(slices.Values(buckets)), int(max(n.pacer.Limits.Chunk()/rowsPerBucket, 1)))
}

// pacedEvents are events whose histories are read within limits.
type pacedEvents struct {
	Events
	pacer *throttle.Pacer
}

// Histories implements [Events].
func (e pacedEvents) Histories(ctx context.Context, keys []order.Key) (map[order.Key][]order.Event, error) {
	found, err := e.Events.Histories(ctx, keys)
	var rows int64
	for _, events := range found {
		rows += int64(len(events))
	}
	if err == nil {
		err = e.pacer.Read(ctx, rows)
	}
	return found, err
}
