// Package switches changes where the users' systems read and write: by SQL, HTTP, a program or PgBouncer. Its sub-package fence keeps
// writers out of legacy.
//
// Invariant: no step counts as done because it said so: each is read back by a check of its own.
package switches

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrUnknown is wrapped if the check failed, or if it says that nothing has changed and the step may still have an effect. It is not to be
	// tried again blindly.
	ErrUnknown = errors.New("it is not known which way the switch is")
	// ErrFailed is wrapped if a step ended with a [RefusedError], and the check says that it has changed nothing. It will have no effect any more.
	ErrFailed = errors.New("the switch has not moved")
	// ErrLies is wrapped, with ErrUnknown, if a step reported success, and the check says that nothing has changed. One of the two lies.
	ErrLies = errors.New("the step reported success, and the check says that nothing has changed")
	// ErrSilent is wrapped if nobody has answered a [Probe] in time.
	ErrSilent = errors.New("nobody has answered in time")
)

// Step is one of the two directions.
type Step string

const (
	// Do switches to the new system.
	Do Step = "do"
	// Undo switches back to legacy.
	Undo Step = "undo"
)

// RefusedError is the error of a step that has ended, and will have no effect any more. A timeout or a lost connection is none.
type RefusedError struct{ Err error }

// Error implements error.
func (r *RefusedError) Error() string { return r.Err.Error() }

// Unwrap returns the reason.
func (r *RefusedError) Unwrap() error { return r.Err }

// Action is a way to change something. Do and undo may be repeated. It returns when the context ends, and its output is bounded.
// An error of Run that is no [RefusedError] leaves open what the step may still do.
type Action interface {
	Run(ctx context.Context, step Step, run Run) (output string, err error)
	// Check reports whether the switch is at the new system. What is neither yes nor no is an error.
	Check(ctx context.Context, run Run) (on bool, err error)
}

// Run is what an action is told about the cutover.
type Run struct {
	Name  string
	Slice string // of a cutover of one slice
	One   bool   // only that slice
	// Column is that of the slice; empty if everything is switched.
	Column string
	Nonce  string // of a barrier: what is to be sent, and looked for
}

// Switch is an action with limits, whose output may be shown.
type Switch struct {
	Action
	Name    string
	Timeout time.Duration // of each step and check; 30s if it is 0
	// Mask replaces secrets in what is shown; may be nil.
	Mask func(string) string
}

const defaultTimeout = 30 * time.Second

// Outcome is what a step did.
type Outcome struct {
	Already bool // it was at the new system before, and nothing was done
	Output  string
}

// On reads which way the switch is, with its deadline.
func (s Switch) On(ctx context.Context, run Run) (on bool, err error) {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	if on, err = s.Check(ctx, run); err != nil {
		return false, s.hide(fmt.Errorf("%w: checking %s: %w", ErrUnknown, s.Name, err))
	}
	return on, nil
}

// Set makes a step and reads it back. A step whose answer was lost counts as done if the check says so. Do is not made if the switch is at the
// new system already, and not if the check fails. Undo is always made: the way back does not depend on what was there before.
func (s Switch) Set(ctx context.Context, step Step, run Run) (o Outcome, err error) {
	want := step == Do
	if want {
		switch on, err := s.On(ctx, run); {
		case err != nil:
			return o, err
		case on:
			return Outcome{Already: true}, nil
		}
	}
	output, failed := s.once(ctx, step, run)
	o.Output = s.shown(output)
	on, err := s.On(context.WithoutCancel(ctx), run) // limited by its own deadline: the outcome of what has begun must be known
	switch {
	case err != nil:
		return o, errors.Join(err, s.hide(failed))
	case on == want:
		return o, nil
	case failed == nil:
		return o, fmt.Errorf("%w: %w: %s of %s", ErrUnknown, ErrLies, step, s.Name)
	}
	reason := ErrUnknown
	if _, refused := errors.AsType[*RefusedError](failed); refused {
		reason = ErrFailed
	}
	return o, s.hide(fmt.Errorf("%w: %s of %s: %w", reason, step, s.Name, failed))
}

// Make makes a step with its deadline, and does not read it back. The error of a step that will have no effect wraps a [RefusedError].
func (s Switch) Make(ctx context.Context, step Step, run Run) error {
	if _, err := s.once(ctx, step, run); err != nil {
		return s.hide(fmt.Errorf("%s of %s: %w", step, s.Name, err))
	}
	return nil
}

func (s Switch) once(ctx context.Context, step Step, run Run) (string, error) {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	return s.Run(ctx, step, run)
}

func (s Switch) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	d := s.Timeout
	if d == 0 {
		d = defaultTimeout
	}
	return context.WithTimeout(ctx, d)
}

func (s Switch) shown(text string) string {
	if s.Mask != nil {
		text = s.Mask(text)
	}
	return bounded(text)
}

// hidden is an error whose text has no secrets.
type hidden struct {
	text string
	err  error
}

func (h hidden) Error() string { return h.text }
func (h hidden) Unwrap() error { return h.err }

func (s Switch) hide(err error) error {
	if err == nil {
		return nil
	}
	return hidden{s.shown(err.Error()), err}
}

// mostOutput is how much of an output is kept: its beginning and its end.
const mostOutput = 4 << 10

func bounded(text string) string {
	text = strings.ToValidUTF8(text, "�")
	if len(text) <= mostOutput {
		return text
	}
	half := mostOutput / 2
	return strings.ToValidUTF8(text[:half], "") + fmt.Sprintf("\n… %d bytes left out …\n", len(text)-2*half) + strings.ToValidUTF8(text[len(text)-half:], "")
}
