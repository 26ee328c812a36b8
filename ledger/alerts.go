package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/lease"
)

// alertsKept is how long resolved incidents and their messages are remembered.
const alertsKept = 90 * 24 * time.Hour

// Incidents returns all open incidents and the newest one of the gate, oldest first.
func (l *Ledger) Incidents(ctx context.Context) ([]incident.Incident, error) {
	var found []incident.Incident
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `
			SELECT id, kind, subject, fingerprint, severity, open, opened_at, told_at, resolved_at, count, peak, told, body
			FROM incident WHERE open OR id = (SELECT max(id) FROM incident WHERE kind = $1) ORDER BY id`, incident.GateFlip)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, scanIncident)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading incidents: %w", err)
	}
	return found, nil
}

func scanIncident(row pgx.CollectableRow) (incident.Incident, error) {
	var i incident.Incident
	var resolved *time.Time
	var body []byte
	err := row.Scan(&i.ID, &i.Kind, &i.Subject, &i.Fingerprint, &i.Severity, &i.Open, &i.OpenedAt, &i.ToldAt, &resolved,
		&i.Count, &i.Peak, &i.Told, &body)
	if err != nil {
		return i, err
	}
	i.OpenedAt, i.ToldAt, i.ResolvedAt = i.OpenedAt.UTC(), i.ToldAt.UTC(), orZero(resolved)
	if err := json.Unmarshal(body, &i.Body); err != nil {
		return i, fmt.Errorf("decoding the text of incident %d: %w", i.ID, err)
	}
	return i, nil
}

// Apply stores changed incidents and enqueues their messages, in one transaction under the lease. It returns ErrFenced,
// and stores nothing, if the lease is lost.
func (l *Ledger) Apply(ctx context.Context, held lease.Lease, changes []incident.Change, now time.Time) error {
	err := l.write(ctx, l.timeout, func(ctx context.Context, tx pgx.Tx) error {
		if err := holdLease(ctx, tx, held); err != nil {
			return err
		}
		for _, c := range changes {
			if err := apply(ctx, tx, c, now); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `DELETE FROM incident i WHERE resolved_at < $1
			AND NOT EXISTS (SELECT FROM outbox o WHERE o.incident_id = i.id AND o.done_at IS NULL)
			AND (kind <> $2 OR id < (SELECT max(id) FROM incident WHERE kind = $2))`, micro(now.Add(-alertsKept)), incident.GateFlip)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing incidents: %w", err)
	}
	return nil
}

func apply(ctx context.Context, tx pgx.Tx, c incident.Change, now time.Time) error {
	i := c.Incident
	body, err := marshalText(i.Body)
	if err != nil {
		return err
	}
	if i.ID == 0 {
		err = tx.QueryRow(ctx, `
			INSERT INTO incident (kind, subject, fingerprint, severity, open, opened_at, told_at, resolved_at, count, peak, told, body)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::jsonb) RETURNING id`,
			i.Kind, i.Subject, i.Fingerprint, i.Severity, i.Open, micro(i.OpenedAt), micro(i.ToldAt), orNull(i.ResolvedAt),
			i.Count, i.Peak, i.Told, body).Scan(&i.ID)
	} else {
		_, err = tx.Exec(ctx, `
			UPDATE incident SET severity = $2, open = $3, told_at = $4, resolved_at = $5, count = $6, peak = $7, told = $8,
				body = $9::jsonb WHERE id = $1`,
			i.ID, i.Severity, i.Open, micro(i.ToldAt), orNull(i.ResolvedAt), i.Count, i.Peak, i.Told, body)
	}
	if err != nil {
		return err
	}
	if i.Severity == incident.Critical { // a critical message does not wait for older messages of its incident
		if _, err := tx.Exec(ctx, `UPDATE outbox SET not_before = NULL WHERE incident_id = $1 AND done_at IS NULL`, i.ID); err != nil {
			return err
		}
	}
	for _, m := range c.Messages {
		if err := enqueue(ctx, tx, i.ID, m, now); err != nil {
			return err
		}
	}
	return nil
}

func enqueue(ctx context.Context, tx pgx.Tx, id int64, m incident.Message, now time.Time) error {
	if m.Op == incident.Edit { // only the newest text counts; one that is being sent does no harm
		if _, err := tx.Exec(ctx, `DELETE FROM outbox WHERE incident_id = $1 AND op = 'edit' AND done_at IS NULL`, id); err != nil {
			return err
		}
	}
	body, err := marshalText(m.Body)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO outbox (incident_id, op, body, created_at, not_before) VALUES ($1, $2, $3::jsonb, $4, $5)`,
		id, m.Op, body, micro(now), orNull(m.NotBefore))
	return err
}

// AlertsPending counts the messages that should have been sent by now. A message that waits for the end of the quiet
// hours does not count, and the messages after it in its thread do not count.
func (l *Ledger) AlertsPending(ctx context.Context, now time.Time) (int64, error) {
	var pending int64
	err := l.read(ctx, l.timeout, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, `
			SELECT count(*) FROM outbox o WHERE done_at IS NULL
				AND NOT EXISTS (SELECT FROM outbox b WHERE b.incident_id = o.incident_id AND b.done_at IS NULL AND b.id <= o.id AND b.not_before > $1)`,
			micro(now)).Scan(&pending)
	})
	if err != nil {
		return 0, fmt.Errorf("counting alerts: %w", err)
	}
	return pending, nil
}
