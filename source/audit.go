package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Audits reads legacy's orders with their record, for audits.
type Audits struct {
	archive

	rules    *order.Rules
	fields   []string
	zoneless verify.Zoneless // without the events
}

var _ verify.AuditSource = (*Audits)(nil)

// ErrNotAudited is wrapped by errors that say why legacy cannot be audited.
var ErrNotAudited = errors.New("the history cannot be audited")

// OpenAudits connects to legacy. Beside its fields, those registers of the rules are read that are columns of its table.
func OpenAudits(ctx context.Context, legacy Config, c HistoryConfig, rules *order.Rules) (*Audits, error) {
	side, err := Open(ctx, legacy)
	if err != nil {
		return nil, err
	}
	a := &Audits{archive: archive{side: side, records: c, dated: true}, rules: rules}
	if err := a.resolve(ctx); err != nil {
		side.Close()
		return nil, fmt.Errorf("resolving what an audit reads of legacy %s: %w", legacy.Table, err)
	}
	return a, nil
}

func (a *Audits) resolve(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	s := a.side
	if !s.shape.keyIndex {
		return fmt.Errorf("%w: legacy needs an index on the key, in the order of bytes for text", ErrNotAudited)
	}
	for _, name := range a.rules.Names() {
		if slices.ContainsFunc(s.config.Fields, func(f Field) bool { return f.Name == name }) {
			continue
		}
		f, err := s.columnOf(ctx, name)
		if err != nil {
			return err
		}
		if f.Name != "" {
			s.config.Fields = append(s.config.Fields, f)
		}
	}
	for _, f := range s.config.Fields {
		a.fields = append(a.fields, f.Name)
	}
	n, err := s.typeOf(ctx, a.records.CreatedAt)
	if err != nil {
		return fmt.Errorf("history.created_at %s: %w: %w", a.records.CreatedAt, ErrNotAudited, err)
	}
	if !slices.Contains(instants, n.oid) {
		return fmt.Errorf("history.created_at %s is %s: %w: it must tell when an order was created", a.records.CreatedAt, n.name, ErrNotAudited)
	}
	s.config.Fields = append(s.config.Fields, createdField(a.records.CreatedAt))
	a.zoneless.Orders = slices.Contains(noZone, n.oid)
	for _, of := range []struct {
		table, column string
		zoneless      *bool
	}{{a.records.AuditLog, `"timestamp"`, &a.zoneless.Lines}, {a.records.Trades, "executed_at", &a.zoneless.Trades}} {
		n, err := (&Side{config: Config{Table: of.table}, pool: s.pool}).typeOf(ctx, of.column)
		if err != nil {
			return fmt.Errorf("looking for %s of %s: %w", of.column, of.table, err)
		}
		*of.zoneless = slices.Contains(noZone, n.oid)
	}
	return a.findKeys(ctx)
}

// instants are the types of columns that can tell when an order was created.
var instants = append([]uint32{pgtype.TimestamptzOID}, noZone...)

// noZone are those without a time zone.
var noZone = []uint32{pgtype.TimestampOID, pgtype.DateOID}

// columnOf is the column of a name as a field; a field without a name if there is none.
func (s *Side) columnOf(ctx context.Context, name string) (Field, error) {
	f := Field{Field: order.Field{Name: name, Type: order.Text}, Expr: pgx.Identifier{name}.Sanitize()}
	n, err := s.typeOf(ctx, f.Expr)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42703" { // undefined_column
		return Field{}, nil
	}
	if err != nil {
		return f, fmt.Errorf("looking for column %s: %w", name, err)
	}
	for _, t := range []order.FieldType{order.Integer, order.Numeric, order.Boolean, order.Timestamptz, order.UUID, order.Date} {
		if accepts(t, n) {
			f.Type = t
			break
		}
	}
	return f, nil
}

// Close closes all connections.
func (a *Audits) Close() { a.side.Close() }

// Fields are the names of the fields in the order of [history.Row.Values].
func (a *Audits) Fields() []string { return a.fields }

// Zoneless says which of legacy's times stand in columns without a time zone.
func (a *Audits) Zoneless() verify.Zoneless { return a.zoneless }

