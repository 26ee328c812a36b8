package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nordvarg/crosscheck/lab/scale"
)

type simulateCmd struct {
	Ranges      int     `default:"400" help:"Ranges of the pass."`
	Variance    float64 `default:"0.35" help:"Standard deviation of the logarithm of a range's work."`
	Sidecars    int     `default:"0" help:"Sidecars that share the pass; without it, the tables of docs/scaling.md are printed."`
	Streams     int     `default:"1" help:"Connections a side of each sidecar."`
	ServerCores int     `default:"8" help:"Cores of the busier server."`
	ClientCores int     `default:"1" help:"Cores of each sidecar."`
	Client      float64 `default:"0.01" help:"Processor time of a sidecar for each second of the server's."`
	Serial      float64 `default:"0.03" help:"Part of the work that is not shared."`
	Seed        uint64  `default:"1" help:"Seed of the ranges' work."`
}

func (c *simulateCmd) Run(s *session) error {
	p := func(text string) error {
		if _, err := io.WriteString(s.out.w, text); err != nil {
			return fmt.Errorf("writing what was simulated: %w", err)
		}
		return nil
	}
	if c.Sidecars == 0 {
		tables := scale.Tables()
		var all strings.Builder
		for _, name := range scale.Names {
			all.WriteString(tables[name] + "\n")
		}
		return p(all.String())
	}
	if c.Ranges < 1 || c.Sidecars < 1 || c.Streams < 1 || c.ServerCores < 1 || c.ClientCores < 1 || c.Variance < 0 || c.Client < 0 || c.Serial < 0 || c.Serial > 1 {
		return withHint(errors.New("nothing to simulate"), "counts are at least 1, variance and client at least 0, serial between 0 and 1")
	}
	shared := scale.Sharing{
		Ranges: c.Ranges, Variance: c.Variance, Sidecars: c.Sidecars, Streams: c.Streams, ServerCores: c.ServerCores,
		ClientCores: c.ClientCores, Client: c.Client, Serial: c.Serial, Seed: c.Seed,
	}
	alone := shared
	alone.Sidecars = 1
	one, several := scale.Simulate(alone), scale.Simulate(shared)
	return p(fmt.Sprintf("%d sidecars are %.2f times as fast as one; ranges of each: %s\n", c.Sidecars, one.Time/several.Time, strings.Trim(fmt.Sprint(several.Each), "[]")))
}
