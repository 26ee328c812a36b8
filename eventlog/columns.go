package eventlog

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/nordvarg/crosscheck/backfill"
)

// target is the table that events are written to.
type target struct {
	oid          uint32
	schema, name string
	columns      []described
}

func (t target) String() string { return t.schema + "." + t.name }

// described is a column as the catalogue has it.
type described struct {
	Name     string
	Type     uint32 // the base type of a domain
	TypeName string
	Needed   bool // it may not be NULL, and the server gives it no value
	Computed bool // nobody else may give it a value
}

// column is a column that is written.
type column struct {
	described
	template template
	zone     *time.Location
	unit     time.Duration // of a number since 1970
	append   appender      // nil if only the library knows how a value is written
}

// findTable looks the table up as the statements of this connection see it.
func findTable(ctx context.Context, pool *pgxpool.Pool, name string) (t target, err error) {
	const q = `SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text FROM pg_catalog.pg_class c
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::text::regclass`
	var kind string
	if err := pool.QueryRow(ctx, q, name).Scan(&t.oid, &t.schema, &t.name, &kind); err != nil {
		return t, err
	}
	if kind != "r" && kind != "p" {
		return t, fmt.Errorf("%w: %s is no table; name it as backfill.table", ErrTable, t)
	}
	rows, err := pool.Query(ctx, `SELECT a.attname::text, CASE WHEN y.typtype = 'd' THEN y.typbasetype ELSE y.oid END, pg_catalog.format_type(a.atttypid, a.atttypmod),
			a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = '', a.attgenerated <> ''
		FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
		WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, t.oid)
	if err != nil {
		return t, err
	}
	t.columns, err = pgx.CollectRows(rows, pgx.RowToStructByPos[described])
	return t, err
}

// plan finds out what each column gets.
func (l *Log) plan(t target) (out []column, err error) {
	given := maps.Clone(l.config.Columns)
	for _, d := range t.columns {
		text, ok := given[d.Name]
		delete(given, d.Name)
		switch {
		case !ok && d.Needed:
			return nil, fmt.Errorf("%w: column %s of %s needs a value; give it in backfill.columns", ErrTable, d.Name, t)
		case !ok:
			continue
		case d.Computed:
			return nil, fmt.Errorf("%w: column %s of %s is computed by the server; take it out of backfill.columns", ErrTable, d.Name, t)
		}
		c := column{described: d, unit: units[l.config.Unit]}
		if c.template, err = parse(text); err != nil {
			return nil, fmt.Errorf("%w: column %s: %w", ErrTable, d.Name, err)
		}
		if c.zone, err = time.LoadLocation(l.config.Zone); err != nil {
			return nil, fmt.Errorf("%w: column %s: %w", ErrTable, d.Name, err)
		}
		if c.template.alone() == "at" && c.unit == 0 && slices.Contains(integers, c.Type) {
			return nil, fmt.Errorf("%w: column %s of %s is a number, and gets a time; events.at.unit has to say what it counts since 1970", ErrTable, d.Name, t)
		}
		c.append = c.form()
		out = append(out, c)
	}
	for name := range given {
		return nil, fmt.Errorf("%w: %s has no column %s, which backfill.columns or events names", ErrTable, t, name)
	}
	return out, nil
}

// learnTypes teaches a new connection the types of columns that the library does not know, such as enums.
func (l *Log) learnTypes(ctx context.Context, conn *pgx.Conn) error {
	for _, c := range l.columns {
		if _, known := conn.TypeMap().TypeForOID(c.Type); known {
			continue
		}
		t, err := conn.LoadType(ctx, c.TypeName)
		if err != nil {
			return fmt.Errorf("looking up the type of column %s: %w", c.Name, err)
		}
		conn.TypeMap().RegisterType(t)
	}
	return nil
}

// template is text with places for what an event has.
type template []string // fixed text and places, in turn, fixed text first

var place = regexp.MustCompile(`\{([a-z_]+)\}`)

var places = []string{"key", "id", "type", "at", "payload", "number", "batch"}

func parse(text string) (template, error) {
	var t template
	last := 0
	for _, at := range place.FindAllStringSubmatchIndex(text, -1) {
		name := text[at[2]:at[3]]
		if !slices.Contains(places, name) {
			return nil, fmt.Errorf("%q has {%s}; there are {%s}", text, name, strings.Join(places, "}, {"))
		}
		t = append(t, text[last:at[0]], name)
		last = at[1]
	}
	return append(t, text[last:]), nil
}

// alone is the only thing in the template; empty if there is more, or only text.
func (t template) alone() string {
	if len(t) == 3 && t[0] == "" && t[2] == "" {
		return t[1]
	}
	return ""
}

var integers = []uint32{pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID}

var units = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": 1}

// value is what an event's column gets, in a form that the library can send.
func (c *column) value(e *backfill.Event) (any, error) {
	switch c.template.alone() {
	case "at":
		return c.time(e.Deed.At), nil
	case "id":
		if c.Type == pgtype.UUIDOID {
			return [16]byte(e.Deed.ID), nil
		}
	case "payload":
		if slices.Contains([]uint32{pgtype.JSONOID, pgtype.JSONBOID, pgtype.ByteaOID}, c.Type) {
			return e.Payload, nil
		}
	}
	var text strings.Builder
	for i, part := range c.template {
		if i%2 == 1 {
			part = of(e, part)
		}
		text.WriteString(part)
	}
	if slices.Contains(integers, c.Type) {
		return strconv.ParseInt(text.String(), 10, 64)
	}
	return text.String(), nil
}

// of is what stands at a place, as text.
func of(e *backfill.Event, place string) string {
	switch place {
	case "key":
		return string(e.Key)
	case "id":
		return e.Deed.ID.String()
	case "type":
		return e.Type
	case "at":
		return e.Deed.At.UTC().Format(time.RFC3339Nano)
	case "payload":
		return string(e.Payload)
	case "number":
		return strconv.FormatInt(e.Number, 10)
	default:
		return e.Batch
	}
}

// time is an event's time for a column.
func (c *column) time(at time.Time) any {
	switch {
	case c.Type == pgtype.TimestampOID:
		return at.In(c.zone)
	case c.unit > 0:
		return at.Unix()*int64(time.Second/c.unit) + int64(at.Nanosecond())/int64(c.unit)
	case c.Type == pgtype.TimestamptzOID:
		return at
	default:
		return at.UTC().Format(time.RFC3339Nano)
	}
}