// Actors returns true if the audit log says who changed a field.
func (a *Audits) Actors() bool { return a.records.Actor != "" }

// Begin implements [verify.AuditSource]. Rows and records are of one snapshot.
func (a *Audits) Begin(ctx context.Context) (verify.AuditSnapshot, error) {
	n, err := a.begin(ctx)
	if err != nil {
		return nil, err
	}
	return &auditSnapshot{n, a}, nil
}

// auditSnapshot is a snapshot of legacy with its record.
type auditSnapshot struct {
	*snapshot

	audits *Audits
}

// created is the condition for a row that was created in a span.
func (n *auditSnapshot) created(s verify.Span) string {
	return during("("+n.audits.records.CreatedAt+")::timestamptz", s)
}

func during(at string, s verify.Span) string {
	condition := "true"
	if !s.From.IsZero() {
		condition = at + " >= " + literal(s.From.UTC().Format(time.RFC3339Nano)) + "::timestamptz"
	}
	if !s.Until.IsZero() {
		condition += " AND " + at + " < " + literal(s.Until.UTC().Format(time.RFC3339Nano)) + "::timestamptz"
	}
	return condition
}

// Estimate implements [verify.AuditSnapshot].
func (n *auditSnapshot) Estimate(ctx context.Context, created verify.Span) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return n.planned(ctx, "SELECT 1 FROM "+n.side.from()+" WHERE "+n.created(created))
}

// Page implements [verify.AuditSnapshot].
func (n *auditSnapshot) Page(ctx context.Context, from order.Key, created verify.Span, limit int) (verify.AuditPage, error) {
	defer n.side.observe("audit")()
	ctx, cancel := context.WithTimeout(ctx, digestTimeout) // few orders of a span may be among many others
	defer cancel()
	page := verify.AuditPage{KeyRange: verify.KeyRange{From: from}}
	n.Within(page.KeyRange)
	rows, err := n.inRangeWhere(ctx, n.created(created), limit+1)
	if err != nil {
		return page, n.fail("reading a page of orders", err)
	}
	if len(rows) > limit {
		page.Below, rows = rows[limit].Key, rows[:limit]
		for len(rows) > 0 && rows[len(rows)-1].Key == page.Below { // of a key that is there twice
			rows = rows[:len(rows)-1]
		}
		if len(rows) == 0 {
			return page, n.fail("reading a page of orders", fmt.Errorf("key %.60s is there more than %d times", page.Below, limit))
		}
	}
	n.Within(page.KeyRange)
	whole := created.Whole() && n.side.config.Where == ""
	var read readRecords
	if page.Orders, read, err = n.audits.withRecords(ctx, n.snapshot, keysOf(rows), rows, whole); err != nil {
		return page, err
	}
	if !whole { // there are others
		read = readRecords{-1, -1}
	}
	if err := n.countUnreadable(ctx, page.Orders, created); err != nil {
		return page, err
	}
	return page, n.count(ctx, created, read, &page)
}

// Orders implements [verify.AuditSnapshot].
func (n *auditSnapshot) Orders(ctx context.Context, keys []order.Key, created verify.Span) ([]verify.AuditOrder, error) {
	named, nobody := keys, slices.Index(keys, "")
	if nobody >= 0 && n.side.shape.keyType != order.KeyText {
		named = slices.Delete(slices.Clone(keys), nobody, nobody+1)
	}
	rows, err := n.Rows(ctx, named)
	if err != nil {
		return nil, err
	}
	orders, _, err := n.audits.withRecords(ctx, n.snapshot, named, rows, false)
	if err == nil {
		err = n.countUnreadable(ctx, orders, created)
	}
	if err == nil {
		err = n.elsewhere(ctx, orders)
	}
	if err != nil || nobody < 0 {
		return orders, err
	}
	if len(named) < len(keys) {
		orders = slices.Insert(orders, nobody, verify.AuditOrder{})
	}
	orders[nobody].Nameless, err = n.nameless(ctx)
	return orders, err
}

