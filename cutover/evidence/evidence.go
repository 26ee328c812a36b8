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

// Judged is the result of a pass.
type Judged struct {
	Matches  bool
	Diverged bool // it is proven that something differs
	Detail   string
	// Rows is how many rows of legacy the pass has counted, and NewRows of the new side if that is the projection; 0 if it has not.
	Rows, NewRows int64
}

// Evidence implements [steps.Evidence], for all orders or for one slice: what it asks answers for no others.
type Evidence struct {
	Legacy Server
	// New is where the new side stores what it acknowledges: the event store, or the projection if there is none.
	New Server
	// Newest returns the highest position of the event store; nil if there is none.
	Newest func(context.Context) (int64, error)
	// Behind says what has not arrived at the projection yet; empty if all has.
	Behind func(context.Context) (string, error)
	// Nonce sends something new by the way of the shadow writes. What it returns asks whether that has arrived. Nil if the user names no such way.
	Nonce func(context.Context, steps.Scope) (arrived func(context.Context) (bool, error), err error)
	// Standbys notes how far the new side has written. What it returns says what the standbys that clients read have not replayed of that; empty if
	// they have all. Nil if clients read none.
	Standbys func(context.Context) (lack func(context.Context) (string, error), err error)
	// Stream says what the stream lacks up to a position; empty if it has all. Nil if there is no stream.
	Stream func(ctx context.Context, position int64) (string, error)
	// Verify compares what changed since the last proof of everything, or everything if that cannot be told. What differs is not waited for.
	Verify func(context.Context) (Judged, error)
	// Sequences says which sequences of the new side would give numbers that legacy has given; empty if none would. Nil if none is known.
	Sequences func(context.Context) (string, error)
	// Reversed proves that a reverse feed has brought all to legacy, when nobody writes at the new side any more; nil if there is none. It ends by
	// itself, and has not proven what it could not ask.
	Reversed func(context.Context) (has bool, detail string, err error)
	// Fed compares both sides while the new side is written and a reverse feed follows; nil if there is none.
	Fed func(context.Context) (Judged, error)
	// Wait sleeps, and returns early with the context's error.
	Wait func(context.Context, time.Duration) error
}

var _ steps.Evidence = (*Evidence)(nil)

// tick is the pause between two looks.
const tick = 50 * time.Millisecond

// The names of positions. Those of a moment have its parts as endings.
const (
	legacyAt   = "legacy"
	newAt      = "new_side"
	positionAt = EventPosition
	rowsAt     = "legacy_rows"
	newRowsAt  = "new_rows"
)

// EventPosition is the position of the newest event at the barrier.
const EventPosition = "event_position"

// no wraps what the evidence says.
func no(format string, args ...any) error {
	return fmt.Errorf("%w: %s", steps.ErrContradicted, fmt.Sprintf(format, args...))
}

// late is a no if the time for a step is over, and the context's error if somebody has stopped the step.
func late(ctx context.Context, format string, args ...any) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return no(format+" in time", args...)
	}
	return ctx.Err()
}

// Fenced implements [steps.Evidence]. It asks first whether the tail check will be able to answer.
func (e *Evidence) Fenced(ctx context.Context, _ steps.Scope) (map[string]string, error) {
	for name, side := range map[string]Server{"legacy": e.Legacy, "the new side": e.New} {
		switch why, err := side.Blind(ctx); {
		case err != nil:
			return nil, err
		case why != "":
			return nil, no("what was written after the fence was closed could not be told of %s: %s", name, why)
		}
	}
	m, err := moment(ctx, "legacy", e.Legacy)
	if err != nil {
		return nil, err
	}
	return m.positions(legacyAt), nil
}

// Barrier implements [steps.Evidence]. What legacy has acknowledged may be in transactions of the new side that have begun by now.
// A shadow path that is no transaction of the new side is proven empty by a nonce that has passed it.
func (e *Evidence) Barrier(ctx context.Context, s steps.Scope, _ map[string]string) (positions map[string]string, detail string, err error) {
	if err := e.passed(ctx, s); err != nil {
		return nil, "", err
	}
	if err := e.ended(ctx, "the new side", e.New); err != nil {
		return nil, "", err
	}
	var newest int64
	if e.Newest != nil {
		if newest, err = e.Newest(ctx); err != nil {
			return nil, "", fmt.Errorf("reading the newest event: %w", err)
		}
	}
	if err := e.arrived(ctx, newest); err != nil {
		return nil, "", err
	}
	if err := e.replayed(ctx); err != nil {
		return nil, "", err
	}
	m, err := moment(ctx, "the new side", e.New)
	if err != nil {
		return nil, "", err
	}
	positions = m.positions(newAt)
	if e.Newest == nil {
		return positions, "all has arrived", nil
	}
	positions[positionAt] = strconv.FormatInt(newest, 10)
	return positions, fmt.Sprintf("all has arrived up to event %d", newest), nil
}

