package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/cutover/evidence"
	"github.com/nordvarg/crosscheck/verify"
)

// inWindow is how differences settle while legacy is closed: nothing moves any more, so what differs twice is wrong.
var inWindow = compare.Settle{Window: 500 * time.Millisecond, Rechecks: 3, MaxLag: 2 * time.Second}

// verify makes a pass over what changed since the last proof of everything. In the same snapshots it proves by one number for each side what that
// pass has to believe of the one before. If only the numbers differ, a full pass says which orders do.
func (t *cutting) verify(ctx context.Context) (evidence.Judged, error) {
	return t.verifyWith(ctx, inWindow)
}

func (t *cutting) verifyWith(ctx context.Context, settle compare.Settle) (evidence.Judged, error) {
	cmp := comparison(t.config, t.sides, t.ledger, t.log())
	cmp.Settle, cmp.Throttle, cmp.NewestEvents = settle, nil, true
	why, err := t.notWhole(ctx)
	if err != nil {
		return evidence.Judged{}, err
	}
	cmp.Whole = why == ""
	pass, err := t.pass(ctx, cmp, (*verify.Comparison).Delta)
	if err != nil {
		return evidence.Judged{}, err
	}
	j, err := t.judged(ctx, pass)
	facts, ok := pass.Scan.Facts.(verify.DeltaFacts)
	switch {
	case err != nil || !j.Matches || !ok:
	case why != "":
		j.Detail += "; " + why
	case facts.Whole:
		j.Detail += fmt.Sprintf("; the sums of all %d rows are equal", facts.Legacy)
	default:
		if pass, err = t.pass(ctx, cmp, (*verify.Comparison).Full); err == nil {
			return t.judged(ctx, pass)
		}
	}
	return j, err
}

// notWhole says why everything is not compared by one number; empty if it is. It takes time: half as much again as the newest full pass took
// must be left.
func (t *cutting) notWhole(ctx context.Context) (string, error) {
	base, err := t.ledger.Base(ctx, t.basis.Fingerprint)
	if err != nil || base.ID == 0 {
		return "no full pass tells how long a comparison of everything takes", err
	}
	earlier, err := t.ledger.Earlier(ctx, base.ID)
	if err != nil {
		return "", err
	}
	known, err := t.ledger.OpenKeys(ctx, base.ID, "", 1)
	if err != nil {
		return "", fmt.Errorf("reading open divergences: %w", err)
	}
	end, limited := ctx.Deadline()
	switch {
	case earlier.Last == nil:
		return "no full pass tells how long a comparison of everything takes", nil
	case len(known) > 0:
		return "orders with a divergence keep the sums of everything apart", nil
	case limited && time.Until(end) < earlier.Last.FinishedAt.Sub(earlier.Last.StartedAt)*3/2:
		return "the time does not suffice to compare everything", nil
	}
	return "", nil
}
