package verify

import (
	"context"
	"fmt"
	"time"
)

// Watermark says up to when everything has been verified: each change that was committed before Through was covered by a
// pass that found every order equal, or answered for.
//
// A full pass covers every order. A delta pass covers every order that changed since a pass before it, or had a divergence. Such a
// pass moves the watermark to the time of its snapshots if it ended as a match. It also does so if all that it found diverged is accepted
// when it ends. A pass that finds anything else leaves the watermark where it is. So the watermark never goes back,
// except that none is left when the fingerprint changes.
type Watermark struct {
	Through    time.Time
	Pass       PassID // the pass that moved it there
	Kind       PassKind
	FinishedAt time.Time // of the pass
	Accepted   int64     // orders that the pass found diverged, and that are accepted
}

// Replica is a Side that may be read from a standby.
type Replica interface {
	// Behind returns how old the newest commit is up to which the server surely shows everything; 0 for a server that is
	// no standby. It returns false if the server does not tell.
	Behind(context.Context) (time.Duration, bool, error)
}

// through returns the time up to which snapshots that are taken from now on have every commit; zero if that is not known.
// What is read from a standby is as old as what the standby has replayed.
func (c *Comparison) through(ctx context.Context, now time.Time) (time.Time, error) {
	sides := []any{c.Legacy, c.Projection, c.Events}
	if c.Folded != nil {
		sides = append(sides, c.Folded.Legacy, c.Folded.Events)
	}
	var oldest time.Duration
	for _, side := range sides {
		replica, ok := side.(Replica)
		if !ok {
			continue
		}
		behind, known, err := replica.Behind(ctx)
		switch {
		case err != nil:
			return time.Time{}, fmt.Errorf("asking how far a replica is behind: %w", err)
		case !known:
			return time.Time{}, nil
		}
		oldest = max(oldest, behind)
	}
	return now.Add(-oldest), nil
}
