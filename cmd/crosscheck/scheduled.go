package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/sampler"
	"github.com/nordvarg/crosscheck/verify"
)

type passFunc func(context.Context, *verify.Comparison, *config.Config, lease.Lease, verify.Start) (verify.Pass, error)

// scheduledPass is a kind of pass that the sidecar runs on schedule.
type scheduledPass struct {
	kind     verify.PassKind
	schedule config.Schedule
	// atStart asks for a pass at the start of a sidecar whose ledger has none under its configuration. A full pass waits
	// for its schedule: the time of its load on the databases is the owner's choice.
	atStart bool
	// interval says that the schedule is one, as in sampler.Job.
	interval bool
	run      passFunc // nil for those that need more of the sidecar: [sidecar.delta] and [sidecar.readsPass]
}

// scheduledPasses has one line for each of them: what runs, and what the board and the metrics need to know.
func scheduledPasses(c *config.Config) []scheduledPass {
	if c.Frozen() { // legacy is no side of a comparison any more
		passes := []scheduledPass{{kind: verify.Frozen, schedule: c.Sampler.Schedule, atStart: true}}
		if c.Events.Given() {
			passes = append(passes, scheduledPass{kind: verify.Projected, schedule: c.Sampler.Full, atStart: true})
		}
		return passes
	}
	all := []scheduledPass{
		{verify.Sample, c.Sampler.Schedule, true, false, func(ctx context.Context, cmp *verify.Comparison, c *config.Config, l lease.Lease, start verify.Start) (verify.Pass, error) {
			return cmp.Sample(ctx, l, start, c.Sampler.Size)
		}},
		{verify.Full, c.Sampler.Full, false, false, func(ctx context.Context, cmp *verify.Comparison, _ *config.Config, l lease.Lease, start verify.Start) (verify.Pass, error) {
			return cmp.Full(ctx, l, start)
		}},
		{verify.Delta, c.Sampler.Delta, false, true, nil},
		{verify.Audit, c.Sampler.Audit, false, false, func(ctx context.Context, cmp *verify.Comparison, _ *config.Config, l lease.Lease, start verify.Start) (verify.Pass, error) {
			return cmp.Audit(ctx, l, start, verify.Span{})
		}},
		{verify.Reads, c.Reads.Schedule, false, false, nil},
	}
	if len(c.LeftOut()) > 0 { // nobody may write them at legacy
		all = append(all, scheduledPass{kind: verify.Frozen, schedule: c.Sampler.Schedule, atStart: true})
	}
	if c.PostCutover { // a reverse feed writes no audit log
		all = slices.DeleteFunc(all, func(p scheduledPass) bool { return p.kind == verify.Audit })
	}
	return all
}

// job opens the sides again for every pass but a delta, so that it notices changes such as a new index.
func (s *sidecar) job(pass scheduledPass) sampler.Job {
	job := sampler.Job{
		Kind: pass.kind, Schedule: pass.schedule, Interval: pass.interval,
		Run: func(ctx context.Context, l lease.Lease, start verify.Start) (verify.Pass, error) {
			if pass.kind == verify.Frozen {
				return s.frozen(ctx, l, start)
			}
			if pass.kind == verify.Projected {
				return s.projected(ctx, l, start)
			}
			if err := s.fed(ctx); err != nil {
				return verify.Pass{}, err
			}
			if pass.kind == verify.Delta {
				return s.delta(ctx, l, start)
			}
			c, fingerprint, done, err := s.comparison(ctx, pass.kind)
			if err != nil {
				return verify.Pass{}, err
			}
			defer done()
			start.Fingerprint = fingerprint
			if pass.kind == verify.Reads {
				return s.readsPass(ctx, c, s.config, l, start)
			}
			return pass.run(ctx, c, s.config, l, start)
		},
		Resume: func(ctx context.Context, l lease.Lease, found verify.Pass) (verify.Pass, error) {
			if pass.kind == verify.Frozen || pass.kind == verify.Projected {
				return verify.Pass{}, fmt.Errorf("%w: such a look begins anew", sampler.ErrNotResumable)
			}
			c, fingerprint, done, err := s.comparison(ctx, pass.kind)
			if err != nil {
				return verify.Pass{}, err
			}
			defer done()
			if found.Fingerprint != fingerprint {
				return verify.Pass{}, fmt.Errorf("%w: %s", sampler.ErrNotResumable,
					changed(ctx, s.ledger, "configuration, comparator or databases have changed since", found.Fingerprint, fingerprint))
			}
			pass, err := c.Resume(ctx, l, found)
			if errors.Is(err, verify.ErrNotRanged) || errors.Is(err, verify.ErrSpanUnknown) {
				err = fmt.Errorf("%w: %w", sampler.ErrNotResumable, err)
			}
			return pass, err
		},
	}
	if pass.atStart {
		job.First = func(ctx context.Context) (bool, error) {
			if pass.kind == verify.Frozen { // whoever wrote legacy may have done so while no sidecar ran
				return true, nil
			}
			fingerprint, err := s.fingerprint(ctx)
			if err != nil {
				return false, err
			}
			has, err := s.ledger.HasPass(ctx, pass.kind, fingerprint)
			return !has, err
		}
	}
	return job
}
