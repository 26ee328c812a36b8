package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

var (
	// ErrNoRanges is returned if a pass was told how long to hold a snapshot, and a side cannot be read by ranges of keys.
	ErrNoRanges = errors.New("verify.max_snapshot cannot be kept")
	// errTooLong ends the work on a range that takes longer than a snapshot may be held.
	errTooLong = errors.New("a range of keys took longer than verify.max_snapshot")
	// errScattered says that the stored ranges of a pass do not follow one another.
	errScattered = errors.New("the ranges of the pass do not follow one another")
	// errNoEvents says that a stored range was compared without the events.
	errNoEvents = errors.New("legacy was not compared with the events in all ranges of the pass")
)

// ranged is a full pass in ranges of keys.
type ranged struct {
	p      *pass
	sides  *walk // of which each range has a copy
	folded *walk // likewise; nil if legacy is not compared with the events
	grains []order.Key
	rows   int64 // of both sides, estimated
	sizing *sizing
	done   []Range // each begins where the one before ends, unless planned
	// planned is true if ranges are compared in any order, perhaps by other processes too.
	planned bool
	note    string // who works on it
	facts   FullFacts
	// through is up to when the snapshots of all ranges have every commit.
	through time.Time
	// left is true if an attempt at a range may have left suspects in the queue, of this process or one before.
	left bool
	// piece is how many grains a piece of a second look has; 0 for all of a range.
	piece int
}

// inRanges compares range after range, each in its own snapshots of all sides, which are taken together. So each order is judged
// as in one snapshot. No two ranges have a key in common, and together they have all: see KeyRange.
func (p *pass) inRanges(ctx context.Context, scan *Scan) (err error) {
	r := &ranged{p: p, through: scan.Through, left: true}
	p.quiet = true
	defer func() { p.quiet = false; r.fill(scan, err) }()
	if err := r.load(ctx); err != nil {
		return err
	}
	if err := r.insist(ctx, r.open); err != nil {
		return err
	}
	if err := r.insist(ctx, r.mark); err != nil {
		return err
	}
	if r.rows == 0 && len(r.done) == 0 && !r.planned {
		return p.markApart(ctx)
	}
	if err := r.all(ctx); err != nil {
		return err
	}
	return r.insist(ctx, r.conclude)
}

// mark notes what a later pass goes on from: everything that was written since the first snapshot is looked at again, so it does not
// matter when the ranges were read. A process that resumes the pass takes it from the first range.
func (r *ranged) mark(ctx context.Context) error {
	if len(r.done) > 0 {
		r.facts.Marks, r.through = r.done[0].Found.Marks, r.done[0].Found.Through
		return nil
	}
	if r.facts.Marks == nil {
		return nil
	}
	if err := r.p.markEvents(ctx, r.facts.Marks, r.p.c.MaxSnapshot); err != nil {
		return fmt.Errorf("noting how far the events were read: %w", err)
	}
	return nil
}

// fill sets what the ranges add up to.
func (r *ranged) fill(scan *Scan, err error) {
	if anyBehind(r.done) { // nobody may go on from them
		r.facts.Marks, r.through = nil, time.Time{}
	}
	sides, events, facts := merged(r.done)
	facts.Unsampled, facts.Changes, facts.Positions = r.facts.Unsampled, r.facts.Changes, r.facts.Positions
	facts.DigestVersion, facts.Restarts = DigestVersion, r.p.restarts
	facts.Instead, facts.Marks = r.p.instead, r.facts.Marks
	scan.Facts, scan.Through = facts, r.through
	scan.covered(sides, events)
	switch {
	case err != nil:
		scan.Coverage = float64(sides.Compared) / float64(max(r.rows/2, facts.Larger(), 1))
	case len(r.done) == 0:
		scan.Coverage, scan.Reason = 0, "both sides are empty"
	}
}

