// Package alerts tells people in Slack what the ledger knows. Package incident derives the messages; this package sends
// them.
//
// Invariant: a message is stored in the ledger first, is marked there as attempted before it is sent, and is sent last.
// So nothing is lost while Slack is down or no process sends. If the outcome of an attempt is not known, the message is
// looked for in Slack before it is sent again. Only the holder of the lease writes, so one of several sidecars sends.
package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/lease"
)

const (
	job = "alerts"

	// every is the time between two looks at the facts.
	every = 10 * time.Second
	// pace is the time between two messages: Slack takes about one a second in a channel.
	pace = 1100 * time.Millisecond
	// leaseTime is how long the lease outlives the process.
	leaseTime = time.Minute
	// lookTimeout limits the reading for one look.
	lookTimeout = 20 * time.Second
	// sendTimeout limits one call of Slack.
	sendTimeout = 5 * time.Second
	// outcomeAfter is how long to wait before looking for an attempt in Slack. By this time its sender has given up,
	// and Slack shows what it has taken.
	outcomeAfter = 2 * sendTimeout
	// pause is the time between two attempts to get the lease.
	pause = 5 * time.Second
	// longest is the longest pause after an error.
	longest = 5 * time.Minute
	// storing limits the write of an outcome after the process was told to stop.
	storing = 10 * time.Second
)

// Book remembers incidents. Apply stores changes and their messages in one transaction. It returns lease.ErrFenced, and
// stores nothing, if the lease is lost.
type Book interface {
	Incidents(context.Context) ([]incident.Incident, error)
	Apply(ctx context.Context, l lease.Lease, changes []incident.Change, now time.Time) error
}

// Outbox holds the messages. NextDelivery returns the oldest that may be sent; false if there is none. Both writes
// return lease.ErrFenced if the lease is lost.
type Outbox interface {
	NextDelivery(ctx context.Context, now time.Time) (incident.Delivery, bool, error)
	BeginDelivery(ctx context.Context, l lease.Lease, id int64, now, retryAt time.Time) error
	EndDelivery(ctx context.Context, l lease.Lease, id int64, e incident.Ending, now time.Time) error
}

// Sender sends messages. Each call ends within sendTimeout or when its context does.
type Sender interface {
	// Send posts or edits. Its error is ErrRefused for a message that will never be taken, and a *WaitError for one
	// that certainly was not taken now. Any other error means that the message may have arrived.
	Send(ctx context.Context, d incident.Delivery) (Place, error)
	// Find looks for a message that may have arrived. ErrBlind means that this sender cannot look.
	Find(ctx context.Context, d incident.Delivery) (at Place, found bool, err error)
}

// Place is where a message is. TS is empty if the sender does not tell it.
type Place struct{ Channel, TS string }

// Alerter looks at the facts, and sends the messages that follow from them.
type Alerter struct {
	Book   Book
	Outbox Outbox
	Leases lease.Store
	Sender Sender
	Facts  func(context.Context) (incident.Facts, error)
	Policy incident.Policy
	Holder string
	Log    *slog.Logger
	Now    func() time.Time
	// Wait returns early with the context's error.
	Wait func(context.Context, time.Duration) error
}

// Run works until the context ends. It logs errors and tries again, because alerts are needed most when something
// fails.
func (a *Alerter) Run(ctx context.Context) error {
	holding := lease.Holding{Store: a.Leases, Job: job, Holder: a.Holder, TTL: leaseTime, Log: a.Log}
	for {
		err := holding.Do(ctx, a.term)
		if ctx.Err() != nil {
			return nil
		}
		switch {
		case errors.Is(err, lease.ErrHeld):
			a.Log.DebugContext(ctx, "another process sends the alerts", slog.String("error", err.Error()))
		case err != nil:
			a.Log.WarnContext(ctx, "alerts are interrupted, will go on", slog.String("error", err.Error()))
		}
		if a.Wait(ctx, pause) != nil {
			return nil
		}
	}
}

// term runs while this process holds the lease. It ends with the first error.
func (a *Alerter) term(ctx context.Context, l lease.Lease) error {
	var looked time.Time
	for {
		if now := a.Now(); now.Sub(looked) >= every {
			if err := a.look(ctx, l); err != nil {
				return err
			}
			looked = now
		}
		sent, err := a.deliver(ctx, l)
		if err != nil {
			return err
		}
		rest := 2 * time.Second
		if sent {
			rest = pace
		}
		if err := a.Wait(ctx, rest); err != nil {
			return err
		}
	}
}

// look compares the facts with the known incidents.
func (a *Alerter) look(ctx context.Context, l lease.Lease) error {
	reading, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	facts, err := a.Facts(reading)
	if err != nil {
		return fmt.Errorf("reading the facts: %w", err)
	}
	known, err := a.Book.Incidents(reading)
	if err != nil {
		return err
	}
	now := a.Now()
	changes := incident.Plan(known, facts, a.Policy, now)
	if len(changes) == 0 {
		return nil
	}
	return a.Book.Apply(ctx, l, changes, now)
}
