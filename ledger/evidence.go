package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

// Evidence gathers what the gate judges, as of one snapshot. It counts the samples that started at most horizon before
// now; a horizon of zero or less counts all samples.
//
// Of a sample that broke off, only proven differences count, because the rest of what it read is not known. Runs that
// never took place (Missed) are not passes to the gate, because they say nothing about the orders.
func (l *Ledger) Evidence(ctx context.Context, fingerprint string, now time.Time, horizon time.Duration) (gate.Evidence, error) {
	e := gate.Evidence{Fingerprint: fingerprint}
	var since time.Time
	if horizon > 0 {
		since = micro(now.Add(-horizon))
	}
	err := l.read(ctx, l.bulkTimeout(), func(ctx context.Context) error {
		options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, l.pool, options, func(tx pgx.Tx) (err error) {
			if e.Open, err = openCounts(ctx, tx, fingerprint); err != nil {
				return err
			}
			if e.Accepted, err = acceptedCount(ctx, tx, fingerprint); err != nil {
				return err
			}
			if e.Acceptances, err = acceptances(ctx, tx, fingerprint); err != nil {
				return err
			}
			if err = l.passEvidence(ctx, tx, fingerprint, &e); err != nil {
				return err
			}
			if err = sampling(ctx, tx, fingerprint, since, &e); err != nil {
				return err
			}
			folded, err := newestFinished(ctx, tx, fingerprint, foundEvents, verify.Full)
			if err != nil {
				return err
			}
			drawn, err := newestFinished(ctx, tx, fingerprint, foundChanges+` AND (NOT `+ofFewer+` OR jsonb_array_length(facts #> '{changes,without}') > 0)`, verify.Sample, verify.Full)
			if err != nil {
				return err
			}
			if err = eventsEvidence(ctx, tx, fingerprint, folded, drawn, &e); err != nil {
				return err
			}
			if e.Streak, err = streak(ctx, tx, fingerprint, e.Accepted > 0); err != nil {
				return err
			}
			if e.Stream, _, err = streamEvidence(ctx, tx, fingerprint); err != nil {
				return err
			}
			if e.Stream != nil && e.Accepted > 0 {
				if err = addAcceptedStream(ctx, tx, fingerprint, e.Stream); err != nil {
					return err
				}
			}
			runs, err := journals(ctx, tx, l.pair)
			if err != nil {
				return err
			}
			e.Rehearsals = rehearsals(runs, fingerprint)
			return schedules(ctx, tx, l.pair, &e)
		})
	})
	if err != nil {
		return gate.Evidence{}, fmt.Errorf("gathering evidence: %w", err)
	}
	return e, nil
}

// passEvidence adds the newest pass of each kind and the watermark.
func (l *Ledger) passEvidence(ctx context.Context, tx pgx.Tx, fingerprint string, e *gate.Evidence) (err error) {
	if e.Full, e.VoidFull, err = l.newestPass(ctx, tx, verify.Full, fingerprint); err != nil {
		return err
	}
	if e.Counted, err = countedBefore(ctx, tx, e.Full, fingerprint); err != nil {
		return err
	}
	if e.Sample, e.VoidSample, err = l.newestPass(ctx, tx, verify.Sample, fingerprint); err != nil {
		return err
	}
	for _, p := range []*gate.Pass{e.Full, e.Counted, e.Sample} {
		if err := addAccepted(ctx, tx, p); err != nil {
			return fmt.Errorf("counting what is accepted: %w", err)
		}
	}
	if e.Verified, e.VoidVerified, err = watermark(ctx, tx, l.pair, fingerprint); err != nil {
		return err
	}
	if e.Delta, _, err = l.newestPass(ctx, tx, verify.Delta, fingerprint); err != nil {
		return err
	}
	if e.History, e.VoidHistory, err = l.auditEvidence(ctx, tx, fingerprint); err != nil {
		return err
	}
	if e.Reads, e.VoidReads, err = l.readsEvidence(ctx, tx, fingerprint); err != nil {
		return err
	}
	if e.VoidFull || e.VoidSample || e.VoidVerified || e.VoidHistory || e.VoidReads {
		if e.Changed, err = l.changed(ctx, tx, fingerprint); err != nil {
			return err
		}
	}
	return nil
}

// newestPass returns the newest finished pass of the kind under the fingerprint. If there is none, it reports whether
// the pair has finished passes under another fingerprint.
func (l *Ledger) newestPass(ctx context.Context, tx pgx.Tx, kind verify.PassKind, fingerprint string) (*gate.Pass, bool, error) {
	p, err := newestOfAll(ctx, tx, fingerprint, kind)
	if err != nil {
		return nil, false, err
	}
	if p != nil {
		return evidencePass(*p), false, nil
	}
	void, err := l.passedBefore(ctx, tx, kind, fingerprint)
	return nil, void, err
}

