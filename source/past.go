package source

import (
	"context"
	"fmt"
	"slices"
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
	archive

	when string // the condition for orders of the configured time
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
	p := &Past{archive: archive{records: c.History, dated: c.CreatedAt != ""}, when: "true"}
	if p.dated {
		c.Legacy.Fields = append(slices.Clone(c.Legacy.Fields), createdField(c.CreatedAt))
		p.when = created(c)
	}
	var err error
	if p.side, err = Open(ctx, c.Legacy); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := p.findKeys(ctx); err != nil {
		p.Close()
		return nil, fmt.Errorf("looking for the keys of legacy's record: %w", err)
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
func (p *Past) Close() { p.side.Close() }

// KeyType is the type of the orders' keys.
func (p *Past) KeyType() order.KeyType { return p.side.KeyType() }

// Load asks the server what else it does.
func (p *Past) Load(ctx context.Context, limits throttle.Limits) (throttle.Load, error) {
	return p.side.Load(ctx, limits)
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
	root, err := explain(ctx, p.side.pool, "(FORMAT JSON)", "SELECT 1 FROM "+p.side.from()+" WHERE "+p.when)
	if err != nil {
		return 0, fmt.Errorf("estimating the orders: %w", err)
	}
	return int64(root.Rows), nil
}

// Cut is the key at which a range ends that begins as the given one and holds so many orders. It is the end of the given
// range if that holds no more.
func (p *Past) Cut(ctx context.Context, r verify.KeyRange, orders int) (order.Key, error) {
	defer p.side.observe("cut")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for {
		keys, err := p.keys(ctx, r, orders)
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

// keys is the key of a range that comes after so many orders, if there is one.
func (p *Past) keys(ctx context.Context, r verify.KeyRange, after int) ([]order.Key, error) {
	s := p.side
	key := keySQL(s.shape.keyType, s.config.Key)
	rows, err := s.pool.Query(ctx, fmt.Sprintf("SELECT (%s)::text AS crosscheck_key FROM %s WHERE %s AND %s IS NOT NULL AND %s ORDER BY %s OFFSET %d LIMIT 1",
		s.config.Key, s.from(), (&snapshot{side: s, within: r}).inRange(), key, p.when, key, after))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[order.Key])
}

// Range reads the orders of a range of keys in one snapshot.
func (p *Past) Range(ctx context.Context, r verify.KeyRange) (history.Page, error) {
	return p.read(ctx, func(ctx context.Context, n *snapshot) ([]verify.AuditOrder, error) {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		n.Within(r)
		rows, err := n.inRangeWhere(ctx, p.when, 0)
		if err != nil {
			return nil, n.fail("reading orders", err)
		}
		found, _, err := p.withRecords(ctx, n, keysOf(rows), rows, p.when == "true" && p.side.config.Where == "")
		return found, err
	})
}

// Orders reads some orders in one snapshot.
func (p *Past) Orders(ctx context.Context, keys []order.Key) (history.Page, error) {
	return p.read(ctx, func(ctx context.Context, n *snapshot) ([]verify.AuditOrder, error) {
		rows, err := n.Rows(ctx, keys)
		if err != nil {
			return nil, err
		}
		found, _, err := p.withRecords(ctx, n, slices.Compact(keys), rows, false)
		return found, err
	})
}

func (p *Past) read(ctx context.Context, orders func(context.Context, *snapshot) ([]verify.AuditOrder, error)) (page history.Page, err error) {
	defer p.side.observe("past")()
	n, err := p.begin(ctx)
	if err != nil {
		return page, err
	}
	defer n.Close()
	if err := n.tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&page.At); err != nil {
		return page, n.fail("asking for the time", err)
	}
	found, err := orders(ctx, n)
	if err != nil {
		return page, err
	}
	page.Cases = make([]history.Case, 0, len(found))
	for _, o := range found {
		switch {
		case o.Rows == 0: // deleted since
		case o.Archived:
			page.Archived++
		case o.Rows > 1 || o.Unreadable: // of two rows it is not known which one is right
			page.Unreadable = append(page.Unreadable, o.Key)
		default:
			page.Cases = append(page.Cases, history.Case{Row: o.Row, Record: o.Record})
		}
	}
	return page, nil
}
