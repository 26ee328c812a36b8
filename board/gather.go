package board

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// Detail is a part of a board that is read only if it is shown.
type Detail int

// The details.
const (
	Lists  Detail = iota // Listed and Passes
	Groups               // Groups and Acceptances
)

// Gather reads what is known now. If a side is down, the board still has what the ledger knows, but no decision, and
// says why. An error means that the ledger could not be read.
func (s Sources) Gather(ctx context.Context, now time.Time, details ...Detail) (Board, error) {
	b := Board{Settings: s.Settings, At: now}
	if b.Fingerprint, b.NoDecision = s.Identify(ctx); b.NoDecision != nil {
		b.Fingerprint, b.NoDecision = "", fmt.Errorf("identifying the databases: %w", b.NoDecision)
	} else {
		b.Decision, b.Evidence, b.NoDecision = s.Judge(ctx, b.Fingerprint)
	}
	if b.NoDecision != nil {
		b.Decision, b.Evidence = Undecided(b.NoDecision, now), gate.Evidence{}
	}
	parts := []func(context.Context, *Board) error{s.divergences, s.passes, s.stream, s.pending, s.cutover}
	for _, d := range details {
		parts = append(parts, map[Detail]func(context.Context, *Board) error{Lists: s.lists, Groups: s.groups}[d])
	}
	for _, part := range parts {
		if err := part(ctx, &b); err != nil {
			return b, err
		}
	}
	return b, nil
}

// Undecided is the decision if the evidence cannot be read.
func Undecided(err error, now time.Time) gate.Decision {
	return gate.Decision{
		Decision: gate.Undecided, At: now.UTC(),
		Criteria: []gate.Result{{Name: "databases", Verdict: gate.Errored, Reason: err.Error()}},
	}
}

// Judge gathers the evidence under a fingerprint and decides. A ledger without tables is no evidence, not an error. If
// the lag cannot be measured, it is not known, and the rest is judged. The time is the ledger's: this machine's clock may
// be behind, and make evidence look younger.
func (s Sources) Judge(ctx context.Context, fingerprint string) (gate.Decision, gate.Evidence, error) {
	now, err := s.Ledger.Clock(ctx)
	if err != nil {
		return gate.Decision{}, gate.Evidence{}, err
	}
	evidence, err := s.Ledger.Evidence(ctx, fingerprint, now, s.Policy.Criteria.SampleBound.MaxAge)
	if errors.Is(err, ErrNotMigrated) {
		evidence, err = gate.Evidence{Fingerprint: fingerprint}, nil
	}
	if err != nil {
		return gate.Decision{}, evidence, fmt.Errorf("gathering the evidence: %w", err)
	}
	evidence.Fields = s.Fields
	if full := s.Schedules[verify.Full]; evidence.NextFull.IsZero() && full != nil {
		evidence.NextFull = full.Next(now)
	}
	if lag, err := s.Lag(ctx); err == nil && lag != nil {
		evidence.Lag = &gate.LagEvidence{Events: lag.Events, Behind: lag.Behind, At: now}
	}
	if s.Sequences != nil && s.Policy.Criteria.Sequences.Enabled {
		evidence.Sequences = &gate.SequencesEvidence{Sequences: s.Sequences(ctx), At: now}
	}
	if s.Gaps != nil {
		evidence.Gaps = s.Gaps(ctx)
	}
	return s.Policy.Decide(evidence, now), evidence, nil
}

// divergences are counted once: with the evidence of the decision, if there is one.
func (s Sources) divergences(ctx context.Context, b *Board) (err error) {
	if b.NoDecision == nil {
		b.Open, b.Accepted = b.Evidence.Open, b.Evidence.Accepted
		return nil
	}
	if b.Open, err = s.Ledger.OpenCounts(ctx, b.Fingerprint); err != nil {
		return err
	}
	_, b.Accepted, err = s.Ledger.AcceptedDivergences(ctx, b.Fingerprint, 0)
	return err
}

func (s Sources) lists(ctx context.Context, b *Board) (err error) {
	if b.Listed, err = s.Ledger.OpenDivergences(ctx, b.Fingerprint, MaxListed); err != nil {
		return err
	}
	b.Passes, err = s.Ledger.Passes(ctx, maxPasses)
	return err
}

func (s Sources) passes(ctx context.Context, b *Board) (err error) {
	if b.Suspects, err = s.Ledger.SuspectCount(ctx); err != nil {
		return err
	}
	kinds, err := s.Ledger.Kinds(ctx)
	if err != nil {
		return err
	}
	finished, err := s.Ledger.NewestFinished(ctx)
	if err != nil {
		return err
	}
	newest := map[verify.PassKind]verify.Pass{}
	for _, p := range finished {
		newest[p.Kind] = p
	}
	for _, k := range kinds {
		schedule := s.Schedules[k.Kind]
		b.Kinds = append(b.Kinds, Kind{k, newest[k.Kind], schedule, schedule != nil && k.Overdue(b.At, overdueAfter)})
	}
	return nil
}

func (s Sources) stream(ctx context.Context, b *Board) error {
	if b.Fingerprint == "" {
		return nil
	}
	e, lag, err := s.Ledger.StreamEvidence(ctx, b.Fingerprint)
	if err != nil {
		return err
	}
	b.Stream = streamOf(e, lag, s.Following, b.At, s.Window)
	if s.Shared {
		b.Stream.Readers, err = s.Ledger.StreamReaders(ctx, b.Fingerprint)
	}
	return err
}

func (s Sources) pending(ctx context.Context, b *Board) error {
	if !s.Alerts {
		return nil
	}
	pending, err := s.Ledger.AlertsPending(ctx, b.At)
	b.AlertsPending = &pending
	return err
}

// groups reads the accepted divergences after the open ones. A divergence that is accepted between the two reads is
// told at the next look, and never as repaired. Without a decision neither is told.
func (s Sources) groups(ctx context.Context, b *Board) (err error) {
	if b.NoDecision != nil {
		return nil
	}
	if b.Groups, err = s.Ledger.OpenGroups(ctx, b.Fingerprint, s.Values); err != nil {
		return err
	}
	b.Acceptances, err = s.Ledger.Acceptances(ctx, b.Fingerprint)
	return err
}
