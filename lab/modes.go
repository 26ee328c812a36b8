package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The rows of app_config in the legacy database, which every client looks up for every request.
const (
	ReadSource = "read_source"
	WriteMode  = "write_mode"
)

// Their values, which are the sides of the system.
const (
	AtLegacy     = "legacy"
	EventSourced = "event_sourced"
)

// errMoved is returned if writes were switched away between the look at the mode and the write.
var errMoved = errors.New("writes were switched to the other side")

// setUpModes adds what a cutover switches. A system that was switched stays so.
func (l *Lab) setUpModes(ctx context.Context) error {
	if _, err := l.legacy.Exec(ctx, script("app_config")); err != nil {
		return fmt.Errorf("adding the modes: %w", err)
	}
	if _, err := l.events.Exec(ctx, script("order_ids")); err != nil {
		return fmt.Errorf("adding order ids of the new system: %w", err)
	}
	return nil
}

// setting looks up a row of app_config.
func (d *Desk) setting(ctx context.Context, name string) (value string, err error) {
	ctx, stop := context.WithTimeout(ctx, dealTimeout)
	defer stop()
	if err := d.legacy.QueryRow(ctx, "SELECT value FROM app_config WHERE name = $1", name).Scan(&value); err != nil {
		return "", fmt.Errorf("looking up %s: %w", name, err)
	}
	return value, nil
}

// insist tries until it is done. It gives up when the context ends, or if trying again is of no use.
func insist(ctx context.Context, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if err == nil || !passing(err) || !pause(ctx) {
			return err
		}
	}
}

// passing reports whether the next attempt may succeed: a fence is closed, writes are being switched, or a server is away.
func passing(err error) bool {
	if errors.Is(err, errHalfWritten) {
		return false
	}
	pgErr, answered := errors.AsType[*pgconn.PgError](err)
	if !answered {
		return !errors.Is(err, pgx.ErrNoRows)
	}
	switch pgErr.Code {
	case "25006", // read_only_sql_transaction: the fence refuses
		"40001",                   // serialization_failure: a fence has become permanent
		"57014",                   // query_canceled: it has waited at a fence for too long
		"57P01", "57P02", "57P03": // the server or the session was ended
		return true
	}
	return false
}

// writeNew appends the deal's event, and writes nothing to legacy. The lock of the row keeps the mode from being switched meanwhile, so
// that after a switch back nobody still writes here.
func (d *Desk) writeNew(ctx context.Context, x deal) error {
	var id int64
	err := pgx.BeginFunc(ctx, d.legacy, func(tx pgx.Tx) error {
		var mode string
		if err := tx.QueryRow(ctx, "SELECT value FROM app_config WHERE name = $1 FOR SHARE", WriteMode).Scan(&mode); err != nil {
			return err
		}
		if mode != EventSourced {
			return errMoved
		}
		var err error
		id, err = d.appendOnce(ctx, x.event)
		return err
	})
	if err != nil {
		return fmt.Errorf("appending %s of order %d: %w", x.event.kind, x.event.order, err)
	}
	if err := d.publish(ctx, id, x.event); err != nil {
		return errors.Join(fmt.Errorf("%w: order %d is stored, and not published", errHalfWritten, x.event.order), err)
	}
	return nil
}
