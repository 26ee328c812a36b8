package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

const (
	// soonLook and lateLook are the least and the most time between two looks at the ranges that others compare.
	soonLook, lateLook = 50 * time.Millisecond, time.Second
	// overdue is how much longer than a snapshot may be held a process may work on a range. Then it is gone, and the holder of
	// the pass compares the range. If it is not gone after all, one of the two stores the range.
	overdue = 5 * time.Second
	// mostHeld is how many suspects of a planned range are kept in memory, because they are stored with it. Nobody stores some of
	// them before: another process may compare the same range.
	mostHeld = 100_000
)

// errTooMany makes a range be split.
var errTooMany = fmt.Errorf("%w: more than %d orders differ in it", errTooLong, mostHeld)

// load reads what was compared before.
func (r *ranged) load(ctx context.Context) (err error) {
	if r.done, err = r.p.c.Ledger.Ranges(ctx, r.p.id); err != nil {
		return fmt.Errorf("reading the ranges of the pass: %w", err)
	}
	_, all, err := r.p.c.Ledger.Planned(ctx, r.p.id)
	if err != nil {
		return err
	}
	r.planned = all > 0
	for i, done := range r.done {
		if !r.planned && (i == 0 && done.From != "" || i > 0 && done.From != r.done[i-1].Below) {
			return fmt.Errorf("%w: range %d begins at %q", errScattered, done.Number, done.From)
		}
		r.p.suspects += done.Found.Mismatches
	}
	return nil
}

// alone has nobody help if this process's clock is not that of the ledger: it judges by its own how long suspects of others have held
// still.
func (r *ranged) alone(ctx context.Context) error {
	if r.p.c.Jobs == nil || r.p.helps {
		return nil
	}
	wrong, err := skewed(ctx, r.p.c.Ledger, r.p.c.Now)
	if wrong {
		r.p.c.Log.WarnContext(ctx, "nobody helps with this pass: the clock of this process is more than a second wrong", slog.Int64("id", int64(r.p.id)))
		r.p.c.Jobs = nil
	}
	return err
}

// plan cuts the rest of the key space into ranges.
func (r *ranged) plan(ctx context.Context, from order.Key) error {
	var out []Planned
	for first := r.at(from); ; first += r.sizing.size {
		planned := Planned{Number: len(r.done) + len(out) + 1, KeyRange: KeyRange{From: from}}
		if last := first + r.sizing.size; last <= len(r.grains) {
			planned.Below = r.grains[last-1]
		}
		out = append(out, planned)
		if from = planned.Below; from == "" {
			break
		}
	}
	if err := r.p.c.Ledger.Plan(ctx, r.p.lease, r.p.id, out); err != nil {
		return err
	}
	r.planned = true
	return nil
}

// share has the planned ranges compared by all processes that do jobs. Those of which there is no job, or whose process is
// gone, it compares itself.
func (r *ranged) share(ctx context.Context) (err error) {
	if !r.planned {
		return nil
	}
	if r.p.c.Jobs != nil {
		if err := r.hire(ctx); err != nil {
			return err
		}
		defer func() { r.forget(context.WithoutCancel(ctx), err) }()
	}
	began := r.p.c.Now()
	taken := 0 // ranges
	for moved, others := began, -1; ; {
		left, err := r.remaining(ctx)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			return r.whole()
		}
		if _, _, err := r.p.c.Ledger.Lent(ctx, r.p.id); err != nil { // a helper ends a pass whose digests it has found wrong
			return err
		}
		now := r.p.c.Now()
		if stored := len(r.done) - taken; stored > others {
			moved, others = now, stored
		}
		ours, err := r.unheld(ctx, left, now.Sub(moved))
		if err != nil {
			return err
		}
		if len(ours) > 0 {
			err = r.take(ctx, ours[0])
			taken++
		} else {
			err = r.p.c.Wait(ctx, min(max(now.Sub(began)/50, soonLook), lateLook))
		}
		if err != nil {
			return err
		}
	}
}

// forget drops the jobs that are left. Those of a pass that another process holds by now are its own.
func (r *ranged) forget(ctx context.Context, err error) {
	if errors.Is(err, lease.ErrFenced) {
		return
	}
	if err := r.p.c.Jobs.Forget(ctx, r.p.id); err != nil { // they would find nothing to do
		r.p.c.Log.WarnContext(ctx, "the jobs of a shared pass are left in the queue", slog.Int64("id", int64(r.p.id)), slog.String("error", oneLine(err)))
	}
}

// hire adds a job for each range that is left.
func (r *ranged) hire(ctx context.Context) error {
	left, _, err := r.p.c.Ledger.Planned(ctx, r.p.id)
	if err != nil {
		return err
	}
	numbers := make([]int, len(left))
	for i, planned := range left {
		numbers[i] = planned.Number
	}
	return r.p.c.Jobs.Add(ctx, r.p.fingerprint, r.p.id, numbers)
}

