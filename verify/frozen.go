package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// Frozen is the pass that asks whether legacy is as a cutover has left it. It compares no two sides.
const Frozen PassKind = "frozen"

// FrozenFacts are what a look at legacy after a cutover knows.
type FrozenFacts struct {
	Rows    int64 `json:"rows"`             // that legacy has
	Before  int64 `json:"before,omitempty"` // that it had at the final verification; 0 if that is not known
	Written int64 `json:"written"`          // rows that were written since the fence was closed
}

// Settled returns them.
func (f FrozenFacts) Settled(Settled) Facts { return f }

// broken says what was done to legacy; empty if nothing was.
func (f FrozenFacts) broken() string {
	switch {
	case f.Written > 0 && f.Before > 0 && f.Rows != f.Before:
		return fmt.Sprintf("%d rows of legacy were written after the cutover had closed it, and it has %d rows and had %d", f.Written, f.Rows, f.Before)
	case f.Written > 0:
		return fmt.Sprintf("%d rows of legacy were written after the cutover had closed it", f.Written)
	case f.Before > 0 && f.Rows != f.Before:
		return fmt.Sprintf("legacy has %d rows, and had %d when the cutover had closed it", f.Rows, f.Before)
	}
	return ""
}

// FrozenLook is what a look at legacy has found. Some are orders whose rows were written, not necessarily all.
type FrozenLook struct {
	FrozenFacts
	Some    []order.Key
	Deleted []order.Key // some of the orders that legacy had
}

// lost names some deleted orders.
func (f FrozenLook) lost() string {
	if len(f.Deleted) == 0 {
		return ""
	}
	named := make([]string, min(len(f.Deleted), 5))
	for i := range named {
		named[i] = string(f.Deleted[i])
	}
	return ", without orders such as " + strings.Join(named, ", ")
}

// FrozenLedger is what the pass stores into.
type FrozenLedger interface {
	Journal
	Queue
}

// LookFrozen makes a pass of one look. Each order that it names has a divergence of legacy itself. Nothing has to settle: legacy takes no writes, so
// what was written is wrong. A row that was deleted leaves nothing in legacy to name, so the look asks who has the order still.
func LookFrozen(ctx context.Context, into FrozenLedger, l lease.Lease, s Start, look func(context.Context) (FrozenLook, error), now func() time.Time) (Pass, error) {
	s.Kind = Frozen
	id, err := into.BeginPass(ctx, l, s)
	if err != nil {
		return Pass{}, fmt.Errorf("beginning a %s pass: %w", s.Kind, err)
	}
	done := Pass{
		ID: id, Pair: into.Pair(), Kind: s.Kind, State: Done, Trigger: s.Trigger, ScheduledAt: s.ScheduledAt, Fingerprint: s.Fingerprint, StartedAt: s.At,
		Result: Result{Verdict: compare.Match},
	}
	seen, failed := look(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute) // what was begun is told
	defer cancel()
	at := now()
	switch why := seen.broken(); {
	case failed != nil:
		done.Scan.Reason = failed.Error()
		done.Result = Result{Verdict: compare.Unverified, Reason: failed.Error()}
	default:
		done.Scan = Scan{Compared: seen.Rows, Coverage: 1, Mismatches: int64(len(seen.Some) + len(seen.Deleted)), Facts: seen.FrozenFacts}
		if why != "" {
			done.Result = Result{Verdict: compare.Diverged, Diverged: int64(len(seen.Some) + len(seen.Deleted)), Reason: why + seen.lost()}
		}
	}
	if err := into.ScanDone(ctx, l, id, done.Scan); err != nil {
		return done, err
	}
	if len(seen.Some)+len(seen.Deleted) > 0 {
		if err := into.Settle(ctx, l, id, append(frozenOutcomes(seen.Some, compare.Differs, at), frozenOutcomes(seen.Deleted, compare.Phantom, at)...), at); err != nil {
			return done, fmt.Errorf("storing what was written to legacy: %w", err)
		}
	}
	if err := into.FinishPass(ctx, l, id, done.Result, at); err != nil {
		return done, err
	}
	done.FinishedAt = at
	return done, failed
}

func frozenOutcomes(keys []order.Key, kind compare.Kind, at time.Time) (all []Outcome) {
	for _, key := range distinct(keys) {
		all = append(all, Outcome{
			Suspect: Suspect{Observation: compare.Observation{Key: key, At: at}, FirstSeen: at}, Verdict: compare.Diverged, Final: true,
			Diverged: []compare.Mismatch{{Key: key, Kind: kind, Hop: order.LegacyItself, Cause: compare.DirectEdit}},
		})
	}
	return all
}
