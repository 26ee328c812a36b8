package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// leaseTime is how long a one-off command's lease outlives the process.
const leaseTime = time.Minute

// logs is standard error for logs and errors.
func (p *program) logs() io.Writer {
	if p.config == nil {
		return p.stderr
	}
	return masked{p.stderr, p.config}
}

// masked writes logs and errors without the secrets of the configuration, which a library or a server may have quoted.
type masked struct {
	io.Writer
	config *config.Config
}

// Write gets whole lines.
func (m masked) Write(text []byte) (int, error) {
	_, err := io.WriteString(m.Writer, m.config.Mask(string(text)))
	return len(text), err
}

// unquoted is an error without the secrets of the configuration.
type unquoted struct {
	error
	text string
}

func (u unquoted) Error() string { return u.text }
func (u unquoted) Unwrap() error { return u.error }

// withoutSecrets is for errors that reach a report, the page or the ledger.
func withoutSecrets(c *config.Config, err error) error {
	if err == nil || c.Mask(err.Error()) == err.Error() {
		return err
	}
	return unquoted{err, c.Mask(err.Error())}
}

func (p *program) log() *slog.Logger {
	level := slog.LevelWarn
	if p.verbose {
		level = slog.LevelInfo
	}
	return slog.New(&plainLog{to: p.logs(), level: level})
}

// sides are the opened representations.
type sides struct {
	legacy, projection *source.Side
	events             *source.Events // nil if there is no event store
	folded             folded         // opened for full verification only
	audits             *source.Audits // opened for audits only
}

// observer is called for every query to a side, with its purpose and duration.
type observer = func(side order.Representation, kind string, took time.Duration)

// openBoth opens both at the same time, because each asks its server a dozen questions. If both fail, it returns
// legacy's error, so that the result does not depend on which server is faster.
func openBoth(ctx context.Context, c *config.Config, observe observer) (s sides, err error) {
	opened := make(chan error, 1)
	go func() {
		var err error
		s.projection, err = source.Open(ctx, projectionConfig(c, observe))
		opened <- err
	}()
	s.legacy, err = source.Open(ctx, legacyConfig(c, observe))
	if projectionErr := <-opened; err == nil {
		err = projectionErr
	}
	if err != nil {
		s.close()
		return sides{}, err
	}
	return s, nil
}

func openSides(ctx context.Context, c *config.Config, observe observer) (sides, error) {
	s, err := openBoth(ctx, c, observe)
	if err != nil {
		return sides{}, placed(c, withoutSecrets(c, err))
	}
	if c.Events.Given() {
		if s.events, err = openEvents(ctx, c, observe); err != nil {
			s.close()
			return sides{}, placed(c, withoutSecrets(c, err))
		}
	}
	if err := s.oneKeyType(c); err != nil {
		s.close()
		return sides{}, err
	}
	return s, nil
}

// oneKeyType compares the types of the keys before a pass begins, because no pass can fix them.
func (s sides) oneKeyType(c *config.Config) error {
	legacy := source.ConfiguredKey{Side: order.Legacy, Key: c.Legacy.Key, Type: s.legacy.KeyType()}
	others := []source.ConfiguredKey{{Side: order.Projection, Key: c.Projection.Key, Type: s.projection.KeyType()}}
	if s.events != nil {
		others = append(others, source.ConfiguredKey{Side: order.Events, Key: c.Events.Key, Type: s.events.KeyType()})
	}
	for _, other := range others {
		if other.Type != legacy.Type {
			return withHint(fmt.Errorf("%w: %s in %s and %s in %s", verify.ErrKeyTypes, legacy.Type, legacy.Side, other.Type, other.Side), source.KeysAdvice(legacy, other))
		}
	}
	return nil
}

// placed adds to an error about a condition where it is in the file.
func placed(c *config.Config, err error) error {
	found, ok := errors.AsType[*source.ConditionError](err)
	if !ok {
		return err
	}
	return c.Misplaced(found.Setting, c.Mask(found.Error()), source.Hint(found), err)
}

func openEvents(ctx context.Context, c *config.Config, observe observer) (*source.Events, error) {
	events, err := eventsConfig(c, observe)
	if err != nil {
		return nil, err
	}
	return source.OpenEvents(ctx, events)
}

