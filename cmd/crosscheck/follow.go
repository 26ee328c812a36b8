package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/registry"
	"github.com/nordvarg/crosscheck/topic"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	// followJob is the lease of the stream's follower: one among all sidecars.
	followJob = "stream"
	// followTime is how long the lease outlives the process. After it another sidecar takes over.
	followTime = 15 * time.Second
	// followAgain is the pause before a follower tries again that has failed, or whose job another process holds.
	followAgain = 2 * time.Second
	// sameEvery is the time between two checks whether the databases and tables are still the same.
	sameEvery = 2 * time.Second
)

func topicConfig(c config.Stream, observe observer, log *slog.Logger) topic.Config {
	s := topic.Config{Brokers: c.Brokers, Topic: c.Topic, Group: c.Group, ObserveQuery: observe, Log: log}
	if !c.Envelope.Usual() || c.Registry.URL != "" {
		s.Open, _ = opening(c)
	}
	if c.TLS.Enabled {
		s.TLS = &topic.TLS{CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile, ServerName: c.TLS.ServerName}
	}
	if c.SASL.Mechanism != "" {
		s.SASL = &topic.SASL{Mechanism: c.SASL.Mechanism, User: c.SASL.User, Password: c.SASL.Password.Reveal()}
	}
	return s
}

// opening is how records are turned into the usual form, and the registry that is asked.
func opening(c config.Stream) (func(context.Context, order.Record) (order.Opened, error), *registry.Client) {
	opener, err := order.NewOpener(c.Envelope)
	schemas, wrong := registry.New(registry.Config{
		URL: c.Registry.URL, User: c.Registry.User, Password: c.Registry.Password.Reveal(), CAFile: c.Registry.CAFile,
		Avro: c.Registry.Avro, Keys: c.Envelope.InKey(),
	})
	err = errors.Join(err, wrong)
	return func(ctx context.Context, r order.Record) (order.Opened, error) {
		if err != nil {
			return order.Opened{}, err
		}
		if c.Registry.URL != "" {
			framed, err := schemas.Read(ctx, r)
			if err != nil {
				return order.Opened{}, err
			}
			r = framed
		}
		return opener.Open(r), nil
	}, schemas
}

// errSwapped ends a follower whose findings would have another fingerprint from now on.
var errSwapped = errors.New("legacy, projection or event store is now another table or database")

// follow matches the stream with the event store until ctx ends. It survives outages of databases and brokers.
func (s *sidecar) follow(ctx context.Context) error {
	if !s.config.Stream.Given() {
		return nil
	}
	s.following.set(errNotBegun)
	for ctx.Err() == nil {
		err := s.followOnce(ctx)
		if errors.Is(err, lease.ErrHeld) || errors.Is(err, errSwapped) || errors.Is(err, errRight) {
			s.following.set(nil)
		} else {
			s.following.set(err)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errSwapped), errors.Is(err, errRight):
			s.log.InfoContext(ctx, "following the stream starts again", slog.Any("reason", err))
			continue
		case errors.Is(err, lease.ErrHeld):
			s.log.DebugContext(ctx, "another process follows the stream", slog.Any("error", err))
		default:
			s.log.WarnContext(ctx, "following the stream has stopped, will go on", slog.Any("error", err))
		}
		if lease.Sleep(ctx, followAgain) != nil {
			return nil
		}
	}
	return nil
}

// followOnce follows under the lease until something fails. It opens everything again, so that it goes on from what the
// ledger knows.
func (s *sidecar) followOnce(ctx context.Context) error {
	r, err := s.reader(ctx)
	if err != nil {
		return err
	}
	defer r.sides.close()
	if r.Intake, err = s.intake(ctx, r.stream); err != nil {
		return err
	}
	return holding(s.ledger, followJob, followTime, s.log).Do(ctx, func(ctx context.Context, l lease.Lease) error {
		s.following.set(nil)
		s.log.InfoContext(ctx, "following the stream", slog.String("topic", s.config.Stream.Topic), slog.Bool("shared", r.Intake != nil))
		g, ctx := errgroup.WithContext(ctx)
		g.Go(func() error { return r.Run(ctx, l) })
		if !s.config.Frozen() { // these looks judge legacy
			g.Go(func() error { return s.watch(ctx, r.sides, l, r.Fingerprint) })
		}
		g.Go(func() error { return s.whileSame(ctx, r.sides, r.Fingerprint) })
		g.Go(func() error { return s.whileShared(ctx, r.stream, r.Intake != nil) })
		return g.Wait()
	})
}

// reader reads and compares messages, with what it reads opened.
type reader struct {
	*follow.Follower

	sides  sides
	stream *topic.Topic
}

