package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/verify"
)

var errNothingToResume = errors.New("there is nothing to resume")

// leaseLook is the time between two looks whether the lease of a process that was killed has run out.
const leaseLook = time.Second

// goOn resumes the last pass, if its process has ended.
func (o oneOff) goOn(ctx context.Context, l *ledger.Ledger, cmp *verify.Comparison, held lease.Lease, fingerprint string) (verify.Pass, error) {
	found, err := o.unfinished(ctx, l)
	switch {
	case err != nil:
		return verify.Pass{}, err
	case found.ID == 0:
		return verify.Pass{}, withHint(fmt.Errorf("%w: the last %s has ended", errNothingToResume, o.called()), o.anew())
	case found.Fingerprint != fingerprint:
		return verify.Pass{}, withHint(errors.New(changed(ctx, l, fmt.Sprintf("pass %d cannot be resumed, because what is compared has changed since", found.ID), found.Fingerprint, fingerprint)), o.anew())
	case found.State == verify.Scanning && !found.Ranged:
		return verify.Pass{}, withHint(fmt.Errorf("pass %d reads each side in one statement, and cannot be resumed", found.ID),
			"run verify without --resume; with verify.max_snapshot, such as 30s, the next one can be resumed")
	case found.State == verify.Scanning && cmp.MaxSnapshot == 0 && o.kind != verify.Audit:
		return verify.Pass{}, withHint(fmt.Errorf("pass %d: %w", found.ID, verify.ErrNotRanged), "set verify.max_snapshot, such as 30s")
	}
	if err := l.Adopt(ctx, held, found.ID); err != nil {
		return verify.Pass{}, err
	}
	pass, err := cmp.Resume(ctx, held, found.Pass)
	if errors.Is(err, verify.ErrSpanUnknown) {
		err = withHint(err, o.anew())
	}
	return pass, err
}

// called is what people call the kind of pass.
func (o oneOff) called() string {
	if o.kind == verify.Audit {
		return "audit"
	}
	return "full verification"
}

// anew is the hint for a pass that cannot be resumed.
func (o oneOff) anew() string {
	if o.kind == verify.Audit {
		return "run audit without --resume"
	}
	return "run verify without --resume"
}

// unfinished waits until the lease of a process that was killed has run out. One that lives renews it, and is left alone.
func (o oneOff) unfinished(ctx context.Context, l *ledger.Ledger) (ledger.Unfinished, error) {
	patience := time.Now().Add(leaseTime + 10*leaseLook)
	for told := false; ; told = true {
		found, err := l.Unfinished(ctx, o.kind)
		if err != nil || !found.Live {
			return found, err
		}
		if time.Now().After(patience) {
			return found, fmt.Errorf("pass %d still runs, in the process %s", found.ID, found.Holder)
		}
		if !told {
			o.log().LogAttrs(ctx, slog.LevelWarn, "waiting until the lease of the process runs out, which may be alive", slog.Int64("pass", int64(found.ID)), slog.String("holder", found.Holder))
		}
		if err := lease.Sleep(ctx, leaseLook); err != nil {
			return found, err
		}
	}
}

// stopped is the result of a pass, also of one that another process can go on with.
func stopped(pass verify.Pass) verify.Result {
	switch pass.State {
	case verify.Done:
		return pass.Result
	case verify.Scanning:
		command := "verify"
		if pass.Kind == verify.Audit {
			command = "audit"
		}
		return verify.Result{Verdict: compare.Unverified, Reason: "stopped before everything was compared; " + command + " --resume goes on with the rest"}
	default:
		return verify.Result{Verdict: compare.Unverified, Reason: "stopped before the suspects were judged; the next pass goes on with them"}
	}
}
