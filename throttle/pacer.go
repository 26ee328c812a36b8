package throttle

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// State is why a side is not read at full speed.
type State struct {
	Side   string    `json:"side"`
	Reason Reason    `json:"reason,omitempty"` // empty once it goes on
	Text   string    `json:"text,omitempty"`
	Since  time.Time `json:"since"`
}

// String says in a line what slows the side down.
func (s State) String() string {
	switch s.Reason {
	case "":
		return s.Side + " goes on"
	case Paced:
		return "paced: " + s.Text
	case OutOfHours, TooBusy, ReplicaBehind, SlotBehind:
	}
	return "waiting: " + s.Text
}

// Pacer makes the readers of one side keep its limits. Its methods may be called at the same time.
type Pacer struct {
	Limits Limits
	Side   string
	// Ranged is true if a pass holds its snapshots only for a short time. Then it waits between them alone.
	Ranged bool
	// Observe asks the side's server; nil if there is nothing to ask.
	Observe func(context.Context) (Load, error)
	Now     func() time.Time
	// Wait sleeps, and returns early with the context's error.
	Wait func(context.Context, time.Duration) error
	// Changed is called when the reason changes, and Paused with each pause; both may be nil. They are not called at the
	// same time.
	Changed func(context.Context, State) error
	Paused  func(side string, r Reason, took time.Duration)

	mu    sync.Mutex
	rate  rate
	seen  Load
	asked time.Time // when seen was read
	state State
	calm  time.Time // since when the side goes on; zero while it waits
}

// lookAgain is how long an observation counts.
const lookAgain = time.Second

// Begin waits until the side may be read. The caller holds no snapshot.
func (p *Pacer) Begin(ctx context.Context) error { return p.gate(ctx, false) }

// Read is called after rows were read in a snapshot, and waits until more may be read.
func (p *Pacer) Read(ctx context.Context, rows int64) error {
	if err := p.Pay(ctx, rows); err != nil || p.Ranged {
		return err
	}
	return p.gate(ctx, true)
}

// Pay is Read for the rate alone.
func (p *Pacer) Pay(ctx context.Context, rows int64) error {
	p.mu.Lock()
	p.rate.perSecond = p.Limits.RowsPerSecond
	pause := p.rate.pay(rows, p.Now())
	p.mu.Unlock()
	if pause == 0 {
		return nil
	}
	return p.pause(ctx, Decision{Reason: Paced, Text: fmt.Sprintf("at most %d rows per second of %s", p.Limits.RowsPerSecond, p.Side)}, pause)
}

// gate waits until the limits other than the rate allow to go on.
func (p *Pacer) gate(ctx context.Context, snapshot bool) error {
	for {
		d, err := p.decide(ctx)
		switch {
		case err != nil:
			return err
		case d.Reason == "":
			return p.report(ctx, "", "")
		case d.Reason == OutOfHours && snapshot:
			return fmt.Errorf("%w: %s. The pass holds a snapshot, which would keep the server from removing old rows", ErrHours, d.Text)
		}
		pause := lookAgain
		if !d.Until.IsZero() {
			pause = min(max(d.Until.Sub(p.Now()), 0), time.Minute) // clocks may be set
		}
		if err := p.pause(ctx, d, pause); err != nil {
			return err
		}
	}
}

// decide asks the server if what is known is old. Only one caller does.
func (p *Pacer) decide(ctx context.Context) (Decision, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Observe != nil && p.Limits.Observed() && (p.asked.IsZero() || p.Now().Sub(p.asked) >= lookAgain) && p.Limits.Hours.Open(p.Now()) {
		seen, err := p.Observe(ctx)
		if err != nil {
			return Decision{}, fmt.Errorf("asking %s what else it does: %w", p.Side, err)
		}
		p.seen, p.asked = seen, p.Now()
	}
	return p.Limits.Decide(p.Side, p.seen, p.Now()), nil
}

func (p *Pacer) pause(ctx context.Context, d Decision, pause time.Duration) error {
	if err := p.report(ctx, d.Reason, d.Text); err != nil {
		return err
	}
	before := p.Now()
	err := p.Wait(ctx, pause)
	if p.Paused != nil {
		p.Paused(p.Side, d.Reason, p.Now().Sub(before))
	}
	return err
}

// calmFor is how long a side must go on before that is told. Otherwise a load about the limit would be told each second.
const calmFor = 5 * time.Second

// report tells of another reason, but not each other text of the same. A rate is kept all the time, so it ends only with
// another reason.
func (p *Pacer) report(ctx context.Context, r Reason, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, was := p.Now(), p.state.Reason
	if calm(r) {
		if p.calm.IsZero() {
			p.calm = now
		}
		if r == was || r == "" && was == Paced || !calm(was) && now.Sub(p.calm) < calmFor {
			return nil
		}
	} else if p.calm = (time.Time{}); r == was {
		return nil
	}
	p.state = State{Side: p.Side, Reason: r, Text: text, Since: now}
	if p.Changed == nil {
		return nil
	}
	return p.Changed(ctx, p.state)
}

// calm is true if a side goes on, if only at its rate.
func calm(r Reason) bool { return r == "" || r == Paced }
