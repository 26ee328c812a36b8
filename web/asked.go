package web

import (
	"context"
	"sync"
	"time"
)

// asked is an answer that takes its time. It is asked for apart from the requests that show it: one question at a time, each with a
// deadline. A request waits for a moment, and then has the answer before.
type asked[T any] struct {
	ask     func(context.Context) (T, error)
	keep    time.Duration   // how long an answer is not asked for again
	wait    time.Duration   // how long a request waits
	most    time.Duration   // how long an answer may take
	closing <-chan struct{} // closed when nothing is to be asked any more

	mu     sync.Mutex
	last   answered[T]
	at     time.Time     // when the newest question was over; zero before the first
	coming chan struct{} // closed when the answer has come; nil if none is asked for
	ended  bool
	asking sync.WaitGroup
}

// answered is the newest answer, and what is known of a newer one.
type answered[T any] struct {
	value  T
	known  bool  // there is an answer
	err    error // why the newest question has none; nil if it has
	coming bool  // the next answer is asked for
}

// get returns the newest answer. It returns when the context ends.
func (a *asked[T]) get(ctx context.Context) answered[T] {
	if coming := a.begin(ctx); coming != nil {
		patience := time.NewTimer(a.wait)
		defer patience.Stop()
		select {
		case <-coming:
		case <-patience.C:
		case <-ctx.Done():
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	is := a.last
	is.coming = a.coming != nil
	return is
}

// begin asks if it is time. The channel is closed when the answer has come; it is nil if none is asked for.
func (a *asked[T]) begin(ctx context.Context) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended || a.coming != nil || !a.at.IsZero() && time.Since(a.at) < a.keep {
		return a.coming
	}
	a.coming = make(chan struct{})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.most) // the answer is for all requests
	a.asking.Go(func() {
		defer cancel()
		value, err := a.ask(ctx)
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.last.err = err; err == nil {
			a.last.value, a.last.known = value, true
		}
		a.at = time.Now()
		close(a.coming)
		a.coming = nil
	})
	a.asking.Go(func() {
		select {
		case <-a.closing:
			cancel()
		case <-ctx.Done():
		}
	})
	return a.coming
}

// end lets nothing be asked any more, and returns when nothing is.
func (a *asked[T]) end() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.asking.Wait()
}
