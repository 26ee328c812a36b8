package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/reads"
	"github.com/nordvarg/crosscheck/verify"
)

type readsCommand struct {
	Ask    readsAsk    `cmd:"" default:"withargs" help:"Ask both read paths about drawn orders, and compare answers and latency."`
	Replay readsReplay `cmd:"" help:"Ask both read paths recorded requests, one JSON object a line: at, query, key or params."`
}

// readsAtOnce is how many connections a side needs for the questions that are open at once.
const readsAtOnce = 8

type readsAsk struct {
	Size *int `help:"About how many orders to ask. Default: reads.size in the configuration." placeholder:"N"`
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

// Validate is called when the command line was parsed.
func (r *readsAsk) Validate() error {
	if r.Size != nil && *r.Size < 1 {
		return errors.New("--size: must be at least 1")
	}
	return nil
}

func (r *readsAsk) run(ctx context.Context, p *program) (int, error) {
	return oneOff{
		program: p, kind: verify.Reads, json: r.JSON,
		pass: func(ctx context.Context, cmp *verify.Comparison, c *config.Config, l lease.Lease, start verify.Start) (verify.Pass, error) {
			size := c.Reads.Size
			if r.Size != nil {
				size, start.Fewer = *r.Size, *r.Size < c.Reads.Size
			}
			paths, err := openPaths(ctx, c, readsAtOnce)
			if err != nil {
				return verify.Pass{}, err
			}
			defer paths.close()
			return reading(c, paths, cmp).Run(ctx, l, start, size)
		},
		show: func(_ context.Context, o oneOff, _ *ledger.Ledger, pass verify.Pass) error {
			return newReadsReport(pass).write(o.stdout, r.JSON, o.columns())
		},
	}.run(ctx)
}

type readsReplay struct {
	File  string  `arg:"" help:"File of recorded requests." type:"existingfile"`
	Speed float64 `default:"1" help:"How much faster than recorded. Requests without a time are asked at reads.rate." placeholder:"FACTOR"`
	JSON  bool    `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

// Validate is called when the command line was parsed.
func (r *readsReplay) Validate() error {
	if !(r.Speed >= 0.001 && r.Speed <= 1000) {
		return errors.New("--speed: must be from 0.001 to 1000")
	}
	return nil
}

// run asks without a ledger: a replay is no evidence for the gate, because nothing tells how its requests were chosen.
func (r *readsReplay) run(ctx context.Context, p *program) (int, error) {
	c, err := p.load()
	if err != nil {
		return exitError, err
	}
	paths, err := openPaths(ctx, c, readsAtOnce)
	if err != nil {
		return 0, err
	}
	defer paths.close()
	bar := newProgress(p.stderr)
	defer bar.close()
	cmp := &verify.Comparison{
		Random:   rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), //nolint:gosec // no secret
		Progress: bar.show, Log: p.log(),
	}
	for _, f := range c.Compare.Fields {
		cmp.Fields = append(cmp.Fields, f.Field)
	}
	asked := reading(c, paths, cmp)
	file, err := os.Open(r.File)
	if err != nil {
		return exitError, fmt.Errorf("reading recorded requests: %w", err)
	}
	questions, err := asked.Recorded(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return exitError, withHint(err, `each line is an object such as {"at": "2026-11-27T09:00:00.25Z", "query": "order", "key": "4711"}`)
	}
	pass := verify.Pass{Kind: verify.Reads, Trigger: "manual", StartedAt: time.Now()}
	facts, late, err := asked.Replay(ctx, questions, r.Speed)
	bar.close()
	if err != nil {
		return 0, fmt.Errorf("replaying recorded requests: %w", err)
	}
	pass.FinishedAt, pass.Result = time.Now(), facts.Result()
	pass.Scan = verify.Scan{Coverage: facts.Coverage(), Facts: facts}
	report := newReadsReport(pass)
	report.Late = late
	if err := report.write(p.stdout, r.JSON, p.columns()); err != nil {
		return exitError, err
	}
	return exitCode(pass.Result.Verdict), nil
}

var _ reads.Journal = (*ledger.Ledger)(nil)
