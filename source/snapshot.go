package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

// snapshot is a repeatable-read transaction.
type snapshot struct {
	side *Side
	tx   *session.Tx
	// heaps are the files that the rows are in, and slots the most rows on a page. Draws fills them in.
	heaps []heap
	slots int64
	// failing are the rows that are read without some fields.
	failing failing
	within  verify.KeyRange
}

var _ verify.Snapshot = (*snapshot)(nil)

// Begin opens a transaction and takes its snapshot at once, not at the first read.
func (s *Side) Begin(ctx context.Context) (verify.Snapshot, error) {
	n, err := s.begin(ctx, "SELECT "+s.columns(cmp.Or(s.lookup, s.config.Key))+" FROM "+s.from()+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	return n, nil
}

// begin opens a snapshot in which what the statements read is locked. The statements return no rows.
func (s *Side) begin(ctx context.Context, reads ...string) (*snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, beginTimeout)
	defer cancel()
	// A side waits for the other side's digest. Each read has its own shorter deadline, which also cancels it on the
	// server.
	tx, err := s.pool.Begin(ctx, digestTimeout, reads...)
	if err != nil {
		return nil, fmt.Errorf("opening a snapshot of %s: %w", s.config.Representation, err)
	}
	return &snapshot{side: s, tx: tx}, nil
}

// Close ends the transaction, even if the caller's context has ended.
func (n *snapshot) Close() { n.tx.Close() }

// Within implements [verify.Snapshot].
func (n *snapshot) Within(r verify.KeyRange) { n.within = r }

// inRange is the condition for a row of the snapshot's range.
func (n *snapshot) inRange() string {
	return within(n.within, keySQL(n.side.shape.keyType, n.side.config.Key), n.bound)
}

// bound is the SQL of an end of a range.
func (n *snapshot) bound(key order.Key) string {
	return literal(string(key)) + "::" + keyCast(n.side.shape.keyType)
}

// within is the condition for a key of a range. Bound is the SQL of an end.
func within(r verify.KeyRange, key string, bound func(order.Key) string) string {
	switch below := key + " < "; {
	case r.Whole():
		return "true"
	case r.From == "":
		return fmt.Sprintf("(%s%s OR %s IS NULL)", below, bound(r.Below), key)
	case r.Below == "":
		return fmt.Sprintf("(%s >= %s)", key, bound(r.From))
	default:
		return fmt.Sprintf("(%s >= %s AND %s%s)", key, bound(r.From), below, bound(r.Below))
	}
}

// fail names the side and the action.
func (n *snapshot) fail(doing string, err error) error {
	return fmt.Errorf("%s of %s: %w", doing, n.side.config.Representation, err)
}

// Extent reads the bounds through the index, and takes the number of rows from the planner's estimate.
func (n *snapshot) Extent(ctx context.Context) (verify.Extent, error) {
	defer n.side.observe("extent")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	e := verify.Extent{Indexed: n.side.shape.keyIndex}
	var low, high pgtype.Text
	key := "(" + n.side.config.Key + ")" // the order of text depends on its index, so its bounds are not used
	// This does not use min() and max(), because uuid has none before PostgreSQL 18.
	query := fmt.Sprintf(`SELECT (SELECT k::text FROM (SELECT %[1]s AS k FROM %[2]s WHERE %[1]s IS NOT NULL ORDER BY 1 LIMIT 1) a),
		(SELECT k::text FROM (SELECT %[1]s AS k FROM %[2]s WHERE %[1]s IS NOT NULL ORDER BY 1 DESC LIMIT 1) z)`, key, n.side.keys())
	if err := n.tx.QueryRow(ctx, query).Scan(&low, &high); err != nil {
		return e, n.fail("reading the key bounds", err)
	}
	if e.Empty = !low.Valid; e.Empty {
		return e, nil
	}
	e.Min, e.Max = order.Key(low.String), order.Key(high.String)
	var err error
	e.Rows, err = n.estimate(ctx)
	return e, err
}

// estimate returns the planner's estimate; at least 1, because the table is known not to be empty.
func (n *snapshot) estimate(ctx context.Context) (int64, error) {
	query := "SELECT 1 FROM " + n.side.from()
	if n.side.keysFrom != "" { // if a key may occur more than once
		query = "SELECT 1 FROM " + n.side.keys() + " GROUP BY " + n.side.config.Key
	}
	return n.planned(ctx, query)
}

