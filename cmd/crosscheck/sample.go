package main

import (
	"context"
	"errors"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

type sampleCommand struct {
	Size           *int `help:"How many orders to draw. Default: sampler.size in the configuration." placeholder:"N"`
	JSON           bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	MaxDivergences int  `help:"How many divergences to print; the ledger has all." default:"10000"`
}

// Validate is called when the command line was parsed.
func (s *sampleCommand) Validate() error {
	if s.Size != nil && *s.Size < 1 {
		return errors.New("--size: must be at least 1")
	}
	return validMaxDivergences(s.MaxDivergences)
}

func (s *sampleCommand) run(ctx context.Context, p *program) (int, error) {
	return oneOff{
		program: p, kind: verify.Sample, json: s.JSON, maxDivergences: s.MaxDivergences,
		pass: func(ctx context.Context, c *verify.Comparison, cfg *config.Config, l lease.Lease, start verify.Start) (verify.Pass, error) {
			size := cfg.Sampler.Size
			if s.Size != nil {
				size, start.Fewer = *s.Size, *s.Size < cfg.Sampler.Size
			}
			return c.Sample(ctx, l, start, size)
		},
	}.run(ctx)
}