// reader opens everything anew. The caller closes the sides.
func (s *sidecar) reader(ctx context.Context) (*reader, error) {
	opened, err := openSides(ctx, s.config, s.observeQuery)
	if err != nil {
		return nil, err
	}
	fingerprint, err := opened.known(ctx, s.config, s.ledger, s.log)
	if err != nil {
		opened.close()
		return nil, err
	}
	follower, stream, err := s.follower(ctx, opened, fingerprint)
	if err != nil {
		opened.close()
		return nil, err
	}
	return &reader{follower, opened, stream}, nil
}

// follower is what reads and compares messages, without the group.
func (s *sidecar) follower(ctx context.Context, opened sides, fingerprint string) (*follow.Follower, *topic.Topic, error) {
	messages := topicConfig(s.config.Stream, s.observeQuery, s.log)
	if s.config.Stream.Registry.URL != "" {
		var schemas *registry.Client
		messages.Open, schemas = opening(s.config.Stream)
		s.following.asks(schemas)
	}
	stream, err := topic.Open(ctx, messages)
	if err != nil {
		return nil, nil, err
	}
	rules, err := s.config.MessageRules()
	if err != nil {
		return nil, nil, err
	}
	return &follow.Follower{
		Stream: stream, Store: opened.events, Legacy: opened.legacy, Ledger: s.ledger, Topic: s.config.Stream.Topic, Fingerprint: fingerprint,
		Rules: rules, KeyType: opened.legacy.KeyType(), IDType: opened.events.IDType(), Window: s.config.Compare.Settle.Window, MaxLag: s.config.Compare.Settle.MaxLag, Now: time.Now, Log: s.log,
	}, stream, nil
}

// whileSame returns errSwapped if the fingerprint has changed. While the databases cannot be asked, it waits; the
// follower notices by itself that a database is away.
func (s *sidecar) whileSame(ctx context.Context, opened sides, fingerprint string) error {
	for {
		if err := lease.Sleep(ctx, sameEvery); err != nil {
			return err
		}
		if now, err := opened.known(ctx, s.config, s.ledger, s.log); err == nil && now != fingerprint {
			return fmt.Errorf("%w%s", errSwapped, changed(ctx, s.ledger, "", fingerprint, now))
		}
	}
}

const (
	// watchEvery is the time between two looks at the orders with new events.
	watchEvery = time.Second
	// watchLength is how long one pass goes on.
	watchLength = time.Hour
	// watchAgain is the pause after a pass that broke off, because each leaves a record in the ledger.
	watchAgain = 15 * time.Second
)

// watch compares the orders with new events on the stream, and those that legacy changes, one pass after another. A
// pass begins to look while the one before waits for its suspects.
func (s *sidecar) watch(ctx context.Context, opened sides, l lease.Lease, fingerprint string) error {
	if err := s.endWatches(ctx, l); err != nil {
		return err
	}
	c := comparison(s.config, opened, s.ledger, s.log)
	c.OnMismatch = func(m compare.Mismatch) { s.observeMismatch(verify.StreamPass, m) }
	how := verify.Watching{Changed: s.ledger, Every: watchEvery, Length: watchLength}
	g, passes := errgroup.WithContext(ctx)
	for passes.Err() == nil {
		over, end := context.WithCancel(passes)
		how.Scanned = end
		g.Go(func() error {
			defer end()
			return s.watchOnce(passes, c, l, fingerprint, how)
		})
		<-over.Done()
	}
	return errors.Join(g.Wait(), ctx.Err())
}

// watchOnce is one pass. Only the loss of the lease is an error.
func (s *sidecar) watchOnce(ctx context.Context, c *verify.Comparison, l lease.Lease, fingerprint string, how verify.Watching) error {
	start := verify.Start{Trigger: "stream", Fingerprint: fingerprint, At: time.Now()}
	pass, err := c.Watch(ctx, l, start, how)
	if pass.State == verify.Done {
		s.observePass(pass)
	}
	if errors.Is(err, lease.ErrFenced) {
		return err
	}
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "comparing the orders of the stream has stopped, will go on", slog.Any("error", err))
		_ = lease.Sleep(ctx, watchAgain) // the caller looks at ctx
	}
	return nil
}

// endWatches ends the passes of processes that were killed. Their orders are still marked, and are looked at again.
func (s *sidecar) endWatches(ctx context.Context, l lease.Lease) error {
	orphans, err := s.ledger.Abandoned(ctx, verify.StreamPass)
	if err != nil {
		return err
	}
	for _, found := range orphans {
		if err := s.ledger.Adopt(ctx, l, found.ID); err != nil {
			return err
		}
		if err := giveUp(ctx, s.ledger, l, found, "process ended before its suspects were judged; another pass looks at them"); err != nil {
			return err
		}
	}
	return nil
}
