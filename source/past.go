package source

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

// Past reads orders, with what legacy has recorded of them, by ranges of keys.
type Past struct {
	legacy  *Side // its last field is when the order was created
	history HistoryConfig
	when    string // the condition for orders of the configured time
	dated   bool
}

// PastConfig says what is read.
type PastConfig struct {
	Legacy  Config
	History HistoryConfig // zero if legacy has no record
	// CreatedAt is the SQL of the time at which an order was created; empty if legacy does not have it.
	CreatedAt string
	// From and To are between when orders were created that are read; zero for no bound. They need CreatedAt.
	From, To time.Time
}

// OpenPast connects and resolves the columns. It looks up what identifies a line of the audit log and a trade.
func OpenPast(ctx context.Context, c PastConfig) (*Past, error) {
	p := &Past{history: c.History, when: "true", dated: c.CreatedAt != ""}
	if p.dated {
		c.Legacy.Fields = append(slices.Clone(c.Legacy.Fields), Field{Field: order.Field{Name: "created", Type: order.Timestamptz}, Expr: c.CreatedAt})
		p.when = created(c)
	}
	var err error
	if p.legacy, err = Open(ctx, c.Legacy); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if p.history.auditKey, err = p.legacy.primaryKey(ctx, c.History.AuditLog); err == nil {
		p.history.tradeKey, err = p.legacy.primaryKey(ctx, c.History.Trades)
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("looking for the keys of audit log and trades: %w", err)
	}
	return p, nil
}

// created is the condition for orders of a time.
func created(c PastConfig) string {
	parts := []string{"true"}
	for sign, at := range map[string]time.Time{">=": c.From, "<": c.To} {
		if !at.IsZero() {
			parts = append(parts, fmt.Sprintf("(%s) %s '%s'::timestamptz", c.CreatedAt, sign, at.UTC().Format("2006-01-02 15:04:05.999999Z07:00")))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, " AND ")
}

// Close closes all connections.
func (p *Past) Close() { p.legacy.Close() }

// KeyType is the type of the orders' keys.
func (p *Past) KeyType() order.KeyType { return p.legacy.KeyType() }

// Load asks the server what else it does.
func (p *Past) Load(ctx context.Context, limits throttle.Limits) (throttle.Load, error) {
	return p.legacy.Load(ctx, limits)
}

// primaryKey is the SQL of a table's primary key as text; empty if there is none.
func (s *Side) primaryKey(ctx context.Context, table string) (string, error) {
	if table == "" || strings.HasPrefix(strings.TrimSpace(table), "(") {
		return "", nil
	}
	rows, err := s.pool.Query(ctx, `SELECT 't.' || quote_ident(a.attname) || '::text' FROM pg_catalog.pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
		JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
		WHERE i.indisprimary AND i.indrelid = $1::text::regclass ORDER BY k.place`, table)
	if err != nil {
		return "", err
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(columns) == 0 {
		return "", err
	}
	return strings.Join(columns, " || ' ' || "), nil
}

// Estimate is the planner's estimate of the orders that are read.
func (p *Past) Estimate(ctx context.Context) (int64, error) {
	root, err := explain(ctx, p.legacy.pool, "(FORMAT JSON)", "SELECT 1 FROM "+p.legacy.from()+" WHERE "+p.when)
	if err != nil {
		return 0, fmt.Errorf("estimating the orders: %w", err)
	}
	return int64(root.Rows), nil
}

// Cut is the key at which a range ends that begins as the given one and holds so many orders. It is the end of the given
// range if that holds no more.
func (p *Past) Cut(ctx context.Context, r verify.KeyRange, orders int) (order.Key, error) {
	defer p.legacy.observe("cut")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for {
		keys, err := p.keys(ctx, p.legacy.pool, r, "OFFSET "+strconv.Itoa(orders)+" LIMIT 1")
		switch {
		case err != nil:
			return "", fmt.Errorf("cutting the keys of legacy: %w", err)
		case len(keys) == 0:
			return r.Below, nil
		case keys[0] != r.From:
			return keys[0], nil
		}
		orders *= 2 // one key has all these rows
	}
}

// keys are those of a range, sorted.
func (p *Past) keys(ctx context.Context, q querier, r verify.KeyRange, limit string) ([]order.Key, error) {
	s := p.legacy
	key := keySQL(s.shape.keyType, s.config.Key)
	rows, err := q.Query(ctx, fmt.Sprintf("SELECT (%s)::text AS crosscheck_key FROM %s WHERE %s AND %s IS NOT NULL AND %s ORDER BY %s %s",
		s.config.Key, s.from(), (&snapshot{side: s, within: r}).inRange(), key, p.when, key, limit))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[order.Key])
}

// Range reads the orders of a range of keys in one snapshot.
func (p *Past) Range(ctx context.Context, r verify.KeyRange) (history.Page, error) {
	return p.read(ctx, func(ctx context.Context, n *snapshot) ([]order.Key, error) {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		keys, err := p.keys(ctx, n.tx, r, "")
		if err != nil {
			return nil, n.fail("reading keys", err)
		}
		return keys, nil
	})
}

// Orders reads some orders in one snapshot.
func (p *Past) Orders(ctx context.Context, keys []order.Key) (history.Page, error) {
	return p.read(ctx, func(context.Context, *snapshot) ([]order.Key, error) { return keys, nil })
}

func (p *Past) read(ctx context.Context, which func(context.Context, *snapshot) ([]order.Key, error)) (page history.Page, err error) {
	defer p.legacy.observe("past")()
	s := p.legacy
	n, err := s.begin(ctx, p.reads()...)
	if err != nil {
		return page, hidden(err)
	}
	defer n.Close()
	if err := n.tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&page.At); err != nil {
		return page, n.fail("asking for the time", err)
	}
	keys, err := which(ctx, n)
	if err != nil || len(keys) == 0 {
		return page, err
	}
	keys = slices.Compact(keys) // a view may have an order twice
	rows, err := n.Rows(ctx, keys)
	if err != nil {
		return page, err
	}
	var records map[order.Key]history.Record
	if p.recorded() {
		if records, err = n.histories(ctx, p.history, keys); err != nil {
			return page, err
		}
	}
	p.fill(&page, keys, rows, records)
	return page, nil
}

