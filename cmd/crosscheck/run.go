package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/eventlog"
	"github.com/nordvarg/crosscheck/jobs"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/metrics"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/sampler"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

type runCommand struct{}

// migrateAgain is the pause between attempts to reach the ledger.
const migrateAgain = 5 * time.Second

// sidecar is what run connects. It survives outages of the databases.
type sidecar struct {
	config  *config.Config
	ledger  *ledger.Ledger
	metrics *metrics.Metrics
	log     *slog.Logger

	jobs      *jobs.Queue     // nil unless sidecars share ranges
	slots     *eventlog.Slots // nil unless backfills are allowed
	following following
	sharing   following // the same of reading partitions as a member of a group
	gaps      *gaps
	rechecks  rechecks
	board     board.Sources
	passes    *sampler.Sampler
	running   running
	instead   instead // of the job of delta passes alone
	kept      *kept   // of the same job; nil if no sides stay open
	sliced    sliced
	finishing atomic.Bool // it drives a cutover that somebody else has begun
	handed    string      // of the job of finishing cutovers: the run and its place that a person was told of

	mu    sync.Mutex
	known sides // for the page and readiness; opened at the first use
}

// run serves and samples until it is stopped. A mistake in the configuration ends it at once; a database that cannot be
// reached does not.
func (r *runCommand) run(ctx context.Context, p *program) (int, error) {
	chosen, err := p.loadPairs()
	if err != nil {
		return exitError, err
	}
	if p.pair != "" {
		return exitError, errRunsAll
	}
	for again := false; ; again = true {
		var code int
		if chosen[0].Pair == "" {
			code, err = r.once(ctx, p, chosen[0])
		} else {
			code, err = r.pairsOnce(ctx, p, chosen)
		}
		switch {
		case ctx.Err() != nil && (errors.Is(err, errMoved) || again && errors.Is(err, context.Canceled)):
			return exitAgrees, nil // stopped while it began anew
		case !errors.Is(err, errMoved):
			return code, err
		}
	}
}

// once serves until it is stopped, or until other slices are at the new side: then all of it begins anew.
func (r *runCommand) once(ctx context.Context, p *program, c *config.Config) (code int, err error) {
	s, err := begin(ctx, p, c)
	defer s.end()
	if err != nil {
		return exitError, err
	}
	server := s.connect(p)
	listenAs(server, c)
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Run(working) })
	g.Go(func() error { return s.work(working, p) })
	if err := g.Wait(); err != nil {
		return exitError, err
	}
	s.log.InfoContext(ctx, "stopped")
	return exitAgrees, nil
}

// begin opens what a sidecar needs before it serves. The caller ends it, also after an error.
func begin(ctx context.Context, p *program, c *config.Config) (s *sidecar, err error) {
	s = &sidecar{log: slog.New(slog.NewTextHandler(p.logs(), nil)), rechecks: make(rechecks, recheckQueue)}
	if c.Pair != "" {
		s.log = s.log.With(slog.String("pair", c.Pair))
	}
	if s.ledger, err = ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: s.log}); err != nil {
		return s, fmt.Errorf("opening the ledger: %w", err)
	}
	if err := s.slice(ctx, c); err != nil {
		return s, err
	}
	c = s.config
	s.gaps = newGaps(c, time.Now())
	if s.jobs, err = openJobs(ctx, c, s.log); err != nil {
		return s, err
	}
	if s.slots, err = openSlots(ctx, c); err != nil {
		return s, err
	}
	if err := s.fits(ctx); err != nil {
		if !passes(err) {
			return s, err
		}
		s.log.WarnContext(ctx, "a database or the stream cannot be read yet", slog.String("error", err.Error()))
	}
	return s, nil
}

// end closes what was opened.
func (s *sidecar) end() {
	s.close()
	if s.slots != nil {
		s.slots.Close()
	}
	if s.jobs != nil {
		s.jobs.Close()
	}
	if s.ledger != nil {
		s.ledger.Close()
	}
}

