package backfill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/lease"
)

// Jobs hands the ranges of one run to all processes that work on it. A job is only a hint that a range waits: the store decides who
// stores it, so a job that is lost, or done twice, changes nothing.
type Jobs interface {
	// Add hands out ranges that are stored under a claim.
	Add(ctx context.Context, claim string, ranges []Range) error
	// Held are the ranges under a claim that wait for a process, or that one has begun within some time.
	Held(ctx context.Context, claim string, within time.Duration) (numbers []int64, err error)
	// Forget drops all jobs of the run that nobody works on.
	Forget(ctx context.Context) error
	// Work does jobs, some at a time, until the context ends. What could not be done is given back.
	Work(ctx context.Context, atOnce int, do func(ctx context.Context, claim string, r Range) error) error
}

// Sharing is what several processes need to share a run.
type Sharing struct {
	Jobs Jobs
	// Hold does work under the lease of the run. It returns [lease.ErrHeld] while another process has the lease.
	Hold func(ctx context.Context, work func(context.Context, lease.Lease) error) error
	// Lease is how long the lease outlives its process. Whoever works longer on a range may be gone too.
	Lease time.Duration
}

const (
	window    = 64 // ranges that are handed out at a time
	handful   = 8  // of them with one statement
	lookEvery = 200 * time.Millisecond
	joinEvery = time.Second // looks of a process that does not hold the run
)

// shared is a run that this process does not do alone.
type shared struct {
	*work
	Sharing

	as     Run            // as it was begun; not changed
	joined bool           // another process holds this run, or did
	busy   map[int64]bool // ranges that this process works on; guarded by the lock of work
}

// Share is [Filler.Run] together with other processes that do the same run. The one that holds the lease hands the ranges out, and all
// do them. If it ends early, another one hands out what is left. The report is of what this process has done, and of the whole run if
// it has handed out the ranges. The store must keep notes.
func (f *Filler) Share(ctx context.Context, r Run, with Sharing) (Report, error) {
	s := &shared{work: f.work(r), Sharing: with, as: r, busy: map[int64]bool{}}
	if err := s.observe(ctx); err != nil {
		return s.report, err
	}
	g, ctx := errgroup.WithContext(ctx)
	working, stop := context.WithCancel(ctx)
	defer stop()
	g.Go(func() error { return s.help(working, stop) })
	g.Go(func() error {
		defer stop()
		return s.lead(ctx)
	})
	err := g.Wait()
	return s.report, err
}

// help does jobs until the first one fails. Then others do them.
func (s *shared) help(ctx context.Context, stop func()) error {
	var failed error
	var once sync.Once
	err := s.Jobs.Work(ctx, max(s.Workers, 1), func(job context.Context, claim string, r Range) error {
		err := s.do(job, claim, r)
		if err != nil && ctx.Err() == nil {
			once.Do(func() { failed = err })
			stop()
		}
		return err
	})
	if ctx.Err() != nil { // asked to stop, and nobody works any more
		return failed
	}
	return err
}

// do writes what a range misses, under the claim of the process that has handed it out.
func (s *shared) do(ctx context.Context, claim string, r Range) error {
	s.mu.Lock()
	s.busy[r.Number] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.busy, r.Number)
		s.mu.Unlock()
	}()
	run := s.as
	run.Claim = claim
	err := s.fill(ctx, run, r, func(r Range) { s.mine[r.Number] = true })
	if errors.Is(err, ErrStored) || errors.Is(err, ErrTaken) && claim != s.as.Claim { // a job of a process that has ended; lead sees who has the store
		return nil
	}
	return err
}

// lead holds the run as soon as no other process does, until it has ended.
func (s *shared) lead(ctx context.Context) error {
	for waited := time.Duration(0); ; waited += joinEvery {
		err := s.Hold(ctx, func(ctx context.Context, held lease.Lease) error {
			if ended, err := s.ended(ctx); ended || err != nil {
				return err
			}
			s.run.Lease, s.joined = held, false
			s.report.Holder = ""
			return s.all(ctx, s.hand)
		})
		if !errors.Is(err, lease.ErrHeld) {
			return err
		}
		if ended, err := s.ended(ctx); ended || err != nil {
			return err
		}
		if !s.joined && waited > s.Lease { // it lives, and does something else
			return err
		}
		if err := s.Wait(ctx, joinEvery); err != nil {
			return err
		}
	}
}

// ended reports whether the run that another process has held has finished.
func (s *shared) ended(ctx context.Context) (bool, error) {
	now, err := s.Store.Claimed(ctx)
	switch {
	case err != nil:
		return false, err
	case now.Name == s.as.Name && now.Claim != "":
		s.joined, s.report.Holder = true, now.Holder
	case now.Name == s.as.Name:
		return s.joined, nil
	case s.joined:
		return false, fmt.Errorf("%w: %s has taken it over", ErrTaken, now.Holder)
	}
	return false, nil
}

// hand hands out the ranges that are not done, and returns when all are.
func (s *shared) hand(ctx context.Context, done []Range) error {
	if err := s.Jobs.Forget(ctx); err != nil { // those of an earlier claim
		return err
	}
	g, handing := errgroup.WithContext(ctx)
	todo := make(chan Range)
	g.Go(func() error {
		defer close(todo)
		return s.cut(handing, done, todo)
	})
	g.Go(func() error { return s.handOut(handing, todo) })
	if err := g.Wait(); err != nil {
		return err
	}
	return s.Jobs.Forget(ctx)
}

func (s *shared) handOut(ctx context.Context, todo <-chan Range) error {
	out := map[int64]Range{}
	for more := true; more || len(out) > 0; {
		var fresh []Range
		for more && len(fresh) < handful && len(out) < window {
			var r Range
			select {
			case r, more = <-todo:
			case <-ctx.Done():
				return ctx.Err()
			}
			if more {
				fresh, out[r.Number] = append(fresh, r), r
			}
		}
		if err := s.Jobs.Add(ctx, s.run.Claim, fresh); err != nil {
			return err
		}
		if err := s.takeBack(ctx, out); err != nil {
			return err
		}
		if len(fresh) == 0 && len(out) > 0 {
			if err := s.Wait(ctx, lookEvery); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeBack removes the ranges that are stored, and does those itself whose process is gone.
func (s *shared) takeBack(ctx context.Context, out map[int64]Range) error {
	held, err := s.Jobs.Held(ctx, s.run.Claim, s.Lease)
	if err != nil {
		return err
	}
	stored, err := s.Store.Stored(ctx, s.run, slices.Collect(maps.Keys(out))) // read after the jobs: one that has ended meanwhile is here
	if err != nil {
		return err
	}
	stored = slices.DeleteFunc(stored, func(r Range) bool {
		return s.isBusy(r.Number) || r.KeyRange != out[r.Number].KeyRange // not counted yet, or of the same run with another ledger
	})
	for _, r := range stored {
		s.foreign(r)
		delete(out, r.Number)
	}
	for _, number := range slices.Sorted(maps.Keys(out)) {
		if s.isBusy(number) || slices.Contains(held, number) {
			continue
		}
		if err := s.do(ctx, s.run.Claim, out[number]); err != nil {
			return err
		}
	}
	return nil
}

func (s *shared) isBusy(number int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy[number]
}

// foreign counts a range, if another process has done it.
func (s *shared) foreign(r Range) {
	s.noted(r, &s.report.Others.Orders)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mine[r.Number] {
		s.report.Others.Events += r.Events
	}
}