// open finds out how the key space of both sides is cut. It holds a snapshot no longer than a range.
func (r *ranged) open(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.p.c.MaxSnapshot, errTooLong)
	defer cancel()
	r.sides = r.p.sidesWalk(&Scan{}, &FullFacts{})
	began := r.p.c.Now()
	first := len(r.done) == 0 && !r.p.helps
	if first && r.through.IsZero() { // the process that began the pass has stored nothing, or a server does not tell
		if r.through, err = cmp.Or(r.p.unpaced, r.p.c).through(ctx, began); err != nil { // what paces a side does not say how far it is behind
			return reason(ctx, err)
		}
	}
	estimate, err := r.sides.open(ctx, r.p.c.Legacy, r.p.c.Projection)
	if err != nil {
		return reason(ctx, err)
	}
	defer r.sides.sides.close()
	r.rows, r.sides.table = estimate, estimate/2
	if estimate == 0 {
		r.sizing = newSizing(r.p.c.MaxSnapshot, 1, 0, 1) // a pass that is resumed may have read other rows
		return nil
	}
	if !r.sides.indexed {
		return fmt.Errorf("%w: legacy and projection need an index on the key, in the order of bytes for text", ErrNoRanges)
	}
	if first {
		if r.facts.Marks, err = marksOf(ctx, began, r.sides.sides); err != nil {
			return reason(ctx, err)
		}
	}
	if r.facts.Unsampled, err = Unsampled(ctx, r.sides.keyType, r.sides.sides.legacy, r.sides.sides.projection); err != nil {
		return reason(ctx, err)
	}
	if r.grains, err = r.sides.grains(ctx); err != nil {
		return reason(ctx, err)
	}
	r.sizing = newSizing(r.p.c.MaxSnapshot, len(r.grains)+1, estimate/2, cmp.Or(r.p.c.firstRange, firstRange))
	if err := r.alone(ctx); err != nil {
		return err
	}
	if r.p.c.Jobs != nil {
		r.sizing.share(cmp.Or(r.p.c.leastShared, leastShared))
	}
	return r.openFolded(ctx)
}

func (r *ranged) openFolded(ctx context.Context) error {
	if r.p.c.Folded == nil {
		return nil
	}
	w := r.p.foldedWalk(r.sides.layout)
	estimate, err := w.open(ctx, r.p.c.Folded.Legacy, r.p.c.Folded.Events)
	if err != nil {
		return reason(ctx, err)
	}
	w.sides.close()
	w.table = estimate / 2
	if estimate > 0 && !w.indexed {
		return fmt.Errorf("%w: the event store needs an index on the order's key as it is compared, in the order of bytes for text", ErrNoRanges)
	}
	r.folded = w
	return nil
}

// reason says that the time was over, if it was.
func reason(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errTooLong) && !errors.Is(err, errTooLong) {
		return fmt.Errorf("%w (%w)", errTooLong, err)
	}
	return err
}

// grains cut the key space into up to 10,000 parts. Where a key is among them influences only the speed.
func (w *walk) grains(ctx context.Context) ([]order.Key, error) {
	l, o, err := both(w.sides, func(n Snapshot) (Extent, error) { return n.Extent(ctx) })
	if err != nil {
		return nil, err
	}
	if !w.layout.ByHash && !w.layout.ByBounds {
		width, err := span(l, o)
		if err != nil {
			return nil, err
		}
		return evenly(smallest(l, o), width), nil
	}
	larger, e := w.sides.legacy, l
	if o.Rows > l.Rows {
		larger, e = w.sides.projection, o
	}
	keys, err := larger.Bounds(ctx, e)
	return slices.DeleteFunc(keys, func(k order.Key) bool { return k == "" }), err
}

// mostGrains is how many parts a key space of integers is cut into.
const mostGrains = 10_000

// evenly cuts the keys from low to low+width into parts of the same width.
func evenly(low int64, width uint64) (keys []order.Key) {
	step := max(width/mostGrains, 1)
	for at := step; at < width; at += step {
		keys = append(keys, order.Key(strconv.FormatInt(int64(uint64(low)+at), 10)))
		if at > width-step {
			break // the sum would overflow
		}
	}
	return keys
}

// all compares the ranges that are not done, and then again those that were left for a symptom that most of their orders have and
// most of all orders do not.
func (r *ranged) all(ctx context.Context) error {
	for from, more := after(r.done); more && !r.planned; from, more = after(r.done) {
		r.progress()
		if r.p.c.Jobs != nil && r.sizing.settled {
			if err := r.plan(ctx, from); err != nil {
				return err
			}
			break
		}
		done, err := r.next(ctx, from)
		if err != nil {
			return err
		}
		r.done = append(r.done, done)
	}
	if err := r.share(ctx); err != nil {
		return err
	}
	r.progress()
	if widespreadInAll(r.done) {
		return nil
	}
	for i, found := range r.done {
		if !found.stopped() {
			continue
		}
		r.p.suspects -= found.Found.Mismatches // they leave the queue
		done, err := r.persist(ctx, found.Number, found.KeyRange, true)
		if err != nil {
			return err
		}
		r.done[i] = done
	}
	return nil
}

