package source

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/propose"
	"github.com/nordvarg/crosscheck/source/session"
)

// Survey looks around in a database whose tables nobody has named yet.
type Survey struct {
	name string
	pool *session.Pool
}

// OpenSurvey connects. The name is what the database is for, in errors.
func OpenSurvey(ctx context.Context, name, dsn string) (*Survey, error) {
	pool, err := connect(ctx, name, dsn)
	if err != nil {
		return nil, err
	}
	return &Survey{name: name, pool: pool}, nil
}

// Close closes all connections.
func (s *Survey) Close() { s.pool.Close() }

// relationsSQL reads the catalogue, which every role may read. Partitions belong to their table, and crosscheck's own
// schema is no side.
const relationsSQL = `SELECT c.oid, n.nspname::text, c.relname::text, format('%I.%I', n.nspname, c.relname), c.relkind::text,
		CASE WHEN c.relkind = 'p' THEN coalesce((SELECT sum(pg_relation_size(t.relid)) FROM pg_catalog.pg_partition_tree(c.oid) AS t), 0)::bigint
			WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_relation_size(c.oid) ELSE 0 END,
		has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT') AND c.relispopulated,
		array(SELECT DISTINCT format('%I.%I', bn.nspname, b.relname) FROM pg_catalog.pg_rewrite r
			JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
			JOIN pg_catalog.pg_class b ON b.oid = d.refobjid AND b.oid <> c.oid JOIN pg_catalog.pg_namespace bn ON bn.oid = b.relnamespace
			WHERE r.ev_class = c.oid ORDER BY 1)
	FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'crosscheck')
	ORDER BY 4 LIMIT 2000`

// columnsSQL reads the columns of some relations. A column is unique if an index on it alone says so. The modifier of a domain
// is that of its base type.
const columnsSQL = `SELECT a.attrelid, a.attname::text, quote_ident(a.attname), CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END,
		CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, pg_catalog.format_type(a.atttypid, a.atttypmod), t.typcategory::text,
		EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
			AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
		EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum)
	FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
	WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum`

// Tables are the tables and views of the database with their columns.
func (s *Survey) Tables(ctx context.Context) ([]propose.Table, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := s.pool.Query(ctx, relationsSQL)
	if err != nil {
		return nil, fmt.Errorf("listing the tables of %s: %w", s.name, err)
	}
	var oids []uint32
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t propose.Table, err error) {
		var oid uint32
		err = row.Scan(&oid, &t.Schema, &t.Name, &t.Quoted, &t.Kind, &t.Bytes, &t.Readable, &t.Over)
		oids = append(oids, oid)
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the tables of %s: %w", s.name, err)
	}
	place := map[uint32]int{}
	for i, oid := range oids {
		place[oid] = i
	}
	if rows, err = s.pool.Query(ctx, columnsSQL, oids); err != nil {
		return nil, fmt.Errorf("listing the columns of %s: %w", s.name, err)
	}
	var oid uint32
	var n native
	var c propose.Column
	_, err = pgx.ForEachRow(rows, []any{&oid, &c.Name, &c.Quoted, &n.oid, &n.modifier, &n.name, &n.category, &c.Unique, &c.Indexed}, func() error {
		t := &tables[place[oid]]
		t.Columns = append(t.Columns, described(c, n))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the columns of %s: %w", s.name, err)
	}
	return tables, nil
}

// described says what a column can be compared as, with the same answers that opening and doctor give.
func described(c propose.Column, n native) propose.Column {
	c.Native, c.Kind = n.name, kindOf(n)
	c.Forms, c.Keys = map[order.FieldType]string{}, map[order.KeyType]string{}
	for _, t := range order.FieldTypes() {
		f := Field{Field: order.Field{Name: c.Name, Type: t}, Expr: c.Quoted}
		if accepts(t, n) {
			c.Forms[t] = c.Quoted
		} else if as, expr := comparableAs(f, n); as == t && n.category != "S" {
			c.Forms[t] = expr
		}
	}
	c.Best = typeFor(n)
	if !accepts(c.Best, n) {
		c.Best, _ = comparableAs(Field{Expr: c.Quoted, Field: order.Field{Type: order.Numeric}}, n)
	}
	c.Float = n.oid == pgtype.Float4OID || n.oid == pgtype.Float8OID
	c.Scale = -1
	if n.oid == pgtype.NumericOID {
		if decimals := n.capacity().decimals; decimals != unlimited {
			c.Scale = decimals
		}
	}
	switch c.Kind {
	case propose.KindInteger:
		c.Best = order.Integer
		c.Keys[order.KeyInteger], c.Keys[order.KeyText] = c.Quoted, "("+c.Quoted+")::text"
	case propose.KindUUID:
		c.Keys[order.KeyUUID], c.Keys[order.KeyText] = c.Quoted, "("+c.Quoted+")::text"
	case propose.KindText:
		c.Keys[order.KeyText] = c.Quoted
		if n.oid != pgtype.TextOID && n.oid != pgtype.VarcharOID {
			c.Keys[order.KeyText] = "(" + c.Quoted + ")::text"
		}
	default:
		if n.oid == pgtype.NumericOID {
			cast := castKey(c.Quoted, n)
			c.Keys[order.KeyText] = "trim_scale(" + c.Quoted + ")::text"
			if cast == "("+c.Quoted+")::bigint" {
				c.Keys[order.KeyInteger] = cast
			}
		}
	}
	return c
}