// planned returns how many rows the planner expects of a query; at least 1.
func (n *snapshot) planned(ctx context.Context, query string) (int64, error) {
	root, err := explain(ctx, n.tx, "(FORMAT JSON)", query)
	if err != nil {
		return 0, n.fail("estimating the rows", err)
	}
	return max(int64(root.Rows), 1), nil
}

const (
	wantBounds   = 10_000
	rowsPerBound = 128 // of a table that needs fewer bounds
	boundsSample = 20  // rows that are looked at for a bound
	leastSample  = 20_000
)

// Bounds cuts a key space that arithmetic cannot cut. The cuts only balance the buckets. A bad estimate costs time, but
// does not change a result.
func (n *snapshot) Bounds(ctx context.Context, e verify.Extent) ([]order.Key, error) {
	defer n.side.observe("bounds")()
	rows := e.Rows
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	from := n.side.keys()
	want := min(wantBounds, max(rows/rowsPerBound, 1))
	read := min(rows, max(boundsSample*want, leastSample))
	if n.side.shape.pages() && read < rows {
		from = n.side.slice(n.side.config.Table, fmt.Sprintf(" TABLESAMPLE SYSTEM (%f) REPEATABLE (1)", min(100, 100*float64(read)/float64(rows))))
	}
	every := max(1, read/want)
	query := fmt.Sprintf("SELECT k::text AS bound FROM (SELECT k, row_number() OVER (ORDER BY k) AS place FROM (SELECT %s AS k FROM %s) s WHERE k IS NOT NULL) s WHERE place %% %d = 0 ORDER BY k",
		keySQL(n.side.shape.keyType, n.side.config.Key), from, every)
	result, err := n.tx.Query(ctx, query)
	if err != nil {
		return nil, n.fail("cutting the key space", err)
	}
	defer result.Close()
	var out []order.Key
	for result.Next() {
		out = append(out, order.Key(result.RawValues()[0]))
	}
	if err := result.Err(); err != nil {
		return nil, n.fail("cutting the key space", err)
	}
	return slices.Compact(out), nil
}

// Rows reads by key, through the index if there is one. Equality is that of the column's own collation, which the index
// has. If the collation treats different strings as equal, more rows than needed are found.
func (n *snapshot) Rows(ctx context.Context, keys []order.Key) ([]order.Row, error) {
	defer n.side.observe("rows")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var out []order.Row
	err := n.tolerant(ctx, keys, func() error {
		out = make([]order.Row, 0, len(keys))
		of, args := among(n.side.shape.keyType, n.side.lookup, keys)
		query := fmt.Sprintf("SELECT %s FROM %s WHERE %s", n.side.columns(n.side.lookup), n.side.from(), of)
		return n.each(ctx, func(r order.Row) error { out = append(out, r); return nil }, query, args...)
	})
	if err != nil {
		return nil, n.fail("reading orders", err)
	}
	return out, nil
}

// byKey is the condition for rows with the keys of the first argument.
func (s *Side) byKey() string {
	return fmt.Sprintf("(%s) = ANY($1::text[]::%s[])", s.lookup, keyCast(s.shape.keyType))
}

// columns are the key, the time of the last write, whether the events were archived, and the fields, all as text.
func (s *Side) columns(key string) string {
	c := s.config
	changed := "NULL"
	if c.ChangedAt != "" {
		changed = "(" + c.ChangedAt + ")::timestamptz"
	}
	// Each has its own name, because ORDER BY prefers the name of an output column, and would sort integers as text.
	parts := []string{
		"(" + key + ")::text AS crosscheck_key",
		sentSQL(changed+"::timestamptz") + " AS crosscheck_changed",
	}
	archived := "NULL"
	if c.Archived != "" {
		archived = "CASE WHEN (" + c.Archived + ") THEN 't' END"
	}
	parts = append(parts, archived+" AS crosscheck_archived")
	for i, f := range c.Fields {
		parts = append(parts, fmt.Sprintf("(%s)::text AS crosscheck_%d", canonical(f), i))
	}
	return strings.Join(parts, ", ")
}

// sentSQL is a time as the server sends it, in hexadecimal digits. Printing it in another way takes several times as long.
func sentSQL(at string) string {
	return "encode(pg_catalog.timestamptz_send(" + at + "), 'hex')"
}

// sentTime reads what [sentSQL] selects: microseconds since 2000. The infinite ones are no time. Those of the last 30 years do
// not fit, counted from 1970, and count as the last time that does.
func sentTime(digits []byte) (time.Time, error) {
	if digits == nil {
		return time.Time{}, nil
	}
	bits, err := strconv.ParseUint(string(digits), 16, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the time of a change: %w", err)
	}
	micros := int64(bits)
	if micros == math.MinInt64 || micros == math.MaxInt64 {
		return time.Time{}, nil
	}
	return time.UnixMicro(min(micros, math.MaxInt64+unixEpoch) - unixEpoch).UTC(), nil
}

