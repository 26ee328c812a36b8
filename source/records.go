package source

import (
	"cmp"
	"context"
	"fmt"

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
	h, err := n.histories(ctx, r.Config, keys, false)
	if err != nil {
		return nil, err
	}
	return h.readable(), nil
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
// no history: nothing is known of what legacy recorded of it, and the others are judged by theirs. Whole says that the orders are all
// of the snapshot's range.
func (n *snapshot) histories(ctx context.Context, c HistoryConfig, keys []order.Key, whole bool) (*records, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	h := newRecords(keys)
	if err := n.changes(ctx, c, keys, whole, h); err != nil {
		return nil, n.fail("reading the audit log", hidden(err))
	}
	if err := n.trades(ctx, c, keys, whole, h); err != nil {
		return nil, n.fail("reading the trades", hidden(err))
	}
	h.arrange()
	return h, nil
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
	return "entity_id::text, " + sentSQL(`("timestamp")::timestamptz`) + ", field_changed::text, old_value::text, new_value::text, " +
		cmp.Or(c.auditKey, noKey) + ", (" + cmp.Or(c.Actor, "NULL") + ")::text"
}

func (c HistoryConfig) tradeColumns() string {
	return "order_id::text, " + sentSQL("(executed_at)::timestamptz") + ", quantity::text, price::text, " + cmp.Or(c.tradeKey, noKey)
}

func (n *snapshot) changes(ctx context.Context, c HistoryConfig, keys []order.Key, whole bool, to *records) error {
	of, args := n.recordsOf("entity_id", keys, whole)
	return n.eachRecord(ctx, "SELECT "+c.changeColumns()+" FROM "+c.AuditLog+" AS t WHERE "+of, args, func(raw [][]byte) error {
		r := to.at(raw[0])
		if r == nil {
			return nil
		}
		to.read.lines++
		at, err := sentTime(raw[1])
		if at.IsZero() || raw[2] == nil {
			r.unreadable = true
			return err
		}
		texts := textsOf(raw[2:])
		r.Audit = append(r.Audit, history.Line{Key: texts[3].Text, At: at, Field: texts[0].Text, Old: texts[1], New: texts[2], Actor: texts[4]})
		return nil
	})
}

func (n *snapshot) trades(ctx context.Context, c HistoryConfig, keys []order.Key, whole bool, to *records) error {
	of, args := n.recordsOf("order_id", keys, whole)
	return n.eachRecord(ctx, "SELECT "+c.tradeColumns()+" FROM "+c.Trades+" AS t WHERE "+of, args, func(raw [][]byte) error {
		r := to.at(raw[0])
		if r == nil {
			return nil
		}
		to.read.trades++
		at, err := sentTime(raw[1])
		if err != nil {
			return err
		}
		trade, badNumber := history.NewTrade(at, string(raw[2]), string(raw[3]))
		if at.IsZero() || badNumber != nil {
			r.unreadable = true // a line that cannot be read says nothing of other orders
			return nil
		}
		trade.Key = string(raw[4])
		r.Trades = append(r.Trades, trade)
		return nil
	})
}

func (n *snapshot) eachRecord(ctx context.Context, query string, args []any, fn func(raw [][]byte) error) error {
	rows, err := n.tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows.RawValues()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// recordsOf is the condition for records of some orders, and its arguments. A server reads a range of an index where it would read a
// whole table for thousands of keys. An index on texts may have another order than the range.
func (n *snapshot) recordsOf(column string, keys []order.Key, whole bool) (condition string, args []any) {
	t := n.side.shape.keyType
	if !whole || t == order.KeyText {
		of, args := among(t, column, keys)
		return of + " AND " + n.among(column), args
	}
	condition = "(" + column + ") IS NOT NULL"
	if from := n.within.From; from != "" {
		condition = "(" + column + ") >= " + n.bound(from)
	}
	if below := n.within.Below; below != "" {
		condition += " AND (" + column + ") < " + n.bound(below)
	}
	return condition, nil
}

// among is the condition for a record of the snapshot's range. It leaves nothing out, because the keys are of that range.
func (n *snapshot) among(column string) string {
	return within(n.within, keySQL(n.side.shape.keyType, column), n.bound)
}

// textsOf are values with their texts in one string.
func textsOf(raw [][]byte) (out [5]order.Value) {
	var room [256]byte
	all := room[:0]
	for _, v := range raw {
		all = append(all, v...)
	}
	text := string(all)
	for i, v := range raw {
		out[i] = order.Value{Text: text[:len(v)], Null: v == nil}
		text = text[len(v):]
	}
	return out
}

func textOrNull(text *string) order.Value {
	if text == nil {
		return order.Null
	}
	return order.Value{Text: *text}
}
