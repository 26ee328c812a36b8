package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// basis identifies what evidence is valid for: the configuration, the rules of comparison, and where everything is read
// from. It refuses to compare a table with itself, because that always agrees.
func (s sides) basis(ctx context.Context, c *config.Config) (gate.Basis, error) {
	type origin struct {
		of  order.Representation
		ask func(context.Context) (source.Origin, error)
	}
	origins := []origin{{order.Legacy, s.legacy.Origin}, {order.Projection, s.projection.Origin}}
	if s.events != nil {
		origins = append(origins, origin{order.Events, s.events.Origin})
	}
	configured, parts := c.Basis()
	parts = append(parts, gate.Part{Name: "comparator", Text: compare.Version})
	texts := []string{configured, compare.Version}
	for _, o := range origins {
		found, err := o.ask(ctx)
		if err != nil {
			return gate.Basis{}, err
		}
		texts = append(texts, found.String())
		for _, p := range found.Parts() {
			parts = append(parts, gate.Part{Name: string(o.of) + " " + p[0], Text: p[1]})
		}
	}
	if common, err := source.InCommon(ctx, s.legacy, s.projection); err != nil {
		return gate.Basis{}, err
	} else if common.Itself != "" {
		return gate.Basis{}, withHint(errors.New(common.Itself), source.ItselfHint)
	}
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return gate.Basis{Fingerprint: hex.EncodeToString(sum[:8]), Parts: parts}, nil
}

// fingerprint is the name of the basis.
func (s sides) fingerprint(ctx context.Context, c *config.Config) (string, error) {
	b, err := s.basis(ctx, c)
	return b.Fingerprint, err
}

// known returns the fingerprint, and tells the ledger what it is made of.
func (s sides) known(ctx context.Context, c *config.Config, l *ledger.Ledger, log *slog.Logger) (string, error) {
	b, err := s.basis(ctx, c)
	if err == nil {
		store(ctx, b, l, log)
	}
	return b.Fingerprint, err
}

// store tells the ledger what a fingerprint is made of. If the ledger does not take that, a later change is told in
// general words only.
func store(ctx context.Context, b gate.Basis, l *ledger.Ledger, log *slog.Logger) {
	if err := l.StoreBasis(ctx, b); err != nil {
		log.DebugContext(ctx, "the ledger did not take what the fingerprint is made of", slog.Any("error", err))
	}
}

// changed adds to a text what differs between two fingerprints, if the ledger knows.
func changed(ctx context.Context, l *ledger.Ledger, text, old, now string) string {
	if said, err := l.Changes(ctx, old, now); err == nil && said != "" {
		return text + ": " + said
	}
	return text
}
