package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// errHalfWritten is returned if a deal is written, but not everywhere where it has to be, and time has run out.
var errHalfWritten = errors.New("the deal is written by half")

// AppendLock serialises appends, so that event ids become visible in order.
const AppendLock = 0x0c0ffee

// write makes a deal at the side that takes writes. While none does, it tries again: its client sees a slow deal, and no error.
func (d *Desk) write(ctx context.Context, x deal) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	err := insist(ctx, func(ctx context.Context) error {
		mode, err := d.setting(ctx, WriteMode)
		if err != nil {
			return err
		}
		return d.writeAt(ctx, mode, x)
	})
	if err == nil {
		d.deals.Add(1)
	}
	return err
}

// writeAt writes to one side. At legacy that is the dual write: first legacy, then the event, until it is stored and published.
func (d *Desk) writeAt(ctx context.Context, mode string, x deal) error {
	if mode == EventSourced {
		return d.writeNew(ctx, x)
	}
	if err := d.writeLegacy(ctx, x); err != nil {
		return err
	}
	if _, err := d.shadow(ctx, x.event); err != nil {
		return errors.Join(fmt.Errorf("%w: order %d, %s", errHalfWritten, x.event.order, x.event.kind), err)
	}
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
		id, err := d.appendOnce(ctx, e)
		if err == nil {
			return id, nil
		}
		if !pause(ctx) {
			return 0, fmt.Errorf("appending %s of order %d: %w", e.kind, e.order, err)
		}
	}
}

func (d *Desk) appendOnce(ctx context.Context, e event) (id int64, err error) {
	ctx, stop := context.WithTimeout(ctx, dealTimeout)
	defer stop()
	kind, payload, err := d.store.write(e)
	if err != nil {
		return 0, err
	}
	same := d.store.Stored + " WHERE order_id = $1 AND event_type = $2 AND timestamp = $3"
	var batch pgx.Batch
	batch.Queue("SELECT pg_advisory_xact_lock($1)", AppendLock)
	batch.Queue(d.store.insert()+" WHERE NOT EXISTS (SELECT FROM "+same+")", e.order, kind, e.at, payload)
	batch.Queue("SELECT max(event_id) FROM "+same, e.order, kind, e.at).
		QueryRow(func(row pgx.Row) error { return row.Scan(&id) })
	err = d.events.SendBatch(ctx, &batch).Close()
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
