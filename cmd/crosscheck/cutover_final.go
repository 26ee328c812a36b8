package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/cutover/evidence"
	"github.com/nordvarg/crosscheck/verify"
)

// inWindow is how differences settle while legacy is closed: nothing moves any more, so what differs twice is wrong.
var inWindow = compare.Settle{Window: 500 * time.Millisecond, Rechecks: 3, MaxLag: 2 * time.Second}

// whole is what the one number of each side says of all rows, or why it was not asked.
type whole struct {
	why   string
	rows  verify.Rows
	equal bool
}

// verify makes a pass over what changed since the last proof of everything. At the same time it proves by one number for each side what that pass
// has to believe of the one before. If only the numbers differ, a full pass says which orders do.
func (t *cutting) verify(ctx context.Context) (evidence.Judged, error) {
	return t.verifyWith(ctx, inWindow)
}

func (t *cutting) verifyWith(ctx context.Context, settle compare.Settle) (evidence.Judged, error) {
	cmp := comparison(t.config, t.sides, t.ledger, t.log())
	cmp.Settle, cmp.Throttle, cmp.NewestEvents = settle, nil, true
	pass, all, err := t.changedAndWhole(ctx, cmp)
	if err != nil {
		return evidence.Judged{}, err
	}
	j, err := t.judged(ctx, pass)
	switch {
	case err != nil || !j.Matches || pass.Kind == verify.Full:
	case all.why != "":
		j.Detail += "; " + all.why
	case all.equal:
		j.Detail += fmt.Sprintf("; the sums of all %d rows are equal", all.rows.Legacy)
	default:
		if pass, err = t.pass(ctx, cmp, (*verify.Comparison).Full); err == nil {
			return t.judged(ctx, pass)
		}
	}
	return j, err
}

// changedAndWhole gives up the numbers as soon as the pass has found something, because the way back should not wait for them.
func (t *cutting) changedAndWhole(ctx context.Context, cmp *verify.Comparison) (pass verify.Pass, all whole, err error) {
	if all.why, err = t.notWhole(ctx); err != nil {
		return pass, all, err
	}
	both, ctx := errgroup.WithContext(ctx)
	summing, stop := context.WithCancel(ctx)
	defer stop()
	both.Go(func() (err error) {
		pass, err = t.pass(ctx, cmp, (*verify.Comparison).Delta)
		if pass.Result.Verdict != compare.Match {
			stop()
		}
		return err
	})
	both.Go(func() (err error) {
		if all.why != "" {
			return nil
		}
		all.rows, all.equal, err = cmp.Sums(summing)
		switch {
		case err == nil:
		case summing.Err() != nil && ctx.Err() == nil: // the pass speaks for itself
			all.why = "the comparison of everything was given up"
		default:
			return fmt.Errorf("comparing everything: %w", err)
		}
		return nil
	})
	return pass, all, both.Wait()
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
