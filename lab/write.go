package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// errHalfWritten is returned if a deal is in the legacy tables, but its event could not be appended in time.
var errHalfWritten = errors.New("the deal is written to legacy, but its event is lost")

// appendLock serialises appends, so that event ids become visible in order.
const appendLock = 0x0c0ffee

// write is the dual write: first legacy, then the event. It tries until the event is stored and published.
func (d *Desk) write(ctx context.Context, x deal) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if err := d.writeLegacy(ctx, x); err != nil {
		return err
	}
	if _, err := d.shadow(ctx, x.event); err != nil {
		return errors.Join(fmt.Errorf("%w: order %d, %s", errHalfWritten, x.event.order, x.event.kind), err)
	}
	d.deals.Add(1)
	return nil
}

// writeLegacy runs the deal's transaction. If the answer gets lost, it checks whether the deal was committed.
func (d *Desk) writeLegacy(ctx context.Context, x deal) error {
	err := d.tryLegacy(ctx, x)
	if err == nil {
		return nil
	}
	for {
		there, lookErr := d.inLegacy(ctx, x)
		switch {
		case lookErr == nil && there:
			return nil
		case lookErr == nil:
			return fmt.Errorf("writing order %d: %w", x.after.id, err)
		}
		if !pause(ctx) {
			return errors.Join(fmt.Errorf("%w: order %d", errHalfWritten, x.after.id), err, lookErr)
		}
	}
}

func (d *Desk) tryLegacy(ctx context.Context, x deal) error {
	ctx, stop := context.WithTimeout(ctx, dealTimeout)
	defer stop()
	var batch pgx.Batch
	for _, s := range x.legacy {
		batch.Queue(s.sql, s.args...)
	}
	return d.legacy.SendBatch(ctx, &batch).Close() // a batch is one transaction
}

// inLegacy reports whether the deal's transaction was committed. No other writer changes the order in the meantime.
func (d *Desk) inLegacy(ctx context.Context, x deal) (bool, error) {
	ctx, stop := context.WithTimeout(ctx, dealTimeout)
	defer stop()
	var there bool
	const look = "SELECT EXISTS (SELECT FROM orders WHERE order_id = $1 AND updated_at = $2)"
	err := d.legacy.QueryRow(ctx, look, x.after.id, x.after.updatedAt).Scan(&there)
	return there, err
}

// append stores an event once, however often it must try. It returns the event's position.
func (d *Desk) append(ctx context.Context, e event) (int64, error) {
	for {
		id, err := appendOnce(ctx, d.events, e)
		if err == nil {
			return id, nil
		}
		if !pause(ctx) {
			return 0, fmt.Errorf("appending %s of order %d: %w", e.kind, e.order, err)
		}
	}
}

func appendOnce(ctx context.Context, pool *pgxpool.Pool, e event) (id int64, err error) {
	ctx, stop := context.WithTimeout(ctx, dealTimeout)
	defer stop()
	payload, err := e.json()
	if err != nil {
		return 0, fmt.Errorf("encoding payload: %w", err)
	}
	const same = `order_id = $1 AND timestamp = $2 AND event_type = $3`
	const insert = `INSERT INTO event_store (order_id, event_type, timestamp, payload)
		SELECT $1::bigint, $3::text, $2::timestamptz, $4::text::jsonb
		WHERE NOT EXISTS (SELECT FROM event_store WHERE ` + same + ")"
	var batch pgx.Batch
	batch.Queue("SELECT pg_advisory_xact_lock($1)", appendLock)
	batch.Queue(insert, e.order, e.at, e.kind, payload)
	batch.Queue("SELECT max(event_id) FROM event_store WHERE "+same, e.order, e.at, e.kind).
		QueryRow(func(row pgx.Row) error { return row.Scan(&id) })
	err = pool.SendBatch(ctx, &batch).Close()
	return id, err
}

// pause waits before the next attempt. It returns false if there is no time for one.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(retryPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
