package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/web"
)

// divergenceSource has the divergences under the configuration in force: the API of a sidecar, or the ledger.
type divergenceSource interface {
	// Divergences returns a page of them, from a cursor that the page before had.
	Divergences(ctx context.Context, f board.Filter, cursor string, limit int) (web.Divergences, error)
	Counts(ctx context.Context, f board.Filter) (web.Counted, error)
}

var (
	_ divergenceSource = (*web.Client)(nil)
	_ divergenceSource = (*ledgerSource)(nil)
)

func (d *divergencesCommand) open(ctx context.Context, p *program) (from divergenceSource, done func(), err error) {
	if d.URL != "" {
		from, err := p.sidecarAt(d.URL)
		return from, func() {}, err
	}
	c, err := p.load()
	if err != nil {
		return nil, nil, err
	}
	if c, err = p.remaining(ctx, c); err != nil {
		return nil, nil, err
	}
	s, err := openSides(ctx, c, nil)
	if err != nil {
		return nil, nil, err
	}
	defer s.close()
	if d.Order != "" {
		key, err := orderKey(s.legacy.KeyType(), d.Order)
		if err != nil {
			return nil, nil, err
		}
		d.Order = string(key)
	}
	fingerprint, err := s.fingerprint(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: p.log()})
	if err != nil {
		return nil, nil, fmt.Errorf("opening the ledger: %w", err)
	}
	return &ledgerSource{ledger: l, fingerprint: fingerprint}, l.Close, nil
}

// ledgerSource reads the ledger, one list at a time.
type ledgerSource struct {
	ledger      *ledger.Ledger
	fingerprint string
	after       board.Place // where the next page begins
}

func (s *ledgerSource) Divergences(ctx context.Context, f board.Filter, _ string, limit int) (page web.Divergences, err error) {
	f.Fingerprint = s.fingerprint
	found, err := s.ledger.ListDivergences(ctx, f, s.after, limit+1)
	if err != nil {
		return page, err
	}
	if len(found) > limit {
		found, page.Next = found[:limit], "more"
	}
	for _, d := range found {
		page.Divergences = append(page.Divergences, web.NewDivergence(d, time.Now()))
		s.after = board.Place{FirstSeen: d.FirstSeen, ID: d.ID}
	}
	return page, nil
}

func (s *ledgerSource) Counts(ctx context.Context, f board.Filter) (counts web.Counted, err error) {
	f.Fingerprint = s.fingerprint
	found, err := s.ledger.CountDivergences(ctx, f)
	if err != nil {
		return counts, err
	}
	counts.Fields = found.Fields
	for _, g := range found.Groups {
		counts.Count += g.Count
		counts.Groups = append(counts.Groups, web.Group{Hop: g.Hop, Kind: g.Kind, Cause: g.Cause, Count: g.Count, Oldest: g.Oldest})
	}
	return counts, nil
}
