package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// oneOff is one pass that a person or a pipeline asked for.
type oneOff struct {
	*program
	kind           verify.PassKind
	json           bool
	maxDivergences int
	fields         *gate.Fields // nil before the configuration is known
	pass           passFunc
	fits           func(sides) error // is what was given usable with these sides; nil if it always is
	resume         bool              // the last pass of this kind, instead of a new one
	anyHour        bool              // throttle.hours do not hold
	// show writes the report of a pass that compares no sides; nil for the usual one.
	show func(context.Context, oneOff, *ledger.Ledger, verify.Pass) error
}

func (o oneOff) run(ctx context.Context) (int, error) {
	c, err := o.load()
	if err != nil {
		return exitError, err
	}
	switch {
	case c.Frozen() && o.kind == verify.Full && !o.resume && c.Events.Given():
		return o.projected(ctx, c)
	case c.Frozen(), c.PostCutover && o.kind == verify.Audit:
		return exitError, errPostCutover()
	}
	if c, err = o.remaining(ctx, c); err != nil {
		return o.unverified(err)
	}
	o.fields = comparedFields(c)
	s, basis, err := o.open(ctx, c)
	defer func() { s.close() }()  // as it is then
	if errors.Is(err, errNoKey) { // the command line is wrong
		return exitError, err
	}
	if err != nil {
		return o.unverified(err)
	}
	l, err := openLedger(ctx, c, o.log())
	if err != nil {
		return o.unverified(fmt.Errorf("opening the ledger: %w", err))
	}
	defer l.Close()
	q, err := o.jobs(ctx, c)
	if err != nil {
		return o.unverified(err)
	}
	if q != nil {
		defer q.Close()
	}
	store(ctx, basis, l, o.log())
	bar := newProgress(o.stderr)
	defer bar.close()
	cmp := o.comparison(c, s, l)
	shareWith(cmp, q)
	cmp.Progress = bar.show
	if cmp.Throttle != nil {
		cmp.Throttle.Changed = bar.throttled
	}
	quiet := bar.keepSaying(tookBefore(ctx, l, o.kind, basis.Fingerprint, o.log()))
	var pass verify.Pass
	err = o.helping(ctx, q, l, c, basis.Fingerprint, func(ctx context.Context) (err error) {
		pass, err = o.execute(ctx, l, cmp, c, basis.Fingerprint)
		return err
	})
	quiet()
	bar.close()
	if pass.ID == 0 {
		return o.unverified(err)
	}
	switch {
	case interrupted(ctx, err):
		o.sayStopped()
	case err != nil:
		printError(o.logs(), err.Error(), hintFor(err))
	}
	pass.Result = stopped(pass)
	return o.present(ctx, l, pass)
}

// open opens what the pass reads. What was opened before an error is returned too.
func (o oneOff) open(ctx context.Context, c *config.Config) (s sides, basis gate.Basis, err error) {
	if s, err = openSides(ctx, c, nil); err != nil {
		return s, basis, err
	}
	if o.fits != nil {
		if err := o.fits(s); err != nil {
			return s, basis, err
		}
	}
	if err := s.readable(ctx, c); err != nil {
		return s, basis, err
	}
	if o.kind == verify.Full || o.kind == verify.Delta { // which may have to be full
		if err := s.openFolded(ctx, c, nil); err != nil {
			return s, basis, err
		}
		if err := s.keepsLimits(ctx, c, o.log()); err != nil {
			return s, basis, err
		}
	}
	if o.kind == verify.Audit {
		if err := s.openAudits(ctx, c, nil); err != nil {
			return s, basis, err
		}
	}
	basis, err = s.basis(ctx, c)
	return s, basis, err
}

// comparison connects the sides and the ledger for this command.
func (o oneOff) comparison(c *config.Config, s sides, l *ledger.Ledger) *verify.Comparison {
	cmp := comparison(c, s, l, o.log())
	if o.anyHour && cmp.Throttle != nil {
		cmp.Throttle.Limits.Hours = throttle.Hours{}
	}
	return cmp
}

