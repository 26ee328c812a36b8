package lab

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// applyWorkerWrites: an apply worker writes as a replica, for which ordinary triggers do not fire.
var applyWorkerWrites = CutoverFault{
	Name:  "apply_worker_writes",
	About: "logical replication brings a write of another database to legacy while it is closed",
	After: "fence",
	Must:  Completes,
	prepare: func(ctx context.Context, d *Disturbance) error {
		feed, err := d.subscribe(ctx)
		if err != nil {
			return err
		}
		d.pending = func(ctx context.Context, d *Disturbance) error {
			var id int64
			if err := d.lab.legacy.QueryRow(ctx, "SELECT nextval(pg_get_serial_sequence('orders', 'order_id'))").Scan(&id); err != nil {
				return err
			}
			if err := onceAt(ctx, feed, fmt.Sprintf("INSERT INTO orders SELECT %d, 1, 'FEED', 'BUY', 1, 1, 'OPEN', 0, NULL, now(), now()", id)); err != nil {
				return err
			}
			return d.applied(ctx, id)
		}
		return nil
	},
}

const feedName = "crosscheck_lab_feed"

const feedTables = `CREATE TABLE orders (order_id bigint PRIMARY KEY, trader_id integer, symbol text, side text, quantity numeric(18, 4), price numeric(18, 4), status text,
	filled_quantity numeric(18, 4), avg_fill_price numeric(18, 6), created_at timestamptz, updated_at timestamptz); CREATE PUBLICATION ` + feedName + ` FOR TABLE orders`

// subscribe lets a database beside legacy feed it, and returns that database. Repair ends it.
func (d *Disturbance) subscribe(ctx context.Context) (feed string, err error) {
	u, err := url.Parse(d.lab.LegacyDSN)
	if err != nil {
		return "", fmt.Errorf("reading DSN: %w", err)
	}
	name := strings.TrimPrefix(u.Path, "/") + "_feed"
	u.Path = "/" + name
	feed = u.String()
	if err := createDatabase(ctx, feed); err != nil {
		return "", err
	}
	slot := strings.ReplaceAll(name, "-", "_")
	d.lab.later(func(ctx context.Context) error {
		const leave = "ALTER SUBSCRIPTION %[1]s DISABLE; ALTER SUBSCRIPTION %[1]s SET (slot_name = NONE); DROP SUBSCRIPTION %[1]s"
		if err := d.eachAtLegacy(ctx, strings.Split(fmt.Sprintf(leave, feedName), "; ")...); err != nil {
			return err
		}
		const drop = "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = '%[1]s' AND active; SELECT pg_drop_replication_slot('%[1]s')"
		if err := d.eachAtLegacy(ctx, strings.Split(fmt.Sprintf(drop, slot), "; ")...); err != nil {
			return err
		}
		return d.eachAtLegacy(ctx, "DROP DATABASE "+quoted(name)+" WITH (FORCE)")
	})
	if err := onceAt(ctx, feed, feedTables); err != nil {
		return "", err
	}
	if err := onceAt(ctx, feed, "SELECT pg_create_logical_replication_slot('"+slot+"', 'pgoutput')"); err != nil {
		return "", err
	}
	create := fmt.Sprintf("CREATE SUBSCRIPTION %s CONNECTION '%s' PUBLICATION %[1]s WITH (create_slot = false, slot_name = '%[3]s', copy_data = false)", feedName, feed, slot)
	if err := d.eachAtLegacy(ctx, create); err != nil {
		return "", err
	}
	return feed, d.until(ctx, "the apply worker to start", "SELECT count(*) > 0 FROM pg_stat_subscription WHERE subname = '"+feedName+"' AND latest_end_lsn IS NOT NULL")
}

// applied waits until the worker has written an order, waits at the fence, or has ended with an error.
func (d *Disturbance) applied(ctx context.Context, order int64) error {
	there := fmt.Sprintf("EXISTS (SELECT FROM orders WHERE order_id = %d)", order)
	const worker = "SELECT FROM pg_stat_subscription s JOIN pg_stat_activity a USING (pid) WHERE subname = '" + feedName + "'"
	if err := d.until(ctx, "the apply worker to write", "SELECT "+there+" OR NOT EXISTS ("+worker+") OR EXISTS ("+worker+" AND wait_event = 'advisory')"); err != nil {
		return err
	}
	var wrote bool
	if err := d.lab.legacy.QueryRow(ctx, "SELECT "+there).Scan(&wrote); err != nil {
		return err
	}
	if !wrote {
		d.note(order, errKeptOut)
		return nil
	}
	d.note(order, nil)
	d.lab.later(func(ctx context.Context) error {
		return d.eachAtLegacy(ctx, fmt.Sprintf("DELETE FROM orders WHERE order_id = %d", order))
	})
	return nil
}

// until polls legacy until a query says true.
func (d *Disturbance) until(ctx context.Context, what, query string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*dealTimeout)
	defer cancel()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		var so bool
		if err := d.lab.legacy.QueryRow(ctx, query).Scan(&so); err != nil || so {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// atLegacy runs statements in one transaction, or as they say.
func (d *Disturbance) atLegacy(ctx context.Context, statements string) error {
	return onceAt(ctx, d.lab.LegacyDSN, statements)
}

// eachAtLegacy runs statements that must each be alone.
func (d *Disturbance) eachAtLegacy(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if err := onceAt(ctx, d.lab.LegacyDSN, s); err != nil {
			return err
		}
	}
	return nil
}

// onceAt runs statements in a session of their own.
func onceAt(ctx context.Context, dsn, statements string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*dealTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connecting to disturb: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.PgConn().Exec(ctx, statements).ReadAll(); err != nil {
		return fmt.Errorf("running %s: %w", statements, err)
	}
	return nil
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
