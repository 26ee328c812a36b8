package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
)

// This file has the steps from the permanent fence on, and the way back.

// permanent says done of a seal that stands already, because then the session may be gone. Another process may have closed the fence, and have
// seen other standbys than there are now.
func (s *Steps) permanent(ctx context.Context, sc Scope, at map[string]string) (what seen, err error) {
	if known := at[standbysKey]; known != "" {
		var fed []string
		if err := json.Unmarshal([]byte(known), &fed); err != nil {
			return what, fmt.Errorf("reading the standbys from the journal: %w", err)
		}
		s.Fence.Expect(fed)
	}
	failed := s.Fence.Permanent(ctx)
	if failed != nil && !errors.Is(failed, ErrFenceLost) {
		return what, fmt.Errorf("making the fence permanent: %w", failed)
	}
	closed, err := s.Fence.Sealed(ctx, sc)
	switch {
	case err != nil:
		return what, fmt.Errorf("reading the seal: %w", err)
	case closed:
		return what, nil
	case failed != nil:
		return what, failed
	}
	return what, errors.New("the seal was written, and does not stand")
}

func (s *Steps) readsToNew(ctx context.Context, sc Scope, _ map[string]string) (what seen, err error) {
	if what.detail, err = s.Reads.Set(ctx, true, sc); err != nil {
		return what, fmt.Errorf("switching reads: %w", err)
	}
	return what, s.readAtNew(ctx, sc)
}

// readAtNew asks by the clients' way. While the pool holds them there is no such way: the switch of writes asks once they go on.
func (s *Steps) readAtNew(ctx context.Context, sc Scope) error {
	by, err := s.way(ctx, sc, s.AsReader)
	if err != nil || by == nil {
		return err
	}
	switch isNew, err := by.New(ctx, sc); {
	case err != nil:
		return fmt.Errorf("reading by the clients' way: %w", open(err))
	case !isNew:
		return errors.New("reads are switched, and legacy still answers by the clients' way")
	}
	return nil
}

// way is the probe, or nil if there is none or the pool holds the clients.
func (s *Steps) way(ctx context.Context, sc Scope, by Probe) (Probe, error) {
	if by == nil || s.Pool == nil {
		return by, nil
	}
	switch held, err := s.Pool.On(ctx, sc); {
	case err != nil:
		return nil, fmt.Errorf("asking whether the clients are held: %w", err)
	case held:
		return nil, nil
	}
	return by, nil
}

// open takes a no of a probe for what it is after a switch has moved: something is in effect.
func open(err error) error {
	if errors.Is(err, ErrRefused) {
		return errors.New(err.Error())
	}
	return err
}

// writesToNew lets the clients go on once the switch has moved, and then asks by their way.
func (s *Steps) writesToNew(ctx context.Context, sc Scope, _ map[string]string) (what seen, err error) {
	if what.detail, err = s.Writes.Set(ctx, true, sc); err != nil {
		return what, fmt.Errorf("switching writes: %w", err)
	}
	if err := s.resume(ctx, sc); err != nil {
		return what, err
	}
	if s.Pool != nil { // nobody could be asked before
		if err := s.readAtNew(ctx, sc); err != nil {
			return what, err
		}
	}
	if s.AsWriter == nil {
		return what, nil
	}
	switch isNew, err := s.AsWriter.New(ctx, sc); {
	case err != nil:
		return what, fmt.Errorf("writing by the clients' way: %w", open(err))
	case !isNew:
		return what, errors.New("writes are switched, and legacy still answers by the clients' way")
	}
	what.outcome = cutover.Accepted
	return what, nil
}

// resume lets the clients go on.
func (s *Steps) resume(ctx context.Context, sc Scope) error {
	if s.Pool == nil {
		return nil
	}
	if _, err := s.Pool.Set(ctx, false, sc); err != nil {
		return fmt.Errorf("letting the clients go on: %w", open(err))
	}
	s.holds = nil
	return nil
}

