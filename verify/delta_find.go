package verify

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/order"
)

// This file finds what was written since an earlier pass, in one snapshot of each side and a younger one of the events.

// find stops as soon as a full pass is needed.
func (d *delta) find(ctx context.Context, before *Marks) (err error) {
	p := &pass{c: d.c}
	p.throttle(Delta, false)
	d.c = p.c
	at := d.c.Now()
	if _, err = p.locate(ctx); err != nil {
		return err
	}
	if d.sides, err = d.c.begin(ctx); err != nil {
		return err
	}
	d.at = d.c.Now()
	hash, err := p.agreedHash(ctx, d.c.Legacy, d.c.Projection, d.sides)
	if err != nil {
		return err
	}
	d.marks = &Marks{At: at, Digests: DigestVersion}
	d.marks.Legacy, d.marks.Projection, err = both(d.sides, func(n Snapshot) (Mark, error) { return markOf(ctx, n) })
	if err != nil {
		return err
	}
	if d.refused = d.marks.since(before); d.refused != "" {
		return nil
	}
	if err := d.findKnown(ctx); err != nil || d.refused != "" {
		return err
	}
	if err := d.findAll(ctx, before, WrittenQuery{Hash: hash, Most: maxWritten, Digests: d.c.Events == nil}); err != nil || d.refused != "" {
		return err
	}
	d.choose()
	if d.kept || d.whole {
		return nil
	}
	return d.sameKeys(ctx, hash)
}

// findAll looks at rows and events, at the same time unless limits are to be kept. The snapshot of the events is younger than those of
// the rows, so that no row is newer than what is known of its events.
func (d *delta) findAll(ctx context.Context, before *Marks, q WrittenQuery) error {
	both, ctx := errgroup.WithContext(ctx)
	if d.c.Throttle != nil {
		both.SetLimit(1) // one after the other
	}
	events, stop := context.WithCancel(ctx)
	defer stop()
	var refused string
	both.Go(func() error {
		err := d.findSides(ctx, before, q)
		if d.refused != "" {
			stop()
		}
		return err
	})
	both.Go(func() (err error) {
		refused, err = d.findEvents(events, before)
		if events.Err() != nil && ctx.Err() == nil { // nobody wants to know any more
			err = nil
		}
		return err
	})
	err := both.Wait()
	d.refused = cmp.Or(d.refused, refused)
	return err
}

// fewWritten is how many rows are sooner compared by value than read once more with digests.
const fewWritten = 20_000

// findSides counts only, if the servers have counted no update and no deletion. If all rows of the pass before are still there, no
// order can have been deleted, and no sums of keys are needed.
//
// Rows that were not written since were all seen by the pass before. If they are as many as it has seen, they are the same.
func (d *delta) findSides(ctx context.Context, before *Marks, q WrittenQuery) error {
	rows, ok := d.base.atOnce()
	digests := q.Digests
	if d.c.Whole {
		q.NoSum, q.Digests = true, false
		if err := d.findRows(ctx, before, q); err != nil || d.refused != "" {
			return err
		}
		if err := d.sumUp(ctx, q.Hash); err != nil || d.whole {
			return err
		}
	}
	q.NoSum = ok && d.marks.Legacy.unedited(before.Legacy) && d.marks.Projection.unedited(before.Projection)
	q.Digests = digests && !q.NoSum // they make the server take all rows apart, mostly for nothing
	if err := d.findRows(ctx, before, q); err != nil || d.refused != "" || !q.NoSum {
		return err
	}
	d.kept = d.legacy.all-d.legacy.changed == rows.Legacy && d.projection.all-d.projection.changed == rows.Projection
	if d.kept && (!digests || d.legacy.changed+d.projection.changed <= fewWritten) {
		return nil
	}
	q.NoSum, q.Digests = d.kept, digests
	return d.findRows(ctx, before, q)
}

