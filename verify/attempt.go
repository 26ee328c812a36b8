package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/lease"
)

// errBehind says that a range was read from a server that may be behind the first one.
var errBehind = errors.New("another server is read than for the first range of the pass, or one that is behind it")

// rangeTries is how often a range is tried whose connection is lost.
const rangeTries = 5

// persist compares a range and stores it.
func (r *ranged) persist(ctx context.Context, number int, within KeyRange, everything bool) (done Range, err error) {
	err = r.insist(ctx, func(ctx context.Context) error {
		if err := r.p.pace(ctx); err != nil {
			return err
		}
		done, err = r.try(ctx, number, within, everything)
		return err
	})
	return done, err
}

// try compares a range once, and stores it. What attempts before it have queued was counted in other snapshots, and leaves the queue.
func (r *ranged) try(ctx context.Context, number int, within KeyRange, everything bool) (done Range, err error) {
	done = Range{Number: number, KeyRange: within, Worker: r.p.c.Worker}
	r.p.hold = r.planned && !everything
	if (r.left || everything) && !r.p.hold {
		if err := r.p.c.Ledger.DropRange(ctx, r.p.lease, r.p.id, number); err != nil {
			return done, fmt.Errorf("dropping the suspects of an attempt: %w", err)
		}
	}
	r.left, r.p.part = true, number
	defer func() { r.p.part = 0 }()
	suspects, examples := r.p.suspects, r.recorded()
	if done.Found, err = r.look(ctx, number, within, everything); err == nil {
		done.Found.Mismatches = r.p.suspects - suspects
		if number == 1 {
			done.Found.Marks, done.Found.Through = r.facts.Marks, r.through
		}
		err = r.store(ctx, done, everything)
	}
	r.p.hold, r.left = false, err != nil
	if err != nil {
		examples()
	}
	return done, err
}

// insist does something again that fails for a reason that may pass. A standby that cancels each attempt is not asked for ever.
func (r *ranged) insist(ctx context.Context, do func(context.Context) error) error {
	for try := 1; ; try++ {
		suspects := r.p.suspects
		err := do(ctx)
		if err == nil {
			return nil
		}
		r.p.rewind(suspects)
		conflict := r.p.c.Conflict != nil && r.p.c.Conflict(err)
		switch {
		case errors.Is(err, errTooLong) || ctx.Err() != nil || !r.p.mayPass(err) || errors.Is(err, lease.ErrFenced):
			return err
		case try == rangeTries && conflict:
			return fmt.Errorf("%w: %d attempts: %w", ErrConflicts, rangeTries, err)
		case try == rangeTries:
			return err
		case conflict:
			r.p.restarts++
		}
		r.p.c.Log.WarnContext(ctx, "a range of keys could not be compared, will try again", slog.String("error", oneLine(err)))
		if err := r.p.c.Wait(ctx, time.Duration(try)*time.Duration(try)*time.Second); err != nil {
			return err
		}
	}
}

// rewind forgets the suspects of an attempt that has failed; so many were there before it.
func (p *pass) rewind(suspects int64) {
	_ = p.aside.wait() // its error was told, or followed from that of the attempt; what it has stored is dropped
	p.suspects, p.pending = suspects, p.pending[:0]
}

// mayPass returns true for an error after which the same read may succeed.
func (p *pass) mayPass(err error) bool {
	return p.c.Passes != nil && p.c.Passes(err) || p.c.Conflict != nil && p.c.Conflict(err)
}

// recorded returns a function that forgets the examples which surveys recorded since.
func (r *ranged) recorded() (forget func()) {
	var before []func()
	for _, w := range []*walk{r.sides, r.folded} {
		if w != nil {
			examples := maps.Clone(w.examples)
			before = append(before, func() { w.examples = examples })
		}
	}
	return func() {
		for _, undo := range before {
			undo()
		}
	}
}

// look compares a range. If every order that differs is read, that may take much longer than before. Then the range is read in
// pieces, which become smaller until none takes too long.
func (r *ranged) look(ctx context.Context, number int, within KeyRange, everything bool) (RangeFacts, error) {
	if !everything {
		return r.once(ctx, within, false)
	}
	grains := r.grainsIn(within)
	for {
		size, suspects := min(cmp.Or(r.piece, grains), grains), r.p.suspects
		found, err := r.inPieces(ctx, within, size)
		if !errors.Is(err, errTooLong) || size == 1 {
			return found, err
		}
		r.piece = max(size/steepest, 1)
		r.p.rewind(suspects)
		if err := r.p.c.Ledger.DropRange(ctx, r.p.lease, r.p.id, number); err != nil {
			return found, fmt.Errorf("dropping the suspects of an attempt: %w", err)
		}
	}
}

