package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/reads"
)

// diagnoseReads asks each query of reads once of each side, about one order. What keeps the sides from being opened is found by other
// checks.
func diagnoseReads(ctx context.Context, c *config.Config) (findings []doctor.Finding) {
	if !c.Reads.Given() {
		return nil
	}
	add := func(side string, level doctor.Level, message, hint string) {
		findings = append(findings, doctor.Finding{Side: side, Check: "reads", Level: level, Message: message, Hint: hint})
	}
	s, err := openSides(ctx, c, nil)
	if err != nil {
		return nil
	}
	defer func() { s.close() }()
	p, err := openPaths(ctx, c, 0)
	if err != nil {
		return nil
	}
	defer p.close()
	asked := reading(c, p, comparison(c, s, nil, slog.New(slog.DiscardHandler)))
	keys, refused, err := asked.Draw(ctx, 1)
	switch {
	case err != nil:
		add("both", doctor.Error, "no order can be drawn to ask about: "+doctor.OneLine(err.Error()), hintFor(err))
		return findings
	case len(keys) == 0:
		add("both", doctor.Warning, "there is no order to ask about: "+refused, "")
		return findings
	}
	for _, q := range asked.Queries {
		for i, side := range []reads.Asker{q.Legacy, q.Projection} {
			ctx, cancel := context.WithTimeout(ctx, asked.Timeout)
			_, err := side.Ask(ctx, []string{string(keys[0])})
			cancel()
			if err != nil {
				add([]string{string(order.Legacy), string(order.Projection)}[i], doctor.Error, fmt.Sprintf("query %s is not answered: %s", q.Name, doctor.OneLine(err.Error())), "see reads.queries; in SQL, write tables with their schema")
			}
		}
	}
	if len(findings) == 0 {
		add("both", doctor.OK, "both sides answer "+human.Quantity(int64(len(asked.Queries)), "query", "queries")+" of reads", "")
	}
	return findings
}
