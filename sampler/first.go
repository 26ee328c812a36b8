package sampler

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// first makes a pass at the start if the ledger has none under the present configuration, so that nobody waits for the
// schedule to see a first result. It asks under the lease: of several sidecars one makes the pass. What could not be
// begun is tried again with the next call.
func (r *runner) first(ctx context.Context) error {
	if r.begun || r.job.First == nil || r.ticks.due.IsZero() {
		return nil
	}
	var broke error
	err := r.hold(ctx, string(r.job.Kind), func(ctx context.Context, l lease.Lease) error {
		wanted, err := r.job.First(ctx)
		if err != nil || !wanted {
			r.begun = err == nil
			return err
		}
		r.begun, broke = r.make(ctx, l, verify.Start{Kind: r.job.Kind, Trigger: "start", At: time.Now()})
		return broke
	})
	if r.begun && broke != nil && ctx.Err() == nil {
		r.close(ctx)
	}
	return err
}
