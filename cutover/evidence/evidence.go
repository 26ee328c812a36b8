// Package evidence answers what a cutover asks about the representations: has everything arrived, do they agree, and did anybody write where
// nobody may.
//
// Invariant: what could not be read is never a yes. A no wraps [steps.ErrContradicted].
package evidence

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/cutover/steps"
)

// Frontier is how far the transactions of a server are. Its numbers are PostgreSQL's own, of 64 bits.
type Frontier struct {
	// Oldest is the oldest transaction that writes and has not ended; Next is the number that the next one gets.
	Oldest, Next int64
	// System and Database say which server it is; System is empty where the server does not tell.
	System, Database string
	Standby          bool
}

// Written is what transactions from a number on have written.
type Written struct {
	Rows int64
	Some []string // keys of some of them
}

// Server tells which transactions have written a table.
type Server interface {
	Frontier(context.Context) (Frontier, error)
	// WrittenFrom returns the rows that were written by a transaction of this number or a later one, and are visible now.
	WrittenFrom(ctx context.Context, first int64) (Written, error)
}

// Judged is the result of a pass.
type Judged struct {
	Matches  bool
	Diverged bool // it is proven that something differs
	Detail   string
}

// Evidence implements [steps.Evidence] for all orders.
type Evidence struct {
	Legacy, Projection Server
	// New is where the new side stores what it acknowledges: the event store, or the projection if there is none.
	New Server
	// Behind says what has not arrived yet; empty if all has.
	Behind func(context.Context) (string, error)
	// Verify compares what changed since the last proof of everything, or everything if that cannot be told. What differs is not waited for.
	Verify func(context.Context) (Judged, error)
	// Reversed reports whether a reverse feed has brought all to legacy; nil if there is none.
	Reversed func(context.Context) (bool, error)
	// Wait sleeps, and returns early with the context's error.
	Wait func(context.Context, time.Duration) error
}

var _ steps.Evidence = (*Evidence)(nil)

// tick is the pause between two looks.
const tick = 50 * time.Millisecond

// The names of positions.
const (
	legacyAt = "legacy_transaction"
	newAt    = "new_side_transaction"
)

// errSlice is for slices, whose rows cannot be told from others here.
var errSlice = errors.New("a slice cannot be verified by itself yet")

// Fenced implements [steps.Evidence].
func (e *Evidence) Fenced(ctx context.Context, s steps.Scope) (map[string]string, error) {
	if s.Slice != "" {
		return nil, errSlice
	}
	f, err := e.Legacy.Frontier(ctx)
	if err != nil {
		return nil, err
	}
	return map[string]string{legacyAt: strconv.FormatInt(f.Next, 10)}, nil
}

// Barrier implements [steps.Evidence]. What legacy has acknowledged may be in transactions of the new side that have begun by now.
func (e *Evidence) Barrier(ctx context.Context, _ steps.Scope, _ map[string]string) (positions map[string]string, detail string, err error) {
	for _, side := range []struct {
		name string
		Server
	}{{"the new side", e.New}, {"the projection", e.Projection}} {
		if err := e.ended(ctx, side.name, side.Server); err != nil {
			return nil, "", err
		}
	}
	for {
		behind, err := e.Behind(ctx)
		if err != nil {
			return nil, "", fmt.Errorf("asking what has not arrived: %w", err)
		}
		if behind == "" {
			break
		}
		if e.Wait(ctx, tick) != nil {
			return nil, "", fmt.Errorf("%w: %s has not arrived in time", steps.ErrContradicted, behind)
		}
	}
	f, err := e.New.Frontier(ctx)
	if err != nil {
		return nil, "", err
	}
	return map[string]string{newAt: strconv.FormatInt(f.Next, 10)}, "all has arrived", nil
}

// ended waits until every transaction that is open now has ended.
func (e *Evidence) ended(ctx context.Context, name string, of Server) error {
	from, err := of.Frontier(ctx)
	if err != nil {
		return err
	}
	for now := from; now.Oldest < from.Next; {
		if e.Wait(ctx, tick) != nil {
			return fmt.Errorf("%w: a transaction at %s that began before number %d has not ended", steps.ErrContradicted, name, from.Next)
		}
		if now, err = of.Frontier(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Final implements [steps.Evidence].
func (e *Evidence) Final(ctx context.Context, _ steps.Scope, _ map[string]string) (string, error) {
	j, err := e.Verify(ctx)
	switch {
	case err != nil:
		return "", err
	case j.Diverged:
		return "", fmt.Errorf("%w: %s", steps.ErrContradicted, j.Detail)
	case !j.Matches:
		return "", errors.New(j.Detail)
	}
	return j.Detail, nil
}

// Lacking implements [steps.Evidence]. Without a position of the barrier no switch was begun, so nothing can lack.
func (e *Evidence) Lacking(ctx context.Context, _ steps.Scope, at map[string]string) (bool, string, error) {
	if at[newAt] == "" {
		return false, "no position of the barrier is known, so nothing was switched", nil
	}
	w, err := e.since(ctx, "the new side", e.New, at[newAt])
	switch {
	case err != nil:
		return false, "", err
	case w.Rows == 0:
		return false, "the new side has stored nothing since the barrier", nil
	case e.Reversed == nil:
		return true, fmt.Sprintf("the new side has stored %d rows since the barrier: %s", w.Rows, strings.Join(w.Some, ", ")), nil
	}
	reversed, err := e.Reversed(ctx)
	if err != nil {
		return false, "", fmt.Errorf("asking the reverse feed: %w", err)
	}
	return !reversed, fmt.Sprintf("the new side has stored %d rows since the barrier; the reverse feed has brought all to legacy: %t", w.Rows, reversed), nil
}

// Tail implements [steps.Evidence].
func (e *Evidence) Tail(ctx context.Context, _ steps.Scope, at map[string]string) (string, error) {
	w, err := e.since(ctx, "legacy", e.Legacy, at[legacyAt])
	switch {
	case err != nil:
		return "", err
	case w.Rows > 0:
		return "", fmt.Errorf("%w: %d rows of legacy were written after the fence was closed: %s", steps.ErrContradicted, w.Rows, strings.Join(w.Some, ", "))
	}
	return "no row of legacy was written after the fence was closed", nil
}

// since returns what was written from a position on, when whoever may still write has ended.
func (e *Evidence) since(ctx context.Context, name string, of Server, position string) (Written, error) {
	first, err := strconv.ParseInt(position, 10, 64)
	if err != nil {
		return Written{}, fmt.Errorf("reading the position of %s in the journal: %w", name, err)
	}
	if err := e.ended(ctx, name, of); err != nil {
		return Written{}, errors.New(err.Error()) // unknown, and no proof of anything
	}
	return of.WrittenFrom(ctx, first)
}
