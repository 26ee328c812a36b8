package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/run"
)

// Steps implements [run.Actions] over the ports.
type Steps struct {
	Fence         Fence
	Reads, Writes Switch
	Pool          Switch // holds the clients from the fence to the switch of writes; nil if nothing does
	// AsReader and AsWriter ask by the clients' way; nil if the configuration names no such way.
	AsReader, AsWriter Probe
	Checks             Checks
	Gate               Gate
	Evidence           Evidence
	// Feeds says that a reverse feed may write legacy under the seal.
	Feeds bool
	// Wait sleeps, and returns early with the context's error.
	Wait func(context.Context, time.Duration) error

	holds *Scope // for which the pool was asked to hold the clients; nil if they go on, as far as is known here
}

var _ run.Actions = (*Steps)(nil)

// step does one action. Its positions are kept in the journal.
type step func(s *Steps, ctx context.Context, sc Scope, at map[string]string) (seen, error)

// seen is what an action that was done has to say.
type seen struct {
	outcome   cutover.Outcome // Done if it is empty
	detail    string
	positions map[string]string
}

// deeds are the actions. Those under the fence are done only while it is held, and those under the seal while that stands.
var deeds = map[cutover.Action]step{
	{Verb: cutover.Do, Step: cutover.Preflight}:         (*Steps).preflight,
	{Verb: cutover.Do, Step: cutover.Hold}:              (*Steps).hold,
	{Verb: cutover.Do, Step: cutover.Fence}:             (*Steps).fence,
	{Verb: cutover.Do, Step: cutover.Barrier}:           held((*Steps).barrier),
	{Verb: cutover.Do, Step: cutover.FinalVerification}: held((*Steps).final),
	{Verb: cutover.Do, Step: cutover.PermanentFence}:    (*Steps).permanent,
	{Verb: cutover.Do, Step: cutover.SwitchReads}:       sealed((*Steps).readsToNew),
	{Verb: cutover.Do, Step: cutover.SwitchWrites}:      sealed((*Steps).writesToNew),
	{Verb: cutover.Do, Step: cutover.Release}:           (*Steps).release,
	{Verb: cutover.Do, Step: cutover.TailCheck}:         (*Steps).tail,
	{Verb: cutover.Do, Step: cutover.Proof}:             (*Steps).proof,
	{Verb: cutover.Undo, Step: cutover.SwitchWrites}:    (*Steps).writesToLegacy,
	{Verb: cutover.Undo, Step: cutover.SwitchReads}:     (*Steps).readsToLegacy,
	{Verb: cutover.Undo, Step: cutover.PermanentFence}:  (*Steps).unseal,
	{Verb: cutover.Undo, Step: cutover.Fence}:           (*Steps).unfence,
	{Verb: cutover.Evict}:                               nil, // see Perform
}

// Perform implements [run.Actions].
func (s *Steps) Perform(ctx context.Context, a run.Attempt) run.Result {
	sc := Scope{Run: a.Run, Slice: a.Slice, Epoch: a.Epoch}
	if a.Verb == cutover.Evict {
		return result(seen{}, s.evict(ctx, sc, a.Late), sc)
	}
	of := a.Action
	of.Slice = ""
	do, ok := deeds[of]
	if !ok {
		return run.Result{Outcome: cutover.Unknown, Detail: "nobody knows how to " + of.String()}
	}
	what, err := do(s, ctx, sc, a.Positions)
	return result(what, err, sc)
}

// Abandon implements [run.Actions]. Clients that are held go on if nobody keeps legacy closed: without the ledger nobody goes on with the run, and
// they would wait at an open legacy.
func (s *Steps) Abandon(ctx context.Context) error {
	err := s.Fence.Release(ctx)
	if s.holds == nil {
		return err
	}
	shut, unread := s.Fence.Shut(ctx, *s.holds)
	if unread != nil || shut {
		return errors.Join(err, unread)
	}
	free, unread := s.Fence.Free(ctx, *s.holds)
	if unread != nil || !free {
		return errors.Join(err, unread)
	}
	return errors.Join(err, s.resume(ctx, *s.holds))
}

// byHandError is an error that no repetition heals.
type byHandError struct{ error }

func (b byHandError) Unwrap() error { return b.error }

// closeByHand is what a person does if legacy is open and the run can only go forward.
const closeByHand = "legacy was opened by hand, and the run can only go forward: close it with crosscheck cutover close --yes%s, then go on with crosscheck cutover resume"

// result is the outcome by what was proven.
func result(what seen, err error, sc Scope) run.Result {
	r := run.Result{Outcome: what.outcome, Positions: what.positions, Detail: what.detail}
	if _, ok := errors.AsType[byHandError](err); ok {
		r.ByHand = fmt.Sprintf(closeByHand, cutover.SliceFlag(sc.Slice))
	}
	switch {
	case err == nil && r.Outcome == "":
		r.Outcome = cutover.Done
	case err == nil:
	case errors.Is(err, ErrFenceLost):
		r.Outcome, r.Detail = cutover.FenceLost, err.Error()
	case errors.Is(err, ErrRefused), errors.Is(err, ErrContradicted):
		r.Outcome, r.Detail = cutover.Failed, err.Error()
	default:
		r.Outcome, r.Detail = cutover.Unknown, err.Error()
	}
	return r
}

