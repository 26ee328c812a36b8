package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

var _ follow.Ledger = (*Ledger)(nil)

// LoadStream implements [follow.Ledger].
func (l *Ledger) LoadStream(ctx context.Context, fingerprint string) (follow.State, error) {
	var s follow.State
	err := l.read(ctx, l.bulkTimeout(), func(ctx context.Context) error {
		options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, l.pool, options, func(tx pgx.Tx) error {
			var caughtUp, since *time.Time
			err := tx.QueryRow(ctx, `
				SELECT claimed_from, frontier, kept, uncertain_to, complete, stored, seen, checked, caught_up_at, waiting_for, waiting_since, before_store, pending, topic
				FROM stream_state WHERE fingerprint = $1`, fingerprint).Scan(&s.From, &s.Frontier, &s.Kept, &s.UncertainTo, &s.Complete,
				&s.Evidence.Stored, &s.Evidence.Seen, &s.Evidence.Checked, &caughtUp, &s.Evidence.Waiting.For, &since, &s.Evidence.BeforeStore, &s.Evidence.Pending, &s.Topic)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			s.Evidence.CaughtUpAt, s.Evidence.Waiting.Since = orZero(caughtUp), orZero(since)
			if s.Partitions, err = streamPartitions(ctx, tx, fingerprint); err != nil {
				return err
			}
			s.Buckets, err = streamBuckets(ctx, tx, fingerprint)
			return err
		})
	})
	if err != nil {
		return follow.State{}, fmt.Errorf("reading the state of the stream: %w", err)
	}
	return s, nil
}

func streamPartitions(ctx context.Context, q querier, fingerprint string) (map[int]follow.PartitionState, error) {
	rows, err := q.Query(ctx, `
		SELECT number, next_offset, end_offset, newest, first_position, cut, replay_to, backlog, taken
		FROM stream_partition WHERE fingerprint = $1`, fingerprint)
	if err != nil {
		return nil, err
	}
	found := map[int]follow.PartitionState{}
	var id int
	var p follow.PartitionState
	_, err = pgx.ForEachRow(rows, []any{&id, &p.Next, &p.End, &p.Newest, &p.First, &p.Cut, &p.ReplayTo, &p.Backlog, &p.Taken}, func() error {
		found[id] = p
		return nil
	})
	return found, err
}

