package source

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// HistoryConfig says where legacy's own record of its orders is: tables of the default schema, or views with the same
// columns.
type HistoryConfig struct {
	AuditLog string // entity_id, timestamp, field_changed, old_value, new_value
	Trades   string // order_id, executed_at, quantity, price
}

// Records is legacy's own record of its orders, in legacy's database.
type Records struct {
	Legacy *Side
	Config HistoryConfig
}

var _ verify.Records = (*Records)(nil)

// Records reads audit log and trades of some orders. They are read after the rows, so they may be newer. Rows and
// records that do not change between two looks belong together.
func (r *Records) Records(ctx context.Context, keys []order.Key) (map[order.Key]compare.History, error) {
	defer r.Legacy.observe("records")()
	opened, err := r.Legacy.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	n, ok := opened.(*snapshot)
	if !ok {
		return nil, fmt.Errorf("reading records of %s: not a table in PostgreSQL", r.Legacy.Representation())
	}
	return n.histories(ctx, r.Config, keys)
}

// histories reads audit log and trades of some orders in one statement each.
func (n *snapshot) histories(ctx context.Context, c HistoryConfig, keys []order.Key) (map[order.Key]compare.History, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out := make(map[order.Key]compare.History, len(keys))
	for _, k := range keys {
		out[k] = compare.History{Audit: []compare.Change{}, Trades: []compare.Trade{}}
	}
	if err := n.changes(ctx, c.AuditLog, keys, out); err != nil {
		return nil, n.fail("reading the audit log", err)
	}
	if err := n.trades(ctx, c.Trades, keys, out); err != nil {
		return nil, n.fail("reading the trades", err)
	}
	return out, nil
}

func (n *snapshot) changes(ctx context.Context, table string, keys []order.Key, out map[order.Key]compare.History) error {
	rows, err := n.tx.Query(ctx, fmt.Sprintf(`SELECT entity_id::text, "timestamp", field_changed, old_value::text, new_value::text FROM %s
		WHERE entity_id = ANY($1::text[]::%s[]) ORDER BY "timestamp"`, table, keyCast(n.side.shape.keyType)), texts(keys))
	if err != nil {
		return err
	}
	var key order.Key
	var change compare.Change
	var was, is *string
	_, err = pgx.ForEachRow(rows, []any{&key, &change.At, &change.Field, &was, &is}, func() error {
		change.Old, change.New = textOrNull(was), textOrNull(is)
		h := out[key]
		h.Audit = append(h.Audit, change)
		out[key] = h
		return nil
	})
	return err
}

func (n *snapshot) trades(ctx context.Context, table string, keys []order.Key, out map[order.Key]compare.History) error {
	rows, err := n.tx.Query(ctx, fmt.Sprintf(`SELECT order_id::text, executed_at, quantity::text, price::text FROM %s
		WHERE order_id = ANY($1::text[]::%s[]) ORDER BY executed_at`, table, keyCast(n.side.shape.keyType)), texts(keys))
	if err != nil {
		return err
	}
	var key order.Key
	var at time.Time
	var quantity, price string
	_, err = pgx.ForEachRow(rows, []any{&key, &at, &quantity, &price}, func() error {
		trade, err := compare.NewTrade(at, quantity, price)
		h := out[key]
		h.Trades = append(h.Trades, trade)
		out[key] = h
		return err
	})
	return err
}

func textOrNull(text *string) order.Value {
	if text == nil {
		return order.Null
	}
	return order.Value{Text: *text}
}