// next compares the range that begins at a key. If one takes too long, it is made smaller.
func (r *ranged) next(ctx context.Context, from order.Key) (Range, error) {
	number := len(r.done) + 1
	for try := 1; ; {
		first := r.at(from)
		size := r.sizing.size
		within := KeyRange{From: from}
		if first+size <= len(r.grains) {
			within.Below = r.grains[first+size-1]
		} else {
			size = len(r.grains) - first + 1
		}
		began := r.p.c.Now()
		done, err := r.persist(ctx, number, within, false)
		if err == nil {
			r.sizing.took(size, r.p.c.Now().Sub(began))
			return done, nil
		}
		// A throttle may have paused the smallest one for too long.
		if smaller := r.sizing.tooLong(size); !smaller {
			try++
		}
		if !errors.Is(err, errTooLong) || try > rangeTries {
			return done, err
		}
		r.p.c.Log.InfoContext(ctx, "a range took longer than verify.max_snapshot, and is made smaller", slog.Int64("id", int64(r.p.id)))
	}
}

// at is the index of the first grain above a key.
func (r *ranged) at(from order.Key) int {
	if from == "" {
		return 0
	}
	compare := keyOrder(r.sides.keyType)
	i, found := slices.BinarySearchFunc(r.grains, from, compare)
	if found {
		i++
	}
	return i
}

// copyFor returns a walk over a range.
func (w *walk) copyFor(within KeyRange, everything bool) *walk {
	if w.examples == nil {
		w.examples = map[string]int{}
	}
	c := *w
	c.scan, c.facts, c.within, c.noSurvey = &Scan{}, &FullFacts{}, within, everything
	c.first, c.last = w.ends(within)
	if w.layout.ByBounds {
		c.layout.Bounds = slices.DeleteFunc(slices.Clone(w.layout.Bounds), func(k order.Key) bool { return !within.Has(w.keyType, k) })
	}
	return &c
}

// ends are the first and the last bucket of integer keys in a range.
func (w *walk) ends(within KeyRange) (first, last int64) {
	first, last = w.first, w.last
	if w.keyType != order.KeyInteger || w.layout.ByBounds {
		return first, last
	}
	if from, err := strconv.ParseInt(string(within.From), 10, 64); err == nil {
		first = from >> w.layout.Shift
	}
	if below, err := strconv.ParseInt(string(within.Below), 10, 64); err == nil {
		last = (below - 1) >> w.layout.Shift
	}
	return min(first, last), max(first, last)
}

// begin opens the snapshots of a range. What may be left out of a digest is asked again in them, because constraints may have
// been dropped since.
func (w *walk) begin(ctx context.Context, legacy, other Side) (err error) {
	if w.sides, err = beginBoth(ctx, legacy, other); err != nil {
		return err
	}
	w.sides.legacy.Within(w.within)
	w.sides.projection.Within(w.within)
	if w.hash, err = w.p.agreedHash(ctx, legacy, other, w.sides); err != nil {
		w.sides.close()
	}
	return err
}

// conclude looks at what does not belong to a range, each in a snapshot of its own.
func (r *ranged) conclude(ctx context.Context) error {
	if r.p.c.Folded != nil && slices.ContainsFunc(r.done, func(done Range) bool { return done.Found.Events == nil }) {
		return errNoEvents
	}
	_, _, facts := merged(r.done)
	r.facts.Events = facts.Events
	err := r.p.apart(ctx, snapshots{}, func(s snapshots) error { return r.p.someChanges(ctx, s.legacy, &r.facts) })
	if err != nil {
		return err
	}
	_, err = r.p.revisit(ctx, snapshots{}, func(order.Key) bool { return true })
	return err
}

// apart reads in the given snapshots, or, if there are none, in new ones.
func (p *pass) apart(ctx context.Context, s snapshots, read func(snapshots) error) (err error) {
	if s.legacy != nil {
		return read(s)
	}
	if p.c.MaxSnapshot > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, p.c.MaxSnapshot, errTooLong)
		defer cancel()
	}
	if s, err = p.c.begin(ctx); err != nil {
		return reason(ctx, err)
	}
	defer s.close()
	if err := p.mark(ctx, s); err != nil {
		return reason(ctx, err)
	}
	if err := read(s); err != nil {
		return reason(ctx, err)
	}
	return nil
}

// markApart notes how far the projection is, in a snapshot of its own.
func (p *pass) markApart(ctx context.Context) error {
	return p.apart(ctx, snapshots{}, func(snapshots) error { return nil })
}
