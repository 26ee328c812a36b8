package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

const (
	bookLoad    = 5000   // working orders that the desk takes over from history
	bookLimit   = 20_000 // with more orders than this, the desk closes orders instead of opening them
	retryPause  = 100 * time.Millisecond
	patience    = 60 * time.Second // how long a half-written deal waits for a database to come back
	dealTimeout = 10 * time.Second // one attempt to write
	// legacyTimeout ends a statement in the server before the desk stops waiting for it. A statement that the desk gave
	// up must not be committed later.
	legacyTimeout = 5 * time.Second
)

var symbols = []string{
	"AAPL", "MSFT", "NVDA", "AMZN", "GOOG", "META", "TSLA", "AVGO", "JPM", "V", "MA", "HD",
	"KO", "PEP", "COST", "CVX", "XOM", "MRK", "ABBV", "WMT", "BAC", "ADBE", "CRM", "NFLX",
}

// Desk is the live trading system. In shadow mode it writes every deal to the legacy tables, and after that transaction it appends the
// event to the event store and publishes it. Once writes are switched to the new system, it writes the event alone. It writes all or
// nothing; only a fault breaks that.
type Desk struct {
	legacy, events *pgxpool.Pool
	store          *Store
	publisher      Publisher // nil: nothing is published
	rate           float64   // deals per second
	workers        int
	seed           uint64
	now            func() time.Time
	log            *slog.Logger

	book book
	// oldest is the first working order of history that the desk took over; 0 if it took all of them.
	oldest int64
	held   held
	deals  atomic.Int64

	mu     sync.Mutex // guards random, because faults use it too
	random *rand.Rand
}

// Deals returns how many deals the desk has written since it opened.
func (d *Desk) Deals() int64 { return d.deals.Load() }

// Run trades until the context ends. It returns when every deal that was begun is written on both sides. An error means
// that a deal could not be completed, so the two sides differ.
func (d *Desk) Run(ctx context.Context) error {
	var g errgroup.Group
	for w := range d.workers {
		random := rand.New(rand.NewPCG(d.seed, uint64(d.deals.Load())<<16+uint64(w))) //nolint:gosec // not for secrets
		g.Go(func() error { return d.work(ctx, random) })
	}
	return g.Wait()
}

// work is the loop of one worker. Deals come at random intervals around the rate.
func (d *Desk) work(ctx context.Context, random *rand.Rand) error {
	pause := float64(time.Second) * float64(d.workers) / d.rate
	timer := time.NewTimer(time.Duration(pause * random.Float64()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		next := time.Duration(pause * (0.5 + random.Float64()))
		err := d.deal(ctx, random)
		if errors.Is(err, errHalfWritten) {
			return err
		}
		if err != nil {
			d.log.WarnContext(ctx, "deal not written", "error", err)
			next = max(next, retryPause)
		}
		timer.Reset(next)
	}
}

// deal picks an order and changes it. Shutting down does not interrupt it.
func (d *Desk) deal(ctx context.Context, random *rand.Rand) error {
	ctx = context.WithoutCancel(ctx) // write limits every attempt, and all of them together
	dice := random.IntN(100)
	if d.book.size() > bookLimit {
		dice = 50 + dice/2
	}
	o, ok := d.book.take(random)
	if !ok || dice < 28 {
		if ok {
			d.book.put(o)
		}
		_, err := d.create(ctx, random)
		return err
	}
	next := d.next(o, dice, random)
	if err := d.write(ctx, next); err != nil {
		if !errors.Is(err, errHalfWritten) {
			d.book.put(o) // unchanged
		}
		return err
	}
	d.book.put(next.after)
	return nil
}

// next says what happens to a working order: it is modified, partially filled, filled or canceled.
func (d *Desk) next(o workingOrder, dice int, random *rand.Rand) deal {
	at, left := d.after(o), o.quantity-o.filled
	near := o.price * amount(9980+random.Int64N(41)) / 10_000
	switch {
	case dice < 38:
		return modify(o, near+1, 0, at)
	case dice < 43:
		return modify(o, 0, o.quantity+unit*amount(1+random.Int64N(50)), at)
	case dice < 66 && left > 1:
		return fill(o, max(1, amount(random.Int64N(int64(left)))), near, at)
	case dice < 88:
		return fill(o, left, near, at)
	default:
		return cancel(o, at)
	}
}

// create enters a new order and puts it into the book.
func (d *Desk) create(ctx context.Context, random *rand.Rand) (workingOrder, error) {
	o, err := d.draft(ctx, random)
	if err != nil {
		return o, err
	}
	entry := create(o, d.after(o))
	if err := d.write(ctx, entry); err != nil {
		return o, err
	}
	d.book.put(entry.after)
	return entry.after, nil
}

// draft makes up an order. Its id comes from the sequence of the side that takes writes. A draft that is not written leaves a gap, like a
// rolled-back INSERT.
func (d *Desk) draft(ctx context.Context, random *rand.Rand) (workingOrder, error) {
	ctx, cancelled := context.WithTimeout(ctx, dealTimeout)
	defer cancelled()
	o := workingOrder{
		trader:   1 + random.Int32N(40),
		symbol:   symbols[random.IntN(len(symbols))],
		side:     []string{"BUY", "SELL"}[random.IntN(2)],
		quantity: unit / 10 * amount(10+random.Int64N(200_000)),
		price:    unit + amount(random.Int64N(5_000_000)),
	}
	if err := insist(ctx, func(ctx context.Context) (err error) {
		o.id, err = d.nextID(ctx)
		return err
	}); err != nil {
		return o, fmt.Errorf("drawing an order id: %w", err)
	}
	return o, nil
}

func (d *Desk) nextID(ctx context.Context) (id int64, err error) {
	mode, err := d.setting(ctx, WriteMode)
	if err != nil {
		return 0, err
	}
	next, from := "SELECT nextval(pg_get_serial_sequence('orders', 'order_id'))", d.legacy
	if mode == EventSourced {
		next, from = "SELECT nextval('order_ids')", d.events
	}
	err = from.QueryRow(ctx, next).Scan(&id)
	return id, err
}

// after returns a time for the order's next event: now, in the databases' microseconds, but after its last event.
func (d *Desk) after(o workingOrder) time.Time {
	at := d.now().UTC().Truncate(time.Microsecond)
	if !at.After(o.updatedAt) {
		at = o.updatedAt.Add(time.Microsecond)
	}
	return at
}

// untouched takes an open order without fills out of the book, for a fault to use. If there is none, it creates one.
func (d *Desk) untouched(ctx context.Context) (workingOrder, error) {
	for {
		if o, ok := d.book.takeUntouched(); ok {
			return o, nil
		}
		if err := d.withRandom(func(random *rand.Rand) error {
			_, err := d.create(ctx, random)
			return err
		}); err != nil {
			return workingOrder{}, err
		}
	}
}

// withRandom lends the desk's own randomness. Each worker has its own.
func (d *Desk) withRandom(use func(*rand.Rand) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return use(d.random)
}
