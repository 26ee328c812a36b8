package verify

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// Delta compares every order that was written since an earlier full or delta pass, and those with a divergence.
const Delta PassKind = "delta"

// DeltaFacts are what a delta pass knows.
type DeltaFacts struct {
	Rows              // of each side at its snapshot
	Since   PassID    `json:"since"`   // the pass that this one extends
	Full    PassID    `json:"full"`    // the full pass that judged every order
	FullAt  time.Time `json:"full_at"` // when
	Changed Rows      `json:"changed"` // rows of each side that were written since
	Events  int64     `json:"events"`  // events that were written since
	// Whole says that one number for each side has proven everything equal too, in the same snapshots.
	Whole bool `json:"whole,omitempty"`
	// OldEvents are those at which the pass did not look; nil if it has read the whole store.
	OldEvents *OldEvents `json:"old_events,omitempty"`
	// Marks say, by their time, until when everything is verified if the pass is clean.
	Marks *Marks `json:"marks"`
}

// Settled returns the facts unchanged.
func (f DeltaFacts) Settled(Settled) Facts { return f }

// Proof is until when a clean pass has verified every order, and the full pass that has read them all.
type Proof struct {
	Through time.Time
	Full    PassID
	FullAt  time.Time
}

// Proof is zero for a pass that is not clean, and for one of another kind than full and delta.
func (p Pass) Proof() Proof {
	if p.Result.Verdict != "match" || p.Scan.Coverage < 1 {
		return Proof{}
	}
	m := p.marks()
	if m == nil {
		return Proof{}
	}
	full, at := p.origin()
	return Proof{m.At, full, at}
}

// origin is the full pass that has read every order, and when.
func (p Pass) origin() (PassID, time.Time) {
	switch f := p.Scan.Facts.(type) {
	case FullFacts:
		if f.Marks != nil {
			return p.ID, f.Marks.At
		}
	case DeltaFacts:
		return f.Full, f.FullAt
	}
	return 0, time.Time{}
}

// marks are what a pass has left behind; nil if there are none.
func (p Pass) marks() *Marks {
	switch f := p.Scan.Facts.(type) {
	case FullFacts:
		return f.Marks
	case DeltaFacts:
		return f.Marks
	}
	return nil
}

// Delta compares the orders that were written since the last pass that judged every order, on any side, and those whose divergence
// is not resolved.
// Where that may not be all that changed, it is a full pass, which says why.
func (c *Comparison) Delta(ctx context.Context, l lease.Lease, s Start) (Pass, error) {
	s.Kind = Delta
	through, err := c.through(ctx, s.At)
	d := &delta{c: c, tail: s.Trigger == "schedule" || c.NewestEvents}
	if err == nil {
		err = d.insist(ctx, c, s.Fingerprint)
	}
	defer func() { d.sides.close() }()
	if err == nil && d.refused != "" && c.Instead != nil {
		if err := c.Instead(d.refused); err != nil {
			return Pass{}, err
		}
	}
	if err != nil {
		return c.run(ctx, l, s, func(*pass, context.Context, *Scan) error { return err })
	}
	if d.refused == "" {
		return c.run(ctx, l, s, again(func(p *pass, ctx context.Context, scan *Scan) error {
			if p.restarts > 0 {
				if err := d.anew(ctx, c, s.Fingerprint); err != nil {
					return err
				}
			}
			scan.Through = through
			return d.compare(p, ctx, scan)
		}))
	}
	d.sides.close()
	c.Log.InfoContext(ctx, "a full pass instead of a delta", slog.String("reason", d.refused))
	s.Kind, s.Ranged = Full, c.MaxSnapshot > 0
	return c.runFull(ctx, l, s, func(p *pass, _ context.Context) (time.Time, error) {
		p.instead, p.irregular = d.refused, d.irregular
		return through, nil
	})
}

// delta is what was found before a pass begins, because its kind depends on it.
type delta struct {
	c     *Comparison
	base  Pass
	marks *Marks
	tail  bool // looks at events may leave out the old ones for a while
	kept  bool // no row that the pass before has seen was written or deleted
	whole bool // both sides are equal as a whole
	sides snapshots
	at    time.Time // when both snapshots had been taken
	// refused says why only a full pass is certain to find everything. irregular is true if events did not follow their positions.
	refused            string
	irregular          bool
	legacy, projection written
	orders             map[order.Key]writtenOrder
	events             []order.Key // orders whose events were written
	changed            int64       // events that were
	old                *OldEvents
	look               []order.Key // orders that were written, or whose events were, and may differ; sorted
	equal              int64       // orders that were written, and are equal by their digests
	known              []order.Key // orders whose divergence is not resolved; sorted
}

// insist looks for what was written, again if a standby cancels it.
func (d *delta) insist(ctx context.Context, c *Comparison, fingerprint string) error {
	for try, pause := 1, firstPause; ; try, pause = try+1, pause*2 {
		err := d.sinceLast(ctx, fingerprint)
		switch {
		case err == nil || c.Conflict == nil || !c.Conflict(err) || ctx.Err() != nil:
			return err
		case try == scanTries:
			return fmt.Errorf("%w: %d attempts: %w", ErrConflicts, scanTries, err)
		}
		c.Log.WarnContext(ctx, "a standby cancelled a read; a delta pass looks again for what was written", slog.String("error", err.Error()))
		d.sides.close()
		*d = delta{c: c, tail: d.tail}
		if err := c.Wait(ctx, pause); err != nil {
			return err
		}
	}
}

