package source

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// EventsConfig says where the event store is and how its rows map to events. Position, Key, Type, At, Payload and Where are
// columns or SQL expressions over the table's columns.
type EventsConfig struct {
	DSN   string
	Table string // a table, view, or a subquery in parentheses
	// Where is a condition for the rows that belong here; empty for all.
	Where string
	// Position grows with every event; Key is the order; At is a timestamptz; Payload is json or jsonb, or text or bytea that
	// hold JSON.
	Position, Key, Type, At, Payload string
	// PerOrder says that positions count the events of each order by itself. The newest events are then told by their times.
	PerOrder bool
	// ID identifies an event on the stream: uuid, text or an integer. Empty if its position does.
	ID string
	// Strip is what the stored key has before the order. Rows without it do not belong here. Keys is the side whose orders
	// these are: the rest of the key is of its key's type. AsStored says so of a key without such a beginning.
	Strip    string
	AsStored bool
	Keys     Config
	// Zone is that of an At without one. Unit is that of an At that is a number since 1970: s, ms, us or ns. AtPath is where
	// payloads have the time, in place of At; nil if it is a column.
	Zone   string
	Unit   string
	AtPath *order.TimePath
	Rules  *order.Rules
	// ObserveQuery is called for every query; may be nil.
	ObserveQuery func(side order.Representation, kind string, took time.Duration)
}

// Events is the event store in PostgreSQL. It is read only, like every side.
type Events struct {
	config   EventsConfig
	side     *Side // its pool and its answers about columns
	keyType  order.KeyType
	idType   order.KeyType // empty if positions identify events
	stored   string        // the key as it is stored, if that is another than the order
	belongs  string        // the condition for rows that are events of orders; empty if all are
	form     payloadForm
	zoneless bool   // the column of the times has no time zone
	clock    string // how times are read, for people; empty for those of a timestamptz and those in payloads
	foreign  bool   // the server keeps the events in another database
	// unread are events of which the payload's expression fails, and payload is that expression. Both are empty in most.
	unread  []order.Position
	payload string
}

var _ verify.Events = (*Events)(nil)

// OpenEvents connects and resolves the columns.
func OpenEvents(ctx context.Context, c EventsConfig) (*Events, error) {
	pool, err := connect(ctx, string(order.Events), c.DSN)
	if err != nil {
		return nil, err
	}
	e := newEvents(c)
	e.side.pool = pool
	if err := e.resolve(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("resolving events %s: %w", c.Table, err)
	}
	return e, nil
}

// newEvents returns an event store that is not connected.
func newEvents(c EventsConfig) *Events {
	side := Config{Representation: order.Events, DSN: c.DSN, Table: c.Table, Key: c.Key, Where: c.where(), ObserveQuery: c.ObserveQuery}
	return &Events{config: c, side: &Side{config: side}, belongs: c.belongs()}
}

// eventColumns are the columns other than the key, with the allowed types.
func (e *Events) eventColumns() []eventColumn {
	columns := []eventColumn{
		{"position", e.config.Position, []uint32{pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID}, "an integer"},
		{"type", e.config.Type, []uint32{pgtype.TextOID, pgtype.VarcharOID}, "text"},
		{"at", e.config.At, []uint32{pgtype.TimestamptzOID}, "timestamptz"},
		{"payload", e.config.Payload, slices.Collect(maps.Keys(payloadForms)), "json or jsonb, nor text or bytea that holds JSON"},
	}
	if e.config.ID != "" {
		columns = append(columns, eventColumn{"id", e.config.ID, slices.Collect(maps.Keys(idTypes)), "uuid, text or an integer"})
	}
	return columns
}

type eventColumn struct {
	name, expr string
	oids       []uint32
	wanted     string
}

func (e *Events) resolve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var err error
	if err := e.side.readWhere(ctx, e.config.Where); err != nil {
		return err
	}
	if err := e.readKey(ctx); err != nil {
		return err
	}
	if e.keyType, _, err = e.side.resolveKey(ctx); err != nil {
		return err
	}
	e.config.Key = e.side.lookup
	if e.side.shape.oid, _, err = e.side.resolveTable(ctx); err != nil { // for its identity
		return err
	}
	if err := e.readTime(ctx); err != nil {
		return err
	}
	if err := e.readPayload(ctx); err != nil {
		return err
	}
	for _, column := range e.eventColumns() {
		if err := e.resolveColumn(ctx, column); err != nil {
			return err
		}
	}
	if err := e.readID(ctx); err != nil {
		return err
	}
	root, err := explain(ctx, e.side.pool, "(FORMAT JSON)", "SELECT ("+e.config.Position+") FROM "+e.side.from())
	root.walk(func(p plan) { e.foreign = e.foreign || p.Node == "Foreign Scan" })
	return err
}

