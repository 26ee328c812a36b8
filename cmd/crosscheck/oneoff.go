package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/verify"
)

// oneOff is one pass now, asked for by a person or a pipeline.
type oneOff struct {
	*program
	kind           verify.PassKind
	json           bool
	maxDivergences int
	pass           func(context.Context, *verify.Comparison, *config.Config, verify.Lease, verify.Start) (verify.Pass, error)
}

func (o oneOff) run(ctx context.Context) (int, error) {
	c, err := o.load()
	if err != nil {
		return exitError, err
	}
	s, err := openSides(ctx, c, nil)
	if err != nil {
		return o.unverified(err)
	}
	defer s.close()
	fingerprint, err := s.fingerprint(ctx, c)
	if err != nil {
		return o.unverified(err)
	}
	l, err := openLedger(ctx, c, o.log())
	if err != nil {
		return o.unverified(fmt.Errorf("opening the ledger: %w", err))
	}
	defer l.Close()
	if _, err := l.Abandoned(ctx, o.kind); err != nil {
		return o.unverified(err)
	}
	bar := newProgress(o.stderr)
	defer bar.close()
	cmp := comparison(c, s, l, o.log())
	cmp.Progress = bar.show
	pass, err := o.execute(ctx, l, cmp, c, fingerprint)
	bar.close()
	if pass.ID == 0 {
		return o.unverified(err)
	}
	if err != nil {
		printError(o.stderr, err.Error(), hintFor(err))
	}
	return o.present(ctx, l, pass)
}

// execute runs the pass under a lease of its own: what a person asks for does not wait for the sidecar.
func (o oneOff) execute(ctx context.Context, l *ledger.Ledger, cmp *verify.Comparison, c *config.Config, fingerprint string) (verify.Pass, error) {
	job := fmt.Sprintf("manual %s %x", o.kind, rand.Uint64())
	lease, err := l.Acquire(ctx, job, holder(), leaseTime)
	if err != nil {
		return verify.Pass{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	renewing := make(chan struct{}) // closed when nothing renews the lease any more
	go func() {
		defer close(renewing)
		keep(ctx, l, lease, cancel)
	}()
	pass, err := o.pass(ctx, cmp, c, lease, verify.Start{Trigger: "manual", Fingerprint: fingerprint, At: time.Now()})
	cancel(nil)
	<-renewing
	releasing, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer done()
	if released := l.Release(releasing, lease); released != nil {
		o.log().WarnContext(ctx, "the lease was not released and will run out", slog.String("error", released.Error()))
	}
	return pass, err
}

// keep renews a lease until the context ends, and ends it when the lease is lost.
func keep(ctx context.Context, l *ledger.Ledger, lease verify.Lease, lost context.CancelCauseFunc) {
	for wait(ctx, leaseTime/3) == nil {
		if err := l.Renew(ctx, lease, leaseTime); errors.Is(err, verify.ErrFenced) {
			lost(err)
		}
	}
}

// unverified reports a pass that could not even begin. With --json that is a report too, and nothing else is on stdout.
func (o oneOff) unverified(err error) (int, error) {
	if o.json {
		r := newReport(verify.Pass{Kind: o.kind, Result: verify.Result{Verdict: "unverified", Reason: err.Error()}}, nil, time.Now())
		if werr := r.writeJSON(o.stdout); werr != nil {
			return exitError, errors.Join(err, werr)
		}
	}
	return 0, err
}

func (o oneOff) present(ctx context.Context, l *ledger.Ledger, pass verify.Pass) (int, error) {
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	found, err := l.PassDivergences(reading, pass.ID, o.maxDivergences)
	if err != nil {
		// The verdict is known and stands; only the list is missing.
		printError(o.stderr, err.Error(), hintFor(err))
	}
	r := newReport(pass, found, time.Now())
	if o.json {
		err = r.writeJSON(o.stdout)
	} else {
		err = r.writeText(o.stdout)
	}
	if err != nil {
		return exitError, fmt.Errorf("writing the report: %w", err)
	}
	return exitCode(pass.Result.Verdict), nil
}
