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

var (
	// ErrRefused is returned for a message that Slack will never take, such as the edit of one that was deleted.
	ErrRefused = errors.New("slack refuses the message")

	// ErrParentGone is the ErrRefused of an edit or a reply whose parent was deleted.
	ErrParentGone = fmt.Errorf("%w: its parent is gone", ErrRefused)

	// ErrBlind is returned by Find if it cannot know whether a message arrived: the token may not read the channel, or
	// the sender is a webhook.
	ErrBlind = errors.New("cannot look for messages")
)

// WaitError is returned for a message that certainly was not taken, but may be taken later.
type WaitError struct {
	After time.Duration // what Slack asks for; zero if it does not say
	Err   error
}

func (e *WaitError) Error() string { return e.Err.Error() }
func (e *WaitError) Unwrap() error { return e.Err }

// deliver makes one attempt at the oldest message that may be sent; false if there is none. A failed attempt is not an
// error, because the ledger knows when to try again.
func (a *Alerter) deliver(ctx context.Context, l lease.Lease) (bool, error) {
	d, ok, err := a.Outbox.NextDelivery(ctx, a.Now())
	if err != nil || !ok {
		return false, err
	}
	ending, arrived := a.search(ctx, d)
	if !arrived && ending.Outcome == "" {
		now := a.Now()
		if err := a.Outbox.BeginDelivery(ctx, l, d.ID, now, now.Add(outcomeAfter)); err != nil {
			return false, err
		}
		ending = a.attempt(ctx, d)
	}
	// Store the outcome even when told to stop. Otherwise the next sender must look for the message.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storing)
	defer cancel()
	return true, a.Outbox.EndDelivery(ctx, l, d.ID, ending, a.Now())
}

// search looks for a message that may have arrived. An empty outcome means that the message must be sent.
func (a *Alerter) search(ctx context.Context, d incident.Delivery) (e incident.Ending, arrived bool) {
	if d.AttemptedAt.IsZero() || d.Op == incident.Edit { // an edit may be sent twice
		return e, false
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	at, found, err := a.Sender.Find(ctx, d)
	switch {
	case errors.Is(err, ErrBlind):
		a.Log.WarnContext(ctx, "an alert may have been sent already and is sent again", slog.Int64("delivery", d.ID), slog.String("error", err.Error()))
		return e, false
	case err != nil:
		return a.failed(ctx, d, fmt.Errorf("looking for a message that may have arrived: %w", err)), false
	case !found:
		return e, false
	}
	return incident.Ending{Outcome: incident.Sent, Channel: at.Channel, TS: at.TS}, true
}

func (a *Alerter) attempt(ctx context.Context, d incident.Delivery) incident.Ending {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	at, err := a.Sender.Send(ctx, d)
	if err != nil {
		return a.failed(ctx, d, err)
	}
	return incident.Ending{Outcome: incident.Sent, Channel: at.Channel, TS: at.TS}
}

// failed says what an error means for the message. An attempt that may have arrived is left alone for a while.
func (a *Alerter) failed(ctx context.Context, d incident.Delivery, err error) incident.Ending {
	e := incident.Ending{Outcome: incident.Unknown, Error: err.Error()}
	after := min(longest, time.Second<<min(d.Attempts, 16))
	var wait *WaitError
	switch {
	case errors.Is(err, ErrRefused):
		e.Outcome, e.ParentGone = incident.Refused, errors.Is(err, ErrParentGone)
		a.Log.ErrorContext(ctx, "alert refused, will not try again", slog.Int64("delivery", d.ID), slog.String("error", err.Error()))
		return e
	case errors.As(err, &wait):
		if d.AttemptedAt.IsZero() { // this error says nothing about an earlier attempt
			e.Outcome = incident.NotSent
		}
		after = max(wait.After, after)
	default:
		after = max(outcomeAfter, after)
	}
	e.RetryAt = a.Now().Add(after)
	a.Log.WarnContext(ctx, "an alert was not sent yet", slog.Int64("delivery", d.ID), slog.Time("retry_at", e.RetryAt), slog.String("error", err.Error()))
	return e
}