// inPieces compares pieces of a range, each of so many grains and in its own snapshots.
func (r *ranged) inPieces(ctx context.Context, within KeyRange, size int) (RangeFacts, error) {
	var done []Range
	for from := within.From; ; {
		piece := KeyRange{From: from, Below: within.Below}
		if last := r.at(from) + size - 1; last < r.at(from)+r.grainsIn(piece)-1 {
			piece.Below = r.grains[last]
		}
		if err := r.p.pace(ctx); err != nil {
			return RangeFacts{}, err
		}
		found, err := r.once(ctx, piece, true)
		if err != nil {
			return RangeFacts{}, err
		}
		done = append(done, Range{KeyRange: piece, Found: found})
		if piece.Below == within.Below {
			return summed(done), nil
		}
		from = piece.Below
	}
}

// grainsIn is how many grains a range has.
func (r *ranged) grainsIn(within KeyRange) int {
	end := len(r.grains)
	if within.Below != "" {
		end, _ = slices.BinarySearchFunc(r.grains, within.Below, keyOrder(r.sides.keyType))
	}
	return end - r.at(within.From) + 1
}

// once compares a range. Snapshots of all sides are open at the same time, and no longer than allowed.
func (r *ranged) once(ctx context.Context, within KeyRange, everything bool) (found RangeFacts, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.p.c.MaxSnapshot, errTooLong)
	defer cancel()
	defer func() {
		if err != nil {
			err = reason(ctx, err)
		}
	}()
	if r.facts.Positions, err = r.p.locate(ctx); err != nil {
		return found, err
	}
	if r.folded == nil { // both tables were empty when the pass was opened
		if err := r.openFolded(ctx); err != nil {
			return found, err
		}
	}
	w := r.sides.copyFor(within, everything)
	w.differ = r.p.sidesWalk(nil, nil).differ
	if err := w.begin(ctx, r.p.c.Legacy, r.p.c.Projection); err != nil {
		return found, err
	}
	defer w.sides.close()
	if found.Behind, err = r.behind(ctx, w.sides); err != nil {
		return found, err
	}
	if err := r.p.compareSides(ctx, w, 0); err != nil {
		return found, err
	}
	if r.folded != nil {
		events := r.folded.copyFor(within, everything)
		if err := events.begin(ctx, r.p.c.Folded.Legacy, r.p.c.Folded.Events); err != nil {
			return found, err
		}
		defer events.sides.close()
		if err := r.p.compareFoldedBy(ctx, events, w.sides, 1, w.facts); err != nil {
			return found, fmt.Errorf("comparing legacy with the events: %w", err)
		}
		found.Events = &RangeEvents{Covered: events.covers, Plan: events.facts.Plan, Orders: w.facts.Events.Orders, Archived: w.facts.Events.Archived}
	}
	if err := r.p.aside.wait(); err != nil { // it is stored under the context of this range
		return found, err
	}
	found.Rows, found.Counts, found.Strata, found.Sides = w.facts.Rows, w.facts.Counts, w.facts.Strata, w.covers
	found.Portable, found.Plan = w.facts.Portable || w.hash.Portable, w.facts.Plan
	return found, nil
}

// behind returns true if snapshots of a range may lack what those show of which the pass has marks. A process that does not hold the
// pass returns an error instead: another one may read the right servers.
func (r *ranged) behind(ctx context.Context, s snapshots) (bool, error) {
	marks := r.facts.Marks
	if marks == nil {
		return false, nil
	}
	legacy, projection, err := both(s, func(n Snapshot) (Mark, error) { return reachOf(ctx, n) })
	switch {
	case err != nil || legacy.reaches(marks.Legacy) && projection.reaches(marks.Projection):
		return false, err
	case r.p.helps:
		return true, errBehind
	}
	r.p.c.Log.WarnContext(ctx, "a range of keys was read from another server than the first, or from one that is behind it", slog.Int64("id", int64(r.p.id)))
	return true, nil
}
