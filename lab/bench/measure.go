package bench

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// contender is one way to do the work.
type contender struct {
	name string
	run  func(context.Context) (time.Duration, error)
}

// sample holds the times of one contender.
type sample []time.Duration

func (s sample) median() time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func (s sample) best() time.Duration {
	if len(s) == 0 {
		return 0
	}
	return slices.Min(s)
}

// interleave runs all contenders in turn, A B C A B C …, so that a slow phase of the machine affects all of them.
func interleave(ctx context.Context, runs int, log func(string, ...any), contenders []contender) ([]sample, error) {
	samples := make([]sample, len(contenders))
	for round := range runs {
		var line strings.Builder
		for i, c := range contenders {
			took, err := c.run(ctx)
			if err != nil {
				return nil, fmt.Errorf("measuring %s: %w", c.name, err)
			}
			samples[i] = append(samples[i], took)
			fmt.Fprintf(&line, "  %s %.2f s", c.name, took.Seconds())
		}
		log("round %d of %d:%s", round+1, runs, line.String())
	}
	return samples, nil
}

var errWrongCount = errors.New("a handwritten query reported differences, but there are none")

// digests runs the bare digest queries of both sides at once, each on a fresh connection, and compares the results.
func (d *dataset) digests(ctx context.Context, f fields) (time.Duration, error) {
	var found [2]map[string]string
	took, err := d.both(ctx, digestSettings, func(ctx context.Context, side int, conn *pgx.Conn, table string) error {
		rows, err := conn.Query(ctx, digestSQL(table, f))
		if err != nil {
			return err
		}
		defer rows.Close()
		found[side] = map[string]string{}
		for rows.Next() {
			raw := rows.RawValues()
			found[side][string(raw[0])] = string(raw[1]) + " " + string(raw[2])
		}
		return rows.Err()
	})
	if err == nil && !equal(found[0], found[1]) {
		err = errWrongCount
	}
	return took, err
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// counts is the lower limit: no method that reads both tables is faster.
func (d *dataset) counts(ctx context.Context) (time.Duration, error) {
	return d.both(ctx, "SET max_parallel_workers_per_gather = 0", func(ctx context.Context, _ int, conn *pgx.Conn, table string) error {
		_, err := conn.Exec(ctx, "SELECT count(*) FROM "+table)
		return err
	})
}

// both runs a read on both sides at once. The time does not include connecting.
func (d *dataset) both(ctx context.Context, settings string, read func(context.Context, int, *pgx.Conn, string) error) (time.Duration, error) {
	var conns [2]*pgx.Conn
	for side, dsn := range []string{d.legacy, d.projection} {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return 0, fmt.Errorf("connecting: %w", err)
		}
		defer conn.Close(context.WithoutCancel(ctx))
		if _, err := conn.Exec(ctx, settings); err != nil {
			return 0, fmt.Errorf("preparing the session: %w", err)
		}
		conns[side] = conn
	}
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return read(ctx, 0, conns[0], d.table(d.legacy)) })
	g.Go(func() error { return read(ctx, 1, conns[1], d.table(d.projection)) })
	err := g.Wait()
	return time.Since(began), err
}

// join runs the handwritten join in the database that has both tables.
func (d *dataset) join(ctx context.Context, f fields) (time.Duration, error) {
	conn, err := pgx.Connect(ctx, d.legacy)
	if err != nil {
		return 0, fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	began := time.Now()
	var different int64
	if err := conn.QueryRow(ctx, joinSQL(f)).Scan(&different); err != nil {
		return 0, fmt.Errorf("joining: %w", err)
	}
	took := time.Since(began)
	if different != 0 {
		return took, errWrongCount
	}
	return took, nil
}

// md5 runs the first level of data-diff's bisection with its defaults: 32 segments of the key range, one after the
// other on one connection per side, both sides at once, with the server's own settings.
func (d *dataset) md5(ctx context.Context, f fields) (time.Duration, error) {
	var sums [2]string
	took, err := d.both(ctx, "SET TIME ZONE 'UTC'", func(ctx context.Context, side int, conn *pgx.Conn, table string) error {
		var low, high int64
		if err := conn.QueryRow(ctx, fmt.Sprintf(`SELECT min("order_id"), max("order_id") + 1 FROM %s`, table)).Scan(&low, &high); err != nil {
			return err
		}
		total := new(big.Int)
		for i := range int64(md5Segments) {
			from, to := low+(high-low)*i/md5Segments, low+(high-low)*(i+1)/md5Segments
			var rows int64
			var sum string
			// data-diff puts the bounds into the text, so that the plan is made for exactly these.
			row := conn.QueryRow(ctx, md5SQL(table, f), pgx.QueryExecModeSimpleProtocol, from, to)
			if err := row.Scan(&rows, &sum); err != nil {
				return err
			}
			part, _ := new(big.Int).SetString(sum, 10)
			total.Add(total, part)
		}
		sums[side] = total.String()
		return nil
	})
	if err == nil && sums[0] != sums[1] {
		err = errWrongCount
	}
	return took, err
}

// keyed reads the given orders on both sides at once.
func (d *dataset) keyed(ctx context.Context, f fields, keys []int64) (time.Duration, error) {
	return d.both(ctx, "SET TimeZone = 'UTC'", func(ctx context.Context, _ int, conn *pgx.Conn, table string) error {
		rows, err := conn.Query(ctx, keyedSQL(table, f), keys)
		if err != nil {
			return err
		}
		defer rows.Close()
		n := 0
		for rows.Next() {
			n++
		}
		if n != len(keys) && rows.Err() == nil {
			return fmt.Errorf("%w: %d of %d keys were read", errWrongCount, n, len(keys))
		}
		return rows.Err()
	})
}
