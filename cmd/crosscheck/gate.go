package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
)

type gateCommand struct {
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

func (g *gateCommand) run(ctx context.Context, p *program) (int, error) {
	c, err := p.load()
	if err != nil {
		return exitError, err
	}
	d, err := judge(ctx, p, c)
	if err != nil {
		if g.JSON { // that is an answer too: whoever reads the object must not find nothing
			err = errors.Join(err, g.print(p.stdout, undecided(err, time.Now())))
		}
		return 0, err
	}
	return d.ExitCode(), g.print(p.stdout, d)
}

func judge(ctx context.Context, p *program, c *config.Config) (gate.Decision, error) {
	s, err := openSides(ctx, c, nil)
	if err != nil {
		return gate.Decision{}, err
	}
	defer s.close()
	fingerprint, err := s.fingerprint(ctx, c)
	if err != nil {
		return gate.Decision{}, err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: p.log()})
	if err != nil {
		return gate.Decision{}, fmt.Errorf("opening the ledger: %w", err)
	}
	defer l.Close()
	d, _, err := decide(ctx, l, c, fingerprint, time.Now())
	return d, err
}

// undecided is the decision where the evidence cannot be asked for.
func undecided(err error, now time.Time) gate.Decision {
	return gate.Decision{
		Decision: gate.Undecided, At: now.UTC(),
		Criteria: []gate.Result{{Name: "databases", Verdict: gate.Errored, Reason: err.Error()}},
	}
}

func (g *gateCommand) print(w io.Writer, d gate.Decision) error {
	if g.JSON {
		return writeObject(w, d)
	}
	_, err := io.WriteString(w, gate.Text(d))
	return err
}

// decide gathers the evidence and judges it. A ledger that was never written is no evidence, not an error.
func decide(ctx context.Context, l *ledger.Ledger, c *config.Config, fingerprint string, now time.Time) (gate.Decision, gate.Evidence, error) {
	policy := gatePolicy(c.Gate)
	evidence, err := l.Evidence(ctx, fingerprint, now, policy.Criteria.SampleBound.MaxAge)
	if errors.Is(err, ledger.ErrNotMigrated) {
		evidence, err = gate.Evidence{Fingerprint: fingerprint}, nil
	}
	if err != nil {
		return gate.Decision{}, evidence, fmt.Errorf("gathering the evidence: %w", err)
	}
	if evidence.NextFull.IsZero() && !c.Sampler.Full.Off() {
		evidence.NextFull = c.Sampler.Full.Next(now)
	}
	return policy.Decide(evidence, now), evidence, nil
}
