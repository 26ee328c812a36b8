package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// journal keeps the original of each planted row, so that an interrupted run leaves no changes for the next one.
const journal = `CREATE SCHEMA bench; CREATE TABLE bench.planted (LIKE public.current_orders)`

// fewDifferences is how many orders are changed at random places.
const fewDifferences = 40

// changes is what is planted in one order: field → SQL of its new value. Each is a mistake that projectors make.
var changes = []struct{ field, value string }{
	{"status", "CASE status WHEN 'OPEN' THEN 'FILLED' ELSE 'OPEN' END"},
	{"filled_quantity", "filled_quantity + 0.0001"},
	{"quantity", "quantity * 10"},
}

// plant changes one field in each of some random orders of the projection. It returns order id → field.
func (d *dataset) plant(ctx context.Context, random *rand.Rand, orders int) (map[string]string, error) {
	keys, err := d.randomKeys(ctx, random, orders)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, d.projection)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	planted := map[string]string{}
	return planted, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		const keep = "INSERT INTO bench.planted SELECT * FROM public.current_orders WHERE order_id = ANY($1)"
		if _, err := tx.Exec(ctx, keep, keys); err != nil {
			return fmt.Errorf("keeping rows: %w", err)
		}
		for i, key := range keys {
			change := changes[i%len(changes)]
			update := fmt.Sprintf("UPDATE public.current_orders SET %s = %s WHERE order_id = $1", change.field, change.value)
			if _, err := tx.Exec(ctx, update, key); err != nil {
				return fmt.Errorf("planting: %w", err)
			}
			planted[fmt.Sprint(key)] = change.field
		}
		return nil
	})
}

// unplant restores what was planted, by this run or by an interrupted one.
func (d *dataset) unplant(ctx context.Context) error {
	var sets []string
	for _, c := range changes {
		sets = append(sets, fmt.Sprintf("%s = p.%s", c.field, c.field))
	}
	return execute(ctx, d.projection, "UPDATE public.current_orders AS o SET "+strings.Join(sets, ", ")+
		" FROM bench.planted AS p WHERE p.order_id = o.order_id; TRUNCATE bench.planted")
}

// exactly compares what a pass found with what was planted.
func exactly(r *pass, planted map[string]string) error {
	found := map[string]string{}
	for _, v := range r.Divergences {
		names := make([]string, 0, len(v.Fields))
		for _, f := range v.Fields {
			names = append(names, f.Name)
		}
		found[v.OrderID] = strings.Join(names, ",")
		if v.Kind != "differs" {
			return fmt.Errorf("%w: order %s is %s, want differs", ErrWrong, v.OrderID, v.Kind)
		}
	}
	if r.Verdict != "diverged" || len(r.Divergences) != len(planted) || !maps.Equal(found, planted) {
		return fmt.Errorf("%w: %d differences were planted (%v), verdict %s with %v", ErrWrong, len(planted), planted, r.Verdict, found)
	}
	return nil
}

// randomKeys returns existing keys, sorted.
func (d *dataset) randomKeys(ctx context.Context, random *rand.Rand, n int) ([]int64, error) {
	conn, err := pgx.Connect(ctx, d.projection)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tried := map[int64]bool{}
	for range n + n/8 + 16 { // more than the gaps can remove
		tried[1+random.Int64N(d.orders)] = true
	}
	const existing = "SELECT order_id FROM public.current_orders WHERE order_id = ANY($1) ORDER BY random() LIMIT $2"
	rows, err := conn.Query(ctx, existing, slices.Collect(maps.Keys(tried)), n)
	if err != nil {
		return nil, fmt.Errorf("drawing keys: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("drawing keys: %w", err)
	}
	slices.Sort(keys)
	return keys, nil
}

// manyTable is a copy of the projection with very many differences. The projection itself stays compact.
const manyTable = "public.current_orders_many"

// plantMany fills manyTable and returns how many of its orders differ.
func (d *dataset) plantMany(ctx context.Context, about int64) (int64, error) {
	const buckets = 1 << 30
	differs := fmt.Sprintf("(hashint8extended(order_id, 7) & %d) < %d", buckets-1, int64(float64(buckets)*float64(about)/float64(d.orders)))
	err := execute(ctx, d.projection, "DROP TABLE IF EXISTS "+manyTable,
		`CREATE TABLE `+manyTable+` AS SELECT order_id, trader_id, symbol, side, (quantity + CASE WHEN `+differs+` THEN 1 ELSE 0 END)::numeric(18, 4) AS quantity,
			price, status, filled_quantity, avg_fill_price, created_at, updated_at FROM public.current_orders`,
		"CREATE UNIQUE INDEX ON "+manyTable+" (order_id)", "CREATE INDEX ON "+manyTable+" (updated_at)", "VACUUM (ANALYZE) "+manyTable)
	if err != nil {
		return 0, err
	}
	var planted int64
	return planted, scalar(ctx, d.projection, "SELECT count(*) FROM "+manyTable+" WHERE "+differs, &planted)
}

// drop removes the copies.
func (d *dataset) drop(ctx context.Context) error {
	return errors.Join(execute(ctx, d.projection, "DROP TABLE IF EXISTS "+manyTable+", "+deltaProjection), execute(ctx, d.legacy, "DROP TABLE IF EXISTS "+deltaLegacy))
}
