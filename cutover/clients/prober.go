package clients

import (
	"context"
	"sync"
	"time"
)

// Ask asks once by the clients' way, with a deadline of its own, and returns early with the context. It reports whether the new side has answered.
type Ask func(ctx context.Context) (isNew bool, err error)

// Prober asks at a steady rate. A slow answer does not delay the next question.
type Prober struct {
	Writes, Reads Ask // nil if there is no such way
	Every         time.Duration
}

const (
	// inFlight is how many questions of a kind wait for answers at most: each may take a connection.
	inFlight = 10
	// lastAnswer is how long it is waited for an answer after the release.
	lastAnswer = 5 * time.Second
)

// Run asks until the run is released, and then until each kind has one more answer, or until the context ends.
func (p Prober) Run(ctx context.Context, released <-chan struct{}) Seen {
	seen := Seen{At: time.Now().UTC(), Every: p.Every.Seconds()}
	var kinds sync.WaitGroup
	for ask, into := range map[*Ask]**Service{&p.Writes: &seen.Writes, &p.Reads: &seen.Reads} {
		if *ask != nil {
			kinds.Go(func() { *into = asking{ask: *ask, every: p.Every}.run(ctx, released) })
		}
	}
	kinds.Wait()
	return seen
}

// asking is the questions of one kind. One goroutine owns it.
type asking struct {
	ask     Ask
	every   time.Duration
	replies chan Answer
	open    int // questions without a reply
	answers []Answer
}

func (a asking) run(ctx context.Context, released <-chan struct{}) *Service {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.replies = make(chan Answer, inFlight)
	began := time.Now().UTC()
	ended := a.until(ctx, released)
	cancel()
	for ; a.open > 0; a.open-- {
		if r := <-a.replies; r.Side != Nobody { // the others were cut off
			a.answers = append(a.answers, r)
		}
	}
	return Sum(a.answers, began, ended)
}

// until asks, and returns when it was enough.
func (a *asking) until(ctx context.Context, released <-chan struct{}) time.Time {
	tick := time.NewTicker(a.every)
	defer tick.Stop()
	var after time.Time // the release
	var enough <-chan time.Time
	for a.begin(ctx); ; {
		select {
		case <-tick.C:
			a.begin(ctx)
		case r := <-a.replies:
			a.open--
			a.answers = append(a.answers, r)
			if !after.IsZero() && r.Side != Nobody && !r.Began.Before(after) {
				return r.Ended
			}
		case <-released:
			released, after, enough = nil, time.Now(), time.After(lastAnswer)
			a.begin(ctx)
		case <-enough:
			return time.Now().UTC()
		case <-ctx.Done():
			return time.Now().UTC()
		}
	}
}

// begin asks once more, unless too many questions are open.
func (a *asking) begin(ctx context.Context) {
	if a.open == inFlight {
		return
	}
	a.open++
	go func() {
		r := Answer{Began: time.Now().UTC(), Side: Legacy}
		isNew, err := a.ask(ctx)
		switch r.Ended = time.Now().UTC(); {
		case err != nil:
			r.Side, r.Error = Nobody, err.Error()
		case isNew:
			r.Side = New
		}
		a.replies <- r
	}()
}
