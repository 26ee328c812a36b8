// Package cutover decides what a cutover does next.
//
// Invariant: there are never two writable sides, no acknowledged write is lost, and nothing is rolled back past the point
// of no return, whichever process, session or reply is lost when. The model in the tests holds [Next] to that: it tries
// every order of events, and removes each rule in turn to see that it is needed.
//
// # How a coordinator uses it
//
// [Next] is a pure function. The coordinator performs the [Action] that it returns, and tells it one [Observation].
// It writes a [Record] before the action (the intent) and one after (the outcome). [Replay] makes the state from the
// records, so any process can go on. A slice of the orders is a run of its own.
//
// # What a coordinator promises
//
// The outcomes mean what their comments say; the model shows what breaks otherwise. An action is idempotent, has a
// deadline, and is read back before its outcome is said ([Action.ReadBack]).
package cutover

import "slices"

// Step is a part of a cutover, by the name that it has everywhere.
type Step string

// The steps. [Proof] is taken on the way back only, where it decides whether there is one.
const (
	Preflight         Step = "preflight"
	Hold              Step = "hold"
	Fence             Step = "fence"
	Barrier           Step = "barrier"
	FinalVerification Step = "final-verification"
	PermanentFence    Step = "permanent-fence"
	SwitchReads       Step = "switch-reads"
	SwitchWrites      Step = "switch-writes"
	Release           Step = "release"
	TailCheck         Step = "tail-check"
	Proof             Step = "proof"
)

// Phase is the way that a run goes, or how it ended.
type Phase string

// The phases. A run that is [Completed] may still be asked to go back.
const (
	Forward    Phase = "forward"
	Back       Phase = "back"
	Completed  Phase = "completed"
	RolledBack Phase = "rolled-back"
)

// State is where a run stands. It is made by [Start], [Next] and [Replay] only.
type State struct {
	Slice    string `json:"slice,omitempty"` // empty: all orders
	Phase    Phase  `json:"phase"`
	Step     Step   `json:"step"`                // the step that is not done yet, or that is to be undone
	NoReturn bool   `json:"no_return,omitempty"` // the new side is known to have acknowledged a write
	Evict    bool   `json:"evict,omitempty"`     // an attempt of before may still take effect
	Seq      int    `json:"seq"`                 // how many observations led here
}

// Start is the state of a run that has not done anything.
func Start(slice string) State {
	return State{Slice: slice, Phase: Forward, Step: Preflight}
}

// Ended reports whether there is nothing left to do.
func (s State) Ended() bool { return s.Phase == Completed || s.Phase == RolledBack }

// Stranded reports whether there may be no side to write to until somebody finishes the run, even if all its processes end.
// It is the loudest alert where nobody does.
func (s State) Stranded() bool {
	return slices.Contains([]Step{PermanentFence, SwitchReads, Proof, SwitchWrites}, s.Step)
}

// Action is what the state asks for. It has no verb if the run has ended.
func (s State) Action() Action {
	switch {
	case s.Ended():
		return Action{Slice: s.Slice}
	case s.Evict:
		return Action{Verb: Evict, Slice: s.Slice}
	case s.Phase == Back && s.Step != Proof:
		return Action{Verb: Undo, Step: s.Step, Slice: s.Slice}
	}
	return Action{Verb: Do, Step: s.Step, Slice: s.Slice}
}

// Verb is what is done with a step.
type Verb string

// The verbs. [Evict] has no step: it ends whatever may be left of any attempt.
const (
	Do    Verb = "do"
	Undo  Verb = "undo"
	Evict Verb = "evict"
)

// Action is one thing to do. Doing it twice does no more than doing it once.
type Action struct {
	Verb  Verb   `json:"verb,omitempty"`
	Step  Step   `json:"step,omitempty"`
	Slice string `json:"slice,omitempty"` // the fence's key and the switch action carry it
}

// String is the action in two words: "undo switch-reads".
func (a Action) String() string {
	if a.Step == "" {
		return string(a.Verb)
	}
	return string(a.Verb) + " " + string(a.Step)
}

// Outcome is what the coordinator has seen of an action.
type Outcome string

// The outcomes. Every action that was proposed has exactly one.
const (
	// Done: the action is in effect, as read back.
	Done Outcome = "done"
	// Accepted is Done where the new side has acknowledged a write. Of the proof it says that legacy lacks such a write.
	Accepted Outcome = "accepted"
	// Failed: the action will have no effect any more, or a check said no. Evicting, proving and releasing cannot fail;
	// what did not succeed there is Unknown.
	Failed Outcome = "failed"
	// Unknown: no reply, or it could not be read back. The action may take effect later.
	Unknown Outcome = "unknown"
	// FenceLost: the session that took the fence has ended, or was another process's. The action may have been begun.
	FenceLost Outcome = "fence-lost"
	// NoTime: the action was not begun, because it did not fit into the [Budget].
	NoTime Outcome = "no-time"
	// Abort: the action was not begun, because a person or a signal asked to stop.
	Abort Outcome = "abort"
	// Reverse: the action was not begun, because a person asked to go back, and a verified reverse feed is live.
	Reverse Outcome = "reverse"
	// Takeover: another process has the lease now. The action may have been begun, and the process before may live.
	Takeover Outcome = "takeover"
)

// Observation is what was seen of the action that a state asked for.
type Observation struct {
	Seq     int     `json:"seq"` // of that state; a second answer to an earlier action is told by it
	Outcome Outcome `json:"outcome"`
}

// Next is the transition function: where an observation leads, and what to do there.
func Next(s State, o Observation) (State, Action) {
	s = shipped.next(s, o)
	return s, s.Action()
}

// begun reports whether an outcome is only possible for an action that was begun.
func (o Outcome) begun() bool {
	return slices.Contains([]Outcome{Done, Accepted, Failed, Unknown}, o)
}

// Steps are those of the way forward, in their order.
func Steps() []Step { return slices.Clone(shipped.forward) }
