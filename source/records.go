package source

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// HistoryConfig says where legacy's own record of its orders is: tables of the default schema, or views or subqueries in
// parentheses with the same columns.
type HistoryConfig struct {
	AuditLog string // entity_id, timestamp, field_changed, old_value, new_value
	Trades   string // order_id, executed_at, quantity, price
	// Actor is the column of the audit log that says who changed a field; empty for none.
	Actor string
	// CreatedAt is the column of legacy's table that says when an order was created. Only audits read it.
	CreatedAt string

	auditKey, tradeKey string // SQL of what identifies a line as text; empty if nothing does
}

// Records is legacy's own record of its orders, in legacy's database.
type Records struct {
	Legacy *Side
	Config HistoryConfig
}

var _ verify.Records = (*Records)(nil)

// Records reads audit log and trades of some orders. They are read after the rows, so they may be newer.
func (r *Records) Records(ctx context.Context, keys []order.Key) (map[order.Key]history.Record, error) {
	defer r.Legacy.observe("records")()
	n, err := r.Legacy.begin(ctx, "SELECT "+r.Config.changeColumns()+" FROM "+r.Config.AuditLog+" AS t LIMIT 0", "SELECT "+r.Config.tradeColumns()+" FROM "+r.Config.Trades+" AS t LIMIT 0")
	if err != nil {
		return nil, hidden(err)
	}
	defer n.Close()
	return n.histories(ctx, r.Config, keys)
}

// Ping checks whether both tables can be read now. It reads no line of them.
func (r *Records) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for _, t := range r.Config.tables() {
		if err := r.Legacy.pool.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM "+t.table+" AS t LIMIT 0) AS none").Scan(new(int64)); err != nil {
			return fmt.Errorf("reading history.%s: %w", t.setting, err)
		}
	}
	return nil
}

// histories reads audit log and trades of some orders in one statement each. An order with a line that cannot be read has
// no history: nothing is known of what legacy recorded of it, and the others are judged by theirs.
func (n *snapshot) histories(ctx context.Context, c HistoryConfig, keys []order.Key) (map[order.Key]history.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	h := records{of: make(map[order.Key]history.Record, len(keys)), unreadable: map[order.Key]bool{}}
	for _, k := range keys {
		h.of[k] = history.Record{Audit: []history.Line{}, Trades: []history.Trade{}}
	}
	if err := n.changes(ctx, c, keys, h); err != nil {
		return nil, n.fail("reading the audit log", hidden(err))
	}
	if err := n.trades(ctx, c, keys, h); err != nil {
		return nil, n.fail("reading the trades", hidden(err))
	}
	for key := range h.unreadable {
		delete(h.of, key)
	}
	for key, record := range h.of {
		record.Audit = history.InSequence(record.Audit)
		h.of[key] = record
	}
	return h.of, nil
}

// records are what was read of orders, and the orders of which something could not be read.
type records struct {
	of         map[order.Key]history.Record
	unreadable map[order.Key]bool
}

// hidden says of an error that rows exist which the role cannot see.
func hidden(err error) error {
	if hidesRows(err) {
		return fmt.Errorf("%w: %w", verify.ErrHidden, err)
	}
	return err
}

// noKey is the SQL of a primary key that there is not, or that nobody needs.
const noKey = "NULL::text"

func (c HistoryConfig) changeColumns() string {
	return `entity_id::text, CASE WHEN isfinite("timestamp") THEN "timestamp" END, field_changed, old_value::text, new_value::text, ` +
		cmp.Or(c.auditKey, noKey) + ", (" + cmp.Or(c.Actor, "NULL") + ")::text"
}

func (c HistoryConfig) tradeColumns() string {
	return "order_id::text, CASE WHEN isfinite(executed_at) THEN executed_at END, quantity::text, price::text, " + cmp.Or(c.tradeKey, noKey)
}

// Lines of one time come in an order that depends on nothing but themselves, so that every check reads the same.
func (n *snapshot) changes(ctx context.Context, c HistoryConfig, keys []order.Key, to records) error {
	of, args := among(n.side.shape.keyType, "entity_id", keys)
	rows, err := n.tx.Query(ctx, fmt.Sprintf(`SELECT %s FROM %s AS t
		WHERE %s AND %s ORDER BY "timestamp", field_changed, old_value::text, new_value::text`, c.changeColumns(), c.AuditLog, of, n.among("entity_id")), args...)
	if err != nil {
		return err
	}
	var key order.Key
	var at *time.Time
	var field, was, is, own, actor *string
	_, err = pgx.ForEachRow(rows, []any{&key, &at, &field, &was, &is, &own, &actor}, func() error {
		if at == nil || field == nil {
			to.unreadable[key] = true
			return nil
		}
		h := to.of[key]
		h.Audit = append(h.Audit, history.Line{Key: textOrNull(own).Text, At: *at, Field: *field, Old: textOrNull(was), New: textOrNull(is), Actor: textOrNull(actor)})
		to.of[key] = h
		return nil
	})
	return err
}

func (n *snapshot) trades(ctx context.Context, c HistoryConfig, keys []order.Key, to records) error {
	of, args := among(n.side.shape.keyType, "order_id", keys)
	rows, err := n.tx.Query(ctx, fmt.Sprintf(`SELECT %s FROM %s AS t
		WHERE %s AND %s ORDER BY executed_at, quantity, price`, c.tradeColumns(), c.Trades, of, n.among("order_id")), args...)
	if err != nil {
		return err
	}
	var key order.Key
	var at *time.Time
	var quantity, price, own *string
	_, err = pgx.ForEachRow(rows, []any{&key, &at, &quantity, &price, &own}, func() error {
		if at == nil || quantity == nil || price == nil {
			to.unreadable[key] = true
			return nil
		}
		trade, err := history.NewTrade(*at, *quantity, *price)
		if err != nil {
			to.unreadable[key] = true
			return nil //nolint:nilerr // a line that cannot be read says nothing of other orders
		}
		trade.Key = textOrNull(own).Text
		h := to.of[key]
		h.Trades = append(h.Trades, trade)
		to.of[key] = h
		return nil
	})
	return err
}

// among is the condition for a record of the snapshot's range. It leaves nothing out, because the keys are of that range, but a server
// reads a range of an index where it would read a whole table for thousands of keys.
func (n *snapshot) among(column string) string {
	return within(n.within, keySQL(n.side.shape.keyType, column), n.bound)
}

func textOrNull(text *string) order.Value {
	if text == nil {
		return order.Null
	}
	return order.Value{Text: *text}
}
