package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
)

var errReportOfPairs = errors.New("--report is of one pair of tables")

// overAll decides over all pairs of tables. Each pair's decision goes on record in its own chain, and the decision over all in that of the
// ledger's shared schema.
func (g *gateCommand) overAll(ctx context.Context, p *program, all []*config.Config) (int, error) {
	if g.Report != "" {
		return exitError, withHint(errReportOfPairs, "choose it with --pair: "+names(all))
	}
	g.docs = all[0].DocsURL()
	if g.VerifyChain {
		return g.verifyChains(ctx, p, all)
	}
	look := func(ctx context.Context) (gate.Decision, error) {
		d, errs := (&gateCommand{NoRecord: true}).judgeAll(ctx, p, all)
		if d.Decision != gate.Undecided {
			return d, nil
		}
		if i := slices.IndexFunc(errs, func(err error) bool { return !passes(err) }); i >= 0 {
			return d, errs[i]
		}
		return d, errors.Join(errs...)
	}
	waited := g.await(ctx, p, look)
	if interrupted(ctx, waited) {
		return exitUnverified, waited
	}
	d, errs := g.judgeAll(ctx, p, all) // also after an error, which comes again
	if ctx.Err() != nil {
		return exitUnverified, ctx.Err()
	}
	code := d.ExitCode()
	if len(errs) == 0 {
		if err := g.recordAll(ctx, p, all[0], &d); err != nil {
			errs = append(errs, err)
		}
	}
	for _, err := range errs {
		code = worse(code, report(p.logs(), err))
	}
	return code, g.print(p, d)
}

// judgeAll decides for each pair, and over all. A pair that cannot be judged is undecided.
func (g *gateCommand) judgeAll(ctx context.Context, p *program, all []*config.Config) (gate.Decision, []error) {
	var errs []error
	pairs := make([]gate.OfPair, len(all))
	for i, c := range all {
		d, err := g.judge(ctx, p.of(c), c)
		if err != nil {
			errs = append(errs, ofPair(c, err))
		}
		if d.Decision == "" {
			d = board.Undecided(withoutSecrets(c, err), time.Now())
		}
		pairs[i] = gate.OfPair{Name: c.Pair, Decision: d}
	}
	return gate.OverAll(pairs), errs
}

// recordAll appends the decision over all, if the decision of each pair is on record. Asking the gate before anything was compared creates
// no tables.
func (g *gateCommand) recordAll(ctx context.Context, p *program, c *config.Config, d *gate.Decision) error {
	if g.NoRecord || slices.ContainsFunc(d.Pairs, func(p gate.PairDecision) bool { return p.Record == nil }) {
		return nil
	}
	l, err := openLedger(ctx, overAll(c), p.log())
	if err != nil {
		return withHint(fmt.Errorf("the decision is valid, but was not recorded: opening the ledger: %w", err), "the decision over all pairs is recorded in the schema "+c.Ledger.Shared)
	}
	defer l.Close()
	return g.record(ctx, l, d, gate.Evidence{Fingerprint: d.Fingerprint})
}

// overAll is what a configuration shares with those of all pairs. Its ledger is that of all.
func overAll(c *config.Config) *config.Config {
	shared := *c
	if c.Pair != "" {
		shared.Pair, shared.Ledger.Schema = "", c.Ledger.Shared
	}
	return &shared
}

// chainOf is the chain of a pair, or that over all, which has no name.
type chainOf struct {
	Name string `json:"name,omitempty"`
	chainReport
}

// verifyChains proves the chain of each pair, and that over all. The given head must be in one of them.
func (g *gateCommand) verifyChains(ctx context.Context, p *program, all []*config.Config) (int, error) {
	found := struct {
		Intact bool      `json:"intact"`
		Chains []chainOf `json:"chains"`
	}{Intact: true}
	has := g.Head == ""
	code := exitAgrees
	for i, c := range append(slices.Clone(all), overAll(all[0])) {
		name := c.Pair
		if i == len(all) {
			name = ""
		}
		chain, err := readChain(ctx, p, c, g.Head)
		switch {
		case name == "" && errors.Is(err, board.ErrNotMigrated): // no decision over all was recorded yet
			err = nil
		case err != nil:
			code = worse(code, report(p.logs(), ofPair(c, err)))
		}
		r := chainReport{Length: chain.Length, Head: chain.Head, Broken: chain.Broken, Reason: chain.Why, Intact: err == nil && chain.Broken == 0}
		if err != nil {
			r.Reason = c.Mask(err.Error())
		}
		has = has || r.Intact && chain.HeadFound
		if found.Intact = found.Intact && r.Intact; err == nil && !r.Intact {
			code = worse(code, exitDiverged)
		}
		found.Chains = append(found.Chains, chainOf{name, r})
	}
	if found.Intact && !has {
		found.Intact, code = false, exitDiverged
	}
	if g.JSON {
		return code, writeObject(p.stdout, found)
	}
	var text strings.Builder
	for _, c := range found.Chains {
		if c.Intact || c.Broken > 0 {
			text.WriteString(orAll(c.Name) + ": " + c.text())
		}
	}
	if !has {
		text.WriteString("HEAD NOT FOUND: none of these chains contains the given head.\n")
	}
	_, err := io.WriteString(p.stdout, text.String())
	return code, err
}

func orAll(pair string) string {
	if pair == "" {
		return "over all"
	}
	return "pair " + pair
}
