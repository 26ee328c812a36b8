package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/lease"
)

// NextDelivery returns the oldest message that may be sent now; false if there is none. A message may be sent when
// those before it in its thread are done, when its quiet hours are over, and when no message has been told to wait. A
// message that Slack has refused five times comes last, so that it delays the others only a little.
func (l *Ledger) NextDelivery(ctx context.Context, now time.Time) (incident.Delivery, bool, error) {
	var d incident.Delivery
	var body []byte
	var attempted *time.Time
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `
			SELECT o.id, o.marker::text, o.op, o.body, i.channel, i.ts,
				coalesce((SELECT channel FROM incident WHERE ts <> '' ORDER BY id DESC LIMIT 1), ''), o.attempts, o.attempted_at
			FROM outbox o JOIN incident i ON i.id = o.incident_id
			WHERE o.done_at IS NULL AND (o.not_before IS NULL OR o.not_before <= $1)
				AND NOT EXISTS (SELECT FROM outbox b WHERE b.incident_id = o.incident_id AND b.done_at IS NULL AND b.id < o.id)
				AND NOT EXISTS (SELECT FROM outbox w WHERE w.done_at IS NULL AND w.retry_at > $1)
			ORDER BY o.attempted_at IS NULL AND o.attempts >= 5, o.id LIMIT 1`, micro(now)).
			Scan(&d.ID, &d.Marker, &d.Op, &body, &d.Channel, &d.TS, &d.LastChannel, &d.Attempts, &attempted)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return d, false, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &d.Body)
	}
	if err != nil {
		return d, false, fmt.Errorf("reading the outbox: %w", err)
	}
	d.AttemptedAt = orZero(attempted)
	return d, true, nil
}

// BeginDelivery notes, under the lease, that a message is about to be sent. From then on it may have arrived. Any
// process that finds it in this state waits until retryAt. It returns ErrFenced if the lease is lost.
func (l *Ledger) BeginDelivery(ctx context.Context, held lease.Lease, id int64, now, retryAt time.Time) error {
	return l.updateDelivery(ctx, held, "beginning", `
		UPDATE outbox SET attempts = attempts + 1, attempted_at = coalesce(attempted_at, $2), retry_at = $3
		WHERE id = $1 AND done_at IS NULL`, id, micro(now), micro(retryAt))
}

// EndDelivery notes how an attempt ended. For a parent it keeps its place. If the parent of an open incident is gone,
// the incident gets a new parent with the current text, in place of all messages that wait for the old one.
func (l *Ledger) EndDelivery(ctx context.Context, held lease.Lease, id int64, e incident.Ending, now time.Time) error {
	if e.Outcome == incident.Refused && e.ParentGone {
		return l.replaceParent(ctx, held, id, e, now)
	}
	switch e.Outcome {
	case incident.Sent, incident.Refused:
		return l.updateDelivery(ctx, held, "ending", `
			WITH done AS (
				UPDATE outbox SET done_at = $2, outcome = $3, error = $4, retry_at = NULL WHERE id = $1 AND done_at IS NULL
				RETURNING incident_id, op)
			UPDATE incident i SET channel = $5, ts = $6 FROM done WHERE i.id = done.incident_id AND done.op = 'parent'`,
			id, micro(now), e.Outcome, e.Error, e.Channel, e.TS)
	case incident.NotSent:
		return l.updateDelivery(ctx, held, "ending", `
			UPDATE outbox SET attempted_at = NULL, error = $2, retry_at = $3 WHERE id = $1 AND done_at IS NULL`,
			id, e.Error, micro(e.RetryAt))
	case incident.Unknown:
		return l.updateDelivery(ctx, held, "ending", `
			UPDATE outbox SET error = $2, retry_at = $3 WHERE id = $1 AND done_at IS NULL`, id, e.Error, micro(e.RetryAt))
	}
	return fmt.Errorf("ending delivery %d: unknown outcome %q", id, e.Outcome)
}

// replaceParent does this once for each parent, because a later refusal finds no known parent.
func (l *Ledger) replaceParent(ctx context.Context, held lease.Lease, id int64, e incident.Ending, now time.Time) error {
	return l.updateDelivery(ctx, held, "ending", `
		WITH done AS (
			UPDATE outbox SET done_at = $2, outcome = $3, error = $4, retry_at = NULL WHERE id = $1 AND done_at IS NULL
			RETURNING incident_id),
		gone AS (
			UPDATE incident i SET channel = '', ts = '' FROM done WHERE i.id = done.incident_id AND i.open AND i.ts <> ''
			RETURNING i.id, i.body),
		needless AS (
			DELETE FROM outbox o USING gone WHERE o.incident_id = gone.id AND o.done_at IS NULL AND o.id <> $1)
		INSERT INTO outbox (incident_id, op, body, created_at) SELECT id, $5, body, $2 FROM gone`,
		id, micro(now), e.Outcome, e.Error, incident.Parent)
}

func (l *Ledger) updateDelivery(ctx context.Context, held lease.Lease, doing, sql string, args ...any) error {
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := holdLease(ctx, tx, held); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s delivery %v: %w", doing, args[0], err)
	}
	return nil
}