// remaining reads what is compared and what is not, and tells it.
func (r *ranged) remaining(ctx context.Context) (left []Planned, err error) {
	if left, _, err = r.p.c.Ledger.Planned(ctx, r.p.id); err != nil {
		return nil, err
	}
	if r.done, err = r.p.c.Ledger.Ranges(ctx, r.p.id); err != nil {
		return nil, fmt.Errorf("reading the ranges of the pass: %w", err)
	}
	workers := map[string]bool{}
	r.p.suspects = 0
	for _, done := range r.done {
		workers[done.Worker] = true
		r.p.suspects += done.Found.Mismatches
	}
	r.note = Sharing{len(r.done), len(r.done) + len(left), len(workers)}.String()
	r.progress()
	return left, nil
}

func (r *ranged) progress() {
	if r.p.c.Progress == nil {
		return
	}
	var rows int64
	for _, done := range r.done {
		rows += done.Found.Legacy + done.Found.Projection
	}
	r.p.c.Progress(Progress{Stage: "ranges", Done: rows, Total: r.rows, Note: r.note})
}

// unheld returns the ranges that nobody else compares, or is about to. If none was stored for so long that nobody seems to work,
// these are all.
func (r *ranged) unheld(ctx context.Context, left []Planned, still time.Duration) ([]Planned, error) {
	limit := r.p.c.MaxSnapshot + overdue
	if r.p.c.Jobs == nil || still > 2*limit {
		return left, nil
	}
	held, err := r.p.c.Jobs.Held(ctx, r.p.id, limit)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(left, func(p Planned) bool { return slices.Contains(held, p.Number) }), nil
}

// take compares a planned range here. One that takes too long is split.
func (r *ranged) take(ctx context.Context, planned Planned) error {
	r.p.c.Log.InfoContext(ctx, "the holder of the pass compares a range of keys itself", slog.Int64("id", int64(r.p.id)), slog.Int("range", planned.Number))
	for try := 1; ; try++ {
		_, err := r.persist(ctx, planned.Number, planned.KeyRange, false)
		if err == nil || !errors.Is(err, errTooLong) {
			return err
		}
		// A throttle may have paused the smallest one for too long.
		if split, serr := r.split(ctx, planned); split || serr != nil {
			return serr
		}
		if try == rangeTries {
			return err
		}
	}
}

// split makes several ranges of one that takes too long. It returns false if it is the smallest.
func (r *ranged) split(ctx context.Context, planned Planned) (bool, error) {
	first, last := r.at(planned.From), len(r.grains)
	if planned.Below != "" {
		last = r.at(planned.Below) - 1
	}
	grains := r.grains[first:max(first, last)]
	if len(grains) == 0 {
		return false, nil
	}
	var at []order.Key
	for i := range min(steepest-1, len(grains)) {
		at = append(at, grains[(i+1)*len(grains)/steepest])
	}
	numbers, err := r.p.c.Ledger.Split(ctx, r.p.lease, r.p.id, planned, slices.Compact(at))
	if err != nil {
		return false, err
	}
	r.p.c.Log.InfoContext(ctx, "a range took longer than verify.max_snapshot, and is split", slog.Int64("id", int64(r.p.id)),
		slog.Int("range", planned.Number), slog.Int("parts", len(numbers)+1))
	if r.p.c.Jobs == nil {
		return true, nil
	}
	return true, r.p.c.Jobs.Add(ctx, r.p.fingerprint, r.p.id, numbers)
}

// whole returns an error unless the ranges that were compared hold every key once. It sorts them.
func (r *ranged) whole() error {
	compare := keyOrder(r.sides.keyType)
	slices.SortFunc(r.done, func(a, b Range) int {
		switch {
		case a.From == "" || b.From == "":
			return len(a.From) - len(b.From)
		default:
			return compare(a.From, b.From)
		}
	})
	for i, done := range r.done {
		var before order.Key
		if i > 0 {
			before = r.done[i-1].Below
		}
		if done.From != before || (done.Below == "") != (i == len(r.done)-1) {
			return fmt.Errorf("%w: range %d begins at %q, and the one before ends at %q", errScattered, done.Number, done.From, before)
		}
	}
	return nil
}

// store stores a range with its suspects. Only the first process that compared a planned one does.
func (r *ranged) store(ctx context.Context, done Range, everything bool) (err error) {
	if r.planned && !everything {
		_, err = r.p.c.Ledger.AddPlanned(ctx, r.p.lease, r.p.id, done, r.p.pending)
	} else {
		err = r.p.c.Ledger.AddRange(ctx, r.p.lease, r.p.id, done, r.p.pending)
	}
	if err != nil {
		return fmt.Errorf("storing a range: %w", err)
	}
	r.p.pending = r.p.pending[:0]
	return nil
}