func eventsConfig(of *config.Config, observe observer) (source.EventsConfig, error) {
	c := of.Events
	rules, err := of.Rules()
	if err != nil {
		return source.EventsConfig{}, err
	}
	return source.EventsConfig{
		DSN: c.DSN.Reveal(), Table: c.Table, Where: c.Where, Position: c.Position, PerOrder: c.PerOrder, ID: c.ID, Key: c.Key, Type: c.Type, At: c.At, Payload: c.Payload,
		Strip: c.Strip, AsStored: c.AsStored, Keys: sideConfig(order.Legacy, order.Truth, of, of.Legacy, nil), Zone: c.Zone, Unit: c.Unit, AtPath: c.AtPath,
		Rules: rules, ObserveQuery: observe,
	}, nil
}

func (s sides) close() {
	if s.legacy != nil {
		s.legacy.Close()
	}
	if s.projection != nil {
		s.projection.Close()
	}
	if s.events != nil {
		s.events.Close()
	}
	s.folded.close()
	if s.audits != nil {
		s.audits.Close()
	}
}

func legacyConfig(c *config.Config, observe observer) source.Config {
	s := sideConfig(order.Legacy, order.Truth, c, c.Legacy, observe)
	s.Archived = c.Events.Archived
	for _, f := range c.Compare.Fields {
		s.Fields = append(s.Fields, source.Field{Field: f.Field, Expr: f.Legacy})
	}
	return s
}

func projectionConfig(c *config.Config, observe observer) source.Config {
	s := sideConfig(order.Projection, order.Follower, c, c.Projection, observe)
	for _, f := range c.Compare.Fields {
		s.Fields = append(s.Fields, source.Field{Field: f.Field, Expr: f.Projection})
	}
	return s
}

func sideConfig(is order.Representation, role order.Role, c *config.Config, s config.Side, observe observer) source.Config {
	return source.Config{
		Representation: is, Role: role, DSN: s.DSN.Reveal(), Table: s.Table, Where: s.Where, Key: s.Key, ChangedAt: s.ChangedAt,
		GroupBy: c.Compare.GroupBy, Connections: c.Verify.Connections, ObserveQuery: observe,
	}
}

func openLedger(ctx context.Context, c *config.Config, log *slog.Logger) (*ledger.Ledger, error) {
	l, err := ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: log})
	if err != nil {
		return nil, err
	}
	if err := l.Migrate(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// comparison connects the sides and the ledger. The caller may add Progress.
func comparison(c *config.Config, s sides, l *ledger.Ledger, log *slog.Logger) *verify.Comparison {
	fields := make([]order.Field, len(c.Compare.Fields))
	for i, f := range c.Compare.Fields {
		fields[i] = f.Field
	}
	cmp := &verify.Comparison{
		Legacy: s.legacy, Projection: s.projection, Fields: fields, GroupBy: c.Compare.GroupBy,
		Settle: c.Compare.Settle, Recount: c.Gate.Criteria.Counts.MaxAge / 2, MaxSnapshot: c.Verify.MaxSnapshot, Passes: source.Passes, Lost: source.Lost,
		Ledger: l, Conflict: source.Conflict,
		Random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), //nolint:gosec // a sample, not a secret
		Now:    time.Now, Wait: lease.Sleep, Log: log,
	}
	if c.PostCutover && c.Cutover.Reverse.Given() { // legacy follows
		cmp.Settle = feedSettle(c)
	}
	if s.events != nil { // a nil pointer in the interface would count as an event store
		cmp.Events, cmp.Rules, cmp.Leftovers = s.events, s.events.Rules(), c.Events.Archived != ""
		if c.History.Given() {
			cmp.Records = &source.Records{Legacy: s.legacy, Config: historyConfig(c)}
		}
		cmp.Audits = s.auditing(c, l)
	}
	for _, side := range []*source.Side{s.legacy, s.projection} {
		if side != nil { // doctor opens one
			side.LogTo(log)
		}
	}
	cmp.Folded, cmp.Throttle = s.folded.pair(s.legacy), s.throttled(c.Throttle)
	return cmp
}

func holding(l *ledger.Ledger, job string, ttl time.Duration, log *slog.Logger) lease.Holding {
	return lease.Holding{Store: l, Job: job, Holder: holder(), TTL: ttl, Log: log}
}

// holder names this process in a lease.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
