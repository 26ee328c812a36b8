// Package steps does what a cutover asks for: it closes and opens the fence, moves the switches, and asks for evidence, each through a port.
//
// Invariant: an outcome is said only of what was read back. What could not be asked is Unknown, and never Done or Failed, unless
// nothing can be in effect.
package steps

import (
	"context"
	"errors"
)

var (
	// ErrFenceLost is wrapped by a [Fence] whose session does not hold the lock any more, or whose server is another one.
	ErrFenceLost = errors.New("the fence is lost")

	// ErrRefused is wrapped if something has not happened and will not happen any more: a drain that did not end in time and was given
	// up, a switch that was refused and has not moved.
	ErrRefused = errors.New("it has not happened")

	// ErrContradicted is wrapped by [Evidence] that says no: something differs, or was never reached.
	ErrContradicted = errors.New("the evidence says no")
)

// Scope is what a cutover is about: all orders if the slice is empty.
type Scope struct {
	Run, Slice string
	Epoch      int64
}

// Fence keeps writers out of legacy. One object has one session. Calls return when their context ends.
type Fence interface {
	// Close takes the lock, which is the drain. ErrRefused says that legacy is open again and why.
	Close(ctx context.Context, s Scope) error
	// Held proves that this object's session keeps all writers out; ErrFenceLost otherwise.
	Held(ctx context.Context) error
	// Permanent writes the seal under the lock of this session, and waits for standbys.
	Permanent(ctx context.Context) error
	// Sealed reports whether legacy and its standbys are closed for the scope, whatever sessions live, with no hole in the fence. True with
	// an error says that legacy is, and that its standbys have not confirmed it.
	Sealed(ctx context.Context, s Scope) (bool, error)
	// Shut reports whether the seal closes legacy for the scope, although some writer may pass the fence.
	Shut(ctx context.Context, s Scope) (bool, error)
	// Fed are the standbys that were connected when the fence was closed, and Expect tells them to an object that goes on for another one.
	Fed() []string
	Expect(standbys []string)
	// Release ends this object's session, if there is one.
	Release(ctx context.Context) error
	// Free reports whether no session holds the lock or waits for it.
	Free(ctx context.Context, s Scope) (bool, error)
	// Open opens the seal under the lock of this object's session, and ends it; nothing if there is none. ErrFenceLost says that the session was gone.
	Open(ctx context.Context) error
	// Unfence ends every session that keeps the scope closed, and opens the seal.
	Unfence(ctx context.Context, s Scope) error
	// Evict ends every session but this object's own that keeps the scope closed, waits for it or changes the seal. The seal stays.
	Evict(ctx context.Context, s Scope) error
	// Passes tries a write at each table, which is always rolled back. It returns which passed, which were kept out, and which
	// were stopped by something else.
	Passes(ctx context.Context, s Scope) (Probed, error)
}

// Probed is what the probe writes at legacy met, by table.
type Probed struct{ Passed, KeptOut, Unclear []string }

// Switch moves reads, writes or the clients' pool.
type Switch interface {
	// Set moves it and reads it back. ErrRefused says that it has not moved, and will not move any more.
	Set(ctx context.Context, on bool, s Scope) (detail string, err error)
	// On reads whether it is at the new system.
	On(ctx context.Context, s Scope) (bool, error)
}

// Probe asks by the clients' way which side answers. A write probe that is answered by the new side has been acknowledged there.
type Probe interface {
	// New reports whether the new side has answered. ErrRefused says that neither side took it.
	New(ctx context.Context, s Scope) (bool, error)
}

// Guardrail is one condition for a cutover to begin.
type Guardrail struct {
	Name   string `json:"name"`
	Passes bool   `json:"passes"`
	// Open says that it does not pass only because evidence is missing.
	Open   bool   `json:"inconclusive,omitempty"`
	Detail string `json:"detail"`
}

// Checks are what has to be so before anything is touched.
type Checks interface {
	// Guardrails are all conditions, each with its answer. What could not be asked does not pass.
	Guardrails(ctx context.Context, s Scope) []Guardrail
	// Basis is on what a run is begun, for its journal: who, under which decision and approval, of which configuration.
	Basis() map[string]string
}

// Gate holds a run until a person says go.
type Gate interface {
	// Wait returns nil once a person has said go. Meanwhile it keeps the evidence fresh.
	Wait(ctx context.Context, s Scope) (detail string, err error)
}

// Evidence is read from the four representations. Positions are what earlier steps of the run have read. ErrContradicted is a no;
// any other error leaves it open, and the step is tried again.
type Evidence interface {
	// Fenced is read right after the drain: the positions at which legacy stands, for the barrier and the tail check.
	Fenced(ctx context.Context, s Scope) (map[string]string, error)
	// Barrier waits until all that legacy has acknowledged has arrived at store, stream, projection and standbys. It returns the positions
	// that were reached.
	Barrier(ctx context.Context, s Scope, at map[string]string) (positions map[string]string, detail string, err error)
	// Final compares all that changed since the watermark, and the counts; and everything if the forecast fits.
	// It returns what the tail check needs, for the journal.
	Final(ctx context.Context, s Scope, at map[string]string) (positions map[string]string, detail string, err error)
	// Lacking reports whether legacy lacks a write that the new side has acknowledged since the barrier. It waits for transactions that
	// were open at the new side.
	Lacking(ctx context.Context, s Scope, at map[string]string) (lacks bool, detail string, err error)
	// Tail looks for rows that legacy got at or after the fence, and compares the newest orders.
	Tail(ctx context.Context, s Scope, at map[string]string) (detail string, err error)
}