// release lets the lock go only under a seal that stands, because the new side is open. One that was opened by hand is closed again while
// the session still keeps legacy closed.
func (s *Steps) release(ctx context.Context, sc Scope, _ map[string]string) (what seen, err error) {
	closed, err := s.Fence.Sealed(ctx, sc)
	if !closed && err == nil {
		why := s.unsealed(ctx, sc)
		if _, opened := errors.AsType[byHandError](why); !opened {
			return what, fmt.Errorf("the new side takes writes: %w", why)
		}
		err = s.Fence.Permanent(ctx)
	}
	if !closed && err != nil { // a standby that does not answer any more must not keep writers waiting
		err = fmt.Errorf("legacy is not closed for good, and the new side takes writes: %w", err)
		if errors.Is(err, ErrFenceLost) { // nobody can close it under the lock that this run had
			err = byHandError{err}
		}
		return what, err
	}
	if err := s.resume(ctx, sc); err != nil {
		return what, err
	}
	if err := s.Fence.Release(ctx); err != nil && !errors.Is(err, ErrFenceLost) {
		return what, fmt.Errorf("ending the fence's session: %w", err)
	}
	return what, s.free(ctx, sc)
}

// free returns an error while somebody holds the fence's lock or waits for it.
func (s *Steps) free(ctx context.Context, sc Scope) error {
	free, err := s.Fence.Free(ctx, sc)
	if err == nil && !free {
		err = errors.New("a session still holds the fence's lock, or waits for it")
	}
	return err
}

func (s *Steps) tail(ctx context.Context, sc Scope, at map[string]string) (what seen, err error) {
	what.detail, err = s.Evidence.Tail(ctx, sc, at)
	return what, err
}

func (s *Steps) proof(ctx context.Context, sc Scope, at map[string]string) (what seen, err error) {
	lacks, detail, err := s.Evidence.Lacking(ctx, sc, at)
	what.detail = detail
	switch {
	case lacks:
		what.outcome = cutover.Accepted
	case s.Feeds && err == nil:
		what.positions = map[string]string{provenKey: "yes"}
	}
	return what, err
}

// provenKey says that a proof counts for as long as the feed has been shut out since.
const provenKey = "proven_with_feed"

func (s *Steps) writesToLegacy(ctx context.Context, sc Scope, _ map[string]string) (what seen, err error) {
	if what.detail, err = s.Writes.Set(ctx, false, sc); err != nil {
		return what, fmt.Errorf("closing the new side: %w", open(err))
	}
	return what, s.atLegacy(ctx, sc, s.AsWriter, "written")
}

func (s *Steps) readsToLegacy(ctx context.Context, sc Scope, _ map[string]string) (what seen, err error) {
	if what.detail, err = s.Reads.Set(ctx, false, sc); err != nil {
		return what, fmt.Errorf("switching reads back: %w", open(err))
	}
	return what, s.atLegacy(ctx, sc, s.AsReader, "read")
}

// atLegacy proves by the clients' way that the new side does not answer. That nobody answers is enough.
func (s *Steps) atLegacy(ctx context.Context, sc Scope, by Probe, did string) error {
	by, err := s.way(ctx, sc, by)
	if err != nil || by == nil {
		return err
	}
	switch isNew, err := by.New(ctx, sc); {
	case errors.Is(err, ErrRefused):
		return nil
	case err != nil:
		return fmt.Errorf("asking by the clients' way: %w", err)
	case isNew:
		return fmt.Errorf("the switch is back, and the new side is still %s by the clients' way", did)
	}
	return nil
}

// unseal opens the seal. It also ends the sessions that hold the lock, because whoever unseals does not need them any more.
func (s *Steps) unseal(ctx context.Context, sc Scope, at map[string]string) (seen, error) {
	if at[provenKey] != "" {
		if err := s.openProven(ctx, sc, at); err != nil {
			return seen{}, err
		}
	}
	return seen{}, s.openLegacy(ctx, sc)
}

