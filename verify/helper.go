package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nordvarg/crosscheck/lease"
)

// Helper compares ranges of passes that any process with the same fingerprint holds, its own included. It stores them under the
// lease of the holder: what is found for a process that is gone, or for a pass that has ended, is not stored.
type Helper struct {
	Ledger Ledger
	// Open opens the sides anew. It returns the comparison, its fingerprint, and what closes the sides.
	Open func(context.Context) (c *Comparison, fingerprint string, done func(), err error)
	Log  *slog.Logger

	mu     sync.Mutex
	helped *helped // nil if there was no pass yet
}

// helped is the pass that was helped last. Its sides stay open.
type helped struct {
	ranged

	done func()
	told bool // that its clock is wrong
}

// patience is how long a job waits for a throttle. Then another process may have it.
const patience = 2 * time.Second

// errOther says that this process compares something else than the pass.
var errOther = errors.New("the pass compares something else")

// Do does a job. An error that comes with Later, Unheld or Finished is only told.
func (h *Helper) Do(ctx context.Context, job Job) (Answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	answer, err := h.do(ctx, job)
	switch {
	case err == nil:
		return answer, nil
	case errors.Is(err, lease.ErrFenced): // the next holder goes on with the pass
		return Unheld, err
	case ctx.Err() != nil: // stopped
		answer = Later
	case errors.Is(err, ErrNotScanning):
		return Finished, nil
	}
	h.close() // the next one opens the sides anew
	if answer != Later {
		h.Log.WarnContext(ctx, "a range of keys of a shared pass could not be compared", slog.Int64("id", int64(job.Pass)), slog.Int("range", job.Number), slog.String("error", oneLine(err)))
	}
	return answer, err
}

func (h *Helper) do(ctx context.Context, job Job) (Answer, error) {
	pass, held, err := h.Ledger.Lent(ctx, job.Pass)
	if err != nil {
		return Failed, err
	}
	left, _, err := h.Ledger.Planned(ctx, job.Pass)
	if err != nil {
		return Failed, err
	}
	i := slices.IndexFunc(left, func(p Planned) bool { return p.Number == job.Number })
	if i < 0 {
		return Finished, nil
	}
	r, err := h.open(ctx, pass)
	switch {
	case errors.Is(err, errOther):
		return Later, err
	case err != nil:
		return Failed, err
	}
	if wrong, err := h.clockIsWrong(ctx, r.p.c.Now); err != nil || wrong {
		return Later, err
	}
	r.p.lease = held
	answer, err := r.help(ctx, left[i])
	if errors.Is(err, ErrDigestBlind) { // another attempt has another seed, and may not notice
		_, err = r.p.abort(ctx, pass, err)
	}
	return answer, err
}

// open returns the pass with open sides.
func (h *Helper) open(ctx context.Context, found Pass) (*ranged, error) {
	if h.helped != nil && h.helped.p.id == found.ID {
		return &h.helped.ranged, nil
	}
	h.close()
	c, fingerprint, done, err := h.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the sides for pass %d: %w", found.ID, err)
	}
	if fingerprint != found.Fingerprint {
		done()
		return nil, errOther
	}
	p := &pass{c: c, id: found.ID, fingerprint: found.Fingerprint, quiet: true, helps: true}
	p.throttle(Full, true)
	h.helped = &helped{ranged: ranged{p: p, planned: true}, done: done}
	ranges, err := h.Ledger.Ranges(ctx, found.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the ranges of the pass: %w", err)
	}
	for _, r := range ranges {
		h.helped.facts.Marks = cmp.Or(h.helped.facts.Marks, r.Found.Marks)
	}
	return &h.helped.ranged, h.helped.open(ctx)
}

// maxSkew is how wrong the clock may be by which suspects are queued. The holder waits for them by its own.
const maxSkew = time.Second

// clockIsWrong returns true if this process's clock is not that of the ledger. A job then waits for another process.
func (h *Helper) clockIsWrong(ctx context.Context, now func() time.Time) (bool, error) {
	wrong, err := skewed(ctx, h.Ledger, now)
	if wrong && !h.helped.told {
		h.helped.told = true
		h.Log.WarnContext(ctx, "this process compares no ranges of a shared pass: its clock is more than a second wrong", slog.Int64("id", int64(h.helped.p.id)))
	}
	return wrong, err
}

// skewed returns true if a clock is not that of the ledger.
func skewed(ctx context.Context, l Plans, now func() time.Time) (bool, error) {
	before := now()
	clock, err := l.Clock(ctx)
	if err != nil {
		return false, fmt.Errorf("asking for the ledger's time: %w", err)
	}
	return before.Sub(clock) > maxSkew || clock.Sub(now()) > maxSkew, nil
}

// help compares a planned range.
func (r *ranged) help(ctx context.Context, planned Planned) (Answer, error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	err := r.p.pace(waiting)
	cancel()
	if err != nil && errors.Is(waiting.Err(), context.DeadlineExceeded) {
		return Later, nil
	}
	began := r.p.c.Now()
	if err == nil {
		if _, err = r.try(ctx, planned.Number, planned.KeyRange, false); err != nil {
			r.p.pending = nil
		}
	}
	if errors.Is(err, errTooLong) {
		if split, serr := r.split(ctx, planned); split || serr != nil {
			return Later, serr
		}
		return Failed, err // a throttle may have paused the smallest one for too long
	}
	switch {
	case err == nil:
		r.p.c.Log.InfoContext(ctx, "compared a range of keys of a shared pass", slog.Int64("id", int64(r.p.id)), slog.Int("range", planned.Number),
			slog.Duration("took", r.p.c.Now().Sub(began)))
		return Finished, nil
	case r.p.mayPass(err), errors.Is(err, errBehind): // anew, maybe from another server
		return Failed, err
	}
	return GivenUp, err
}

// Close closes the sides that are open.
func (h *Helper) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.close()
}

func (h *Helper) close() {
	if h.helped != nil {
		h.helped.done()
		h.helped = nil
	}
}
