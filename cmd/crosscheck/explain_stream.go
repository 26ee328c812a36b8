package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/board"
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

// onStream asks the topic for the order, and the ledger for what the follower has found of it. An order on which all
// else agrees parts there, if anywhere; if the topic cannot be asked, nothing is known of that.
func (x *explainer) onStream(ctx context.Context, key order.Key, l *look, verdict compare.Verdict, notes io.Writer) (compare.Verdict, error) {
	if !x.config.Stream.Given() {
		return verdict, nil
	}
	l.topic = x.readTopic(ctx, key, *l)
	if err := x.followed(ctx, key, l); err != nil || verdict != compare.Match {
		return verdict, err
	}
	if len(l.stream) > 0 {
		cause := compare.Cause(l.stream[0].Cause)
		l.diagnosis.Hop, l.diagnosis.Cause, l.diagnosis.Confidence = order.EventsToStream, cause, compare.High
		l.diagnosis.Reason = "the rows are what the events say; on the stream " + meaning(cause)
		return compare.Diverged, nil
	}
	d := l.topic.diagnose()
	if d.Verdict == compare.Lagging { // once more, when all that is stored by now is due
		if err := x.pause(ctx, key, notes); err != nil {
			return compare.Unverified, err
		}
		l.at = time.Now()
		l.topic = x.readTopic(ctx, key, *l)
		d = l.topic.diagnose()
	}
	if d.Verdict != compare.Match {
		l.diagnosis.Hop, l.diagnosis.Cause, l.diagnosis.Confidence = d.Hop, d.Cause, d.Confidence
		l.diagnosis.Reason, l.diagnosis.PartsAt = d.Reason, d.PartsAt
	}
	return d.Verdict, nil
}

// followed asks the ledger. Without one yet nobody has followed.
func (x *explainer) followed(ctx context.Context, key order.Key, l *look) error {
	fingerprint, err := x.sides.fingerprint(ctx, x.config)
	if err != nil {
		return err
	}
	known, err := ledger.Open(ctx, ledger.Config{DSN: x.config.Ledger.DSN.Reveal(), Schema: x.config.Ledger.Schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("opening the ledger: %w", err)
	}
	defer known.Close()
	found, err := known.StreamFindings(ctx, fingerprint, key)
	if errors.Is(err, board.ErrNotMigrated) {
		return nil
	}
	for _, d := range found {
		l.stream = append(l.stream, streamFinding{string(d.Mismatch.Kind), string(d.Mismatch.Cause), d.FirstSeen})
	}
	return err
}

func meaning(c compare.Cause) string {
	for _, info := range compare.Causes() {
		if info.Cause == c {
			return info.Meaning
		}
	}
	return string(c)
}
