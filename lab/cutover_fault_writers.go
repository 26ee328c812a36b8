package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// This file has writers of legacy that a fence must keep out, or wait for.

// writerIgnoresFence: whoever owns a table may disable its triggers. Nobody can keep him out, so the cutover has to notice.
var writerIgnoresFence = CutoverFault{
	Name:  "writer_ignores_fence",
	About: "the owner of legacy's table disables its triggers while the fence is closed, and writes",
	After: "fence",
	Must:  RollsBack,
	strike: func(ctx context.Context, d *Disturbance) error {
		if err := d.withoutTriggers(ctx); err != nil {
			return err
		}
		return d.enter(ctx, func(ctx context.Context, x deal) error { return d.lab.Desk.tryLegacy(ctx, x) })
	},
}

// withoutTriggers disables the triggers of orders. Repair has them fire as before.
func (d *Disturbance) withoutTriggers(ctx context.Context) error {
	rows, err := d.lab.legacy.Query(ctx, `SELECT tgname::text, tgenabled = 'A' FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal AND tgenabled <> 'D'`)
	if err != nil {
		return err
	}
	var undo, name string
	var always bool
	if _, err := pgx.ForEachRow(rows, []any{&name, &always}, func() error {
		how := "ENABLE"
		if always {
			how = "ENABLE ALWAYS"
		}
		undo += fmt.Sprintf("ALTER TABLE orders %s TRIGGER %s; ", how, quoted(name))
		return nil
	}); err != nil {
		return err
	}
	d.lab.later(func(ctx context.Context) error { return d.atLegacy(ctx, undo) })
	return d.atLegacy(ctx, "ALTER TABLE orders DISABLE TRIGGER USER")
}

// enter has somebody enter an order at legacy alone. Repair removes it.
func (d *Disturbance) enter(ctx context.Context, write func(context.Context, deal) error) error {
	l := d.lab
	var o workingOrder
	err := l.Desk.withRandom(func(random *rand.Rand) (err error) {
		o, err = l.Desk.draft(ctx, random)
		return err
	})
	if err != nil {
		return err
	}
	err = write(ctx, create(o, l.Desk.after(o)))
	if d.note(o.id, err); err == nil {
		l.later(func(ctx context.Context) error {
			_, err := l.legacy.Exec(ctx, "DELETE FROM orders WHERE order_id = $1", o.id)
			return err
		})
	}
	return kept(err)
}

// kept returns nil for an error with which a closed legacy keeps a write out.
func kept(err error) error {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && (refused.Code == "25006" || refused.Code == "40001" || refused.Code == "55P03") {
		return nil
	}
	return err
}

// repeatableReadWriter: its snapshot is older than the fence, so it sees nothing of what was written to close legacy.
var repeatableReadWriter = CutoverFault{
	Name:  "repeatable_read_writer",
	About: "a transaction with a snapshot from before the fence writes to legacy while it is closed",
	After: "fence",
	Must:  Completes,
	prepare: func(ctx context.Context, d *Disturbance) error {
		tx, err := d.beginAt(ctx, d.lab.LegacyDSN, pgx.RepeatableRead)
		if err != nil {
			return err
		}
		d.pending = func(ctx context.Context, d *Disturbance) error {
			return d.enter(ctx, func(ctx context.Context, x deal) error {
				_, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '200ms'")
				for _, s := range x.legacy {
					if err == nil {
						_, err = tx.Exec(ctx, s.sql, s.args...)
					}
				}
				if err != nil {
					return errors.Join(err, ended(tx.Rollback(ctx)))
				}
				return tx.Commit(ctx)
			})
		}
		_, err = tx.Exec(ctx, "SELECT count(*) FROM orders WHERE order_id = 1") // takes the snapshot
		return err
	},
}

// beginAt begins a transaction in a session of its own, which lasts until Repair at the latest.
func (d *Disturbance) beginAt(ctx context.Context, dsn string, level pgx.TxIsoLevel) (pgx.Tx, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("connecting to disturb: %w", err)
	}
	d.lab.later(func(ctx context.Context) error { conn.Close(ctx); return nil })
	return conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: level})
}

// ended takes the error of a transaction that has ended already for none.
func ended(err error) error {
	if errors.Is(err, pgx.ErrTxClosed) {
		return nil
	}
	return err
}

// preparedTransaction: no list of sessions shows it, and it may be committed at any time.
var preparedTransaction = CutoverFault{
	Name:  "prepared_transaction",
	About: "a prepared transaction has written to legacy and was forgotten",
	After: BeforeCutover,
	Must:  Refuses,
	prepare: func(ctx context.Context, d *Disturbance) error {
		o, err := d.lab.Desk.untouched(ctx)
		if err != nil {
			return err
		}
		d.lab.freeze(o)
		if err := d.atLegacy(ctx, fmt.Sprintf("BEGIN; UPDATE orders SET price = price WHERE order_id = %d; PREPARE TRANSACTION 'crosscheck-lab'", o.id)); err != nil {
			return err
		}
		d.lab.later(func(ctx context.Context) error { return d.atLegacy(ctx, "ROLLBACK PREPARED 'crosscheck-lab'") })
		return nil
	},
}

// drainFor is how long a slow writer needs.
const drainFor = 1500 * time.Millisecond

// slowDrain: the writer was there before the fence was asked for, so the fence waits for it.
var slowDrain = CutoverFault{
	Name:  "slow_drain",
	About: "a writer is inside of legacy when the fence is asked for, and needs seconds to commit",
	After: "hold",
	Must:  Completes,
	strike: func(ctx context.Context, d *Disturbance) error {
		l := d.lab
		o, err := l.Desk.untouched(ctx)
		if err != nil {
			return err
		}
		x := modify(o, o.price+unit/100, 0, l.Desk.after(o))
		tx, err := l.legacy.Begin(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		for _, s := range x.legacy {
			if _, err := tx.Exec(ctx, s.sql, s.args...); err != nil {
				return errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
			}
		}
		d.beside(ctx, func(ctx context.Context) error {
			<-time.After(drainFor)
			if err := tx.Commit(ctx); err != nil {
				return err
			}
			_, err := l.Desk.shadow(ctx, x.event)
			l.Desk.book.put(x.after)
			return err
		})
		return nil
	},
}

// partitionWriter: the trigger of a table does not fire for its partitions and heirs.
var partitionWriter = CutoverFault{
	Name:  "partition_writer",
	About: "a partition of legacy's table that was made after the fence was installed is written to directly",
	After: "fence",
	Must:  RollsBack,
	strike: func(ctx context.Context, d *Disturbance) error {
		d.lab.later(func(ctx context.Context) error { return d.atLegacy(ctx, "DROP TABLE IF EXISTS orders_late") })
		if err := d.atLegacy(ctx, "CREATE TABLE orders_late () INHERITS (orders)"); err != nil {
			return err
		}
		return d.enter(ctx, func(ctx context.Context, x deal) error {
			into := x.legacy[0]
			_, err := d.lab.legacy.Exec(ctx, strings.Replace(into.sql, "INTO orders", "INTO orders_late", 1), into.args...)
			return err
		})
	},
}