// execute runs the pass under its own lease, so that it does not wait for the sidecar.
func (o oneOff) execute(ctx context.Context, l *ledger.Ledger, cmp *verify.Comparison, c *config.Config, fingerprint string) (pass verify.Pass, err error) {
	job := fmt.Sprintf("manual %s %x", o.kind, rand.Uint64())
	err = holding(l, job, leaseTime, o.log()).Do(ctx, func(ctx context.Context, held lease.Lease) error {
		if o.resume {
			var err error
			pass, err = o.goOn(ctx, l, cmp, held, fingerprint)
			return err
		}
		if err := o.recover(ctx, l, cmp, held, fingerprint); err != nil {
			return err
		}
		var err error
		pass, err = o.pass(ctx, cmp, c, held, verify.Start{Trigger: "manual", Fingerprint: fingerprint, At: time.Now()})
		return err
	})
	return pass, err
}

// recover ends the passes of killed processes, because there may be no sidecar that does. Passes that were scanning are
// unverified, because this one begins anew. Passes whose suspects were waiting go on, unless the comparison has changed since.
func (o oneOff) recover(ctx context.Context, l *ledger.Ledger, cmp *verify.Comparison, held lease.Lease, fingerprint string) error {
	kinds := []verify.PassKind{o.kind}
	if o.kind == verify.Delta {
		kinds = append(kinds, verify.Full) // that a delta had to be
	}
	orphans, err := l.Abandoned(ctx, kinds...)
	if err != nil {
		return err
	}
	for _, found := range orphans {
		err := l.Adopt(ctx, held, found.ID)
		switch {
		case errors.Is(err, ledger.ErrNotSettling): // a sidecar was faster
		case err != nil:
			return err
		case found.State == verify.Scanning:
			err = giveUp(ctx, l, held, found, "process ended during the scan")
		case found.Fingerprint == fingerprint:
			_, err = cmp.Resume(ctx, held, found)
		default:
			err = giveUp(ctx, l, held, found, changed(ctx, l, "process ended before its suspects were judged, and what is compared has changed since", found.Fingerprint, fingerprint))
		}
		if err != nil && !errors.Is(err, ledger.ErrNotSettling) {
			return fmt.Errorf("ending pass %d, whose process was killed: %w", found.ID, err)
		}
	}
	return nil
}

// giveUp ends a pass whose suspects cannot be judged any more.
func giveUp(ctx context.Context, l *ledger.Ledger, held lease.Lease, found verify.Pass, reason string) error {
	tally, err := l.Tally(ctx, found.ID)
	if err != nil {
		return err
	}
	return l.FinishPass(ctx, held, found.ID, found.GivenUp(tally, reason), time.Now())
}

// unverified reports a pass that could not begin. With --json this is a report too, and nothing else is on stdout.
func (o oneOff) unverified(err error) (int, error) {
	if o.json {
		r := newReport(verify.Pass{Kind: o.kind, Result: verify.Result{Verdict: "unverified", Reason: strings.Join(strings.Fields(o.config.Mask(err.Error())), " ")}}, o.fields, nil, 0, time.Now())
		if werr := r.writeJSON(o.stdout); werr != nil {
			return exitError, errors.Join(err, werr)
		}
	}
	return 0, err
}

func (o oneOff) present(ctx context.Context, l *ledger.Ledger, pass verify.Pass) (int, error) {
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if o.show != nil {
		stored, err := l.Pass(reading, pass.ID)
		if err != nil {
			return exitError, err
		}
		stored.Result = stopped(stored)
		if err := o.show(reading, o, l, stored); err != nil {
			return exitError, err
		}
		return exitCode(stored.Result.Verdict), nil
	}
	limit := o.maxDivergences
	if !o.json {
		limit = min(limit, textDivergences)
	}
	found, err := l.PassDivergences(reading, pass.ID, limit+1)
	if err != nil {
		// The verdict is known; only the list is missing.
		printError(o.logs(), err.Error(), hintFor(err))
	}
	accepted, err := l.AcceptedOrders(reading, pass.ID)
	if err != nil {
		printError(o.logs(), err.Error(), hintFor(err))
	}
	r := newReport(pass, o.fields, found[:min(limit, len(found))], accepted, time.Now())
	r.Truncated = r.Truncated || len(found) > limit
	if o.json {
		err = r.writeJSON(o.stdout)
	} else {
		err = o.say(r.text(o.columns()))
	}
	if err != nil {
		return exitError, fmt.Errorf("writing the report: %w", err)
	}
	return r.exitCode(), nil
}