func (p *Past) recorded() bool { return p.history.AuditLog != "" }

// reads are statements that return nothing, of all that is read.
func (p *Past) reads() []string {
	out := []string{"SELECT " + p.legacy.columns(p.legacy.stored()) + " FROM " + p.legacy.from() + " LIMIT 0"}
	if p.recorded() {
		out = append(out, "SELECT "+p.history.changeColumns()+" FROM "+p.history.AuditLog+" AS t LIMIT 0", "SELECT "+p.history.tradeColumns()+" FROM "+p.history.Trades+" AS t LIMIT 0")
	}
	return out
}

// fill makes cases of what was read, in the order of the keys. Of an order with two rows, it is not known which one is right.
func (p *Past) fill(page *history.Page, keys []order.Key, rows []order.Row, records map[order.Key]history.Record) {
	of, times := make(map[order.Key]order.Row, len(rows)), make(map[order.Key]int, len(rows))
	for _, row := range rows {
		of[row.Key] = row
		times[row.Key]++
	}
	page.Cases = make([]history.Case, 0, len(rows))
	for _, key := range keys {
		row, there := of[key]
		record, readable := records[key]
		switch {
		case !there: // deleted since
		case row.Archived:
			page.Archived++
		case times[key] > 1, p.recorded() && !readable:
			page.Unreadable = append(page.Unreadable, key)
		default:
			page.Cases = append(page.Cases, history.Case{Row: p.row(row), Record: record})
		}
	}
}

// row takes the time of the creation out of the fields.
func (p *Past) row(r order.Row) history.Row {
	out := history.Row{Key: r.Key, Values: r.Values, ChangedAt: r.ChangedAt}
	if p.dated {
		last := len(r.Values) - 1
		out.Values = r.Values[:last]
		out.CreatedAt, _ = time.Parse("2006-01-02 15:04:05.999999999Z07", r.Values[last].Text) // one that is no time is not known
	}
	return out
}