// fits asks every configured part whether it can be used. What becomes unusable later is a finding, and does not end the
// sidecar.
func (s *sidecar) fits(ctx context.Context) error {
	if _, err := s.fingerprint(ctx); err != nil {
		return err
	}
	opened, err := s.open(ctx)
	if err != nil {
		return err
	}
	return s.gaps.count(ctx, opened, s.config)
}

// connect returns what is shown, and connects what work needs.
func (s *sidecar) connect(p *program) *web.Server {
	seen := &lags{}
	known := board.Sources{Settings: boardSettings(s.config), Ledger: s.ledger, Identify: s.fingerprint, Lag: seen.kept(s.lag), Sequences: sequencesOf(s.config), Gaps: s.gaps.get}
	if s.config.Cutover.Given() {
		known.Cutover = s.cutoverKnown
	}
	options := processOptions(s.config)
	options.Read = func(ctx context.Context) (metrics.Snapshot, error) {
		b, err := known.Gather(ctx, time.Now())
		m := b.Metrics()
		m.Slots = s.slotMetrics(ctx)
		return m, err
	}
	s.passes = &sampler.Sampler{
		Ledger: s.ledger, Holder: holder(), Finished: s.passFinished, Log: s.log, Prune: s.prune,
	}
	for _, pass := range scheduledPasses(s.config) {
		options.Passes = append(options.Passes, string(pass.kind))
		s.passes.Jobs = append(s.passes.Jobs, s.job(pass))
	}
	s.metrics, s.board = metrics.New(options), known
	return &web.Server{
		System: systemOf(s.config), Compared: comparedBy(s.config), Source: newPage(s, known, seen), Ready: s.ready, Metrics: s.metrics.Handler(), Log: s.log,
		API: s.api(p), HideValues: !s.config.Web.ShowValues, FormKey: formKey(s.ledger),
	}
}

// processOptions are those of metrics that are about the process and what it compares.
func processOptions(c *config.Config) metrics.Options {
	return metrics.Options{Version: version, Revision: revision(), Go: runtime.Version(), System: c.Name, Environment: c.Environment, Pair: c.Pair}
}

// listenAs says where a server listens, and who may do what.
func listenAs(server *web.Server, c *config.Config) {
	server.Listen, server.Auth, server.Open, server.URL = c.Web.Listen, c.Web.Auth, c.Web.Open, c.Web.URL
	server.Proxy, server.Roles = web.Proxy(c.Web.Proxy), webRoles(c)
}

// work does everything but serve. The first part that ends stops the others. When work returns, all have ended.
func (s *sidecar) work(ctx context.Context, p *program) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := migrateLedger(ctx, s.ledger, s.jobs, s.log); err != nil {
			return err
		}
		flips := board.Flips{Sources: s.board, Record: s.ledger.RecordFlip, Who: flipper(), Log: s.log, Wait: lease.Sleep}
		g.Go(func() error { return flips.Run(ctx) })
		g.Go(func() error { return s.alert(ctx, s.board) })
		g.Go(func() error { return s.follow(ctx) })
		g.Go(func() error { return s.share(ctx) })
		g.Go(func() error { return s.countGaps(ctx) })
		g.Go(func() error { return s.help(ctx) })
		g.Go(func() error { return s.rechecks.run(ctx, s) })
		g.Go(func() error { return s.finish(ctx, p) })
		g.Go(func() error { return s.watchSlices(ctx) })
		return s.passes.Run(ctx)
	})
	return g.Wait()
}

// flipper is who asks for the decisions that the sidecar records.
func flipper() string { return "crosscheck run, " + holder() }

