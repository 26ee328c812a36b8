package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/throttle"
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
			INSERT INTO pass (pair, kind, state, trigger, scheduled_at, fingerprint, job, token, started_at, ranged)
			VALUES ($8, $1, 'scanning', $2, $3, $4, $5, $6, $7, $9)
			ON CONFLICT (pair, kind, scheduled_at) WHERE scheduled_at IS NOT NULL DO NOTHING
			RETURNING id`,
			s.Kind, s.Trigger, orNull(s.ScheduledAt), s.Fingerprint, held.Job, held.Token, micro(s.At), l.pair, s.Ranged).Scan(&id)
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

// HasPass reports whether a pass of the kind was begun under the fingerprint, whatever became of it.
func (l *Ledger) HasPass(ctx context.Context, kind verify.PassKind, fingerprint string) (has bool, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pass WHERE pair = $1 AND kind = $2 AND fingerprint = $3)`,
			l.pair, kind, fingerprint).Scan(&has)
	})
	if err != nil {
		return false, fmt.Errorf("looking for a %s pass: %w", kind, err)
	}
	return has, nil
}

// ScanDone implements [verify.Journal].
func (l *Ledger) ScanDone(ctx context.Context, held lease.Lease, id verify.PassID, s verify.Scan) error {
	facts, err := encodeFacts(s.Facts)
	if err != nil {
		return fmt.Errorf("storing the scan: %w", err)
	}
	err = l.writePass(ctx, held, id, exclusive, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE pass SET state = 'settling', scanned_at = clock_timestamp(), compared = $2, coverage = $3, scan_reason = $4,
				mismatches = $5, facts = $6::jsonb, slowed = '[]', through = $7
			WHERE id = $1`,
			id, s.Compared, s.Coverage, s.Reason, s.Mismatches, facts, orNull(s.Through))
		return err
	})
	if err != nil {
		return fmt.Errorf("storing the scan: %w", err)
	}
	return nil
}

// Slowed implements [verify.Journal].
func (l *Ledger) Slowed(ctx context.Context, held lease.Lease, id verify.PassID, sides []throttle.State) error {
	text, err := marshalText(slices.Concat([]throttle.State{}, sides))
	if err != nil {
		return fmt.Errorf("encoding what slows a pass down: %w", err)
	}
	err = l.writePass(ctx, held, id, exclusive, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE pass SET slowed = $2::jsonb WHERE id = $1`, id, text)
		return err
	})
	if err != nil {
		return fmt.Errorf("noting what slows a pass down: %w", err)
	}
	return nil
}