func (e *Events) resolveColumn(ctx context.Context, column eventColumn) error {
	n, err := e.side.typeOf(ctx, column.expr)
	if err != nil {
		return fmt.Errorf("events.%s %s: %w", column.name, column.expr, err)
	}
	if slices.Contains(column.oids, n.oid) {
		return nil
	}
	return column.unfit(n)
}

func (c eventColumn) unfit(n native) *unfitError {
	return &unfitError{fmt.Sprintf("events.%s %s is %s, not %s", c.name, c.expr, n.name, c.wanted), c.instead(n)}
}

// instead is what to write in place of a column of an unfit type.
func (c eventColumn) instead(n native) string {
	as := func(cast string) string {
		return "map it with an expression, such as " + c.name + ": " + yamlText("("+c.expr+")"+cast)
	}
	switch {
	case c.name == "at" && n.oid == pgtype.TimestampOID:
		return "name the zone in which these times are: at: {column: " + yamlText(c.expr) + ", zone: UTC}"
	case c.name == "at" && n.category == "N":
		return "say what it counts since 1970, s, ms, us or ns: at: {column: " + yamlText(c.expr) + ", unit: ms}"
	case c.name == "position" && n.category == "N":
		return as("::bigint")
	case c.name == "type", c.name == "id":
		return as("::text")
	}
	return fmt.Sprintf("map events.%s to a column or an expression that is %s", c.name, c.wanted)
}

// Zoneless returns true if the times of the events stand in a column without a time zone.
func (e *Events) Zoneless() bool { return e.zoneless }

// KeyType is the type of the orders' keys.
func (e *Events) KeyType() order.KeyType { return e.keyType }

// Close closes all connections.
func (e *Events) Close() { e.side.Close() }

// Ping checks whether the event store can be reached now.
func (e *Events) Ping(ctx context.Context) error { return e.side.Ping(ctx) }

// Identity names the database and the table that are really read.
func (e *Events) Identity(ctx context.Context) (Identity, error) { return e.side.Identity(ctx) }

// Origin says where the events come from, for fingerprints of evidence; see [Side.Origin].
func (e *Events) Origin(ctx context.Context) (Origin, error) { return e.side.Origin(ctx) }