// migrateLedger tries until the ledger can be reached, and the queue of jobs, which may be nil.
func migrateLedger(ctx context.Context, l *ledger.Ledger, queue *jobs.Queue, log *slog.Logger) error {
	for {
		err := l.Migrate(ctx)
		if err == nil && queue != nil {
			err = queue.Migrate(ctx)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return nil
		case !passes(err):
			return fmt.Errorf("migrating the ledger: %w", err)
		}
		log.WarnContext(ctx, "the ledger cannot be used yet", slog.String("error", err.Error()))
		if lease.Sleep(ctx, migrateAgain) != nil {
			return nil
		}
	}
}

func (s *sidecar) comparison(ctx context.Context, kind verify.PassKind) (c *verify.Comparison, fingerprint string, done func(), err error) {
	sides, err := openSides(ctx, s.config, s.observeQuery)
	if err != nil {
		return nil, "", nil, err
	}
	opened := &sides
	if kind == verify.Full {
		if err = opened.openFolded(ctx, s.config, s.observeQuery); err == nil {
			err = opened.keepsLimits(ctx, s.config, s.log)
		}
	}
	if kind == verify.Audit {
		err = opened.openAudits(ctx, s.config, s.observeQuery)
	}
	if err == nil {
		fingerprint, err = opened.known(ctx, s.config, s.ledger, s.log)
	}
	if err != nil {
		opened.close()
		return nil, "", nil, err
	}
	c = comparison(s.config, *opened, s.ledger, s.log)
	shareWith(c, s.jobs)
	if c.Throttle != nil {
		c.Throttle.Paused = func(side string, r throttle.Reason, took time.Duration) { s.metrics.ObserveWait(side, string(r), took) }
	}
	c.OnMismatch = func(m compare.Mismatch) { s.observeMismatch(kind, m) }
	logged := newLoggedProgress(kind, s.log)
	c.Progress = func(v verify.Progress) {
		logged.show(v)
		s.running.note(kind, v, time.Now())
	}
	if kind == verify.Delta {
		s.fullWhenNeeded(ctx, c, opened)
	}
	return c, fingerprint, func() { opened.close() }, nil
}

func (s *sidecar) prune(ctx context.Context) error {
	now, err := s.ledger.Clock(ctx) // not this machine's clock, which may be ahead, and delete what is still evidence
	if err != nil {
		return err
	}
	_, err = s.ledger.Prune(ctx, now, ledger.Retention{})
	return err
}

func (s *sidecar) passFinished(p verify.Pass) {
	s.observePass(p)
	if p.Kind == verify.Full {
		s.gaps.again()
	}
}

func (s *sidecar) observePass(p verify.Pass) {
	s.metrics.ObservePass(string(p.Kind), p.FinishedAt.Sub(p.StartedAt), p.Scan.Compared)
}

func (s *sidecar) observeQuery(side order.Representation, kind string, took time.Duration) {
	s.metrics.ObserveQuery(string(side), kind, took)
}

func (s *sidecar) observeMismatch(kind verify.PassKind, m compare.Mismatch) {
	if len(m.Fields) == 0 {
		s.metrics.ObserveMismatch(string(kind), string(m.Hop), string(m.Kind), "")
	}
	for _, f := range m.Fields {
		s.metrics.ObserveMismatch(string(kind), string(m.Hop), string(m.Kind), f.Name)
	}
}

// open returns sides for small queries. It opens them if that has not succeeded before.
func (s *sidecar) open(ctx context.Context) (sides, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known.projection != nil {
		return s.known, nil
	}
	opened, err := openSides(ctx, s.config, nil)
	if err != nil {
		return sides{}, err
	}
	s.known = opened
	return opened, nil
}

func (s *sidecar) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known.close()
	if s.kept != nil { // its job has ended
		s.kept.close()
	}
}

func (s *sidecar) fingerprint(ctx context.Context) (string, error) {
	opened, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	return opened.known(ctx, s.config, s.ledger, s.log)
}

func (s *sidecar) lag(ctx context.Context) (*board.Lag, error) {
	opened, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return opened.lag(ctx)
}
