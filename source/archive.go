package source

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// archive is legacy with its own record of its orders. Rows and records are read in one snapshot.
type archive struct {
	side    *Side
	records HistoryConfig // zero if legacy has no record
	dated   bool          // the last field of the side is when an order was created, as it is sent
}

// createdField is that last field.
func createdField(sql string) Field {
	return Field{Field: order.Field{Name: "created", Type: order.Text}, Expr: sentSQL("(" + sql + ")::timestamptz")}
}

// findKeys looks up what identifies a line of the audit log and a trade.
func (a *archive) findKeys(ctx context.Context) (err error) {
	if a.records.auditKey, err = a.side.primaryKey(ctx, a.records.AuditLog); err != nil {
		return fmt.Errorf("history.audit_log %s: %w", a.records.AuditLog, err)
	}
	if a.records.tradeKey, err = a.side.primaryKey(ctx, a.records.Trades); err != nil {
		return fmt.Errorf("history.trades %s: %w", a.records.Trades, err)
	}
	return nil
}

func (a *archive) recorded() bool { return a.records.AuditLog != "" }

// begin opens a snapshot of all that is read.
func (a *archive) begin(ctx context.Context) (*snapshot, error) {
	reads := []string{"SELECT " + a.side.columns(a.side.stored()) + " FROM " + a.side.from() + " LIMIT 0"}
	if a.recorded() {
		reads = append(reads, "SELECT "+a.records.changeColumns()+" FROM "+a.records.AuditLog+" AS t LIMIT 0", "SELECT "+a.records.tradeColumns()+" FROM "+a.records.Trades+" AS t LIMIT 0")
	}
	n, err := a.side.begin(ctx, reads...)
	if err != nil {
		return nil, hidden(err)
	}
	return n, nil
}

// inRangeWhere reads the rows of the snapshot's range for which a condition holds, in the order of their keys, and at most limit of them if
// that is not 0. Fields that cannot be read are marked.
func (n *snapshot) inRangeWhere(ctx context.Context, condition string, limit int) (rows []order.Row, err error) {
	key := keySQL(n.side.shape.keyType, n.side.config.Key)
	where := fmt.Sprintf("FROM %s WHERE %s AND %s IS NOT NULL AND %s ORDER BY %[3]s", n.side.from(), n.inRange(), key, condition)
	if limit > 0 {
		where += " LIMIT " + strconv.Itoa(limit)
	}
	err = n.attempt(ctx, func() error {
		rows = rows[:0]
		return n.each(ctx, func(r order.Row) error { rows = append(rows, r); return nil }, "SELECT "+n.side.columns(n.side.config.Key)+" "+where)
	})
	if !failsForRow(err) {
		return rows, err
	}
	found, err := n.tx.Query(ctx, "SELECT ("+n.side.config.Key+")::text AS crosscheck_key "+where)
	if err != nil {
		return nil, err
	}
	keys, err := pgx.CollectRows(found, pgx.RowTo[order.Key])
	if err != nil {
		return nil, err
	}
	keys = slices.Compact(keys)
	if rows, err = n.Rows(ctx, keys); err != nil {
		return nil, err
	}
	place := make(map[order.Key]int, len(keys))
	for i, key := range keys {
		place[key] = i
	}
	slices.SortStableFunc(rows, func(a, b order.Row) int { return place[a.Key] - place[b.Key] })
	return rows, nil
}

// keysOf are the keys of sorted rows.
func keysOf(rows []order.Row) []order.Key {
	keys := make([]order.Key, len(rows))
	for i, r := range rows {
		keys[i] = r.Key
	}
	return slices.Compact(keys) // a view may have an order twice
}

// withRecords joins orders with their rows and their records. Whole says that the orders are all of the snapshot's range.
func (a *archive) withRecords(ctx context.Context, n *snapshot, keys []order.Key, rows []order.Row, whole bool) ([]verify.AuditOrder, readRecords, error) {
	out := make([]verify.AuditOrder, len(keys))
	var read readRecords
	if a.recorded() {
		records, err := n.histories(ctx, a.records, keys, whole)
		if err != nil {
			return nil, read, err
		}
		read = records.read
		for i := range out {
			if out[i].Unreadable = records.of[i].unreadable; !out[i].Unreadable {
				out[i].Record = records.of[i].Record
			}
		}
	}
	place := make(map[order.Key]int, len(keys))
	for i, key := range keys {
		out[i].Key, place[key] = key, i
	}
	for i, next := 0, 0; i < len(rows); i++ {
		at, ok := next, next < len(keys) && keys[next] == rows[i].Key
		if !ok {
			at, ok = place[rows[i].Key]
		}
		if !ok { // of a collation for which it is the same as another key
			continue
		}
		next = at + 1
		out[at].Rows++
		a.row(&out[at].Row, rows[i])
		out[at].Archived = rows[i].Archived
	}
	return out, read, nil
}

// row takes the time of the creation out of the fields. One that is no time is not known.
func (a *archive) row(to *history.Row, r order.Row) {
	to.Values, to.ChangedAt = r.Values, r.ChangedAt
	if !a.dated {
		return
	}
	last := len(r.Values) - 1
	to.Values = r.Values[:last:last]
	if created := r.Values[last]; !created.Null && !created.Failed {
		to.CreatedAt, _ = sentTime([]byte(created.Text))
	}
}
