// Package backfill writes the events that the event store misses: those that legacy's own records allow.
//
// Invariant: nothing is lost, doubled or changed. An event is only appended, after everything older of its order, and only
// if neither its id nor an event that says the same is stored. What cannot be written like that is left and named.
package backfill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// Filler fills the gaps of one event store.
type Filler struct {
	Legacy Legacy
	Events Events
	Store  Store
	// DryRun writes nothing, and only counts. Then Store may be nil.
	DryRun bool
	// Notes has the checkpoints of a store that can have no table for them; nil otherwise.
	Notes Notes

	Schema  history.Schema
	Speaker *history.Speaker
	// Judged are the fields that events determine.
	Judged []string

	// Settle is how long legacy must not have written an order, and Rechecks how often one that it has is looked at again.
	Settle   time.Duration
	Rechecks int
	// AfterLive is true if older events are appended to histories that have newer ones.
	AfterLive bool
	Workers   int // ranges at a time
	Page      int // orders of a range

	// Pacers are those of the servers that are read and written; there may be none.
	Pacers   []*throttle.Pacer
	Progress func(verify.Progress) // may be nil; calls do not overlap
	Wait     func(context.Context, time.Duration) error
}

// Notes keeps what a run has done, where the store does not.
type Notes interface {
	Done(ctx context.Context, run string) ([]Range, error)
	Note(ctx context.Context, l lease.Lease, run string, r Range) error
	Forget(ctx context.Context, l lease.Lease, run string) error
}

// Report is what a run has found and done, also if it has ended early.
type Report struct {
	Orders  int64 `json:"orders"`  // looked at, by this process
	Resumed int64 `json:"resumed"` // looked at before the run was resumed
	// Others is what other processes have done of the run meanwhile, if this one has handed out its ranges. Holder is the process that
	// has, if it is another one.
	Others  Others `json:"others,omitzero"`
	Holder  string `json:"holder,omitempty"`
	Events  int64  `json:"events"`  // written; of a dry run, those that would be
	Present int64  `json:"present"` // events that legacy's records allow and that the store had
	// Archived are the orders whose events were moved out of the store.
	Archived int64 `json:"archived,omitempty"`
	// Evidence counts the written events by how sure they are.
	Evidence map[history.Evidence]int64 `json:"evidence"`
	// Left counts the orders that were left as they are, before the run was resumed too. Examples are some that this process left.
	Left     map[Missing]int64 `json:"left"`
	Examples []Left            `json:"examples"`
	// Unseen is true if it was not known how old the transactions of legacy and of the store are: the event of a long one may be written twice.
	Unseen bool `json:"transactions_unseen,omitempty"`
	// Samples are some of the events.
	Samples []Event `json:"-"`
}

// Others is what other processes have done.
type Others struct {
	Orders int64 `json:"orders"` // looked at
	Events int64 `json:"events"` // written
}

const (
	mostExamples = 1000
	mostSamples  = 5
	mostMoves    = 10 // attempts at a range whose orders get events meanwhile
)

// work is one run.
type work struct {
	*Filler
	run     Run
	total   int64
	ignored []string

	mu      sync.Mutex
	running time.Time // what was written before was visible when this process, or the last round, began; zero of a dry run
	report  Report
	again   []Range        // with orders that must be looked at again
	mine    map[int64]bool // ranges that this process has done
}

// Run fills the gaps, from where the run has ended the last time. A context that ends is an error like others: what is done
// is done.
func (f *Filler) Run(ctx context.Context, r Run) (Report, error) {
	w := f.work(r)
	err := w.observe(ctx)
	if err == nil {
		err = w.all(ctx, w.ranges)
	}
	return w.report, err
}

func (f *Filler) work(r Run) *work {
	return &work{
		Filler: f, run: r, ignored: f.Schema.Rules.IgnoredTypes(), mine: map[int64]bool{},
		report: Report{Evidence: map[history.Evidence]int64{}, Left: map[Missing]int64{}, Examples: []Left{}},
	}
}

