package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/cutover/evidence"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

func errPostCutover() error {
	return withHint(errors.New("with mode: post_cutover, legacy is no side of a comparison any more"),
		"crosscheck cutover frozen says whether legacy is as the cutover has left it, and crosscheck verify compares the projection with the events")
}

// cutOver are the positions of the newest completed run.
func cutOver(ctx context.Context, l *ledger.Ledger) (run string, at map[string]string, err error) {
	records, _, err := newestCutover(ctx, l, "")
	if no, ok := errors.AsType[uncertifiableError](err); ok {
		return "", nil, withHint(no, no.hint)
	}
	if err != nil {
		return "", nil, err
	}
	return records[0].Run, cutoverrun.Positions(records), nil
}

// lookFrozen looks at legacy itself.
func lookFrozen(l *ledger.Ledger, s sides) func(context.Context) (verify.FrozenLook, error) {
	return func(ctx context.Context) (found verify.FrozenLook, err error) {
		_, at, err := cutOver(ctx, l)
		if err != nil {
			return found, err
		}
		f, err := (&evidence.Evidence{Legacy: s.legacy, Wait: lease.Sleep}).Frozen(ctx, at)
		if err != nil {
			return found, err
		}
		found.FrozenFacts = verify.FrozenFacts{Rows: f.All, Before: f.Before, Written: f.Rows}
		if f.All < f.Before {
			if found.Deleted, err = deleted(ctx, s, at); err != nil {
				return found, fmt.Errorf("looking for the orders that legacy has lost: %w", err)
			}
		}
		for _, key := range f.Some {
			found.Some = append(found.Some, order.Key(key))
		}
		return found, nil
	}
}

// frozen is the pass of the schedule.
func (s *sidecar) frozen(ctx context.Context, l lease.Lease, start verify.Start) (pass verify.Pass, err error) {
	opened, err := openSides(ctx, s.config, s.observeQuery)
	if err != nil {
		return pass, err
	}
	defer opened.close()
	if start.Fingerprint, err = opened.known(ctx, s.config, s.ledger, s.log); err != nil {
		return pass, err
	}
	return verify.LookFrozen(ctx, s.ledger, l, start, lookFrozen(s.ledger, opened), time.Now)
}

type cutoverFrozen struct {
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

func (f *cutoverFrozen) run(ctx context.Context, p *program) (int, error) {
	t, err := openCutting(ctx, p, "")
	if err != nil {
		return 0, err
	}
	defer t.close()
	run, _, err := cutOver(ctx, t.ledger)
	if err != nil {
		return exitUnverified, err
	}
	if t.config.Cutover.Reverse.Given() {
		return f.fed(ctx, t, run)
	}
	var pass verify.Pass
	err = holding(t.ledger, "manual frozen", leaseTime, t.log()).Do(ctx, func(ctx context.Context, held lease.Lease) (err error) {
		start := verify.Start{Trigger: "manual", Fingerprint: t.basis.Fingerprint, At: time.Now()}
		pass, err = verify.LookFrozen(ctx, t.ledger, held, start, lookFrozen(t.ledger, t.sides), time.Now)
		return err
	})
	if pass.ID == 0 {
		return 0, err
	}
	if err != nil {
		printError(p.logs(), t.config.Mask(err.Error()), hintFor(err))
	}
	facts, _ := pass.Scan.Facts.(verify.FrozenFacts)
	if f.JSON {
		return exitCode(pass.Result.Verdict), writeObject(p.stdout, struct {
			Pass    verify.PassID   `json:"pass"`
			Run     string          `json:"run"`
			Verdict compare.Verdict `json:"verdict"`
			Reason  string          `json:"reason,omitempty"`
			verify.FrozenFacts
		}{pass.ID, run, pass.Result.Verdict, t.config.Mask(pass.Result.Reason), facts})
	}
	text := fmt.Sprintf("Legacy is as run %s has left it: no row was written, and it has %d rows.\n", run, facts.Rows)
	switch {
	case pass.Result.Verdict != compare.Match:
		text = fmt.Sprintf("Legacy after run %s: %s. crosscheck divergences --hop legacy lists the orders.\n", run, printable(t.config.Mask(pass.Result.Reason)))
	case facts.Before == 0:
		text = fmt.Sprintf("Legacy is as run %s has left it: no row was written. How many it had is not on record, so deletions were not looked for.\n", run)
	}
	_, err = fmt.Fprint(p.stdout, text)
	return exitCode(pass.Result.Verdict), err
}