// anew looks again for what was written, in new snapshots, because a standby has cancelled a read of the pass.
func (d *delta) anew(ctx context.Context, c *Comparison, fingerprint string) error {
	d.sides.close()
	*d = delta{c: c, tail: d.tail}
	if err := d.sinceLast(ctx, fingerprint); err != nil {
		return err
	}
	if d.refused != "" {
		return fmt.Errorf("a full pass is needed now: %s", d.refused)
	}
	return nil
}

// maxWritten is how many rows of a side may have been written. Above, a full pass takes less memory and not much longer.
const maxWritten = 2_000_000

// sinceLast finds what was written since the last pass that judged every order. The caller closes the snapshots, even after an error.
func (d *delta) sinceLast(ctx context.Context, fingerprint string) (err error) {
	if d.base, err = d.c.Ledger.Base(ctx, fingerprint); err != nil {
		return fmt.Errorf("looking for the pass to go on from: %w", err)
	}
	before := d.base.marks()
	switch {
	case d.base.ID == 0:
		d.refused = "no full pass has judged every order of what is compared now"
	case before == nil:
		d.refused = fmt.Sprintf("pass %d did not note how far it had read", d.base.ID)
	case before.Digests != DigestVersion:
		d.refused = fmt.Sprintf("pass %d was made by another version of crosscheck", d.base.ID)
	default:
		d.refused = before.unknown()
	}
	if d.refused != "" {
		return nil
	}
	if err := d.find(ctx, before); err != nil {
		return fmt.Errorf("looking for what was written since pass %d: %w", d.base.ID, err)
	}
	if d.refused != "" {
		d.refused += fmt.Sprintf(" since pass %d", d.base.ID)
	}
	return nil
}

// choose takes every order that was written. All its rows are read by value: one that was not written may have the same key.
// Without an event store, an order with the same digest on both sides is equal, as in a full pass. Digests are known only where an
// index makes sure that each key has one row. Where everything is equal as a whole, so is each of them.
func (d *delta) choose() {
	d.look = slices.Clone(d.events)
	d.equal = 0
	for key, o := range d.orders {
		if d.c.Events == nil && (d.whole && o.legacy.rows > 0 || o.equal()) && !d.isKnown(key) {
			d.equal++
			continue
		}
		d.look = append(d.look, key)
	}
	d.look = distinct(d.look)
}

// compare is the scan of the pass.
func (d *delta) compare(p *pass, ctx context.Context, scan *Scan) error {
	full, at := d.base.origin()
	facts := DeltaFacts{
		Rows: Rows{d.legacy.all, d.projection.all}, Since: d.base.ID, Full: full, FullAt: at,
		Changed: Rows{d.legacy.changed, d.projection.changed}, Events: d.changed, Whole: d.whole, OldEvents: d.old, Marks: d.marks,
	}
	scan.Facts = facts
	if err := p.mark(ctx, d.sides); err != nil {
		return err
	}
	p.at = d.at
	if facts.Larger() == 0 {
		scan.Reason = "both sides are empty"
		return nil
	}
	judged := &differing{p: p, first: d.sides}
	for rest := d.look; len(rest) > 0; {
		judged.keys = rest[:min(p.batchSize(batch), len(rest))]
		rest = rest[len(judged.keys):]
		if err := judged.compare(ctx); err != nil {
			return err
		}
		p.progress("changed orders", int64(len(d.look)-len(rest)), int64(len(d.look)))
	}
	scan.Compared = int64(len(d.look)) + d.equal
	looked := func(k order.Key) bool {
		_, found := slices.BinarySearch(d.look, k)
		return found
	}
	for rest := d.known; len(rest) > 0; {
		keys := rest[:min(p.batchSize(batch), len(rest))]
		rest = rest[len(keys):]
		if err := p.resolve(ctx, d.sides, keys, looked); err != nil {
			return err
		}
		scan.Compared += int64(unknown(keys, looked))
	}
	scan.Coverage = 1
	return nil
}

// atOnce is how many rows each side had in the snapshots of the pass's marks. It returns false if they were not counted there.
func (p Pass) atOnce() (Rows, bool) {
	switch f := p.Scan.Facts.(type) {
	case FullFacts:
		return f.Rows, !p.Ranged
	case DeltaFacts:
		return f.Rows, true
	}
	return Rows{}, false
}

// rows is how many rows the pass saw on both sides.
func (p Pass) rows() int64 {
	switch f := p.Scan.Facts.(type) {
	case FullFacts:
		return f.Legacy + f.Projection
	case DeltaFacts:
		return f.Legacy + f.Projection
	}
	return 0
}

// extends returns true if the scan goes on from a pass that has compared everything, so that it may have nothing to compare.
func (s Scan) extends() bool {
	f, ok := s.Facts.(DeltaFacts)
	return ok && f.Larger() > 0
}
