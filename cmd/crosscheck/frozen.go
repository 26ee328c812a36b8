package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover/evidence"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

func errPostCutover() error {
	return withHint(errors.New("with mode: post_cutover, legacy is no side of a comparison any more"),
		"crosscheck cutover frozen says whether legacy is as the cutover has left it, and crosscheck verify compares the projection with the events")
}

// closedBy is what one run has closed: its orders must stay in legacy as it has left them.
type closedBy struct {
	certifiedScope

	run string
	at  map[string]string // the run's positions
}

// closedParts are what the newest completed run of all orders has closed, and each slice that is at the new side. No order is in two of them.
func closedParts(ctx context.Context, l *ledger.Ledger, c *config.Config) (parts []closedBy, err error) {
	journals, err := l.Runs(ctx)
	if err != nil {
		return nil, err
	}
	all, err := statusesOf(journals)
	if err != nil {
		return nil, err
	}
	moved := movedOf(c, all)
	records, of, err := newestOf(journals, all, "")
	no, none := errors.AsType[uncertifiableError](err)
	switch {
	case none && len(moved) == 0:
		return nil, withHint(no, no.hint)
	case err != nil && !none:
		return nil, err
	case !none && (len(moved) == 0 || cutoverrun.Everything(all) != nil): // or its orders are at legacy again
		parts = append(parts, closedBy{of, records[0].Run, cutoverrun.Positions(records)})
	}
	for _, name := range moved {
		for i, s := range slices.Backward(all) {
			if s.State.Slice == name && s.Fenced != nil {
				parts = append(parts, closedBy{certifiedScope{Slice: name}, s.Run, cutoverrun.Positions(journals[i])})
				break
			}
		}
	}
	return parts, nil
}