// each streams rows that were selected as columns.
func (n *snapshot) each(ctx context.Context, fn func(order.Row) error, query string, args ...any) error {
	result, err := n.tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer result.Close()
	var values []order.Value // of some rows: one allocation for all
	for result.Next() {
		raw := result.RawValues()
		if fields := len(raw) - firstField; len(values) < fields {
			values = make([]order.Value, fields*valuesOf)
		}
		row, err := decode(raw, values)
		if err != nil {
			return err
		}
		values = values[len(row.Values):]
		n.failing.mark(row)
		if err := fn(row); err != nil {
			return err
		}
	}
	return result.Err()
}

const (
	firstField = 3  // of those that are selected as columns
	valuesOf   = 16 // rows whose values are in one allocation
)

// decode copies a row out of the connection's buffer, with all its texts in one string. A sample has about 200,000 values.
func decode(raw [][]byte, values []order.Value) (order.Row, error) {
	fields := raw[firstField:]
	row := order.Row{Values: values[:len(fields):len(fields)], Archived: raw[2] != nil}
	var err error
	if row.ChangedAt, err = sentTime(raw[1]); err != nil {
		return row, err
	}
	size := len(raw[0])
	for _, v := range fields {
		size += len(v)
	}
	var all strings.Builder
	all.Grow(size)
	all.Write(raw[0])
	for _, v := range fields {
		all.Write(v)
	}
	text := all.String()
	row.Key, text = order.Key(text[:len(raw[0])]), text[len(raw[0]):]
	for i, v := range fields {
		row.Values[i] = order.Value{Text: text[:len(v)], Null: v == nil}
		text = text[len(v):]
	}
	return row, nil
}

func texts(keys []order.Key) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = string(k)
	}
	return out
}

// Changed reads the newest changes through the index on the time of the last write. A row with a time in the future, by
// more than clocks differ, says nothing about its last change, and would always be the newest.
func (n *snapshot) Changed(ctx context.Context, limit int) ([]verify.Change, error) {
	if !n.side.shape.timeIndex {
		return nil, n.fail("reading recent changes", verify.ErrNotIndexed)
	}
	defer n.side.observe("changed")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	key, at := n.side.lookup, n.side.config.ChangedAt
	what := fmt.Sprintf("(%s)::text, (%s)::timestamptz", key, at)
	where := fmt.Sprintf("(%s) IS NOT NULL AND (%s)::timestamptz <= now() + interval '1 minute'", key, at)
	result, err := n.tx.Query(ctx, n.side.newestSQL(what, where, limit))
	if err != nil {
		return nil, n.fail("reading recent changes", err)
	}
	changes, err := pgx.CollectRows(result, func(row pgx.CollectableRow) (c verify.Change, err error) {
		err = row.Scan(&c.Key, &c.At)
		c.At = c.At.UTC()
		return c, err
	})
	if err != nil {
		return nil, n.fail("reading recent changes", err)
	}
	return changes, nil
}

// newestSQL selects the rows that show when they changed, newest first.
func (s *Side) newestSQL(what, where string, limit int) string {
	return fmt.Sprintf("SELECT %s FROM %s WHERE %[3]s IS NOT NULL AND isfinite(%[3]s) AND %s ORDER BY %[3]s DESC LIMIT %[5]d",
		what, s.from(), s.config.ChangedAt, where, limit)
}

// newestChangeSQL selects the newest change that any row shows and that is not of the future by the server's clock: one wrong row
// must not make a projection that is behind look as if it had applied everything.
func (s *Side) newestChangeSQL() string {
	at := "(" + s.config.ChangedAt + ")::timestamptz"
	return s.newestSQL(at, at+" <= now()", 1)
}

// NewestChange reads the newest change that any row shows, except for the future.
func (n *snapshot) NewestChange(ctx context.Context) (time.Time, error) {
	if n.side.config.ChangedAt == "" {
		return time.Time{}, nil
	}
	if !n.side.shape.timeIndex {
		return time.Time{}, n.fail("reading the newest change", verify.ErrNotIndexed)
	}
	defer n.side.observe("reached")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var at time.Time
	err := n.tx.QueryRow(ctx, n.side.newestChangeSQL()).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, n.fail("reading the newest change", err)
	}
	return at.UTC(), nil
}