// findKnown looks up the orders that differ and are known to, also if that is accepted.
func (d *delta) findKnown(ctx context.Context) error {
	for from := order.Key(""); ; {
		keys, err := d.c.Ledger.OpenKeys(ctx, d.base.ID, from, batch)
		if err != nil {
			return fmt.Errorf("reading divergences: %w", err)
		}
		if len(keys) == 0 {
			return nil
		}
		d.known = append(d.known, keys...)
		from = keys[len(keys)-1].Next()
		if len(d.known) > maxWritten {
			d.refused = fmt.Sprintf("more than %d orders have a divergence", maxWritten)
			return nil
		}
	}
}

func (d *delta) findRows(ctx context.Context, before *Marks, q WrittenQuery) error {
	var done [2]atomic.Int64
	report := func(side int) func(int64) {
		return func(rows int64) {
			done[side].Store(rows)
			(&pass{c: d.c}).progress("changes", done[0].Load()+done[1].Load(), d.base.rows())
		}
	}
	var legacy, projection Written
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		legacy, err = writtenSince(ctx, d.sides.legacy, before.Legacy, q, report(0))
		return err
	})
	g.Go(func() (err error) {
		projection, err = writtenSince(ctx, d.sides.projection, before.Projection, q, report(1))
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	for _, side := range []Written{legacy, projection} {
		switch {
		case side.Stopped:
			d.refused = fmt.Sprintf("more than %d rows of a side were written", maxWritten)
		case side.NoKey > 0:
			d.refused = "rows without a key were written"
		}
	}
	d.legacy = written{legacy.Rows, int64(len(legacy.Written)), legacy.Sum}
	d.projection = written{projection.Rows, int64(len(projection.Written)), projection.Sum}
	d.orders = byOrder(legacy.Written, projection.Written)
	return nil
}

// findEvents also says why only a full pass is certain to find everything; empty if this one is.
//
// Events are only added. If fewer than before are as old as the mark, some were edited or deleted, and the orders of the deleted
// ones are not known.
func (d *delta) findEvents(ctx context.Context, before *Marks) (refused string, err error) {
	if d.c.Events == nil {
		return "", nil
	}
	g, ok := d.c.Events.(Growing)
	if !ok || before.Events == nil {
		return "events: it is not known which ones were written", nil
	}
	tail, now := before.Events.Tail, d.c.Now()
	w, err := g.Written(ctx, *before.Events, EventsQuery{Most: maxWritten, At: now, Tail: d.tail && !tail.due(now)})
	if err != nil {
		return "", err
	}
	d.marks.Events, d.events, d.changed = &w.Now, w.Keys, w.Written
	if w.Tail {
		d.old = &OldEvents{UpTo: w.Newest, LookedAt: tail.Whole.At}
	}
	switch why := w.Now.since(*before.Events); {
	case why != "":
		refused = "events: " + why
	case w.Written > maxWritten:
		refused = fmt.Sprintf("events: more than %d were written", maxWritten)
	case w.NoOrder:
		refused = "events without an order were written"
	case !w.Tail && tail != nil && !tail.Holds(w):
		refused, d.irregular = "events: some were edited or deleted, or stored long after they had got their position", true
	case w.Old != before.Events.Events:
		refused = "events: old ones were edited or deleted"
	}
	return refused, nil
}

// sumUp asks each side for one number over all of its rows. Equal numbers prove everything: the same keys, and the same values. Unequal ones prove
// nothing yet: fields may have a tolerance, and open divergences differ.
func (d *delta) sumUp(ctx context.Context, h Hash) (err error) {
	q := DigestQuery{Layout: Layout{Whole: true}, Hash: h}
	a, b, err := both(d.sides, func(n Snapshot) ([]Digest, error) { return n.Digests(ctx, q, func(int64) {}) })
	if err != nil {
		return err
	}
	legacy, projection, err := numbersOf(a, b)
	if err == nil {
		d.whole = legacy.equal(projection) && legacy.nullKeys == 0 && projection.nullKeys == 0
	}
	return err
}