// FinishPass implements [verify.Journal]. Suspects that are still in the queue leave it and count as unverified in the
// pass's tally, and in its result even if that says fewer. A pass that has some cannot be a match (ErrWaiting), nor can a pass whose scan
// never ended.
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
			UPDATE pass SET state = 'done', finished_at = $2, verdict = $3, diverged = $4, lagging = $5,
				unverified = CASE WHEN $8 > 0 THEN greatest($6, $8 + tally_unverified + tally_lagging) ELSE $6 END, reason = $7, tally_unverified = tally_unverified + $8, sampled_unjudged = sampled_unjudged + $9,
				coverage = CASE WHEN kind = 'audit' AND $8 > 0 THEN 0 ELSE coverage END -- its suspects are in no number
			WHERE id = $1`,
			id, micro(at), r.Verdict, r.Diverged, r.Lagging, r.Unverified, r.Reason, waiting, sampled)
		if err != nil {
			return err
		}
		if err := countEvents(ctx, tx, id); err != nil {
			return err
		}
		if err := countAudit(ctx, tx, id); err != nil {
			return err
		}
		if err := prove(ctx, tx, id); err != nil {
			return err
		}
		return l.dropDeltas(ctx, tx, id, at)
	})
	if err != nil {
		return fmt.Errorf("finishing the pass: %w", err)
	}
	return nil
}

// emptyQueue drops the unjudged suspects. It counts all of them, and those that were drawn uniformly.
func emptyQueue(ctx context.Context, tx pgx.Tx, id verify.PassID) (waiting, sampled int64, err error) {
	rows, err := tx.Query(ctx, `
		WITH rest AS (DELETE FROM suspect WHERE pass_id = $1 RETURNING counted, in_sample)
		SELECT counted, count(*), count(*) FILTER (WHERE in_sample) FROM rest GROUP BY 1`, id)
	if err != nil {
		return 0, 0, fmt.Errorf("emptying the queue: %w", err)
	}
	left := verify.Settled{}
	var counted []byte
	var orders, drawn int64
	_, err = pgx.ForEachRow(rows, []any{&counted, &orders, &drawn}, func() error {
		where, err := decodeCounted(counted)
		if err != nil {
			return err
		}
		left.Unjudged(where, orders)
		waiting += orders
		sampled += drawn
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("emptying the queue: %w", err)
	}
	return waiting, sampled, addSettled(ctx, tx, id, left)
}

// passColumns are what scanPass reads.
const passColumns = `id, pair, kind, state, trigger, scheduled_at, fingerprint, started_at, finished_at,
	compared, coverage, scan_reason, mismatches, facts, through, settled, verdict, diverged, lagging, unverified, reason,
	CASE WHEN state <> 'done' THEN slowed END, ranged, ` + sharing

func scanPass(row pgx.CollectableRow) (verify.Pass, error) {
	var p verify.Pass
	var scheduled, finished, through *time.Time
	var facts, settled, slowed []byte
	var sharing []int
	s, r := &p.Scan, &p.Result
	err := row.Scan(&p.ID, &p.Pair, &p.Kind, &p.State, &p.Trigger, &scheduled, &p.Fingerprint, &p.StartedAt, &finished,
		&s.Compared, &s.Coverage, &s.Reason, &s.Mismatches, &facts, &through, &settled, &r.Verdict, &r.Diverged, &r.Lagging, &r.Unverified, &r.Reason, &slowed, &p.Ranged, &sharing)
	if err != nil {
		return p, err
	}
	p.ScheduledAt, p.StartedAt, p.FinishedAt = orZero(scheduled), p.StartedAt.UTC(), orZero(finished)
	s.Through = orZero(through)
	if p.Slowed, err = decodeSlowed(slowed); err != nil {
		return p, fmt.Errorf("pass %d: %w", p.ID, err)
	}
	if len(sharing) == 3 {
		p.Sharing = &verify.Sharing{Compared: sharing[0], Ranges: sharing[0] + sharing[1], Sidecars: sharing[2]}
	}
	if s.Facts = verify.DecodeFacts(p.Kind, facts); s.Facts == nil {
		return p, nil
	}
	since, err := decodeSettled(settled)
	if err != nil {
		return p, fmt.Errorf("pass %d: %w", p.ID, err)
	}
	s.Facts = s.Facts.Settled(since)
	return p, nil
}

// decodeSlowed returns nil if nothing slows the pass down.
func decodeSlowed(stored []byte) (sides []throttle.State, err error) {
	if len(stored) > 0 {
		if err = json.Unmarshal(stored, &sides); err != nil {
			err = fmt.Errorf("decoding what slows it down: %w", err)
		}
	}
	if len(sides) == 0 {
		sides = nil
	}
	return sides, err
}

// encodeFacts returns NULL if there are no facts.
func encodeFacts(f verify.Facts) (*string, error) {
	if f == nil {
		return nil, nil
	}
	text, err := marshalText(f)
	if err != nil {
		return nil, fmt.Errorf("encoding the facts: %w", err)
	}
	return text, nil
}

// judgedAll is true of a pass that left no order unjudged: each agrees, or has a divergence. marked is true of one that noted how
// far it had read.
const (
	judgedAll = `(state = 'done' AND token > 0 AND coverage >= 1 AND verdict IN ('match', 'diverged')
		AND unverified = 0 AND tally_unverified = 0 AND tally_lagging = 0)`
	marked = `jsonb_typeof(facts->'marks') = 'object'`
)

// Base implements [verify.Findings].
func (l *Ledger) Base(ctx context.Context, fingerprint string) (verify.Pass, error) {
	for _, condition := range []string{marked, "true"} {
		passes, err := l.queryPasses(ctx, `SELECT `+passColumns+` FROM pass
			WHERE pair = $1 AND fingerprint = $2 AND kind IN ($3, $4) AND `+judgedAll+` AND `+condition+`
			ORDER BY id DESC LIMIT 1`, l.pair, fingerprint, verify.Full, verify.Delta)
		if err != nil {
			return verify.Pass{}, fmt.Errorf("reading the last pass that judged everything: %w", err)
		}
		if len(passes) > 0 {
			return passes[0], nil
		}
	}
	return verify.Pass{}, nil
}

// Pass returns a pass.
func (l *Ledger) Pass(ctx context.Context, id verify.PassID) (verify.Pass, error) {
	passes, err := l.queryPasses(ctx, `SELECT `+passColumns+` FROM pass WHERE id = $1`, id)
	if err == nil && len(passes) == 0 {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return verify.Pass{}, fmt.Errorf("reading pass %d: %w", id, err)
	}
	return passes[0], nil
}

// Passes returns up to limit passes, newest first. Of delta passes, of which there may be one every second, it is only the
// newest.
func (l *Ledger) Passes(ctx context.Context, limit int) ([]verify.Pass, error) {
	passes, err := l.queryPasses(ctx, `SELECT `+passColumns+` FROM pass
		WHERE pair = $1 AND (kind <> $3 OR id = (SELECT max(id) FROM pass WHERE pair = $1 AND kind = $3))
		ORDER BY id DESC LIMIT $2`, l.pair, limit, verify.Delta)
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