func streamBuckets(ctx context.Context, q querier, fingerprint string) (map[int64]*follow.Bucket, error) {
	rows, err := q.Query(ctx, `SELECT bucket, seen, stored, missing, sum FROM stream_bucket WHERE fingerprint = $1`, fingerprint)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[int64]*follow.Bucket{}
	for rows.Next() {
		var id, sum int64
		var b follow.Bucket
		if err := rows.Scan(&id, &b.Seen, &b.Stored, &b.Missing, &sum); err != nil {
			return nil, err
		}
		b.Sum = unsigned(sum)
		found[id] = &b
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return found, streamLost(ctx, q, fingerprint, found)
}

// streamLost notes in the open buckets what was reported as lost.
func streamLost(ctx context.Context, q querier, fingerprint string, found map[int64]*follow.Bucket) error {
	rows, err := q.Query(ctx, `SELECT bucket, position FROM stream_lost WHERE fingerprint = $1`, fingerprint)
	if err != nil {
		return err
	}
	var id, position int64
	_, err = pgx.ForEachRow(rows, []any{&id, &position}, func() error {
		if b := found[id]; b != nil {
			b.SetLost(order.Position(position))
		}
		return nil
	})
	return err
}

// CommitStream implements [follow.Ledger].
func (l *Ledger) CommitStream(ctx context.Context, held lease.Lease, c follow.Commit) error {
	err := l.write(ctx, l.bulkTimeout(), func(ctx context.Context, tx pgx.Tx) error {
		if err := holdLease(ctx, tx, held); err != nil {
			return err
		}
		for _, step := range []func(context.Context, pgx.Tx, follow.Commit) error{
			writeStreamState, writeStreamBuckets, writeStreamClosed, writeStreamUnmatched, writeBegunBefore, writeStreamFindings, resolveStream, writeChanged,
		} {
			if err := step(ctx, tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing the state of the stream: %w", err)
	}
	return nil
}

func writeStreamState(ctx context.Context, tx pgx.Tx, c follow.Commit) error {
	s, e := c.State, c.State.Evidence
	_, err := tx.Exec(ctx, `
		INSERT INTO stream_state AS t (fingerprint, claimed_from, frontier, uncertain_to, complete, stored, seen, checked, caught_up_at, gaps, at, kept,
			waiting_for, waiting_since, before_store, pending, topic)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		ON CONFLICT (fingerprint) DO UPDATE SET claimed_from = excluded.claimed_from, frontier = excluded.frontier, kept = excluded.kept,
			uncertain_to = excluded.uncertain_to, complete = excluded.complete, stored = excluded.stored, seen = excluded.seen,
			checked = excluded.checked, caught_up_at = excluded.caught_up_at, gaps = t.gaps + excluded.gaps, at = excluded.at,
			waiting_for = excluded.waiting_for, waiting_since = excluded.waiting_since, before_store = excluded.before_store,
			pending = excluded.pending, topic = excluded.topic`,
		c.Fingerprint, s.From, s.Frontier, s.UncertainTo, s.Complete, e.Stored, e.Seen, e.Checked, orNull(e.CaughtUpAt), c.Gaps, micro(c.At), s.Kept,
		e.Waiting.For, orNull(e.Waiting.Since), e.BeforeStore, e.Pending, s.Topic)
	if err != nil {
		return err
	}
	for id, p := range s.Partitions {
		_, err := tx.Exec(ctx, `
			INSERT INTO stream_partition (fingerprint, number, next_offset, end_offset, newest, first_position, cut, replay_to, backlog, taken)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (fingerprint, number) DO UPDATE SET next_offset = excluded.next_offset, end_offset = excluded.end_offset,
				newest = excluded.newest, first_position = excluded.first_position, replay_to = excluded.replay_to,
				taken = excluded.taken`,
			c.Fingerprint, id, p.Next, p.End, p.Newest, p.First, p.Cut, p.ReplayTo, p.Backlog, p.Taken)
		if err != nil {
			return err
		}
	}
	return nil
}

func writeStreamBuckets(ctx context.Context, tx pgx.Tx, c follow.Commit) error {
	var ids, gone, stored, missing, sums []int64
	var seen [][]byte
	for id, b := range c.State.Buckets {
		if b == nil {
			gone = append(gone, id)
			continue
		}
		ids, seen, stored, missing = append(ids, id), append(seen, b.Seen), append(stored, b.Stored), append(missing, b.Missing)
		sums = append(sums, signed(b.Sum))
	}
	if _, err := tx.Exec(ctx, `DELETE FROM stream_bucket WHERE fingerprint = $1 AND bucket = ANY ($2)`, c.Fingerprint, gone); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO stream_bucket (fingerprint, bucket, seen, stored, missing, sum)
		SELECT $1, * FROM unnest($2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[])
		ON CONFLICT (fingerprint, bucket) DO UPDATE SET seen = excluded.seen, stored = excluded.stored, missing = excluded.missing,
			sum = excluded.sum`,
		c.Fingerprint, ids, seen, stored, missing, sums)
	return err
}

func writeStreamUnmatched(ctx context.Context, tx pgx.Tx, c follow.Commit) error {
	for _, s := range c.Matched {
		_, err := tx.Exec(ctx, `DELETE FROM stream_unmatched WHERE fingerprint = $1 AND number = $2 AND at_offset = $3`, c.Fingerprint, s.Partition, s.Offset)
		if err != nil {
			return err
		}
	}
	var batch pgx.Batch
	for _, s := range c.Unmatched {
		batch.Queue(`
			INSERT INTO stream_unmatched (fingerprint, number, at_offset, value, first_seen, due, ghost)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (fingerprint, number, at_offset) DO UPDATE SET due = excluded.due, ghost = excluded.ghost`,
			c.Fingerprint, s.Partition, s.Offset, s.Value, micro(s.FirstSeen), micro(s.Due), s.Ghost)
	}
	return tx.SendBatch(ctx, &batch).Close()
}

// writeStreamFindings opens or renews findings. A published message cannot be taken back, so its finding stays: a lost
// event or a ghost of the same order, which can be resolved, does not replace it. A finding that was made before ends no
// acceptance, because whoever accepted knew it; any other does, whatever the clocks of the two say.
func writeStreamFindings(ctx context.Context, tx pgx.Tx, c follow.Commit) error {
	var batch pgx.Batch
	for _, f := range c.Findings {
		m := f.Mismatch
		batch.Queue(`
			INSERT INTO divergence AS d (fingerprint, order_key, hop, kind, cause, fields, legacy_copies, projection_copies, state,
				first_seen, last_seen, found_by, first_pass, last_pass)
			VALUES ($1, $2, $3, $4, $5, $6::jsonb, 0, 0, 'open', $7, $7, $8, 0, 0)
			ON CONFLICT (fingerprint, order_key, hop) WHERE state <> 'resolved' DO UPDATE SET
				kind = CASE WHEN excluded.cause IN ('lost_publish', 'ghost_publish') THEN d.kind ELSE excluded.kind END,
				cause = CASE WHEN excluded.cause IN ('lost_publish', 'ghost_publish') THEN d.cause ELSE excluded.cause END,
				fields = CASE WHEN excluded.cause IN ('lost_publish', 'ghost_publish') THEN d.fields ELSE excluded.fields END,
				last_seen = greatest(d.last_seen, excluded.last_seen),
				state = CASE WHEN d.state = 'accepted' AND (d.accepted_until <= clock_timestamp() OR NOT $9) THEN 'open' ELSE d.state END`,
			c.Fingerprint, string(m.Key), string(m.Hop), string(m.Kind), string(m.Cause), spelledFor(tx, []string{string(appendFields(nil, m.Fields))})[0], micro(f.Seen), verify.StreamPass, f.Again)
	}
	return tx.SendBatch(ctx, &batch).Close()
}

// resolveStream keeps the list of lost events. It resolves what is no longer lost and no longer a ghost. An order that was called a ghost
// may have a lost event too, which is not looked for again: it is called lost from then on.
func resolveStream(ctx context.Context, tx pgx.Tx, c follow.Commit) error {
	var buckets, positions, of []int64
	var keys []string
	for b, events := range c.Lost {
		buckets = append(buckets, b)
		for _, e := range events {
			positions, of, keys = append(positions, int64(e.Position)), append(of, b), append(keys, string(e.Key))
		}
	}
	rows, err := tx.Query(ctx, `
		DELETE FROM stream_lost WHERE fingerprint = $1 AND (position = ANY ($2) OR bucket = ANY ($3)) RETURNING order_key`,
		c.Fingerprint, positionsOf(c.Arrived), buckets)
	if err != nil {
		return err
	}
	affected, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO stream_lost (fingerprint, position, bucket, order_key)
		SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::text[]) ON CONFLICT DO NOTHING`, c.Fingerprint, positions, of, keys)
	if err != nil {
		return err
	}
	cleared := make([]string, len(c.MatchedOrders))
	for i, k := range c.MatchedOrders {
		cleared[i] = string(k)
	}
	_, err = tx.Exec(ctx, `
		UPDATE divergence d SET kind = 'missing', cause = 'lost_publish', fields = '[]', state = 'open'
		WHERE d.fingerprint = $1 AND d.hop = 'events->stream' AND d.state <> 'resolved' AND d.cause = 'ghost_publish' AND d.order_key = ANY ($2)
			AND EXISTS (SELECT FROM stream_lost s WHERE s.fingerprint = $1 AND s.order_key = d.order_key)`, c.Fingerprint, cleared)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		UPDATE divergence d SET state = 'resolved', resolved_at = $4
		WHERE d.fingerprint = $1 AND d.hop = 'events->stream' AND d.state <> 'resolved'
			AND ((d.cause = 'lost_publish' OR d.cause = 'schema_drift' AND d.kind = 'missing') AND d.order_key = ANY ($2)
				AND NOT EXISTS (SELECT FROM stream_lost s WHERE s.fingerprint = $1 AND s.order_key = d.order_key)
			OR d.cause = 'ghost_publish' AND d.order_key = ANY ($3))`,
		c.Fingerprint, affected, cleared, micro(c.At))
	return err
}

func positionsOf(positions []order.Position) []int64 {
	out := make([]int64, len(positions))
	for i, p := range positions {
		out[i] = int64(p)
	}
	return out
}

// DueUnmatched implements [follow.Ledger].
func (l *Ledger) DueUnmatched(ctx context.Context, fingerprint string, at time.Time, limit int) (due []follow.UnmatchedMessage, waiting int64, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) error {
		err := l.pool.QueryRow(ctx, `SELECT count(*) FROM stream_unmatched WHERE fingerprint = $1 AND NOT ghost`, fingerprint).Scan(&waiting)
		if err != nil {
			return err
		}
		rows, err := l.pool.Query(ctx, `
			SELECT number, at_offset, value, first_seen, due, ghost FROM stream_unmatched
			WHERE fingerprint = $1 AND due <= $2 ORDER BY due, number, at_offset LIMIT $3`, fingerprint, micro(at), limit)
		if err != nil {
			return err
		}
		due, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (s follow.UnmatchedMessage, err error) {
			err = row.Scan(&s.Partition, &s.Offset, &s.Value, &s.FirstSeen, &s.Due, &s.Ghost)
			s.FirstSeen, s.Due = s.FirstSeen.UTC(), s.Due.UTC()
			return s, err
		})
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("reading messages without an event: %w", err)
	}
	return due, waiting, nil
}

// StreamEvidence returns what the follower claims under a fingerprint, and its lag in messages for each partition. It
// is nil if the stream was not followed.
func (l *Ledger) StreamEvidence(ctx context.Context, fingerprint string) (e *gate.StreamEvidence, lag map[int]int64, err error) {
	err = l.read(ctx, l.timeout, func(ctx context.Context) (err error) {
		e, lag, err = streamEvidence(ctx, l.pool, fingerprint)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the evidence of the stream: %w", err)
	}
	return e, lag, nil
}

func streamEvidence(ctx context.Context, q querier, fingerprint string) (*gate.StreamEvidence, map[int]int64, error) {
	rows, err := q.Query(ctx, `SELECT stored, seen, gaps, caught_up_at, at, waiting_for, waiting_since, before_store, pending, claimed_from FROM stream_state WHERE fingerprint = $1`, fingerprint)
	if err != nil {
		return nil, nil, err
	}
	var from int64
	e, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (e gate.StreamEvidence, err error) {
		var caughtUp, since *time.Time
		err = row.Scan(&e.Stored, &e.Seen, &e.Gaps, &caughtUp, &e.At, &e.WaitingFor, &since, &e.BeforeStore, &e.Pending, &from)
		e.CaughtUpAt, e.At, e.WaitingSince = orZero(caughtUp), e.At.UTC(), orZero(since)
		return e, err
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	partitions, err := streamPartitions(ctx, q, fingerprint)
	if err != nil {
		return nil, nil, err
	}
	lag := make(map[int]int64, len(partitions))
	for id, p := range partitions {
		if p.Cut && from != int64(order.NoPosition) {
			e.CutAt = &from
		}
		lag[id] = max(p.End-p.Next, 0)
		e.LagMessages += lag[id]
	}
	return &e, lag, nil
}

// StreamFindings returns the open divergences of one order on the stream, oldest first.
func (l *Ledger) StreamFindings(ctx context.Context, fingerprint string, key order.Key) ([]verify.Divergence, error) {
	return l.queryDivergences(ctx, `
		SELECT `+divergenceColumns+` FROM divergence d
		WHERE d.fingerprint = $1 AND d.order_key = $2 AND d.hop = $3 AND `+openNow+`
		ORDER BY d.first_seen, d.id`, fingerprint, key, order.EventsToStream)
}
