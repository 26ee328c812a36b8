package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// TouchedOrders are orders of which the stream brought an event lately. They survive the process.
type TouchedOrders interface {
	// Touched returns up to limit orders that were marked behind a mark, in the order of their marks, and the last one's
	// mark. An order that is marked again has a new mark.
	Touched(ctx context.Context, fingerprint string, after int64, limit int) (keys []order.Key, mark int64, err error)
	// ForgetTouched drops what was marked before a time, up to a mark.
	ForgetTouched(ctx context.Context, l Lease, fingerprint string, upTo int64, before time.Time) error
}

// Watch compares orders as events of them come in, until a time has passed and something was compared: what has not
// settled after the window is diverged, which is known seconds later and not at the next full pass. A process that ends in
// between loses nothing: orders stay marked until they must have been judged, and the next Watch looks at them anew.
func (c *Comparison) Watch(ctx context.Context, l Lease, s Start, touched TouchedOrders, every, length time.Duration) (Pass, error) {
	s.Kind = StreamPass
	return c.run(ctx, l, s, func(p *pass, ctx context.Context, scan *Scan) error {
		w := watch{pass: p, touched: touched, fingerprint: s.Fingerprint}
		for until := s.At.Add(length); p.Now().Before(until) || scan.Compared == 0; {
			looked, err := w.once(ctx)
			if err != nil {
				return err
			}
			scan.Compared += looked
			if err := p.Wait(ctx, every); err != nil {
				return err
			}
		}
		scan.Coverage = 1
		return nil
	})
}

type watch struct {
	*pass
	touched     TouchedOrders
	fingerprint string
	after       int64 // the mark of the order looked at last
}

// once looks at the orders marked since, and again at the suspects that are due.
func (w *watch) once(ctx context.Context) (looked int64, err error) {
	for {
		keys, mark, err := w.touched.Touched(ctx, w.fingerprint, w.after, w.atOnce(batch))
		if err != nil {
			return looked, fmt.Errorf("reading which orders were touched: %w", err)
		}
		if len(keys) == 0 {
			break
		}
		if err := w.look(ctx, keys); err != nil {
			return looked, err
		}
		w.after = mark
		looked += int64(len(keys))
	}
	unread, err := w.recheck(ctx)
	if err := errors.Join(err, unread); err != nil {
		return looked, err
	}
	// By then every order has been judged, or given up.
	judged := w.Settle.MaxLag + time.Duration(w.Settle.Rechecks+2)*w.Settle.Window
	return looked, w.touched.ForgetTouched(ctx, w.lease, w.fingerprint, w.after, w.Now().Add(-judged))
}

// look compares the orders: those that agree have their divergences resolved, the others become suspects.
func (w *watch) look(ctx context.Context, keys []order.Key) error {
	s, err := w.begin(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := w.mark(ctx, s); err != nil {
		return err
	}
	if err := w.resolve(ctx, s, keys, func(order.Key) bool { return false }); err != nil {
		return err
	}
	return w.flush(ctx)
}