// held does a step between two proofs that the fence has been held all the time: its session is one, and cannot come back.
func held(do step) step {
	return func(s *Steps, ctx context.Context, sc Scope, at map[string]string) (what seen, err error) {
		if err := s.Fence.Held(ctx); err != nil {
			return what, fmt.Errorf("before the step: %w", err)
		}
		what, err = do(s, ctx, sc, at)
		if lost := s.Fence.Held(context.WithoutCancel(ctx)); lost != nil {
			return what, errors.Join(fmt.Errorf("after the step: %w", lost), err)
		}
		return what, err
	}
}

// sealed does a step only if the permanent fence stands. What was opened by hand ends the way forward.
func sealed(do step) step {
	return func(s *Steps, ctx context.Context, sc Scope, at map[string]string) (what seen, err error) {
		switch closed, err := s.Fence.Sealed(ctx, sc); {
		case closed: // the step that made it has waited for the standbys; one may be away now
		case err != nil:
			return what, fmt.Errorf("asking whether the permanent fence stands: %w", err)
		default:
			return what, s.unsealed(ctx, sc)
		}
		return do(s, ctx, sc, at)
	}
}

// unsealed says why the permanent fence does not stand. A hole is closed by installing the fence once more; what was opened by hand is for people.
func (s *Steps) unsealed(ctx context.Context, sc Scope) error {
	switch shut, err := s.Fence.Shut(ctx, sc); {
	case err != nil:
		return fmt.Errorf("asking whether the permanent fence stands: %w", err)
	case shut:
		return fmt.Errorf("%w: some writer passes the permanent fence: crosscheck cutover fence says which, and crosscheck cutover install keeps it out", ErrRefused)
	}
	return byHandError{fmt.Errorf("%w: legacy is not closed by the permanent fence any more", ErrRefused)}
}

func (s *Steps) preflight(ctx context.Context, sc Scope, _ map[string]string) (what seen, err error) {
	var no []string
	for _, g := range s.Checks.Guardrails(ctx, sc) {
		if !g.Passes {
			no = append(no, g.Name+": "+g.Detail)
		}
	}
	if len(no) > 0 {
		return what, fmt.Errorf("%w: %s", ErrRefused, strings.Join(no, "; "))
	}
	what.positions = s.Checks.Basis()
	return what, nil
}

// hold asks again what was asked before: the person may have taken an hour.
func (s *Steps) hold(ctx context.Context, sc Scope, at map[string]string) (seen, error) {
	detail, err := s.Gate.Wait(ctx, sc)
	if err != nil {
		return seen{}, fmt.Errorf("waiting for a go: %w", errors.Join(ErrRefused, err)) // nothing can be in effect
	}
	what, err := s.preflight(ctx, sc, at)
	what.detail = detail
	return what, err
}

// standbysKey has the standbys of the moment at which the fence was closed, as a list of JSON.
const standbysKey = "standbys"

func listed(names []string) string {
	text, _ := json.Marshal(append([]string{}, names...)) // strings can be encoded
	return string(text)
}

// fence holds the clients first, so that they meet a pause and no error. A session that an attempt of before has left does not count.
func (s *Steps) fence(ctx context.Context, sc Scope, _ map[string]string) (what seen, err error) {
	if err := s.Fence.Release(ctx); err != nil && !errors.Is(err, ErrFenceLost) {
		return what, fmt.Errorf("ending an earlier session of the fence: %w", err)
	}
	if s.Pool != nil {
		s.holds = &sc
		if _, err := s.Pool.Set(ctx, true, sc); err != nil {
			return what, fmt.Errorf("holding the clients: %w", err)
		}
	}
	if err := s.Fence.Close(ctx, sc); err != nil {
		return what, fmt.Errorf("closing the fence: %w", err)
	}
	probed, err := s.Fence.Passes(ctx, sc)
	switch {
	case err != nil:
		return what, fmt.Errorf("probing the fence: %w", err)
	case len(probed.Passed)+len(probed.Unclear) > 0 || len(probed.KeptOut) == 0:
		if err := s.Fence.Release(ctx); err != nil {
			return what, fmt.Errorf("opening a fence with a hole: %w", err)
		}
		return what, fmt.Errorf("%w: probe writes passed %v, were kept out of %v, and were stopped by something else at %v", ErrRefused, probed.Passed, probed.KeptOut, probed.Unclear)
	}
	if what.positions, err = s.Evidence.Fenced(ctx, sc); err != nil {
		return what, fmt.Errorf("reading where legacy stands: %w", err)
	}
	what.positions = maps.Clone(what.positions)
	if what.positions == nil {
		what.positions = map[string]string{}
	}
	what.positions[standbysKey] = listed(s.Fence.Fed())
	what.detail = fmt.Sprintf("no writer is inside; probe writes were kept out of %s", strings.Join(probed.KeptOut, ", "))
	return what, s.Fence.Held(ctx)
}

func (s *Steps) barrier(ctx context.Context, sc Scope, at map[string]string) (what seen, err error) {
	what.positions, what.detail, err = s.Evidence.Barrier(ctx, sc, maps.Clone(at))
	return what, err
}

func (s *Steps) final(ctx context.Context, sc Scope, at map[string]string) (what seen, err error) {
	what.positions, what.detail, err = s.Evidence.Final(ctx, sc, maps.Clone(at))
	return what, err
}
