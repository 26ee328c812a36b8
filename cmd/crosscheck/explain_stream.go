package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
)

// streamFinding is what following the stream has found of an order.
type streamFinding struct {
	Kind      string    `json:"kind"`
	Cause     string    `json:"cause"`
	FirstSeen time.Time `json:"first_seen"`
}

// onStream asks the ledger what the follower has found of the order: the topic itself cannot be read by order. Without a
// stream, or a ledger yet, nothing is known. An order on which all else agrees parts there, if anywhere.
func (x *explainer) onStream(ctx context.Context, key order.Key, l *look, verdict compare.Verdict) (compare.Verdict, error) {
	if !x.config.Stream.Given() {
		return verdict, nil
	}
	fingerprint, err := x.sides.fingerprint(ctx, x.config)
	if err != nil {
		return verdict, err
	}
	known, err := ledger.Open(ctx, ledger.Config{DSN: x.config.Ledger.DSN.Reveal(), Schema: x.config.Ledger.Schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return verdict, fmt.Errorf("opening the ledger: %w", err)
	}
	defer known.Close()
	found, err := known.StreamFindings(ctx, fingerprint, key)
	if errors.Is(err, ledger.ErrNotMigrated) {
		return verdict, nil
	}
	if err != nil {
		return verdict, err
	}
	for _, d := range found {
		l.stream = append(l.stream, streamFinding{string(d.Mismatch.Kind), string(d.Mismatch.Cause), d.FirstSeen})
	}
	if len(found) == 0 || verdict != compare.Match {
		return verdict, nil
	}
	first := found[0].Mismatch
	l.diagnosis.Hop, l.diagnosis.Cause, l.diagnosis.Confidence = first.Hop, first.Cause, compare.High
	l.diagnosis.Reason = "the rows are what the events say; on the stream " + meaning(first.Cause)
	return compare.Diverged, nil
}

func meaning(c compare.Cause) string {
	for _, info := range compare.Causes() {
		if info.Cause == c {
			return info.Meaning
		}
	}
	return string(c)
}
