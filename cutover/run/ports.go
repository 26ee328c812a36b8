package run

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/lease"
)

var (
	// ErrUnfinished is wrapped if another run has not ended. It must be resumed first.
	ErrUnfinished = errors.New("another run has not ended")

	// ErrName is wrapped if a run is begun under the name of an earlier one, or if there is no run to resume.
	ErrName = errors.New("no such run, or not a new one")

	// ErrByHand is wrapped if a run cannot end before a person has done something. It stays where it is, and is resumed then.
	ErrByHand = errors.New("only a person can go on")
)

// Request is what somebody asks of a run.
type Request struct {
	Asks cutover.Outcome // Abort or Reverse
	// Number is that of the request on record; later ones have higher numbers. It is 0 for one that is on no record.
	Number int64
}

// Journal keeps the records of all runs. Nothing in it is ever changed. Its methods return when their context ends.
type Journal interface {
	// Append stores a record under a lease, whose token is its epoch, and returns when, by the journal's own clock. A record that
	// is stored already is no error and not stored again, so a call whose reply was lost may be repeated. The error is
	// [lease.ErrFenced] under any lease but the newest that lives, and [cutover.ErrJournal] if the number has another record.
	Append(ctx context.Context, l lease.Lease, r cutover.Record) (time.Time, error)
	// Runs are the records of each run in their order, the runs in the order in which they began.
	Runs(ctx context.Context) ([][]cutover.Record, error)
}

// Actions does what the transition function asks for, in the users' systems.
type Actions interface {
	// Perform does one thing, reads it back, and says which outcome was seen: Done, Accepted, Failed, Unknown or FenceLost. Each
	// has the meaning of its comment in package cutover. It returns when its context ends, and begins nothing after that.
	Perform(ctx context.Context, a Attempt) Result
	// Abandon ends the session that holds the fence, if there is one, because somebody else may go on with the run. Clients that are held go on then,
	// unless legacy stays closed.
	Abandon(ctx context.Context) error
}

// Attempt is one thing to do, and what is known for it.
type Attempt struct {
	cutover.Action
	Run       string
	Epoch     int64
	Positions map[string]string // what the run has read so far, the newest of each name
	// Late are attempts that have to be evicted, and how long each may still take to its deadline.
	Late map[cutover.Action]time.Duration
}

// Result is what was seen of an attempt.
type Result struct {
	Outcome   cutover.Outcome
	Positions map[string]string
	Detail    string
	// ByHand says what a person has to do before the action can succeed; empty if trying again may help.
	ByHand string
}

// outcome is what the transition function is told. What must not be said of an action is not known.
func (r Result) outcome(a cutover.Action) cutover.Outcome {
	may := false
	switch r.Outcome {
	case cutover.Done, cutover.FenceLost:
		may = true
	case cutover.Accepted:
		may = a.Verb == cutover.Do && slices.Contains([]cutover.Step{cutover.SwitchWrites, cutover.Release, cutover.TailCheck, cutover.Proof}, a.Step)
	case cutover.Failed:
		may = a.Verb != cutover.Evict && a.Step != cutover.Proof && a.Step != cutover.Release
	default:
	}
	if may {
		return r.Outcome
	}
	return cutover.Unknown
}
