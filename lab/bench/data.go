package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver"
)

// gaps is the share of the drawn order ids that the lab leaves out, like ids of rolled-back transactions.
const gaps = 0.03

// historyEnd is fixed, so that every machine measures the same rows.
var historyEnd = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// dataset is one pair of databases of a certain size, each with a table of orders.
type dataset struct {
	orders             int64 // rows on each side, exactly
	legacy, projection string
}

// prepare makes sure that a data set of about the given size exists. It generates the data only the first time, and
// warms the server's cache with it.
func prepare(ctx context.Context, server *pgserver.Server, orders int64, log func(string, ...any)) (*dataset, error) {
	legacy, events := fmt.Sprintf("legacy_%d", orders), fmt.Sprintf("events_%d", orders)
	d := &dataset{legacy: server.DSN(legacy), projection: server.DSN(events)}
	ready, err := isReady(ctx, d.legacy)
	if err != nil {
		return nil, err
	}
	if !ready {
		began := time.Now()
		for _, name := range []string{legacy, events} {
			if err := createDatabase(ctx, server.DSN("postgres"), name); err != nil {
				return nil, err
			}
		}
		if err := d.generate(ctx, orders); err != nil {
			return nil, err
		}
		log("generated %d orders on each side in %s", orders, time.Since(began).Round(time.Second))
	}
	if err := d.warm(ctx); err != nil {
		return nil, err
	}
	return d, d.count(ctx)
}

// isReady says whether the databases were filled to the end by an earlier run.
func isReady(ctx context.Context, dsn string) (bool, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return false, nil //nolint:nilerr // there is no such database yet; any other trouble shows when it is created
	}
	defer conn.Close(ctx)
	var ready bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass('bench.ready') IS NOT NULL").Scan(&ready); err != nil {
		return false, fmt.Errorf("looking for data of an earlier run: %w", err)
	}
	return ready, nil
}

// createDatabase replaces a database that an interrupted run left half filled.
func createDatabase(ctx context.Context, dsn, name string) error {
	quoted := pgx.Identifier{name}.Sanitize()
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + quoted + " WITH (FORCE)", "CREATE DATABASE " + quoted} {
		if err := execute(ctx, dsn, statement); err != nil {
			return err
		}
	}
	return nil
}

func (d *dataset) generate(ctx context.Context, orders int64) error {
	ids := int64(float64(orders)/(1-gaps) + 0.5)
	if err := lab.Generate(ctx, d.legacy, d.projection, lab.History{Orders: ids, Seed: 1, End: historyEnd}); err != nil {
		return err
	}
	// The handwritten join needs both tables in one database. crosscheck does not use this one.
	if err := d.copyProjection(ctx); err != nil {
		return err
	}
	if err := execute(ctx, d.projection, journal); err != nil {
		return err
	}
	return execute(ctx, d.legacy, "CREATE SCHEMA bench; CREATE TABLE bench.ready ()")
}

// copyProjection generates the projection's rows again next to the legacy table. They depend only on the seed.
func (d *dataset) copyProjection(ctx context.Context) error {
	return execute(ctx, d.legacy, `CREATE TABLE public.current_orders AS SELECT * FROM public.orders`,
		`CREATE UNIQUE INDEX ON public.current_orders (order_id)`, `VACUUM (ANALYZE) public.current_orders`)
}

// warm reads tables and indexes into the server's cache. Without the extension it reads them once, which puts them into
// the operating system's cache.
func (d *dataset) warm(ctx context.Context) error {
	const warm = `SELECT sum(pg_prewarm(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND c.relkind IN ('r', 'm', 'i')`
	for _, dsn := range []string{d.legacy, d.projection} {
		if err := execute(ctx, dsn, "CREATE EXTENSION IF NOT EXISTS pg_prewarm", warm); err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := execute(ctx, dsn, "SELECT count(o) FROM "+d.table(dsn)+" o"); err != nil {
			return err
		}
	}
	return nil
}

var errSizes = errors.New("the two sides have different numbers of rows")

func (d *dataset) count(ctx context.Context) error {
	var counts [2]int64
	for i, dsn := range []string{d.legacy, d.projection} {
		if err := scalar(ctx, dsn, "SELECT count(*) FROM "+d.table(dsn), &counts[i]); err != nil {
			return err
		}
	}
	if counts[0] != counts[1] {
		return fmt.Errorf("%w: %d and %d; remove the data folder", errSizes, counts[0], counts[1])
	}
	d.orders = counts[0]
	return nil
}

func (d *dataset) table(dsn string) string {
	if dsn == d.legacy {
		return "public.orders"
	}
	return "public.current_orders"
}

// execute runs statements over one connection, each in its own transaction.
func execute(ctx context.Context, dsn string, statements ...string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("running %.60q: %w", statement, err)
		}
	}
	return nil
}

func scalar(ctx context.Context, dsn, query string, into ...any) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := conn.QueryRow(ctx, query).Scan(into...); err != nil {
		return fmt.Errorf("running %.60q: %w", query, err)
	}
	return nil
}
