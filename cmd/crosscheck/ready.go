package main

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/registry"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/web"
)

// following is what this process knows of following the stream, for readiness.
type following struct {
	mu      sync.Mutex
	err     error
	schemas *registry.Client // nil without a registry
}

var errNotBegun = errors.New("following the stream has not begun yet")

func (f *following) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// asks notes the registry, without which messages wait.
func (f *following) asks(schemas *registry.Client) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.schemas = schemas
}

func (f *following) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil && f.schemas != nil {
		return f.schemas.Away()
	}
	return f.err
}

// asked is one configured part, and how to find out whether it can be used now.
type asked struct {
	name string
	ask  func(context.Context) error
}

// ready says of every configured part whether it can be used now.
func (s *sidecar) ready(ctx context.Context) []web.Part {
	parts := []asked{{"ledger", s.ledger.Ping}}
	opened, err := s.open(ctx)
	if err != nil {
		parts = append(parts, connections(s.config, err)...)
	} else {
		parts = append(parts, asked{string(order.Legacy), opened.legacy.Ping}, asked{string(order.Projection), opened.projection.Ping})
		if opened.events != nil {
			parts = append(parts, asked{string(order.Events), opened.events.Ping})
		}
		if h := s.config.History; h.Given() {
			records := &source.Records{Legacy: opened.legacy, Config: historyConfig(s.config)}
			parts = append(parts, asked{"history", records.Ping})
		}
	}
	if s.config.Stream.Given() {
		parts = append(parts, asked{string(order.Stream), func(context.Context) error { return cmp.Or(s.following.get(), s.sharing.get()) }})
	}
	return askAll(ctx, s.config, parts)
}

// connections asks the servers alone, because the sides could not be opened. A server may answer although a table is
// missing; the comparison says why it cannot begin.
func connections(c *config.Config, opening error) []asked {
	var parts []asked
	dsns := map[order.Representation]config.Secret{order.Legacy: c.Legacy.DSN, order.Projection: c.Projection.DSN, order.Events: c.Events.DSN}
	sides := []order.Representation{order.Legacy, order.Projection}
	if c.Events.Given() {
		sides = append(sides, order.Events)
	}
	for _, side := range sides {
		parts = append(parts, asked{string(side), func(ctx context.Context) error {
			_, err := source.IdentifyDatabase(ctx, string(side), dsns[side].Reveal())
			return err
		}})
	}
	return append(parts, asked{"comparison", func(context.Context) error { return opening }})
}

// askAll asks all parts at the same time.
func askAll(ctx context.Context, c *config.Config, parts []asked) []web.Part {
	found := make([]web.Part, len(parts))
	var g errgroup.Group
	for i, p := range parts {
		g.Go(func() error {
			found[i] = web.Part{Name: p.name, OK: true}
			if err := p.ask(ctx); err != nil {
				found[i] = web.Part{Name: p.name, Reason: c.Mask(err.Error())}
			}
			return nil
		})
	}
	_ = g.Wait() // no part returns an error
	return found
}