// nonceTick is the pause between two looks for the nonce: the check may be a program.
const nonceTick = 200 * time.Millisecond

// passed waits until a nonce has gone the way of the shadow writes.
func (e *Evidence) passed(ctx context.Context, s steps.Scope) error {
	if e.Nonce == nil {
		return nil
	}
	arrived, err := e.Nonce(ctx, s)
	if err != nil {
		return err
	}
	for {
		switch there, err := arrived(ctx); {
		case ctx.Err() != nil:
			return late(ctx, "the nonce of cutover.barrier has not arrived")
		case err != nil:
			return err
		case there:
			return nil
		}
		if e.Wait(ctx, nonceTick) != nil {
			return late(ctx, "the nonce of cutover.barrier has not arrived")
		}
	}
}

// arrived waits until nothing is behind.
func (e *Evidence) arrived(ctx context.Context, newest int64) error {
	return e.none(ctx, "arrived", func(ctx context.Context) (string, error) {
		behind, err := e.Behind(ctx)
		if err == nil && behind == "" && e.Stream != nil {
			behind, err = e.Stream(ctx, newest)
		}
		return behind, err
	})
}

// replayed waits until clients can read at every standby what has arrived.
func (e *Evidence) replayed(ctx context.Context) error {
	if e.Standbys == nil {
		return nil
	}
	lack, err := e.Standbys(ctx)
	if err != nil {
		return err
	}
	return e.none(ctx, "been replayed", lack)
}

// none waits until nothing is said to be missing.
func (e *Evidence) none(ctx context.Context, done string, missing func(context.Context) (string, error)) error {
	for before := ""; ; {
		now, err := missing(ctx)
		switch {
		case err == nil && now == "":
			return nil
		case err == nil:
			before = now
			err = e.Wait(ctx, tick)
		}
		switch {
		case before != "" && ctx.Err() != nil:
			return late(ctx, "this has not %s: %s", done, before)
		case err != nil:
			return fmt.Errorf("asking what has not %s: %w", done, err)
		}
	}
}

// ended waits until every transaction that is open now has ended.
func (e *Evidence) ended(ctx context.Context, name string, of Server) error {
	from, err := moment(ctx, name, of)
	if err != nil {
		return err
	}
	for now := from; ; {
		open := from.still(now)
		switch {
		case now.server() != from.server():
			return elsewhere(name, now, from.server())
		case open == "":
			return nil
		}
		if err = e.Wait(ctx, tick); err == nil {
			now, err = moment(ctx, name, of)
		}
		switch {
		case ctx.Err() != nil:
			return late(ctx, "transaction %s at %s has not ended", open, name)
		case err != nil:
			return err
		}
	}
}

// Final implements [steps.Evidence].
func (e *Evidence) Final(ctx context.Context, _ steps.Scope, _ map[string]string) (positions map[string]string, detail string, err error) {
	if e.Sequences != nil {
		switch behind, err := e.Sequences(ctx); {
		case err != nil:
			return nil, "", fmt.Errorf("reading the sequences of the new side: %w", err)
		case behind != "":
			return nil, "", no("%s", behind)
		}
	}
	j, err := e.Verify(ctx)
	switch {
	case err != nil:
		return nil, "", err
	case j.Diverged:
		return nil, "", no("%s", j.Detail)
	case !j.Matches:
		return nil, "", errors.New(j.Detail)
	}
	if j.Rows > 0 {
		positions = map[string]string{rowsAt: strconv.FormatInt(j.Rows, 10)}
	}
	if j.Rows > 0 && j.NewRows > 0 {
		positions[newRowsAt] = strconv.FormatInt(j.NewRows, 10)
	}
	return positions, j.Detail, nil
}