// all does the run, with a way to go through the ranges that are not done.
func (w *work) all(ctx context.Context, ranges func(ctx context.Context, done []Range) error) error {
	done, err := w.claim(ctx)
	if err != nil {
		return err
	}
	total, err := w.Legacy.Estimate(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.total = total
	w.mu.Unlock()
	if err := ranges(ctx, done); err != nil {
		return err
	}
	if err := w.lookAgain(ctx); err != nil {
		return err
	}
	return w.finish(ctx)
}

// claim takes the store, and counts what is done.
func (w *work) claim(ctx context.Context) (done []Range, err error) {
	if w.DryRun {
		return nil, nil
	}
	if done, err = w.Store.Claim(ctx, w.run); err != nil {
		return nil, err
	}
	if w.Notes != nil {
		if done, err = w.Notes.Done(ctx, w.run.Name); err != nil {
			return nil, err
		}
	}
	for _, r := range done {
		w.noted(r, &w.report.Resumed)
	}
	return done, nil
}

// noted takes over what is noted of a range, and counts what this process has not.
func (w *work) noted(r Range, orders *int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(r.Again) > 0 {
		w.again = append(w.again, r)
	}
	if w.mine[r.Number] {
		return
	}
	*orders += r.Orders
	for why, n := range r.Left {
		w.report.Left[why] += n
	}
}

// observe notes when the oldest running transaction began. What it has written is seen only later: an order under its old time, or the
// live event of an order that is seen now.
func (w *work) observe(ctx context.Context) error {
	if w.DryRun {
		return nil
	}
	began, known, err := w.Legacy.Oldest(ctx)
	if err != nil {
		return err
	}
	writing, seen, err := w.Store.Oldest(ctx)
	if err != nil {
		return err
	}
	if writing.Before(began) {
		began = writing
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running, w.report.Unseen = began, w.report.Unseen || !known || !seen
	return nil
}

func (w *work) finish(ctx context.Context) error {
	switch {
	case w.DryRun:
		return nil
	case w.Notes != nil:
		return w.Notes.Forget(ctx, w.run.Lease, w.run.Name)
	default:
		return w.Store.Finish(ctx, w.run)
	}
}

// ranges goes through the keys, several ranges at a time.
func (w *work) ranges(ctx context.Context, done []Range) error {
	g, ctx := errgroup.WithContext(ctx)
	todo := make(chan Range)
	g.Go(func() error {
		defer close(todo)
		return w.cut(ctx, done, todo)
	})
	for range max(w.Workers, 1) {
		g.Go(func() error {
			for r := range todo {
				if err := w.fill(ctx, w.run, r, w.lookLater); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// cut cuts the keys into ranges, around those that are done.
func (w *work) cut(ctx context.Context, done []Range, todo chan<- Range) error {
	number, ends := int64(0), map[order.Key]order.Key{}
	for _, r := range done {
		number = max(number, r.Number)
		ends[r.From] = r.Below
	}
	for from := order.Key(""); ; {
		below, isDone := ends[from]
		if !isDone {
			var err error
			if below, err = w.Legacy.Cut(ctx, verify.KeyRange{From: from, Below: w.next(ends, from)}, w.Page); err != nil {
				return err
			}
			number++
			select {
			case todo <- Range{Number: number, KeyRange: verify.KeyRange{From: from, Below: below}}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if below == "" {
			return nil
		}
		from = below
	}
}

// next is the first key after another at which a range begins that is done; empty if there is none.
func (w *work) next(ends map[order.Key]order.Key, from order.Key) (first order.Key) {
	t := w.Legacy.KeyType()
	for start := range ends {
		isAfter := start != "" && (from == "" || (verify.KeyRange{Below: start}).Has(t, from))
		if isAfter && (first == "" || (verify.KeyRange{Below: first}).Has(t, start)) {
			first = start
		}
	}
	return first
}

// lookLater remembers a range with orders that legacy was writing. The caller holds the lock.
func (w *work) lookLater(r Range) {
	if len(r.Again) > 0 {
		w.again = append(w.again, r)
	}
}

// fill writes what a range of keys misses.
func (w *work) fill(ctx context.Context, run Run, r Range, then func(Range)) error {
	return w.attempt(ctx, func() (found, error) {
		page, err := w.Legacy.Range(ctx, r.KeyRange)
		if err != nil {
			return found{}, err
		}
		f, err := w.look(ctx, page)
		if err != nil {
			return f, err
		}
		r.Orders, r.Events, r.Again, r.Left = f.orders, int64(len(f.events)), f.moving, f.counts(nil)
		return f, w.store(ctx, run, r, false, f)
	}, func() { then(r) })
}

// attempt does something with orders until they hold still, and then counts what was found.
func (w *work) attempt(ctx context.Context, do func() (found, error), then func()) error {
	for try := 1; ; try++ {
		for _, p := range w.Pacers {
			if err := p.Begin(ctx); err != nil {
				return err
			}
		}
		f, err := do()
		if errors.Is(err, ErrMoved) && try < mostMoves {
			continue
		}
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.count(f)
		then()
		if w.Progress != nil {
			w.Progress(verify.Progress{Stage: "backfill", Done: w.report.Resumed + w.report.Orders + w.report.Others.Orders, Total: w.total})
		}
		w.mu.Unlock()
		for _, p := range w.Pacers {
			rows := f.recorded
			if p.Side == string(order.Events) {
				rows = f.read + int64(len(f.events))
			}
			if err := p.Pay(ctx, rows); err != nil {
				return err
			}
		}
		return nil
	}
}

// store writes what was found and that the range is done, perhaps again.
func (w *work) store(ctx context.Context, run Run, r Range, again bool, f found) error {
	if w.DryRun {
		return nil
	}
	err := w.Store.Append(ctx, Batch{Run: run, Range: r, Again: again, Events: f.events, Keys: f.keys, Stored: f.stored})
	if err != nil {
		return fmt.Errorf("storing a range of orders: %w", err)
	}
	if w.Notes != nil {
		return w.Notes.Note(ctx, w.run.Lease, w.run.Name, r)
	}
	return nil
}

// lookAgain looks once more at orders that legacy was writing. What does not hold still is left.
func (w *work) lookAgain(ctx context.Context) error {
	for range w.Rechecks {
		if len(w.again) == 0 || w.DryRun {
			break
		}
		if err := w.observe(ctx); err != nil {
			return err
		}
		if err := w.Wait(ctx, w.Settle); err != nil {
			return err
		}
		todo := w.again
		w.again = nil
		for _, r := range todo {
			if err := w.refill(ctx, r); err != nil {
				return err
			}
		}
	}
	for _, r := range w.again {
		for _, key := range r.Again {
			w.report.leave(Left{Key: key, Why: Moving, Detail: "legacy has written it again and again"})
		}
	}
	return nil
}

// refill is fill for the orders of a range that were moving.
func (w *work) refill(ctx context.Context, r Range) error {
	return w.attempt(ctx, func() (found, error) {
		page, err := w.Legacy.Orders(ctx, r.Again)
		if err != nil {
			return found{}, err
		}
		f, err := w.look(ctx, page)
		if err != nil {
			return f, err
		}
		f.orders = 0 // they have been counted
		next := r
		next.Events, next.Again, next.Left = r.Events+int64(len(f.events)), f.moving, f.counts(r.Left)
		if err := w.store(ctx, w.run, next, true, f); err != nil {
			return f, err
		}
		r = next
		return f, nil
	}, func() { w.lookLater(r) })
}
