package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

var (
	// ErrTooFewOrders is returned if there are not enough orders to plant inconsistencies in.
	ErrTooFewOrders = errors.New("there are too few orders")
	// ErrOtherInconsistencies is returned if the databases have another number of inconsistencies already.
	ErrOtherInconsistencies = errors.New("the legacy database has other inconsistencies")
)

// Inconsistency is an order of which legacy contradicts itself.
type Inconsistency struct {
	OrderID int64  `json:"order_id"`
	Kind    string `json:"kind"`
	// Leaves are what an audit has to find of the order, each as part and kind.
	Leaves []string `json:"leaves"`
}

// PlantInconsistencies makes legacy contradict itself in so many orders of each kind, each in one way. It keeps the list in
// the table lab.inconsistency of the legacy database. If there is one already, it plants nothing. MendLegacy undoes it.
func (l *Lab) PlantInconsistencies(ctx context.Context, ofEach int) ([]Inconsistency, error) {
	l.planting.Lock()
	defer l.planting.Unlock()
	var planted []Inconsistency
	err := pgx.BeginFunc(ctx, l.legacy, func(tx pgx.Tx) (err error) {
		const create = `SET LOCAL statement_timeout = 0;
			CREATE TABLE IF NOT EXISTS lab.inconsistency (order_id bigint PRIMARY KEY, kind text NOT NULL, leaves text[] NOT NULL);
			CREATE TABLE IF NOT EXISTS lab.before (LIKE orders);
			CREATE TABLE IF NOT EXISTS trades_archived () INHERITS (trades);
			CREATE INDEX IF NOT EXISTS trades_archived_order ON trades_archived (order_id, executed_at)`
		if _, err := tx.Exec(ctx, create); err != nil {
			return fmt.Errorf("creating tables: %w", err)
		}
		if planted, err = readInconsistencies(ctx, tx); err != nil || len(planted) > 0 {
			return err
		}
		if err := l.contradict(ctx, tx, ofEach); err != nil {
			return err
		}
		planted, err = readInconsistencies(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("planting inconsistencies: %w", err)
	}
	if want := ofEach * len(inconsistencies()); len(planted) != want {
		return nil, fmt.Errorf("%w: %d, want %d", ErrOtherInconsistencies, len(planted), want)
	}
	for _, p := range planted {
		l.inconsistent[p.OrderID] = true
	}
	return planted, nil
}

// contradict picks orders that are over, in no order of their ids, and lets each kind happen to its share of them.
func (l *Lab) contradict(ctx context.Context, tx pgx.Tx, ofEach int) error {
	broken := []int64{}
	for _, p := range l.planted {
		broken = append(broken, p.OrderID)
	}
	const pool = `CREATE TEMPORARY TABLE pool ON COMMIT DROP AS SELECT order_id FROM orders
		WHERE status IN ('FILLED', 'CANCELED') AND order_id <> ALL ($2::bigint[]) ORDER BY hashint8extended(order_id, 142) LIMIT $1`
	if _, err := tx.Exec(ctx, pool, pgx.QueryExecModeSimpleProtocol, 300*ofEach, broken); err != nil {
		return fmt.Errorf("choosing orders: %w", err)
	}
	for _, kind := range inconsistencies() {
		if err := kind.plant(ctx, tx, ofEach); err != nil {
			return fmt.Errorf("%s: %w", kind.kind, err)
		}
	}
	return nil
}

func (i inconsistency) plant(ctx context.Context, tx pgx.Tx, n int) error {
	pick := `SELECT order_id FROM pool JOIN orders AS o USING (order_id) WHERE ` + i.suits +
		` AND NOT EXISTS (SELECT FROM lab.inconsistency AS other WHERE other.order_id = o.order_id)
		ORDER BY hashint8extended(order_id, 142) LIMIT $1`
	if i.suits == "" { // ids that were drawn, and rolled back
		pick = `SELECT id FROM generate_series((SELECT min(order_id) + 1 FROM orders), (SELECT max(order_id) FROM orders)) AS id
			WHERE NOT EXISTS (SELECT FROM orders AS o WHERE o.order_id = id) AND NOT EXISTS (SELECT FROM lab.inconsistency AS other WHERE other.order_id = id)
			ORDER BY hashint8extended(id, 142) LIMIT $1`
	}
	rows, err := tx.Query(ctx, pick, n)
	if err != nil {
		return err
	}
	orders, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	if len(orders) < n {
		return fmt.Errorf("%w: %d suit, want %d", ErrTooFewOrders, len(orders), n)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO lab.before SELECT * FROM orders WHERE order_id = ANY ($1)", orders); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, i.happen, orders); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO lab.inconsistency SELECT id, $2, $3 FROM unnest($1::bigint[]) AS id", orders, i.kind, i.leaves)
	return err
}

func readInconsistencies(ctx context.Context, tx pgx.Tx) ([]Inconsistency, error) {
	rows, err := tx.Query(ctx, "SELECT order_id, kind, leaves FROM lab.inconsistency ORDER BY order_id")
	if err != nil {
		return nil, fmt.Errorf("reading the list: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Inconsistency])
}

// MendLegacy makes legacy's records right again, as people do who go through a list of inconsistencies.
func (l *Lab) MendLegacy(ctx context.Context) error {
	l.planting.Lock()
	defer l.planting.Unlock()
	const kind = "(SELECT order_id FROM lab.inconsistency WHERE kind = "
	err := pgx.BeginFunc(ctx, l.legacy, func(tx pgx.Tx) error {
		for _, statement := range []string{
			"SET LOCAL statement_timeout = 0",
			`UPDATE orders AS o SET price = b.price, status = b.status, filled_quantity = b.filled_quantity, avg_fill_price = b.avg_fill_price, updated_at = b.updated_at
				FROM lab.before AS b WHERE b.order_id = o.order_id`,
			"DELETE FROM trades WHERE order_id IN " + kind + "'trade_without_order')",
			// the second booking has the newest key
			"DELETE FROM trades WHERE trade_id IN (SELECT max(trade_id) FROM trades WHERE order_id IN " + kind + "'overfill') GROUP BY order_id)",
			"DELETE FROM audit_log WHERE entity_id IN " + kind + "'line_without_order')",
			"DELETE FROM audit_log WHERE field_changed IN ('status', 'time_in_force')",
			"UPDATE audit_log SET changed_by = 'desk' WHERE changed_by IS NULL",
			"DROP TABLE trades_archived, lab.before, lab.inconsistency",
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("mending legacy: %w", err)
			}
		}
		return nil
	})
	if err == nil {
		clear(l.inconsistent)
	}
	return err
}