// Histories reads all events of some orders, each order's in the order of their positions. Events that cannot be
// decoded are included, with what is wrong with them. An order without events is not in the map.
//
// A transaction that commits late may add an event in the middle of a history. So a judgement by a history needs two
// looks.
func (e *Events) Histories(ctx context.Context, keys []order.Key) (map[order.Key][]order.Event, error) {
	defer e.side.observe("histories")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	of, args := e.ofKeys(keys)
	var histories map[order.Key][]order.Event
	err := e.tolerant(ctx, func(e *Events) (err error) {
		histories, err = e.histories(ctx, e.side.pool, keys)
		return err
	}, failingOf(of, args...))
	if err != nil {
		return nil, fmt.Errorf("reading histories: %w", err)
	}
	return histories, nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (e *Events) histories(ctx context.Context, from querier, keys []order.Key) (map[order.Key][]order.Event, error) {
	histories := map[order.Key][]order.Event{}
	of, args := e.ofKeys(keys)
	var last []order.Event // the history that grows: one order's events mostly come together
	keep := func() {
		if len(last) > 0 {
			histories[last[0].Key] = last
		}
	}
	err := e.each(ctx, from, func(event order.Event) {
		if len(last) == 0 || event.Key != last[0].Key {
			keep()
			if last = histories[event.Key]; last == nil {
				last = make([]order.Event, 0, usualEvents)
			}
		}
		last = append(last, event)
	}, e.selecting()+" WHERE "+of, args...)
	keep()
	for _, history := range histories { // a server would write so many events to its disk to sort them
		slices.SortStableFunc(history, func(a, b order.Event) int {
			return cmp.Or(compareBool(a.Position == order.NoPosition, b.Position == order.NoPosition), cmp.Compare(a.Position, b.Position))
		})
	}
	return histories, err
}

// usualEvents is how many an order usually has at most.
const usualEvents = 6

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// selecting is the beginning of a query for whole events.
func (e *Events) selecting() string {
	c := e.config
	return fmt.Sprintf(`SELECT (%s)::text AS crosscheck_key, (%s)::bigint::text AS crosscheck_position, %s AS crosscheck_type,
		%s AS crosscheck_at, %s AS crosscheck_payload, %s AS crosscheck_id FROM %s`,
		c.Key, c.Position, c.Type, tellable(c.At, "(extract(epoch FROM "+c.At+") * 1000000)::bigint::text"), e.payloadSQL(), e.idSQL(), e.side.from())
}

// each decodes whole events, one after another. A problem of an event is a finding that belongs to the event, and no
// reason to stop reading.
func (e *Events) each(ctx context.Context, from querier, fn func(order.Event), query string, args ...any) error {
	return e.eachRaw(ctx, from, func(raw order.RawEvent) {
		event, _ := order.Decode(raw, e.config.Rules)
		fn(event)
	}, query, args...)
}

// eachRaw reads events. The payload is lent.
func (e *Events) eachRaw(ctx context.Context, from querier, fn func(order.RawEvent), query string, args ...any) error {
	rows, err := from.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var w words
	for rows.Next() {
		raw, err := e.rawEvent(rows.RawValues(), &w)
		if err != nil {
			return err
		}
		fn(raw)
	}
	return rows.Err()
}

// tellable returns the SQL of a value for events with a valid time, and NULL for others. One event with another time, or without one, must
// not prevent reading the others. It has the zero time, and decoding reports it.
func tellable(at, of string) string {
	sql := func(micros int64) string {
		return time.UnixMicro(micros).UTC().Format("'2006-01-02 15:04:05.000000+00'")
	}
	return "CASE WHEN (" + at + ") BETWEEN " + sql(order.FirstTime) + " AND " + sql(order.LastTime) + " THEN " + of + " END"
}

// surelySmall is a stored size below which a payload is within the limit of decoding, even if it is compressed: one
// byte stands for at most 255.
const surelySmall = order.MaxPayload / 256

// rawEvent reads a row, whatever is missing in it. The payload is lent.
func (e *Events) rawEvent(raw [][]byte, w *words) (order.RawEvent, error) {
	event, err := decodeEvent(raw, w)
	if err == nil && e.form == formBytes && raw[4] != nil {
		event.Payload, err = unhex(raw[4])
	}
	event.At = e.timeOf(event.Payload, event.At)
	return event, err
}

// words are texts that most rows share with one before.
type words struct {
	key   order.Key
	types []string
}

const mostTypes = 16

func (w *words) keyOf(text []byte) order.Key {
	if string(w.key) != string(text) {
		w.key = order.Key(text)
	}
	return w.key
}

func (w *words) typeOf(text []byte) string {
	for _, known := range w.types {
		if known == string(text) {
			return known
		}
	}
	if len(w.types) < mostTypes {
		w.types = append(w.types, string(text))
	}
	return string(text)
}

func decodeEvent(raw [][]byte, w *words) (order.RawEvent, error) {
	e := order.RawEvent{Position: order.NoPosition, Key: w.keyOf(raw[0]), Type: w.typeOf(raw[2]), Payload: raw[4]}
	if raw[1] != nil { // an event without a position has no identity either
		e.ID = order.ID(raw[5])
		position, err := strconv.ParseInt(string(raw[1]), 10, 64)
		if err != nil {
			return e, fmt.Errorf("reading a position: %w", err)
		}
		e.Position = order.Position(position)
	}
	if raw[3] == nil {
		return e, nil
	}
	var err error
	e.At, err = parseMicros(raw[3])
	return e, err
}

// lastEvents is how many of the newest events Newest looks at, because the time of a single one may be wrong.
const lastEvents = 100

// Newest returns the newest time of the last hundred events by position, without times in the future; zero if there is
// none. It uses the index on the position if there is one.
func (e *Events) Newest(ctx context.Context) (time.Time, error) {
	defer e.side.observe("newest")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if e.config.AtPath != nil {
		return e.newestInPayloads(ctx)
	}
	var at *time.Time
	query := fmt.Sprintf(`SELECT max(crosscheck_at) FROM (SELECT %s AS crosscheck_at FROM %s %s LIMIT %d) newest
		WHERE isfinite(crosscheck_at) AND crosscheck_at <= now() + interval '1 minute'`,
		e.config.At, e.side.from(), e.config.newestFirst(), lastEvents)
	if err := e.side.pool.QueryRow(ctx, query).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("reading the newest event: %w", err)
	}
	if at == nil {
		return time.Time{}, nil
	}
	return at.UTC(), nil
}

// newestFirst is a condition and an order by which the newest events come first. Times in the future say nothing of that.
func (c EventsConfig) newestFirst() string {
	if c.PerOrder {
		return fmt.Sprintf("WHERE (%[1]s) <= now() + interval '1 minute' ORDER BY (%[1]s) DESC", c.At)
	}
	return fmt.Sprintf("WHERE (%[1]s) IS NOT NULL ORDER BY (%[1]s) DESC", c.Position)
}

// Rules are those by which events are decoded.
func (e *Events) Rules() *order.Rules { return e.config.Rules }
