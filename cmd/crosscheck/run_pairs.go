package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/metrics"
	"github.com/nordvarg/crosscheck/web"
)

var errRunsAll = errors.New("run does all pairs of tables of the file, because it decides over all of them: leave out --pair")

// flipEvery is how often the sidecar checks whether the decision over all has changed.
const flipEvery = time.Minute

// sidecars are one process for several pairs of tables: a sidecar for each, and what is about all of them.
type sidecars struct {
	of     []*sidecar
	ledger *ledger.Ledger // of the decisions over all
	log    *slog.Logger
}

// pairsOnce is once for several pairs. An error of one ends the process, as it does where there is one: a pair that is not watched must not go
// unnoticed.
func (r *runCommand) pairsOnce(ctx context.Context, p *program, all []*config.Config) (code int, err error) {
	s := &sidecars{of: make([]*sidecar, len(all)), log: slog.New(slog.NewTextHandler(p.logs(), nil))}
	shared := overAll(all[0])
	if s.ledger, err = ledger.Open(ctx, ledger.Config{DSN: shared.Ledger.DSN.Reveal(), Schema: shared.Ledger.Schema, Logger: s.log}); err != nil {
		return exitError, fmt.Errorf("opening the ledger: %w", err)
	}
	defer s.ledger.Close()
	err = s.begin(ctx, p, all)
	defer s.end()
	if err != nil {
		return exitError, err
	}
	server := s.connect(p)
	listenAs(server, shared)
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Run(working) })
	for i, one := range s.of {
		g.Go(func() error { return ofPair(all[i], one.work(working, p.of(all[i]))) })
	}
	g.Go(func() error { return s.decide(working) })
	if err := g.Wait(); err != nil {
		return exitError, err
	}
	s.log.InfoContext(ctx, "stopped")
	return exitAgrees, nil
}

// begin begins all at the same time, because each may have to wait for its databases.
func (s *sidecars) begin(ctx context.Context, p *program, all []*config.Config) error {
	var g errgroup.Group
	for i, c := range all {
		g.Go(func() (err error) {
			s.of[i], err = begin(ctx, p.of(c), c)
			return ofPair(c, err)
		})
	}
	return g.Wait()
}

func (s *sidecars) end() {
	for _, one := range s.of {
		one.end()
	}
}

// connect returns what is shown: one page of all pairs, and the pages of each.
func (s *sidecars) connect(p *program) *web.Server {
	shared := overAll(s.of[0].config)
	server := &web.Server{System: systemOf(shared), Ready: s.ready, Log: s.log, FormKey: formKey(s.ledger)}
	var measured []*metrics.Metrics
	for _, one := range s.of {
		pair := web.Pair{Name: one.config.Pair, Server: one.connect(p.of(one.config))}
		server.Pairs = append(server.Pairs, pair)
		for _, place := range pair.Server.Compared.Places {
			place.Representation = pair.Name + ", " + place.Representation
			server.Compared.Places = append(server.Compared.Places, place)
		}
		measured = append(measured, one.metrics)
	}
	server.Metrics = metrics.Together(processOptions(shared), measured)
	return server
}

// ready says of the parts of all pairs whether they can be used now.
func (s *sidecars) ready(ctx context.Context) (all []web.Part) {
	parts := make([][]web.Part, len(s.of))
	var g errgroup.Group
	for i, one := range s.of {
		g.Go(func() error {
			parts[i] = one.ready(ctx)
			return nil
		})
	}
	_ = g.Wait() // no part returns an error
	for i, one := range s.of {
		for _, part := range parts[i] {
			part.Name = one.config.Pair + "/" + part.Name
			all = append(all, part)
		}
	}
	return append(all, askAll(ctx, s.of[0].config, []asked{{"ledger", s.ledger.Ping}})...)
}

// decide records the decision over all whenever it has changed, until ctx ends.
func (s *sidecars) decide(ctx context.Context) error {
	ledgers := []*ledger.Ledger{s.ledger}
	for _, one := range s.of { // whose decisions are recorded first
		ledgers = append(ledgers, one.ledger)
	}
	for _, l := range ledgers {
		if err := migrateLedger(ctx, l, nil, s.log); err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		if err := s.flip(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "the decision over all pairs could not be recorded", slog.String("error", err.Error()))
		}
		if lease.Sleep(ctx, flipEvery) != nil {
			break
		}
	}
	return nil
}

func (s *sidecars) flip(ctx context.Context) error {
	pairs := make([]gate.OfPair, len(s.of))
	for i, one := range s.of {
		fingerprint, err := one.fingerprint(ctx)
		if err != nil {
			return ofPair(one.config, fmt.Errorf("identifying the databases: %w", err))
		}
		d, evidence, err := one.board.Judge(ctx, fingerprint)
		if err == nil {
			d.Record, err = one.onRecord(ctx, d, evidence)
		}
		if err != nil {
			return ofPair(one.config, err)
		}
		pairs[i] = gate.OfPair{Name: one.config.Pair, Decision: d}
	}
	d := gate.OverAll(pairs)
	r, recorded, err := s.ledger.RecordFlip(ctx, flipper(), d, gate.Evidence{Fingerprint: d.Fingerprint})
	if recorded {
		s.log.InfoContext(ctx, "the decision over all pairs has changed", slog.String("decision", string(d.Decision)), slog.Int64("seq", r.Seq), slog.String("head", r.Hash))
	}
	return err
}

// errUnrecorded is returned for a decision that the pair's chain does not have as its newest.
var errUnrecorded = errors.New("the decision of the pair is not on record")

// onRecord is the place of a pair's decision in its chain. It is recorded if it differs from the newest one there.
func (s *sidecar) onRecord(ctx context.Context, d gate.Decision, e gate.Evidence) (*gate.Record, error) {
	if _, _, err := s.ledger.RecordFlip(ctx, flipper(), d, e); err != nil {
		return nil, err
	}
	newest, err := s.ledger.NewestDecision(ctx)
	if err == nil && (newest == nil || newest.Answer != string(d.Decision) || newest.Fingerprint != d.Fingerprint) {
		err = errUnrecorded // another process has recorded another one just now
	}
	if err != nil {
		return nil, err
	}
	return &gate.Record{Seq: newest.Seq, Who: newest.Who, Hash: newest.Hash}, nil
}