// rows are those of the part. Their condition asks the column as it is now: a row that was moved into a slice counts there.
func (p closedBy) rows(c *config.Config, legacy *source.Side) (evidence.Server, error) {
	if p.Slice != "" {
		value, err := sliceValue(c, p.Slice)
		return legacy.Part(c.OfLegacy(value)), err
	}
	var values []string
	for _, o := range p.Outside {
		value, err := sliceValue(c, o.Slice)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	if len(values) == 0 {
		return legacy, nil
	}
	return legacy.Part(c.OfOtherLegacy(values)), nil
}

// look adds what was done to the part, and reports whether its rows were counted when it was closed.
func (p closedBy) look(ctx context.Context, c *config.Config, legacy *source.Side, found *verify.FrozenLook) (counted bool, err error) {
	rows, err := p.rows(c, legacy)
	if err != nil {
		return false, err
	}
	f, err := (&evidence.Evidence{Legacy: rows, Wait: lease.Sleep}).Frozen(ctx, p.at)
	if err != nil {
		return false, err
	}
	found.Rows, found.Written, found.Before = found.Rows+f.All, found.Written+f.Rows, found.Before+cmp.Or(f.Before, f.All)
	for _, key := range f.Some {
		found.Some = append(found.Some, order.Key(key))
	}
	if f.All >= f.Before {
		return f.Before > 0, nil
	}
	gone, err := p.deleted(ctx, c)
	found.Deleted = append(found.Deleted, gone...)
	if err != nil {
		err = fmt.Errorf("looking for the orders that legacy has lost: %w", err)
	}
	return true, err
}

func (p closedBy) deleted(ctx context.Context, c *config.Config) ([]order.Key, error) {
	part, err := p.restrict(c)
	if err != nil {
		return nil, err
	}
	s, err := openSides(ctx, part, nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	return deleted(ctx, s, p.at)
}

// lookFrozen looks at legacy itself, at all that was closed. A part that cannot be looked at does not hide what another one shows.
func lookFrozen(l *ledger.Ledger, c *config.Config, observe func(order.Representation, string, time.Duration)) func(context.Context) (verify.FrozenLook, error) {
	return func(ctx context.Context) (found verify.FrozenLook, err error) {
		parts, err := closedParts(ctx, l, c)
		if err != nil {
			return found, err
		}
		legacy, err := source.Open(ctx, legacyConfig(c, observe))
		if err != nil {
			return found, placed(c, withoutSecrets(c, err))
		}
		defer legacy.Close()
		var failed []error
		known := false
		for _, p := range parts {
			counted, err := p.look(ctx, c, legacy, &found)
			if err != nil && p.Slice != "" {
				err = fmt.Errorf("%s: %w", p.Slice, err)
			}
			failed, known = append(failed, err), known || counted
		}
		if !known {
			found.Before = 0
		}
		return found, errors.Join(failed...)
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
	return verify.LookFrozen(ctx, s.ledger, l, start, lookFrozen(s.ledger, s.sliced.whole, s.observeQuery), time.Now)
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
	parts, err := closedParts(ctx, t.ledger, t.whole)
	if err != nil {
		return exitUnverified, err
	}
	if t.config.Cutover.Reverse.Given() { // it has no slices
		return f.fed(ctx, t, parts[0].run)
	}
	var pass verify.Pass
	err = holding(t.ledger, "manual frozen", leaseTime, t.log()).Do(ctx, func(ctx context.Context, held lease.Lease) (err error) {
		start := verify.Start{Trigger: "manual", Fingerprint: t.basis.Fingerprint, At: time.Now()}
		pass, err = verify.LookFrozen(ctx, t.ledger, held, start, lookFrozen(t.ledger, t.whole, nil), time.Now)
		return err
	})
	if pass.ID == 0 {
		return 0, err
	}
	if err != nil {
		printError(p.logs(), t.config.Mask(err.Error()), hintFor(err))
	}
	facts, _ := pass.Scan.Facts.(verify.FrozenFacts)
	run, moved := runsOf(parts)
	if f.JSON {
		return exitCode(pass.Result.Verdict), writeObject(p.stdout, struct {
			Pass    verify.PassID   `json:"pass"`
			Run     string          `json:"run"` // of all orders; empty if only slices were moved
			Slices  []movedBefore   `json:"slices,omitempty"`
			Verdict compare.Verdict `json:"verdict"`
			Reason  string          `json:"reason,omitempty"`
			verify.FrozenFacts
		}{pass.ID, run, moved, pass.Result.Verdict, t.config.Mask(pass.Result.Reason), facts})
	}
	text := fmt.Sprintf("Legacy is as %s: no row was written, and it has %d rows.\n", left(run, moved), facts.Rows)
	switch {
	case pass.Result.Verdict != compare.Match:
		text = fmt.Sprintf("Legacy is not proven to be as %s: %s. crosscheck divergences --hop legacy lists the orders.\n", left(run, moved), printable(t.config.Mask(pass.Result.Reason)))
	case facts.Before == 0:
		text = fmt.Sprintf("Legacy is as %s: no row was written. How many it had is not on record, so deletions were not looked for.\n", left(run, moved))
	}
	_, err = fmt.Fprint(p.stdout, text)
	return exitCode(pass.Result.Verdict), err
}

// runsOf are the run of all orders, which is empty if there is none, and the slices with theirs.
func runsOf(parts []closedBy) (run string, moved []movedBefore) {
	for _, p := range parts {
		if p.Slice == "" {
			run = p.run
		} else {
			moved = append(moved, movedBefore{p.Slice, p.run})
		}
	}
	return run, moved
}

// left says in words who has left legacy as it must be.
func left(run string, moved []movedBefore) string {
	var by []string
	if run != "" {
		by = append(by, "run "+printable(run))
	}
	for _, m := range moved {
		by = append(by, fmt.Sprintf("run %s of %s", printable(m.Run), printable(m.Slice)))
	}
	if len(by) == 1 {
		return by[0] + " has left it"
	}
	return strings.Join(by, ", ") + " have left it"
}
