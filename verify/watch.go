package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// StreamPass is the pass that compares the orders with new events on the stream, or that legacy changed.
const StreamPass PassKind = "stream"

// StreamFacts are what only a pass of the stream knows: nothing yet.
type StreamFacts struct{}

// Settled returns them.
func (f StreamFacts) Settled(Settled) Facts { return f }

// ChangedOrders are orders with recent events on the stream, or that legacy changed recently. They survive the process.
type ChangedOrders interface {
	// MarkChanged marks orders, as events of the stream do. Before the follower has first written its state it returns
	// false and marks nothing.
	MarkChanged(ctx context.Context, l lease.Lease, fingerprint string, keys []order.Key, at time.Time) (bool, error)
	// ChangedAfter returns up to limit orders that were marked after a mark, in the order of their marks, and the last
	// one's mark. An order that is marked again has a new mark.
	ChangedAfter(ctx context.Context, fingerprint string, after int64, limit int) (keys []order.Key, mark int64, err error)
	// ForgetChanged deletes marks from before a time, up to a mark.
	ForgetChanged(ctx context.Context, l lease.Lease, fingerprint string, upTo int64, before time.Time) error
}

// Watching says how orders are watched, and how long.
type Watching struct {
	Changed ChangedOrders
	Every   time.Duration // between two looks
	Length  time.Duration // of looking; after that only suspects are waited for
	// Scanned is called when the scan has ended, so that another Watch can begin while this one's suspects settle; may
	// be nil. It is not called if the pass breaks off before.
	Scanned func()
}

// Watch compares orders as their events come in and as legacy changes them, until a time has passed and something was
// compared. An order that has not settled after the window is diverged. This is known within seconds and not at the
// next full pass. A lost event is known only by legacy's change.
//
// A process that ends in between loses nothing: orders stay marked until they must have been judged, and the next Watch
// looks at them again.
func (c *Comparison) Watch(ctx context.Context, l lease.Lease, s Start, how Watching) (Pass, error) {
	s.Kind = StreamPass
	return c.run(ctx, l, s, func(p *pass, ctx context.Context, scan *Scan) error {
		scan.Facts = StreamFacts{}
		w := watch{p: p, changed: how.Changed, fingerprint: s.Fingerprint}
		for until := s.At.Add(how.Length); p.c.Now().Before(until) || scan.Compared == 0; {
			compared, err := w.once(ctx)
			if err != nil {
				return err
			}
			scan.Compared += compared
			if err := p.c.Wait(ctx, how.Every); err != nil {
				return err
			}
		}
		scan.Coverage = 1
		if how.Scanned != nil {
			how.Scanned()
		}
		return nil
	})
}

type watch struct {
	p           *pass
	changed     ChangedOrders
	fingerprint string
	after       int64 // the mark of the order compared last
	// known are the newest changes of legacy at the look before, whose orders are marked; nil before the first look.
	known map[Change]bool
}

const (
	// newestChanges is how many of legacy's newest changes a look reads. If more come in between two looks, the older
	// ones are left to the stream, samples and full verification.
	newestChanges = 1000
	// firstChanges is the same for the first look, which may come after a pause.
	firstChanges = 10_000
)

// once looks at the orders that were marked since the last look, and again at the suspects that are due.
func (w *watch) once(ctx context.Context) (compared int64, err error) {
	if err := w.markChanged(ctx); err != nil {
		return 0, err
	}
	for {
		keys, mark, err := w.changed.ChangedAfter(ctx, w.fingerprint, w.after, w.p.batchSize(batch))
		if err != nil {
			return compared, fmt.Errorf("reading which orders have changed: %w", err)
		}
		if len(keys) == 0 {
			break
		}
		if err := w.compare(ctx, keys); err != nil {
			return compared, err
		}
		w.after = mark
		compared += int64(len(keys))
	}
	unread, err := w.p.recheck(ctx)
	if err := errors.Join(err, unread); err != nil {
		return compared, err
	}
	// Every order has been judged or given up until now.
	judged := w.p.c.Settle.MaxLag + time.Duration(w.p.c.Settle.Rechecks+2)*w.p.c.Settle.Window
	return compared, w.changed.ForgetChanged(ctx, w.p.lease, w.fingerprint, w.after, w.p.c.Now().Add(-judged))
}

// markChanged marks the orders of legacy's newest changes that are new since the last look. Without an index on the
// time of a change there are none.
func (w *watch) markChanged(ctx context.Context) error {
	limit := newestChanges
	if w.known == nil {
		limit = firstChanges
	}
	changes, err := w.changes(ctx, limit)
	if err != nil {
		return err
	}
	var keys []order.Key
	now := make(map[Change]bool, len(changes))
	for _, c := range changes {
		now[c] = true
		if !w.known[c] {
			keys = append(keys, c.Key)
		}
	}
	if len(keys) > 0 {
		marked, err := w.changed.MarkChanged(ctx, w.p.lease, w.fingerprint, distinct(keys), w.p.c.Now())
		if err != nil {
			return fmt.Errorf("marking the orders that legacy changed: %w", err)
		}
		if !marked {
			return nil // the next look finds them again
		}
	}
	w.known = now
	return nil
}

func (w *watch) changes(ctx context.Context, limit int) ([]Change, error) {
	truth, _ := byRole(w.p.c, w.p.c.Legacy, w.p.c.Projection)
	s, err := truth.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return recentChanges(ctx, s, limit)
}

// compare compares the orders. Divergences of those that agree are resolved; the others become suspects.
func (w *watch) compare(ctx context.Context, keys []order.Key) error {
	if _, err := w.p.locate(ctx); err != nil {
		return err
	}
	s, err := w.p.c.begin(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := w.p.mark(ctx, s); err != nil {
		return err
	}
	if err := w.p.resolve(ctx, s, keys, func(order.Key) bool { return false }); err != nil {
		return err
	}
	return w.p.flush(ctx)
}
