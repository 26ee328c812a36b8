package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// StreamPass is the kind of the pass that compares the orders of which the stream brings events, or which legacy changes.
const StreamPass PassKind = "stream"

// StreamFacts are what a pass of the stream knows beside the core of a pass: nothing yet.
type StreamFacts struct{}

// Settled returns them.
func (f StreamFacts) Settled(Settled) Facts { return f }

// ChangedOrders are orders of which the stream brought an event lately, or which legacy changed. They survive the process.
type ChangedOrders interface {
	// MarkChanged marks orders, as the stream's events do. It returns false, and has marked none, before the follower has
	// first written its state.
	MarkChanged(ctx context.Context, l lease.Lease, fingerprint string, keys []order.Key, at time.Time) (bool, error)
	// ChangedAfter returns up to limit orders that were marked behind a mark, in the order of their marks, and the last one's
	// mark. An order that is marked again has a new mark.
	ChangedAfter(ctx context.Context, fingerprint string, after int64, limit int) (keys []order.Key, mark int64, err error)
	// ForgetChanged drops what was marked before a time, up to a mark.
	ForgetChanged(ctx context.Context, l lease.Lease, fingerprint string, upTo int64, before time.Time) error
}

// Watching is how orders are watched, and how long.
type Watching struct {
	Changed ChangedOrders
	Every   time.Duration // between two looks
	Length  time.Duration // of looking; what has not settled then is waited for
	// Scanned is called when nothing more is scanned, so that another Watch can begin while this one's suspects settle;
	// may be nil. It is not called where the pass breaks off before.
	Scanned func()
}

// Watch compares orders as events of them come in, and as legacy changes them, until a time has passed and something was
// compared: what has not settled after the window is diverged, which is known seconds later and not at the next full
// pass. An event that was lost is known of by legacy's change alone.
//
// A process that ends in between loses nothing: orders stay marked until they must have been judged, and the next Watch looks
// at them anew.
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
	// known are the newest changes of legacy that were there a look ago, which are marked; nil before the first.
	known map[Change]bool
}

const (
	// newestChanges is how many of legacy's newest changes a look asks for. Where more come in between two looks, the older
	// ones of them are left to the stream, and to samples and full verification.
	newestChanges = 1000
	// firstChanges is the same for the first look: nobody may have looked for a while.
	firstChanges = 10_000
)

// once looks at the orders that were marked since, and again at the suspects that are due.
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
	// By then every order has been judged, or given up.
	judged := w.p.c.Settle.MaxLag + time.Duration(w.p.c.Settle.Rechecks+2)*w.p.c.Settle.Window
	return compared, w.changed.ForgetChanged(ctx, w.p.lease, w.fingerprint, w.after, w.p.c.Now().Add(-judged))
}

// markChanged marks the orders of legacy's newest changes that were not there a look ago. Without an index on the time of a change
// there are none.
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

// compare compares the orders: those that agree have their divergences resolved, the others become suspects.
func (w *watch) compare(ctx context.Context, keys []order.Key) error {
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
