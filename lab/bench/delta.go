package bench

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Limits of a delta pass, against a full pass of three fields by buckets.
const (
	ofFullNothing = 0.30
	ofFullPercent = 0.40
)

// Copies of both sides, in which rows are written again and again.
const (
	deltaLegacy     = "public.orders_delta"
	deltaProjection = "public.current_orders_delta"
)

// deltas are passes over what changed, beside full passes over the same tables.
type deltas struct {
	b           *bench
	full, since string // configurations
	before      string // that of an earlier build; empty without one
	round       int64
}

// delta measures `verify --since-last`.
func (b *bench) delta(ctx context.Context) error {
	b.Log("only what changed, of %d orders:", b.large.orders)
	d := &deltas{b: b}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	contenders := []contender{
		{"full", func(ctx context.Context) (time.Duration, error) {
			var inside sample
			return b.cleanVerify(ctx, d.full, &inside)
		}},
		{"nothing changed", d.nothing},
		{"1 % changed", d.percent},
	}
	if b.Before != "" {
		contenders = append(contenders, contender{"full before", func(ctx context.Context) (time.Duration, error) {
			var inside sample
			return b.earlier().cleanVerify(ctx, d.before, &inside)
		}})
	}
	samples, err := interleave(ctx, b.Runs, b.Log, contenders)
	if err != nil {
		return err
	}
	b.report.delta(samples)
	return nil
}

// prepare copies the tables, and makes the pass that the first delta goes on from.
func (d *deltas) prepare(ctx context.Context) (err error) {
	for dsn, table := range map[string]string{d.b.large.legacy: deltaLegacy, d.b.large.projection: deltaProjection} {
		err := execute(ctx, dsn, "DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" AS SELECT * FROM "+d.b.large.table(dsn),
			"CREATE UNIQUE INDEX ON "+table+" (order_id)", "CREATE INDEX ON "+table+" (updated_at)", "VACUUM (ANALYZE) "+table)
		if err != nil {
			return err
		}
	}
	names := []string{"delta_full", "delta"} // the first delta goes on from the newest pass
	if d.b.Before != "" {
		names = append(names, "delta_before")
	}
	for _, name := range names {
		into := map[string]*string{"delta_full": &d.full, "delta": &d.since, "delta_before": &d.before}[name]
		if *into, err = d.b.crosscheck.configure(name, d.b.large, deltaProjection, threeFields); err != nil {
			return err
		}
		text, err := os.ReadFile(*into)
		if err != nil {
			return fmt.Errorf("reading a configuration: %w", err)
		}
		own := strings.Replace(string(text), "table: public.orders,", "table: "+deltaLegacy+",", 1)
		if name == "delta_full" {
			own += byBuckets
		}
		if err := os.WriteFile(*into, []byte(own), 0o600); err != nil {
			return fmt.Errorf("writing a configuration: %w", err)
		}
		program := d.b.crosscheck
		if name == "delta_before" {
			program = d.b.earlier().crosscheck
		}
		if _, err := program.clean(ctx, *into, "verify"); err != nil {
			return err
		}
	}
	return nil
}

func (d *deltas) nothing(ctx context.Context) (time.Duration, error) {
	r, err := d.b.crosscheck.clean(ctx, d.since, "verify", "--since-last")
	if err == nil && (r.Kind != "delta" || r.Compared != 0) {
		err = fmt.Errorf("%w: nothing changed, and a %s pass compared %d orders (%s)", ErrWrong, r.Kind, r.Compared, r.Instead)
	}
	if err != nil {
		return 0, err
	}
	return r.wall, nil
}

// percent changes a hundredth of the orders on both sides, of which 40 are wrong. Afterwards it repairs them, outside of the measured
// time.
func (d *deltas) percent(ctx context.Context) (time.Duration, error) {
	d.round++
	where := fmt.Sprintf("pg_catalog.hashint8extended(order_id, %d) & 1023 < 10", d.round)
	for dsn, table := range map[string]string{d.b.large.legacy: deltaLegacy, d.b.large.projection: deltaProjection} {
		if err := execute(ctx, dsn, "UPDATE "+table+" SET quantity = quantity + 1 WHERE "+where); err != nil {
			return 0, err
		}
	}
	planted, err := d.plant(ctx, where)
	if err != nil {
		return 0, err
	}
	r, err := d.b.crosscheck.run(ctx, d.since, "verify", "--since-last")
	if err == nil {
		err = exactly(r, planted)
	}
	if err == nil && (r.Kind != "delta" || r.Compared < d.b.large.orders/150) {
		err = fmt.Errorf("%w: a hundredth changed, and a %s pass compared %d orders", ErrWrong, r.Kind, r.Compared)
	}
	if err != nil {
		return 0, err
	}
	for key := range planted {
		if err := execute(ctx, d.b.large.projection, "UPDATE "+deltaProjection+" SET filled_quantity = filled_quantity - 0.0001 WHERE order_id = "+key); err != nil {
			return 0, err
		}
	}
	if _, err := d.b.crosscheck.clean(ctx, d.since, "verify", "--since-last"); err != nil {
		return 0, err
	}
	for dsn, table := range map[string]string{d.b.large.legacy: deltaLegacy, d.b.large.projection: deltaProjection} {
		if err := execute(ctx, dsn, "VACUUM "+table); err != nil {
			return 0, err
		}
	}
	return r.wall, nil
}

// plant makes some of the changed orders wrong, and returns order id → field.
func (d *deltas) plant(ctx context.Context, where string) (map[string]string, error) {
	conn, err := pgx.Connect(ctx, d.b.large.projection)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, fmt.Sprintf(`UPDATE %[1]s SET filled_quantity = filled_quantity + 0.0001 WHERE order_id IN (
		SELECT order_id FROM %[1]s WHERE %[2]s ORDER BY random() LIMIT %[3]d) RETURNING order_id::text`, deltaProjection, where, fewDifferences))
	if err != nil {
		return nil, fmt.Errorf("planting: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("planting: %w", err)
	}
	planted := map[string]string{}
	for _, key := range keys {
		planted[key] = "filled_quantity"
	}
	return planted, nil
}

// delta adds the samples in the order of bench.delta.
func (r *Report) delta(s []sample) {
	r.add("three fields: `crosscheck verify` by buckets, of tables that are written", s[0])
	r.against("`verify --since-last`, nothing changed", s[1], "this / by buckets", s[1], s[0], ofFullNothing)
	r.against("`verify --since-last`, 1 % changed on both sides, 40 of them wrong, all found exactly", s[2], "this / by buckets", s[2], s[0], ofFullPercent)
	if len(s) > 3 {
		r.add("`crosscheck verify` of the earlier build (`BENCH_BEFORE`), of the same tables", s[3])
		r.against("`verify --since-last`, nothing changed", s[1], "this / earlier build", s[1], s[3], ofFullNothing)
		r.against("`verify --since-last`, 1 % changed", s[2], "this / earlier build", s[2], s[3], ofFullPercent)
	}
}