// elsewhere notes which of the orders without a row have one that the filter leaves out.
func (n *auditSnapshot) elsewhere(ctx context.Context, orders []verify.AuditOrder) error {
	if n.side.config.Where == "" {
		return nil
	}
	at := map[order.Key]int{}
	var keys []order.Key
	for i, o := range orders {
		if o.Rows == 0 {
			at[o.Key], keys = i, append(keys, o.Key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	of, args := among(n.side.shape.keyType, n.side.lookup, keys)
	rows, err := n.tx.Query(ctx, fmt.Sprintf("SELECT (%s)::text FROM %s AS t WHERE %s", n.side.lookup, n.side.config.Table, of), args...)
	if err != nil {
		return n.fail("looking for orders outside the filter", err)
	}
	var key order.Key
	_, err = pgx.ForEachRow(rows, []any{&key}, func() error {
		if i, ok := at[key]; ok {
			orders[i].Elsewhere = true
		}
		return nil
	})
	if err != nil {
		return n.fail("looking for orders outside the filter", err)
	}
	return nil
}

// nameless counts the records that name no order.
func (n *auditSnapshot) nameless(ctx context.Context) (none verify.Nameless, err error) {
	ctx, cancel := context.WithTimeout(ctx, digestTimeout) // an index on the order need not be there
	defer cancel()
	c := n.audits.records
	err = n.tx.QueryRow(ctx, "SELECT (SELECT count(*) FROM "+c.Trades+" AS r WHERE coalesce((r.order_id)::text, '') = ''), (SELECT count(*) FROM "+
		c.AuditLog+" AS r WHERE coalesce((r.entity_id)::text, '') = '')").Scan(&none.Trades, &none.Lines)
	if err != nil {
		return none, n.fail("counting records that name no order", hidden(err))
	}
	return none, nil
}

// mostAlone is how many orders that do not exist a page names.
const mostAlone = 10_000

// count counts what there is in the snapshot's range. Nothing that audits compute goes into it. Read is what was read of its orders.
func (n *auditSnapshot) count(ctx context.Context, created verify.Span, read readRecords, page *verify.AuditPage) error {
	c := &page.Counted
	key := keySQL(n.side.shape.keyType, n.side.config.Key)
	query := fmt.Sprintf(`SELECT count(*) FILTER (WHERE %[1]s IS NOT NULL AND %[4]s), count(*) FILTER (WHERE %[1]s IS NULL AND %[4]s),
		count(*) FILTER (WHERE %[1]s IS NOT NULL AND (%[5]s) IS NULL) FROM %[2]s WHERE %[3]s AND (%[4]s OR (%[5]s) IS NULL)`,
		key, n.side.from(), n.inRange(), n.created(created), n.audits.records.CreatedAt)
	if err := n.tx.QueryRow(ctx, query).Scan(&c.Orders, &c.NullKeys, &c.Undated); err != nil {
		return n.fail("counting orders", err)
	}
	lines, err := n.countRecords(ctx, n.ofLines(c, read.lines), created)
	if err != nil {
		return n.fail("counting lines of the audit log", hidden(err))
	}
	trades, err := n.countRecords(ctx, n.ofTrades(read.trades), created)
	if err != nil {
		return n.fail("counting trades", hidden(err))
	}
	c.Lines, c.LinesAlone, c.Trades, c.TradesAlone = lines.all, lines.alone, trades.all, trades.alone
	page.Unlisted = lines.unlisted + trades.unlisted
	if lines.alone+trades.alone == 0 {
		return nil
	}
	alone := slices.Concat(lines.keys, trades.keys)
	slices.Sort(alone)
	if page.Alone, _, err = n.audits.withRecords(ctx, n.snapshot, slices.Compact(alone), nil, false); err != nil {
		return err
	}
	if err := n.countUnreadable(ctx, page.Alone, created); err != nil || lines.nameless+trades.nameless == 0 {
		return err
	}
	none, err := n.nameless(ctx)
	page.Alone = append(page.Alone, verify.AuditOrder{Nameless: none})
	return err
}

// told counts the lines of which an event can tell, and the moments of those that change a field.
func (n *auditSnapshot) told() []string {
	roles := n.audits.rules.Roles()
	var changed []string
	for _, name := range n.audits.fields {
		if n.audits.rules.Modifies(name) && name != roles.Status {
			changed = append(changed, name)
		}
	}
	changes := "r.field_changed::text = ANY (" + texted(changed) + ")"
	ends := "false"
	if slices.Contains(n.audits.fields, roles.Status) {
		ends = "r.field_changed::text = " + literal(roles.Status) + " AND r.new_value::text = ANY (" + texted(roles.Canceled) + ")"
	}
	return []string{
		"count(*) FILTER (WHERE " + changes + " OR " + ends + ")",
		`count(DISTINCT (r.entity_id, r."timestamp", r.field_changed::text)) FILTER (WHERE ` + changes + ")",
	}
}

// texted is an array of texts.
func texted(texts []string) string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = literal(t)
	}
	return "ARRAY[" + strings.Join(out, ", ") + "]::text[]"
}

// counting is a table whose records are counted.
type counting struct {
	table, of, at string   // of is the column of the order, at the time
	more          []string // further counts
	into          []*int64
	read          int64 // how many records of the orders were read; -1 if these are not all orders of the range
}

// ofLines and ofTrades are what is counted of the audit log and of the trades.
func (n *auditSnapshot) ofLines(c *verify.AuditCounts, read int64) counting {
	return counting{n.audits.records.AuditLog, "entity_id", `r."timestamp"`, n.told(), []*int64{&c.LinesToTell, &c.Moments}, read}
}

func (n *auditSnapshot) ofTrades(read int64) counting {
	return counting{n.audits.records.Trades, "order_id", "r.executed_at", nil, nil, read}
}

// counted are records of a page. Those that are alone are of no order: their keys, and how many have none, or one that is not listed.
type counted struct {
	all, alone, nameless, unlisted int64
	keys                           []order.Key
}

// countRecords counts the records of a table whose orders are in the range and the span, and those of no order. The latter are in
// the span by their own time.
func (n *auditSnapshot) countRecords(ctx context.Context, c counting, created verify.Span) (found counted, err error) {
	in := n.among("r." + c.of)
	// The range stands in both, or the server would read all orders for each page.
	owner := func(from, condition string) string {
		return fmt.Sprintf("EXISTS (SELECT FROM %s WHERE (%s) = r.%s AND %s AND %s)", from, n.side.stored(), c.of, n.inRange(), condition)
	}
	none := "NOT " + owner(n.side.config.Table+" AS t", "true") + " AND " + during(c.at, created)
	which := "true"
	if !created.Whole() || n.side.config.Where != "" {
		which = "(" + owner(n.side.from(), n.created(created)) + " OR " + none + ")"
	}
	into := []any{&found.all}
	for _, count := range c.into {
		into = append(into, count)
	}
	err = n.tx.QueryRow(ctx, fmt.Sprintf("SELECT %s FROM %s AS r WHERE %s AND %s", strings.Join(append([]string{"count(*)"}, c.more...), ", "), c.table, in, which)).Scan(into...)
	if err != nil || found.all == c.read { // then all records are of orders that were read
		return found, err
	}
	err = n.countAlone(ctx, c, fmt.Sprintf("%s AS r WHERE %s AND %s", c.table, in, none), &found)
	return found, err
}

// countAlone counts the records of no order.
func (n *auditSnapshot) countAlone(ctx context.Context, c counting, from string, found *counted) error {
	rows, err := n.tx.Query(ctx, fmt.Sprintf("SELECT coalesce((r.%s)::text, ''), count(*) FROM %s GROUP BY 1 ORDER BY 1", c.of, from))
	if err != nil {
		return err
	}
	key, records := "", int64(0)
	_, err = pgx.ForEachRow(rows, []any{&key, &records}, func() error {
		found.alone += records
		switch {
		case key == "":
			found.nameless += records
		case len(found.keys) < mostAlone:
			found.keys = append(found.keys, order.Key(key))
		default:
			found.unlisted += records
		}
		return nil
	})
	return err
}
