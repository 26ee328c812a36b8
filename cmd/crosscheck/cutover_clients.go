package main

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/clients"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/cutover/steps"
)

const (
	// seenTimeout ends the wait for the last answers, and for the ledger that keeps what was seen.
	seenTimeout = 15 * time.Second
	// firstAnswers is how long a run waits before its fence for a first answer of each kind.
	firstAnswers = 2 * time.Second
)

// watching asks by the clients' way while they may feel a run, beside what drives it. The coordinator's goroutine owns it.
type watching struct {
	cutting *cutting
	run     string
	now     func() time.Time // by the ledger's clock
	told    chan clients.Answer
	held    atomic.Bool // writes are not asked
	asking  *asking     // nil while it is not asked
	all     sync.WaitGroup
}

// asking is one time of asking.
type asking struct {
	released chan struct{} // closed when clients can go on
	opened   atomic.Bool   // for that reason
	stop     context.CancelFunc
}

// seeing prepares to ask. It asks nothing if the configuration names no way, or `every: 0s`.
func (t *cutting) seeing(ctx context.Context, run string) *watching {
	w := &watching{cutting: t, run: run, now: time.Now, told: make(chan clients.Answer, 16)}
	if now, err := t.ledger.Clock(ctx); err == nil {
		ahead := time.Until(now)
		w.now = func() time.Time { return time.Now().Add(ahead) }
	}
	return w
}

// prober is nil if nothing is to be asked.
func (w *watching) prober(slice string) *clients.Prober {
	c := w.cutting.config
	ask := func(by steps.Probe) clients.Ask {
		if by == nil {
			return nil
		}
		return func(ctx context.Context) (bool, error) { return by.New(ctx, steps.Scope{Run: w.run, Slice: slice}) }
	}
	p := &clients.Prober{
		Writes: ask(newProbe(c, "the probe of writes", c.Cutover.Probe.Writes)), Reads: ask(newProbe(c, "the probe of reads", c.Cutover.Probe.Reads)),
		Every: c.Cutover.Probe.Every, Now: w.now, Hold: w.held.Load, Told: w.told,
	}
	if p.Every == 0 || p.Writes == nil && p.Reads == nil {
		return nil
	}
	return p
}

// telling begins and ends the asking by what the journal says.
func (w *watching) telling(ctx context.Context, next func(cutoverrun.Status)) func(cutoverrun.Status) {
	return func(s cutoverrun.Status) {
		next(s)
		w.held.Store(writesMove(s.State))
		switch {
		case w.asking == nil && felt(s):
			w.begin(ctx, s)
		case w.asking != nil && opened(s.Newest):
			w.asking.opened.Store(true)
			w.end()
		}
	}
}

// felt reports whether clients may feel what comes next.
func felt(s cutoverrun.Status) bool {
	a := s.Action
	return a.InWindow() || a.Verb == cutover.Undo || a.Verb == cutover.Evict && s.Fenced != nil || a.Step == cutover.Release || a.Step == cutover.Proof
}

// writesMove reports whether the switch of writes may be at either side. Only its own probe writes then: what asks only to measure must not be
// what takes the way back away. After the point of no return it is like any client.
func writesMove(s cutover.State) bool {
	return s.Step == cutover.SwitchWrites && !s.NoReturn && !s.Ended()
}

// opened reports whether a record says that clients can go on, as far as the cutover is concerned.
func opened(r cutover.Record) bool {
	done := r.Outcome == cutover.Done || r.Outcome == cutover.Accepted
	return done && (r.Action.Verb == cutover.Do && r.Action.Step == cutover.Release || r.Action.Verb == cutover.Undo && r.Action.Step == cutover.Fence)
}

// begin asks until end. A signal does not end it, because the way back is to be seen too. Before the fence it waits for first answers, so that what
// was before is known.
func (w *watching) begin(ctx context.Context, s cutoverrun.Status) {
	prober := w.prober(s.State.Slice)
	if prober == nil {
		return
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	a := &asking{released: make(chan struct{}), stop: stop}
	first, kept := make(chan struct{}), make(chan clients.Seen, 1)
	prober.Replied = func() { close(first) }
	prober.Keep = func(seen clients.Seen) {
		select {
		case kept <- seen:
		default: // the ledger is slow, and the next one has more
		}
	}
	w.asking = a
	w.all.Go(func() {
		defer stop()
		var keeping sync.WaitGroup
		keeping.Go(func() { w.keep(ctx, kept) })
		seen := prober.Run(ctx, a.released)
		seen.Complete = a.opened.Load()
		kept <- seen
		close(kept)
		keeping.Wait()
	})
	if s.Fenced == nil {
		select {
		case <-first:
		case <-time.After(firstAnswers):
		}
	}
}

// keep stores what was seen so far. What cannot be stored is missing in the report, and harms nothing else.
func (w *watching) keep(ctx context.Context, kept <-chan clients.Seen) {
	for seen := range kept {
		storing, cancel := context.WithTimeout(context.WithoutCancel(ctx), seenTimeout)
		if err := w.cutting.ledger.Saw(storing, w.run, seen); err != nil {
			w.cutting.log().WarnContext(ctx, "what clients saw is not in the report yet", slog.String("error", err.Error()))
		}
		cancel()
	}
}

// end lets the asking end after one more answer of each kind.
func (w *watching) end() {
	close(w.asking.released)
	time.AfterFunc(seenTimeout, w.asking.stop)
	w.asking = nil
}

// finish waits until all is stored that was seen.
func (w *watching) finish() {
	if w.asking != nil {
		w.end()
	}
	w.all.Wait()
}

// attach listens to a coordinator, and to what its own probe of writes is answered.
func (w *watching) attach(ctx context.Context, c *cutoverrun.Coordinator) {
	c.Report = w.telling(ctx, c.Report)
	if s, ok := c.Actions.(*steps.Steps); ok && s.AsWriter != nil {
		s.AsWriter = overheard{s.AsWriter, w}
	}
}

// overheard is the probe of the steps, whose answers count as those of a client.
type overheard struct {
	steps.Probe
	by *watching
}

// New implements [steps.Probe].
func (o overheard) New(ctx context.Context, sc steps.Scope) (isNew bool, err error) {
	answer := clients.Asked(ctx, func(ctx context.Context) (bool, error) {
		isNew, err = o.Probe.New(ctx, sc)
		return isNew, err
	}, o.by.now)
	select {
	case o.by.told <- answer:
	default: // nobody listens
	}
	return isNew, err
}