// openProven opens the seal in the session that has shut the feed out since the proof, so that the feed never passes between the two. If that session
// is gone, the proof is made again.
func (s *Steps) openProven(ctx context.Context, sc Scope, at map[string]string) error {
	if closed, err := s.Fence.Sealed(ctx, sc); !closed {
		return err
	}
	if err := s.closedNew(ctx, sc); err != nil {
		return err
	}
	if s.Fence.Held(ctx) != nil {
		if err := s.Fence.Release(ctx); err != nil && !errors.Is(err, ErrFenceLost) {
			return fmt.Errorf("ending the fence's session: %w", err)
		}
		switch lacks, detail, err := s.Evidence.Lacking(ctx, sc, at); {
		case err != nil:
			return fmt.Errorf("asking once more what legacy lacks: %w", open(err))
		case lacks:
			return fmt.Errorf("the session that shut the reverse feed out is gone, so legacy stays closed: %s", detail)
		}
	}
	if err := s.Fence.Open(ctx); err != nil {
		return fmt.Errorf("opening the seal: %w", err)
	}
	return nil
}

func (s *Steps) openLegacy(ctx context.Context, sc Scope) error {
	if err := s.closedNew(ctx, sc); err != nil {
		return err
	}
	if err := s.Fence.Release(ctx); err != nil && !errors.Is(err, ErrFenceLost) {
		return fmt.Errorf("ending the fence's session: %w", err)
	}
	if err := s.Fence.Unfence(ctx, sc); err != nil {
		return fmt.Errorf("opening the fence: %w", open(err))
	}
	return nil
}

// closedNew makes sure that the new side takes no writes, where it ever might have: under the seal, even if the fence has got a hole since. A person may
// have switched it by hand.
func (s *Steps) closedNew(ctx context.Context, sc Scope) error {
	shut, err := s.Fence.Shut(ctx, sc)
	if err == nil && !shut {
		return nil
	}
	switch on, err := s.Writes.On(ctx, sc); {
	case err != nil:
		return fmt.Errorf("asking whether the new side takes writes: %w", err)
	case on:
		return errors.New("writes are switched to the new side, so legacy stays closed")
	}
	return nil
}

func (s *Steps) unfence(ctx context.Context, sc Scope, _ map[string]string) (what seen, err error) {
	if err := s.openLegacy(ctx, sc); err != nil {
		return what, err
	}
	probed, err := s.Fence.Passes(ctx, sc)
	switch {
	case err != nil:
		return what, fmt.Errorf("probing the open fence: %w", err)
	case len(probed.KeptOut) > 0:
		return what, fmt.Errorf("legacy is still closed: probe writes were kept out of %s", strings.Join(probed.KeptOut, ", "))
	}
	if err := s.resume(ctx, sc); err != nil {
		return what, err
	}
	what.detail = "legacy accepts writes"
	return what, nil
}

// evict ends what can be ended, and waits for the deadlines of the rest. A switch that was asked has no session of ours.
func (s *Steps) evict(ctx context.Context, sc Scope, late map[cutover.Action]time.Duration) error {
	if err := s.Fence.Evict(ctx, sc); err != nil {
		return fmt.Errorf("ending what earlier attempts have left: %w", err)
	}
	var longest time.Duration
	for a, left := range late {
		if s.switched(a.Step) {
			longest = max(longest, left)
		}
	}
	if longest == 0 {
		return nil
	}
	return s.Wait(ctx, longest)
}

// switched reports whether a step has the users' systems do something that nobody can end: what it does at the fence ends with its session.
func (s *Steps) switched(step cutover.Step) bool {
	switch step {
	case cutover.SwitchReads, cutover.SwitchWrites:
		return true
	case cutover.Fence, cutover.Release:
		return s.Pool != nil
	default:
		return false
	}
}