func kindOf(n native) propose.Kind {
	switch n.oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return propose.KindInteger
	case pgtype.UUIDOID:
		return propose.KindUUID
	case pgtype.TimestamptzOID:
		return propose.KindInstant
	case pgtype.TimestampOID:
		return propose.KindClock
	case pgtype.JSONOID, pgtype.JSONBOID:
		return propose.KindDocument
	case pgtype.ByteaOID:
		return propose.KindBytes
	}
	if n.category == "S" || n.category == "E" {
		return propose.KindText
	}
	return propose.KindOther
}

// rowsCounted is how many rows are counted at most, and surveyTimeout how long one look at a table may take.
const (
	rowsCounted   = 100_000
	surveyTimeout = 10 * time.Second
)

// Rows counts the rows of a table, but not more than a hundred thousand.
func (s *Survey) Rows(ctx context.Context, table string) (propose.Count, error) {
	bounded, cancel := context.WithTimeout(ctx, surveyTimeout)
	defer cancel()
	var rows int64
	err := s.pool.QueryRow(bounded, fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s LIMIT %d) AS part", table, rowsCounted+1)).Scan(&rows)
	if bounded.Err() != nil && ctx.Err() == nil {
		return propose.Count{Unknown: true}, nil
	}
	if err != nil {
		return propose.Count{}, fmt.Errorf("counting rows of %s: %w", table, err)
	}
	return propose.Count{Rows: min(rows, rowsCounted), More: rows > rowsCounted}, nil
}

// Values are the texts that a column has in the first ten thousand rows that the server gives; nil if they are many, or not
// known in time.
func (s *Survey) Values(ctx context.Context, table, column string) ([]string, error) {
	const sampled, few = 10_000, 20
	bounded, cancel := context.WithTimeout(ctx, surveyTimeout)
	defer cancel()
	rows, err := s.pool.Query(bounded, fmt.Sprintf("SELECT DISTINCT v FROM (SELECT (%s)::text AS v FROM %s LIMIT %d) AS part WHERE v IS NOT NULL ORDER BY v LIMIT %d", column, table, sampled, few+1))
	var found []string
	if err == nil {
		found, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	switch {
	case bounded.Err() != nil || err == nil && len(found) > few:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("reading values of %s: %w", column, err)
	}
	return found, nil
}

// keyForms are texts that can be cast to a key.
var keyForms = map[order.KeyType]*regexp.Regexp{
	order.KeyInteger: regexp.MustCompile(`^-?[0-9]{1,18}$`),
	order.KeyUUID:    regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
	order.KeyText:    regexp.MustCompile(``),
}

// RowsOf reads the fields of some orders on legacy's side, if an index serves their keys.
func (s *Survey) RowsOf(ctx context.Context, p propose.Pair, keys []string) (propose.Rows, error) {
	if !p.Key.Legacy.Indexed {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, censusTimeout)
	defer cancel()
	key := p.Key.Legacy.Keys[p.KeyType]
	fields := make([]string, len(p.Fields))
	for i, f := range p.Fields {
		fields[i] = "(" + f.Legacy.Forms[f.Type] + ")::text"
	}
	keys = slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !keyForms[p.KeyType].MatchString(k) })
	rows, err := s.pool.Query(ctx, fmt.Sprintf("SELECT (%s)::text, ARRAY[%s] FROM %s WHERE (%s) = ANY($1::text[]::%s[])",
		key, strings.Join(fields, ", "), p.Legacy.Quoted, key, keyCast(p.KeyType)), keys)
	if err != nil {
		return nil, fmt.Errorf("reading orders of %s: %w", p.Legacy.Quoted, err)
	}
	out := propose.Rows{}
	var id string
	var values []*string
	_, err = pgx.ForEachRow(rows, []any{&id, &values}, func() error {
		out[id] = map[string]string{}
		for i, v := range values {
			if v != nil {
				out[id][p.Fields[i].Name] = *v
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading orders of %s: %w", p.Legacy.Quoted, err)
	}
	return out, nil
}
