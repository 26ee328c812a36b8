package clients

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Ask asks once by the clients' way, with a deadline of its own, and returns early with the context. It reports whether the new side has answered.
type Ask func(ctx context.Context) (isNew bool, err error)

// Prober asks at a steady rate. A slow answer does not delay the next question.
type Prober struct {
	Writes, Reads Ask // nil if there is no such way
	Every         time.Duration
	Now           func() time.Time
	// Hold reports whether writes are not asked just now; nil is never. Others that ask then by the same way tell what they were answered.
	Hold func() bool
	Told <-chan Answer
	// Keep gets what was seen so far: when each kind that is asked has replied once, and every second, whoever has to wait. It does not block. It may
	// be nil.
	Keep func(Seen)
	// Replied is called once, when each kind that is asked has replied. It does not block. It may be nil.
	Replied func()
}

const (
	// inFlight is how many questions of a kind wait for answers at most: each may take a connection.
	inFlight = 10
	// lastAnswer is how long it is waited for an answer after the release.
	lastAnswer = 5 * time.Second
	// keepEvery is how much a process that is killed has not kept at most.
	keepEvery = time.Second
)

// Run asks until the run is released, and then until each kind has one more answer, or until the context ends.
func (p Prober) Run(ctx context.Context, released <-chan struct{}) Seen {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := p.Now().UTC()
	r := running{Prober: p, began: began, replies: make(chan reply, 2*inFlight)}
	for _, ask := range []Ask{p.Writes, p.Reads} {
		r.kinds = append(r.kinds, &kind{ask: ask, sum: newSum(began), waiting: map[int]time.Time{}})
	}
	r.until(ctx, released)
	ended := p.Now().UTC()
	cancel()
	for r.open() > 0 {
		if last := <-r.replies; last.Side == Nobody { // it was cut off
			r.kinds[last.kind].open-- // and waits to the end
		} else {
			r.take(last)
		}
	}
	return r.seen(ended)
}

// running is a prober at work. One goroutine owns it.
type running struct {
	Prober
	began   time.Time
	kinds   []*kind // writes, reads
	replies chan reply
	replied bool // each kind that is asked
}

// kind is the questions of one kind.
type kind struct {
	ask     Ask // nil if there is none
	sum     sum
	open    int               // questions without a reply
	asked   int               // the number of the next question
	waiting map[int]time.Time // number of a question without an answer → when it was asked
	replied bool              // once at least
	again   bool              // answered a question that was asked after the release
}

type reply struct {
	Answer
	kind, number int
}

// served reports whether nobody waits any more who has asked before the release, and whoever asks is answered.
func (k *kind) served(after time.Time) bool {
	for _, asked := range k.waiting {
		if asked.Before(after) {
			return false
		}
	}
	return k.again && k.sum.failing.IsZero()
}

// until asks, and returns when it was enough.
func (r *running) until(ctx context.Context, released <-chan struct{}) {
	tick := time.NewTicker(r.Every)
	defer tick.Stop()
	keep := time.NewTicker(keepEvery)
	defer keep.Stop()
	var after time.Time // the release
	var enough <-chan time.Time
	for r.ask(ctx); ; {
		r.begun()
		select {
		case <-tick.C:
			r.ask(ctx)
		case a := <-r.replies:
			r.take(a)
			k := r.kinds[a.kind]
			k.again = k.again || !after.IsZero() && a.Side != Nobody && !a.Began.Before(after)
			if !after.IsZero() && r.all(func(k *kind) bool { return k.served(after) }) {
				return
			}
		case a := <-r.Told:
			if !a.Began.Before(r.began) {
				r.kinds[0].sum.add(a)
				r.kinds[0].replied = true
			}
		case <-keep.C:
			r.keep()
		case <-released:
			released, after, enough = nil, r.Now(), time.After(lastAnswer)
			r.ask(ctx)
		case <-enough:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (r *running) keep() {
	if r.Keep != nil {
		r.Keep(r.seen(r.Now().UTC()))
	}
}

// begun says once that each kind that is asked has replied.
func (r *running) begun() {
	held := r.held()
	if r.replied || !r.all(func(k *kind) bool { return k.replied || held && k == r.kinds[0] }) {
		return
	}
	r.replied = true
	r.keep()
	if r.Replied != nil {
		r.Replied()
	}
}

// held reports whether writes are not asked just now.
func (r *running) held() bool { return r.Hold != nil && r.Hold() }

func (r *running) take(a reply) {
	k := r.kinds[a.kind]
	k.open--
	delete(k.waiting, a.number)
	k.replied = true
	k.sum.add(a.Answer)
}

func (r *running) all(so func(*kind) bool) bool {
	for _, k := range r.kinds {
		if k.ask != nil && !so(k) {
			return false
		}
	}
	return true
}

func (r *running) open() int { return r.kinds[0].open + r.kinds[1].open }

func (r *running) seen(until time.Time) Seen {
	s := Seen{At: r.began, Until: until, Every: r.Every.Seconds()}
	for i, into := range []**Service{&s.Writes, &s.Reads} {
		if r.kinds[i].ask != nil {
			*into = r.kinds[i].sum.until(until, slices.Collect(maps.Values(r.kinds[i].waiting))...)
		}
	}
	return s
}

// ask asks once more, unless too many questions are open.
func (r *running) ask(ctx context.Context) {
	for i, k := range r.kinds {
		if k.ask == nil || k.open == inFlight || i == 0 && r.held() {
			continue
		}
		k.open++
		k.asked++
		number := k.asked
		k.waiting[number] = r.Now().UTC()
		go func() { r.replies <- reply{Asked(ctx, k.ask, r.Now), i, number} }()
	}
}

// Asked asks once, and says what became of it.
func Asked(ctx context.Context, ask Ask, now func() time.Time) Answer {
	a := Answer{Began: now().UTC(), Side: Legacy}
	isNew, err := ask(ctx)
	switch a.Ended = now().UTC(); {
	case err != nil:
		a.Side, a.Error = Nobody, err.Error()
	case isNew:
		a.Side = New
	}
	return a
}