// passedBefore reports whether passes of the kind have finished under another fingerprint.
func (l *Ledger) passedBefore(ctx context.Context, tx pgx.Tx, kind verify.PassKind, fingerprint string) (void bool, err error) {
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pass WHERE pair = $1 AND kind = $2 AND fingerprint <> $3 AND state = 'done' AND token > 0)`,
		l.pair, kind, fingerprint).Scan(&void)
	return void, err
}

// newestFinished returns the newest finished pass of the kinds under the fingerprint that meets the condition; nil if
// there is none.
func newestFinished(ctx context.Context, tx pgx.Tx, fingerprint, condition string, kinds ...verify.PassKind) (*verify.Pass, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+passColumns+` FROM pass
		WHERE kind = ANY ($1) AND fingerprint = $2 AND state = 'done' AND token > 0 AND `+condition+`
		ORDER BY id DESC LIMIT 1`, texts(kinds), fingerprint)
	if err != nil {
		return nil, err
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPass)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &p, err
}

// newestOfAll returns the newest finished pass of the kind that looked at as many orders as the configuration says, or that found
// something. If there is none, it is one of fewer.
func newestOfAll(ctx context.Context, tx pgx.Tx, fingerprint string, kind verify.PassKind) (*verify.Pass, error) {
	p, err := newestFinished(ctx, tx, fingerprint, "(NOT "+ofFewer+" OR diverged > 0)", kind)
	if p != nil || err != nil {
		return p, err
	}
	return newestFinished(ctx, tx, fingerprint, "true", kind)
}

// eventsEvidence adds what the newest full verification that read all events found, and the newest pass that drew recorded changes.
func eventsEvidence(ctx context.Context, tx pgx.Tx, fingerprint string, folded, drawn *verify.Pass, e *gate.Evidence) error {
	e.Events = evidenceEvents(folded)
	var without []verify.Unrecorded
	e.Changes, without = evidenceChanges(drawn)
	if e.Events != nil {
		if err := addAcceptedEvents(ctx, tx, folded.ID, e.Events); err != nil {
			return fmt.Errorf("counting orders whose events are accepted: %w", err)
		}
	}
	if len(without) == 0 {
		return nil
	}
	if err := addAcceptedChanges(ctx, tx, fingerprint, without, e.Changes); err != nil {
		return fmt.Errorf("counting changes that are accepted: %w", err)
	}
	return nil
}

func sampling(ctx context.Context, tx pgx.Tx, fingerprint string, since time.Time, e *gate.Evidence) error {
	const in = `kind = $1 AND fingerprint = $2 AND state = 'done' AND scanned_at IS NOT NULL AND started_at > $3`
	s := &e.Sampling
	var oldest *time.Time
	// The population is the size of the larger side at the newest sample.
	err := tx.QueryRow(ctx, `
		SELECT count(*),
			coalesce(sum(CASE WHEN coverage >= 1 THEN `+sampledFact+` ELSE sampled_diverged END), 0)::bigint,
			coalesce(sum(sampled_diverged), 0)::bigint,
			coalesce(sum(sampled_unjudged) FILTER (WHERE coverage >= 1), 0)::bigint,
			coalesce((array_agg(`+populationFact+` ORDER BY id DESC) FILTER (WHERE `+populationFact+` > 0))[1], 0), min(started_at)
		FROM pass WHERE `+in,
		verify.Sample, fingerprint, since).Scan(&s.Passes, &s.Orders, &s.Diverged, &s.Unverified, &s.Population, &oldest)
	s.Since = orZero(oldest)
	if err != nil || s.Diverged == 0 || e.Accepted == 0 {
		return err
	}
	return addAcceptedDraws(ctx, tx, e, strings.NewReplacer("kind", "p.kind", "fingerprint", "p.fingerprint", "state", "p.state").Replace(in), verify.Sample, fingerprint, since)
}

func schedules(ctx context.Context, tx pgx.Tx, pair verify.PairID, e *gate.Evidence) error {
	var next, delta *time.Time
	err := tx.QueryRow(ctx, `
		SELECT coalesce((SELECT every FROM schedule WHERE pair = $1 AND kind = $2), interval '0'),
			(SELECT next_due FROM schedule WHERE pair = $1 AND kind = $3), (SELECT next_due FROM schedule WHERE pair = $1 AND kind = $4)`,
		pair, verify.Sample, verify.Full, verify.Delta).Scan(&e.SampleEvery, &next, &delta)
	e.NextFull, e.NextDelta = orZero(next), orZero(delta)
	return err
}

// streak looks back from the newest finished full or sample pass to the last one that found something that is not accepted; nil if there
// is no pass. One that looked at fewer orders than the configuration says can only end it. Passes that matched are pruned after a while (Retention), so a streak is never longer than that. If nothing is accepted,
// no pass is searched for it.
func streak(ctx context.Context, tx pgx.Tx, fingerprint string, accepted bool) (*gate.Streak, error) {
	var s gate.Streak
	var since, newest, broken *time.Time
	err := tx.QueryRow(ctx, `
		WITH finished AS (
			SELECT id, verdict, started_at, diverged, verdict = 'match' OR verdict = 'diverged' AND `+judgedAll+` AS clean FROM pass
			WHERE kind IN ($1, $2) AND fingerprint = $3 AND state = 'done' AND token > 0 AND (verdict = 'diverged' OR NOT `+ofFewer+`)
		), last AS (
			SELECT id, started_at FROM finished p
			WHERE verdict = 'diverged' AND (CASE WHEN $4 THEN `+acceptedOrders+` ELSE 0 END < diverged OR diverged = 0) ORDER BY id DESC LIMIT 1)
		SELECT count(*) FILTER (WHERE clean), count(*) FILTER (WHERE NOT clean), count(*) FILTER (WHERE clean AND verdict = 'diverged'),
			min(started_at) FILTER (WHERE clean), max(started_at) FILTER (WHERE clean),
			(SELECT started_at FROM last)
		FROM finished WHERE id > coalesce((SELECT id FROM last), 0)`,
		verify.Full, verify.Sample, fingerprint, accepted).Scan(&s.Clean, &s.Unjudged, &s.Accepted, &since, &newest, &broken)
	s.Since, s.Newest, s.Broken = orZero(since), orZero(newest), orZero(broken)
	if err != nil || s == (gate.Streak{}) {
		return nil, err
	}
	return &s, nil
}
