package main

import (
	"context"
	"errors"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/readpath"
	"github.com/nordvarg/crosscheck/reads"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// errNoReads is returned if the configuration has nothing to ask.
var errNoReads = errors.New("the section reads has no queries: there is nothing to ask of the read paths")

// paths are both read paths. The zero value asks nothing.
type paths struct {
	legacy, projection *source.ReadPath // nil if no query of the side is SQL
	client             *readpath.Client // nil if nothing was opened
}

func (p paths) close() {
	for _, side := range []*source.ReadPath{p.legacy, p.projection} {
		if side != nil {
			side.Close()
		}
	}
	if p.client != nil {
		p.client.Close()
	}
}

// openPaths connects to the sides that are asked by SQL.
func openPaths(ctx context.Context, c *config.Config, atOnce int) (p paths, err error) {
	if !c.Reads.Given() {
		return p, withHint(errNoReads, "name what to ask in reads.queries; see docs/reads.md")
	}
	p.client = readpath.NewClient()
	for _, side := range []struct {
		is   order.Representation
		dsn  config.Secret
		of   func(config.ReadQuery) config.ReadPath
		into **source.ReadPath
	}{
		{order.Legacy, c.Legacy.DSN, func(q config.ReadQuery) config.ReadPath { return q.Legacy }, &p.legacy},
		{order.Projection, c.Projection.DSN, func(q config.ReadQuery) config.ReadPath { return q.Projection }, &p.projection},
	} {
		for _, q := range c.Reads.Queries {
			if side.of(q).SQL == "" || *side.into != nil {
				continue
			}
			if *side.into, err = source.OpenReadPath(ctx, side.is, side.dsn.Reveal(), c.Reads.Timeout, atOnce); err != nil {
				p.close()
				return paths{}, withoutSecrets(c, err)
			}
		}
	}
	return p, nil
}

func (p paths) asker(side *source.ReadPath, path config.ReadPath) reads.Asker {
	if path.SQL != "" {
		return side.Query(path.SQL)
	}
	headers := map[string]string{}
	for name, value := range path.Headers {
		headers[name] = value.Reveal()
	}
	return p.client.Query(path.HTTP.Reveal(), headers)
}

// reading connects both read paths with what passes of crosscheck have.
func reading(c *config.Config, p paths, cmp *verify.Comparison) *reads.Reads {
	r := &reads.Reads{
		Basis: c.Reads.Digest(), Rate: c.Reads.Rate, Timeout: c.Reads.Timeout, Settle: c.Compare.Settle,
		Draw: cmp.Keys, Journal: cmp.Ledger, Random: cmp.Random, Now: time.Now, Wait: lease.Sleep, Progress: cmp.Progress, Log: cmp.Log,
	}
	for _, q := range c.Reads.Queries {
		r.Queries = append(r.Queries, reads.Query{
			Name: q.Name, Legacy: masking{p.asker(p.legacy, q.Legacy), c}, Projection: masking{p.asker(p.projection, q.Projection), c},
			Rules: reads.Rules{Fields: cmp.Fields, Ordered: q.Ordered, Ignore: q.Ignore},
		})
	}
	return r
}

// masking keeps secrets of the configuration out of what is stored of failures.
type masking struct {
	reads.Asker

	config *config.Config
}

// Ask implements [reads.Asker].
func (m masking) Ask(ctx context.Context, params []string) (reads.Answer, error) {
	a, err := m.Asker.Ask(ctx, params)
	return a, withoutSecrets(m.config, err)
}

// readsPass is the scheduled pass.
func (s *sidecar) readsPass(ctx context.Context, cmp *verify.Comparison, c *config.Config, l lease.Lease, start verify.Start) (verify.Pass, error) {
	p, err := openPaths(ctx, c, readsAtOnce)
	if err != nil {
		return verify.Pass{}, err
	}
	defer p.close()
	r := reading(c, p, cmp)
	r.Observe = func(side order.Representation, query string, took time.Duration) {
		s.metrics.ObserveRead(string(side), query, took)
	}
	return r.Run(ctx, l, start, c.Reads.Size)
}
