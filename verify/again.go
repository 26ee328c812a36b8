package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

var (
	// ErrConflicts is returned if a standby has cancelled the reads of each attempt.
	ErrConflicts = errors.New("the standby cancels long reads; set hot_standby_feedback = on, or a larger max_standby_streaming_delay, on the standby")
	// ErrStale is returned if a standby is so far behind its primary that its rows prove nothing of the present.
	ErrStale = errors.New("a standby is too far behind its primary")
)

const (
	// scanTries is how often a scan begins, if a standby cancels its reads.
	scanTries = 5
	// firstPause is before the second attempt. Each further one is twice as long.
	firstPause = time.Second
)

// again scans, and scans again from the start in new snapshots if a standby has cancelled a read: it had to remove rows that
// the read may have needed. Nothing that was found before is kept, because counts are of one snapshot.
func again(scan func(*pass, context.Context, *Scan) error) func(*pass, context.Context, *Scan) error {
	return func(p *pass, ctx context.Context, s *Scan) error {
		for pause := firstPause; ; pause *= 2 {
			err := scan(p, ctx, s)
			if err == nil || p.c.Conflict == nil || !p.c.Conflict(err) || ctx.Err() != nil {
				return err
			}
			if p.restarts+1 == scanTries {
				return fmt.Errorf("%w: %d attempts: %w", ErrConflicts, scanTries, err)
			}
			p.restarts++
			p.c.Log.WarnContext(ctx, "a standby cancelled a read; the pass starts again", slog.Int64("id", int64(p.id)),
				slog.Int("restarts", p.restarts), slog.String("error", err.Error()))
			if err := p.forget(ctx, s); err != nil {
				return err
			}
			if err := p.c.Wait(ctx, pause); err != nil {
				return err
			}
		}
	}
}

// forget drops what an attempt has found.
func (p *pass) forget(ctx context.Context, s *Scan) error {
	_ = p.aside.wait() // what that attempt stored is dropped too, and its error was told
	*s = Scan{}
	p.pending, p.suspects, p.strata = nil, 0, nil
	if err := p.c.Ledger.DropSuspects(ctx, p.lease, p.id); err != nil {
		return fmt.Errorf("dropping the suspects of an attempt: %w", err)
	}
	return nil
}

// Position is how far a side's server is: a primary has written so far, and a standby has replayed so far.
type Position struct {
	Standby bool   `json:"standby,omitempty"`
	LSN     string `json:"lsn,omitempty"` // empty if the server does not tell it
	// Lag is how far the standby may be behind its primary, in seconds. It is not negative. Nil if that is not known.
	Lag *float64 `json:"lag_seconds,omitempty"`
	// Stopped says why the standby does not come nearer; empty if it does.
	Stopped string `json:"stopped,omitempty"`
}

// String is for people; empty for a primary.
func (p Position) String() string {
	if !p.Standby {
		return ""
	}
	text := "a standby"
	if p.LSN != "" {
		text += " at " + p.LSN
	}
	switch {
	case p.Lag == nil:
		text += ", an unknown time behind its primary"
	case *p.Lag > 0:
		text += fmt.Sprintf(", up to %s behind its primary", time.Duration(*p.Lag*float64(time.Second)).Round(time.Millisecond))
	}
	if p.Stopped != "" {
		text += ": " + p.Stopped
	}
	return text
}

// stale returns true if rows of the server prove nothing of the present.
func (p Position) stale(limit time.Duration) bool {
	if p.Lag == nil {
		return p.Stopped != ""
	}
	return p.Standby && time.Duration(*p.Lag*float64(time.Second)) > limit
}

// tooOld returns ErrStale if it is.
func (p Position) tooOld(side order.Representation, limit time.Duration) error {
	if !p.stale(limit) {
		return nil
	}
	return fmt.Errorf("%w: %s is %s; at most %s is allowed (settle.max_lag)", ErrStale, side, p, limit)
}

// Placed is an event store that says how far its server is.
type Placed interface {
	Position(context.Context) (Position, error)
}

// Positions are those of both sides, read just before their snapshots.
type Positions struct {
	Legacy     Position `json:"legacy"`
	Projection Position `json:"projection"`
}

// locate asks both sides, and the event store, where they are. Equal rows of a standby that has stopped would look like a fresh match, and other
// rows like a divergence. So a standby that is farther behind than lag may be is not read.
func (p *pass) locate(ctx context.Context) (at Positions, err error) {
	if at.Legacy, err = p.c.Legacy.Position(ctx); err != nil {
		return at, err
	}
	if at.Projection, err = p.c.Projection.Position(ctx); err != nil {
		return at, err
	}
	var events Position
	if store, ok := p.c.Events.(Placed); ok {
		if events, err = store.Position(ctx); err != nil {
			return at, err
		}
	}
	for i, position := range []Position{at.Legacy, at.Projection, events} {
		if err := position.tooOld([]order.Representation{order.Legacy, order.Projection, order.Events}[i], p.c.Settle.MaxLag); err != nil {
			return at, err
		}
	}
	return at, nil
}
