package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/jobs"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/verify"
)

// openJobs returns nil unless sidecars share ranges.
func openJobs(ctx context.Context, c *config.Config, log *slog.Logger) (*jobs.Queue, error) {
	if !c.Verify.Shared {
		return nil, nil
	}
	return jobs.Open(ctx, jobs.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Log: log})
}

// shareWith lets others compare ranges of a full pass too; a nil pointer in the interface would count as jobs.
func shareWith(c *verify.Comparison, q *jobs.Queue) {
	if q != nil {
		c.Jobs, c.Worker = q, holder()
	}
}

// helpAgain is the pause after a sidecar could not help.
const helpAgain = 5 * time.Second

// help compares ranges of all passes with the sidecar's fingerprint, until ctx ends.
func (s *sidecar) help(ctx context.Context) error {
	if s.jobs == nil {
		return nil
	}
	helper := &verify.Helper{Ledger: s.ledger, Log: s.log, Open: func(ctx context.Context) (*verify.Comparison, string, func(), error) {
		return s.comparison(ctx, verify.Full)
	}}
	defer helper.Close()
	for ctx.Err() == nil {
		if err := s.helpSame(ctx, helper); err != nil && ctx.Err() == nil && !errors.Is(err, errSwapped) {
			s.log.WarnContext(ctx, "this sidecar cannot compare ranges of shared passes, will try again", slog.String("error", err.Error()))
		}
		if lease.Sleep(ctx, helpAgain) != nil {
			break
		}
	}
	return nil
}

// helpSame does jobs of one fingerprint.
func (s *sidecar) helpSame(ctx context.Context, helper *verify.Helper) error {
	opened, err := s.open(ctx)
	if err != nil {
		return err
	}
	fingerprint, err := opened.known(ctx, s.config, s.ledger, s.log)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.jobs.Work(ctx, fingerprint, s.config.Verify.MaxSnapshot, helper.Do) })
	g.Go(func() error { return s.whileSame(ctx, opened, fingerprint) })
	return g.Wait()
}

// jobs opens the jobs of a command that reads everything; nil unless sidecars share ranges.
func (o oneOff) jobs(ctx context.Context, c *config.Config) (*jobs.Queue, error) {
	if o.kind != verify.Full && o.kind != verify.Delta { // which may have to be full
		return nil, nil
	}
	q, err := openJobs(ctx, c, o.log())
	if err != nil || q == nil {
		return nil, err
	}
	if err := q.Migrate(ctx); err != nil {
		q.Close()
		return nil, err
	}
	return q, nil
}

// helping runs a pass while this process does jobs too, if ranges are shared.
func (o oneOff) helping(ctx context.Context, q *jobs.Queue, l *ledger.Ledger, c *config.Config, fingerprint string, pass func(context.Context) error) error {
	if q == nil {
		return pass(ctx)
	}
	helper := &verify.Helper{Ledger: l, Log: o.log(), Open: func(ctx context.Context) (*verify.Comparison, string, func(), error) {
		s, basis, err := o.open(ctx, c)
		if err != nil {
			s.close()
			return nil, "", nil, err
		}
		cmp := o.comparison(c, s, l)
		shareWith(cmp, q)
		return cmp, basis.Fingerprint, s.close, nil
	}}
	defer helper.Close()
	working, stop := context.WithCancel(ctx)
	defer stop()
	var g errgroup.Group
	g.Go(func() error {
		if err := q.Work(working, fingerprint, c.Verify.MaxSnapshot, helper.Do); working.Err() == nil {
			return err
		}
		return nil
	})
	err := pass(ctx)
	stop()
	return errors.Join(err, g.Wait())
}