// Lacking implements [steps.Evidence]. Without a position of the barrier no switch was begun, so nothing can lack.
func (e *Evidence) Lacking(ctx context.Context, _ steps.Scope, at map[string]string) (bool, string, error) {
	if !known(at, newAt) {
		return false, "no position of the barrier is known, so nothing was switched", nil
	}
	before, err := count(at, newRowsAt)
	if err != nil {
		return false, "", err
	}
	w, err := e.since(ctx, "the new side", e.New, at, newAt)
	switch {
	case err == nil && w.All < before && e.Reversed == nil: // nothing else is left of a deletion
		return true, fmt.Sprintf("the new side has %d rows, and had %d at the final verification: some were deleted", w.All, before), nil
	case err == nil && w.Rows == 0 && w.All >= before:
		return false, "the new side has stored nothing since the barrier", nil
	case e.Reversed != nil:
		return e.reversed(ctx, w.stored(), err)
	case err != nil:
		return false, "", err
	}
	return true, w.stored(), nil
}

// Tail implements [steps.Evidence]. The final verification has found all orders equal under the fence, so it is enough that legacy
// has not changed since.
func (e *Evidence) Tail(ctx context.Context, _ steps.Scope, at map[string]string) (string, error) {
	f, err := e.Frozen(ctx, at)
	switch {
	case err != nil:
		return "", err
	case e.Fed != nil && (f.Rows > 0 || f.Before > 0 && f.All != f.Before):
		return e.fed(ctx, f)
	case f.Rows > 0:
		return "", no("%d rows of legacy were written after the fence was closed, of orders such as %s", f.Rows, strings.Join(f.Some, ", "))
	case f.Before == 0:
		return "no row of legacy was written after the fence was closed; the final verification did not count its rows, so deletions were not looked for", nil
	case f.All != f.Before:
		return "", no("legacy has %d rows, and had %d at the final verification", f.All, f.Before)
	}
	return fmt.Sprintf("no row of legacy was written after the fence was closed, and it still has %d rows", f.All), nil
}

// Frozen is what was done to legacy since the fence was closed. A deleted row leaves nothing to find, but the number of rows.
type Frozen struct {
	Written
	Before int64 // rows at the final verification; 0 if it has not counted them
}

// Frozen looks at legacy, at any time after the final verification. It reads the whole table.
func (e *Evidence) Frozen(ctx context.Context, at map[string]string) (f Frozen, err error) {
	if f.Before, err = count(at, rowsAt); err != nil {
		return f, err
	}
	f.Written, err = e.since(ctx, "legacy", e.Legacy, at, legacyAt)
	return f, err
}

// count is a number of rows from the journal; 0 if nobody has counted.
func count(at map[string]string, position string) (int64, error) {
	text := at[position]
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading %s from the journal: %w", position, err)
	}
	return n, nil
}

// mostAge is how many transactions a row's own number still tells apart.
const mostAge = 1 << 31

// since returns what was written after a position, when whoever may still write has ended.
func (e *Evidence) since(ctx context.Context, name string, of Server, at map[string]string, position string) (Written, error) {
	then, server, err := momentAt(at, position)
	if err != nil {
		return Written{}, fmt.Errorf("reading where %s stood from the journal: %w", name, err)
	}
	if err := e.ended(ctx, name, of); err != nil {
		return Written{}, errors.New(err.Error()) // unknown, and no proof of anything
	}
	now, err := moment(ctx, name, of)
	switch {
	case err != nil:
		return Written{}, err
	case now.server() != server:
		return Written{}, elsewhere(name, now, server)
	case now.Next < then.Next: // it gives numbers anew, as after a failover to a standby that was behind
		return Written{}, fmt.Errorf("%s is behind where it was: transaction %d comes next, and before it was %d", name, now.Next, then.Next)
	case now.Next-then.Next >= mostAge: // a row keeps 32 bits of its transaction
		return Written{}, fmt.Errorf("%s has had too many transactions since to tell which have written: %d", name, now.Next-then.Next)
	}
	return of.WrittenAfter(ctx, then)
}

func elsewhere(name string, now Moment, before string) error {
	return fmt.Errorf("%s is at another server now: %s, and before %s", name, now.server(), before)
}

// moment refuses standbys.
func moment(ctx context.Context, name string, of Server) (Moment, error) {
	m, err := of.Moment(ctx)
	if err == nil && m.Standby {
		err = fmt.Errorf("%s is read from a standby, which does not know which transactions are open at its primary", name)
	}
	return m, err
}
