package main

import (
	"context"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/verify"
)

type sampleCommand struct {
	Size           int  `help:"How many orders to draw; by default sampler.size of the configuration." placeholder:"N"`
	JSON           bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	MaxDivergences int  `help:"How many divergences to print; the ledger has all." default:"10000"`
}

func (s *sampleCommand) run(ctx context.Context, p *program) (int, error) {
	return oneOff{
		program: p, kind: verify.Sample, json: s.JSON, maxDivergences: s.MaxDivergences,
		pass: func(ctx context.Context, c *verify.Comparison, cfg *config.Config, l verify.Lease, start verify.Start) (verify.Pass, error) {
			size := cfg.Sampler.Size
			if s.Size > 0 {
				size = s.Size
			}
			return c.Sample(ctx, l, start, size)
		},
	}.run(ctx)
}
