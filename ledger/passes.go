package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// BeginPass implements [verify.Journal].
func (l *Ledger) BeginPass(ctx context.Context, held lease.Lease, s verify.Start) (verify.PassID, error) {
	var id verify.PassID
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := holdLease(ctx, tx, held); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `
			INSERT INTO pass (kind, state, trigger, scheduled_at, fingerprint, job, token, started_at)
			VALUES ($1, 'scanning', $2, $3, $4, $5, $6, $7)
			ON CONFLICT (kind, scheduled_at) WHERE scheduled_at IS NOT NULL DO NOTHING
			RETURNING id`,
			s.Kind, s.Trigger, orNull(s.ScheduledAt), s.Fingerprint, held.Job, held.Token, micro(s.At)).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return verify.ErrAlreadyRun
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("beginning a %s pass: %w", s.Kind, err)
	}
	return id, nil
}

// ScanDone implements [verify.Journal].
func (l *Ledger) ScanDone(ctx context.Context, held lease.Lease, id verify.PassID, s verify.Scan) error {
	counts, err := encodeCounts(s.Counts)
	if err != nil {
		return fmt.Errorf("storing the scan: %w", err)
	}
	strata, err := encodeCounts(s.Strata)
	if err != nil {
		return fmt.Errorf("storing the scan: %w", err)
	}
	err = l.writePass(ctx, held, id, exclusive, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE pass SET state = 'settling', scanned_at = clock_timestamp(), legacy_rows = $2, projection_rows = $3,
				compared = $4, sampled = $5, coverage = $6, scan_reason = $7, counts = $8::jsonb, mismatches = $9,
				events_rows = $10, folded = $11, strata = $12::jsonb, changes = $13, changes_with_events = $14
			WHERE id = $1`,
			id, s.LegacyRows, s.ProjectionRows, s.Compared, s.Sampled, s.Coverage, s.Reason, counts, s.Mismatches, s.EventsRows,
			s.Folded, strata, s.Changes, s.ChangesWithEvents)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing the scan: %w", err)
	}
	return nil
}

// FinishPass implements [verify.Journal]. Suspects that are still in the queue leave it and count as unverified in
// the pass's tally; a pass that has some cannot be a match (ErrWaiting), nor can one whose scan never ended.
func (l *Ledger) FinishPass(ctx context.Context, held lease.Lease, id verify.PassID, r verify.Result, at time.Time) error {
	err := l.writePass(ctx, held, id, exclusive, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		waiting, sampled, err := emptyQueue(ctx, tx, id)
		if err != nil {
			return err
		}
		if waiting > 0 && r.Verdict == compare.Match {
			return fmt.Errorf("%w: %d", ErrWaiting, waiting)
		}
		_, err = tx.Exec(ctx, `
			UPDATE pass SET state = 'done', finished_at = $2, verdict = $3, diverged = $4, lagging = $5, unverified = $6,
				reason = $7, tally_unverified = tally_unverified + $8, sampled_unjudged = sampled_unjudged + $9
			WHERE id = $1`,
			id, micro(at), r.Verdict, r.Diverged, r.Lagging, r.Unverified, r.Reason, waiting, sampled)
		if err != nil {
			return err
		}
		return countEvents(ctx, tx, id)
	})
	if err != nil {
		return fmt.Errorf("finishing the pass: %w", err)
	}
	return nil
}

// emptyQueue drops the suspects that nobody judged, and counts them and those of them that were drawn uniformly.
func emptyQueue(ctx context.Context, tx pgx.Tx, id verify.PassID) (waiting, sampled int64, err error) {
	rows, err := tx.Query(ctx, `
		WITH rest AS (DELETE FROM suspect WHERE pass_id = $1 RETURNING legacy_group, projection_group, age, in_sample)
		SELECT legacy_group, projection_group, age, count(*), count(*) FILTER (WHERE in_sample) FROM rest GROUP BY 1, 2, 3`, id)
	if err != nil {
		return 0, 0, fmt.Errorf("emptying the queue: %w", err)
	}
	left := groups{}
	var s verify.Suspect
	var orders, drawn int64
	_, err = pgx.ForEachRow(rows, []any{&s.LegacyGroup, &s.ProjectionGroup, &s.Age, &orders, &drawn}, func() error {
		left.unjudged(s, orders)
		waiting += orders
		sampled += drawn
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("emptying the queue: %w", err)
	}
	return waiting, sampled, left.add(ctx, tx, id)
}

// passColumns are what scanPass reads.
const passColumns = `id, kind, state, trigger, scheduled_at, fingerprint, started_at, finished_at,
	legacy_rows, projection_rows, compared, sampled, coverage, scan_reason, counts, settled, mismatches,
	verdict, diverged, lagging, unverified, reason, events_rows, folded, strata, changes, changes_with_events`

func scanPass(row pgx.CollectableRow) (verify.Pass, error) {
	var p verify.Pass
	var scheduled, finished *time.Time
	var counts, strata, settled []byte
	s, r := &p.Scan, &p.Result
	err := row.Scan(&p.ID, &p.Kind, &p.State, &p.Trigger, &scheduled, &p.Fingerprint, &p.StartedAt, &finished,
		&s.LegacyRows, &s.ProjectionRows, &s.Compared, &s.Sampled, &s.Coverage, &s.Reason, &counts, &settled, &s.Mismatches,
		&r.Verdict, &r.Diverged, &r.Lagging, &r.Unverified, &r.Reason, &s.EventsRows,
		&s.Folded, &strata, &s.Changes, &s.ChangesWithEvents)
	if err != nil {
		return p, err
	}
	p.ScheduledAt, p.StartedAt, p.FinishedAt = orZero(scheduled), p.StartedAt.UTC(), orZero(finished)
	g, err := decodeGroups(settled)
	if err != nil {
		return p, err
	}
	if counts != nil {
		if err := json.Unmarshal(counts, &s.Counts); err != nil {
			return p, fmt.Errorf("decoding the counts of pass %d: %w", p.ID, err)
		}
		g.fill(s.Counts)
	}
	if strata != nil {
		if err := json.Unmarshal(strata, &s.Strata); err != nil {
			return p, fmt.Errorf("decoding the strata of pass %d: %w", p.ID, err)
		}
		s.Strata = verify.WithUnverified(s.Strata, g.strata())
	}
	return p, nil
}

// encodeCounts keeps nil (not counted) apart from empty (counted, and there were no rows).
func encodeCounts[T verify.GroupCount | verify.Stratum](counts []T) (*string, error) {
	if counts == nil {
		return nil, nil
	}
	text, err := marshalText(counts)
	if err != nil {
		return nil, fmt.Errorf("encoding the counts: %w", err)
	}
	return text, nil
}

// Passes returns up to limit passes, newest first.
func (l *Ledger) Passes(ctx context.Context, limit int) ([]verify.Pass, error) {
	passes, err := l.queryPasses(ctx, `SELECT `+passColumns+` FROM pass ORDER BY id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("reading passes: %w", err)
	}
	return passes, nil
}

func (l *Ledger) queryPasses(ctx context.Context, sql string, args ...any) ([]verify.Pass, error) {
	var passes []verify.Pass
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		passes, err = pgx.CollectRows(rows, scanPass)
		return err
	})
	return passes, err
}
