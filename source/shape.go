package source

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
)

// shape is what a side's server says about the configured table.
type shape struct {
	keyType   order.KeyType
	keyColumn uint16 // of the relation; 0 if the key is an expression, or the relation is no table
	relation  string // kind as in pg_class.relkind; empty for a subquery
	oid       uint32 // of the relation; 0 for a subquery
	version   int    // server_version_num
	keyIndex  bool   // ranges of keys can be read through an index
	timeIndex bool   // the newest change can be read through an index
}

// pages is true if rows have an address (a block and an offset) that can be drawn and used in ranges.
func (s shape) pages() bool {
	return (s.relation == "r" || s.relation == "m") && s.version >= 140000
}

func (s *Side) resolve(ctx context.Context) (shape, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var sh shape
	keyType, key, err := s.resolveKey(ctx)
	if sh.keyType = keyType; err != nil {
		return sh, err
	}
	s.config.Fields = slices.Clone(s.config.Fields) // the other side may have been given the same list
	for i, f := range s.config.Fields {
		n, err := s.resolveField(ctx, f)
		if err != nil {
			return sh, err
		}
		s.config.Fields[i].finite = n.oid != pgtype.NumericOID || n.modifier >= 0
	}
	if err := s.pool.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&sh.version); err != nil {
		return sh, fmt.Errorf("reading the server's version: %w", err)
	}
	if sh.oid, sh.relation, err = s.resolveTable(ctx); err != nil {
		return sh, err
	}
	if sh.relation == "r" && key.table == sh.oid {
		sh.keyColumn = key.column
	}
	// Text is in the order of bytes; an index in another order does not help.
	if sh.keyIndex, err = s.ordered(ctx, keySQL(sh.keyType, s.config.Key), keyCast(sh.keyType), zeroKey(sh.keyType)); err != nil || s.config.ChangedAt == "" {
		return sh, err
	}
	if sh.timeIndex, err = s.timeIndexed(ctx); err != nil {
		return sh, fmt.Errorf("changed_at %s: %w", s.config.ChangedAt, err)
	}
	return sh, nil
}

// uniqueIndex asks whether an index makes sure that no key of a table occurs twice.
const uniqueIndex = `SELECT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indrelid = $1 AND indisunique AND indisvalid
	AND indpred IS NULL AND indnkeyatts = 1 AND indkey[0] = $2)`

// requiredKey asks whether a column of a table cannot be NULL.
const requiredKey = `SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnotnull AND attnum = $2)`

// timeIndexed returns true if the newest change can be read through an index.
func (s *Side) timeIndexed(ctx context.Context) (bool, error) {
	return s.inOrder(ctx, s.newestSQL("1", "true", 1))
}

// isSubquery returns true if the configured table is a subquery in parentheses.
func (s *Side) isSubquery() bool { return strings.HasPrefix(strings.TrimSpace(s.config.Table), "(") }

// native is what a server says about an expression: its type, and its column if it is a single one.
type native struct {
	oid      uint32 // of the type; of the base type for a domain
	modifier int32  // length or precision and scale, as PostgreSQL packs them; -1 for none
	name     string // as people write it: numeric(18,4)
	category string // pg_type.typcategory
	table    uint32 // oid of the relation that it is a column of; 0 for an expression
	column   uint16
}

// resolveTable returns zero values for a subquery.
func (s *Side) resolveTable(ctx context.Context) (oid uint32, kind string, err error) {
	if s.isSubquery() {
		return 0, "", nil
	}
	const q = "SELECT oid, relkind::text FROM pg_catalog.pg_class WHERE oid = $1::text::regclass"
	if err := s.pool.QueryRow(ctx, q, s.config.Table).Scan(&oid, &kind); err != nil {
		return 0, "", fmt.Errorf("looking up the table: %w", err)
	}
	return oid, kind, nil
}

func (s *Side) resolveKey(ctx context.Context) (order.KeyType, native, error) {
	n, err := s.typeOf(ctx, s.config.Key)
	if err != nil {
		return "", n, fmt.Errorf("key %s: %w", s.config.Key, err)
	}
	switch n.oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return order.KeyInteger, n, s.settleKey(ctx, order.KeyInteger)
	case pgtype.UUIDOID:
		return order.KeyUUID, n, s.settleKey(ctx, order.KeyUUID)
	case pgtype.TextOID, pgtype.VarcharOID:
		return order.KeyText, n, s.settleKey(ctx, order.KeyText)
	}
	return "", n, fmt.Errorf("key %s is %s: %w (integer, uuid and text are supported); map it with an expression, e.g. %q, and give that an index, which crosscheck doctor names",
		s.config.Key, n.name, ErrUnsupported, castKey(s.config.Key, n))
}

// accepted are the column types that can be cast to a field's type without losing anything.
var accepted = map[order.FieldType][]uint32{
	order.Text:        {pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.NameOID, pgtype.UUIDOID},
	order.Numeric:     {pgtype.NumericOID, pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID},
	order.Integer:     {pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID},
	order.Boolean:     {pgtype.BoolOID},
	order.Timestamptz: {pgtype.TimestamptzOID},
	order.UUID:        {pgtype.UUIDOID},
	order.Date:        {pgtype.DateOID},
}

// accepts returns true also for enums and types of the string category, such as citext, if the field is text.
func accepts(t order.FieldType, n native) bool {
	return slices.Contains(accepted[t], n.oid) || t == order.Text && (n.category == "E" || n.category == "S")
}

func (s *Side) resolveField(ctx context.Context, f Field) (native, error) {
	n, err := s.typeOf(ctx, f.Expr)
	if err != nil {
		return n, fmt.Errorf("field %s (%s): %w", f.Name, f.Expr, err)
	}
	if accepts(f.Type, n) {
		return n, nil
	}
	return n, fmt.Errorf("field %s: column %s is %s, and compared as %s: %w; %s",
		f.Name, f.Expr, n.name, f.Type, ErrUnsupported, advice(f, n, func(expr string) string { return fmt.Sprintf("e.g. %q", expr) }))
}

// typeOf asks the server for the type of an expression over the table. This also proves that the expression is valid.
func (s *Side) typeOf(ctx context.Context, expr string) (native, error) {
	rows, err := s.pool.Query(ctx, "SELECT ("+expr+") FROM "+s.from()+" LIMIT 0")
	if err != nil {
		return native{}, err
	}
	columns := slices.Clone(rows.FieldDescriptions()) // the connection uses them again
	rows.Close()
	if err := rows.Err(); err != nil {
		return native{}, err
	}
	column := columns[0]
	n := native{modifier: column.TypeModifier, table: column.TableOID, column: column.TableAttributeNumber}
	// The cast reads a domain as its base type, so it counts as that.
	const q = `SELECT CASE WHEN typtype = 'd' THEN typbasetype ELSE oid END, pg_catalog.format_type(oid, $2), typcategory::text
		FROM pg_catalog.pg_type WHERE oid = $1`
	err = s.pool.QueryRow(ctx, q, column.DataTypeOID, column.TypeModifier).Scan(&n.oid, &n.name, &n.category)
	return n, err
}

// keyedSQL reads orders by their keys.
func (s *Side) keyedSQL(t order.KeyType) string {
	return fmt.Sprintf("SELECT 1 FROM %s WHERE (%s) = ANY('{%s}'::%s[])", s.from(), s.stored(), zeroKey(t), keyCast(t))
}

// stored is the key as it is looked up.
func (s *Side) stored() string { return cmp.Or(s.lookup, s.config.Key) }
