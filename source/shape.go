package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
)

// shape is what a side's server says of the configured table.
type shape struct {
	keyType   order.KeyType
	relation  string // kind as in pg_class.relkind; empty for a subquery
	oid       uint32 // of the relation; 0 for a subquery
	version   int    // server_version_num
	keyIndex  bool   // ranges and lists of keys are read through an index
	timeIndex bool   // so is the newest change
}

// pages is true where rows have an address (a block and an offset) that can be drawn and ranged over.
func (s shape) pages() bool {
	return (s.relation == "r" || s.relation == "m") && s.version >= 140000
}

func (s *Side) resolve(ctx context.Context) (shape, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var sh shape
	var err error
	if sh.keyType, err = s.resolveKey(ctx); err != nil {
		return sh, err
	}
	for _, f := range s.config.Fields {
		if err := s.resolveField(ctx, f); err != nil {
			return sh, err
		}
	}
	if err := s.pool.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&sh.version); err != nil {
		return sh, fmt.Errorf("reading the server's version: %w", err)
	}
	if !strings.HasPrefix(strings.TrimSpace(s.config.Table), "(") {
		const q = "SELECT oid, relkind::text FROM pg_catalog.pg_class WHERE oid = $1::text::regclass"
		if err := s.pool.QueryRow(ctx, q, s.config.Table).Scan(&sh.oid, &sh.relation); err != nil {
			return sh, fmt.Errorf("looking up the table: %w", err)
		}
	}
	return sh, s.resolveIndexes(ctx, &sh)
}

func (s *Side) resolveKey(ctx context.Context) (order.KeyType, error) {
	oid, native, err := s.typeOf(ctx, s.config.Key)
	if err != nil {
		return "", fmt.Errorf("key %s: %w", s.config.Key, err)
	}
	switch oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return order.KeyInteger, nil
	case pgtype.UUIDOID:
		return order.KeyUUID, nil
	case pgtype.TextOID, pgtype.VarcharOID:
		return order.KeyText, nil
	}
	return "", fmt.Errorf("key %s is %s: %w (integer, uuid and text are supported)", s.config.Key, native, ErrUnsupported)
}

// accepted are the column types that cast to a field's type without losing anything.
var accepted = map[order.FieldType][]uint32{
	order.Text:        {pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.NameOID, pgtype.UUIDOID},
	order.Numeric:     {pgtype.NumericOID, pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID},
	order.Integer:     {pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID},
	order.Boolean:     {pgtype.BoolOID},
	order.Timestamptz: {pgtype.TimestamptzOID},
	order.UUID:        {pgtype.UUIDOID},
	order.Date:        {pgtype.DateOID},
}

func (s *Side) resolveField(ctx context.Context, f Field) error {
	oid, native, err := s.typeOf(ctx, f.Expr)
	if err != nil {
		return fmt.Errorf("field %s (%s): %w", f.Name, f.Expr, err)
	}
	for _, ok := range accepted[f.Type] {
		if oid == ok {
			return nil
		}
	}
	if f.Type == order.Text && s.isTextual(ctx, oid) {
		return nil
	}
	return fmt.Errorf("field %s: column %s is %s, and compared as %s: %w; map it with an expression, e.g. %q",
		f.Name, f.Expr, native, f.Type, ErrUnsupported, castExample(f, native))
}

func castExample(f Field, native string) string {
	if f.Type == order.Timestamptz && strings.HasPrefix(native, "timestamp") {
		return f.Expr + " AT TIME ZONE 'UTC'"
	}
	return fmt.Sprintf("(%s)::%s", f.Expr, f.Type)
}

// isTextual is true for enums and for types of the string category, citext for one.
func (s *Side) isTextual(ctx context.Context, oid uint32) bool {
	var yes bool
	const q = "SELECT typcategory IN ('E','S') FROM pg_catalog.pg_type WHERE oid = $1"
	return s.pool.QueryRow(ctx, q, oid).Scan(&yes) == nil && yes
}

// typeOf asks the server for the type of an expression over the table, which proves that the expression is valid too.
func (s *Side) typeOf(ctx context.Context, expr string) (oid uint32, name string, err error) {
	rows, err := s.pool.Query(ctx, "SELECT ("+expr+") FROM "+s.from()+" LIMIT 0")
	if err != nil {
		return 0, "", err
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return 0, "", err
	}
	oid = rows.FieldDescriptions()[0].DataTypeOID
	// A domain is read as its base type by the cast, so it counts as that.
	const q = "SELECT CASE WHEN typtype = 'd' THEN typbasetype ELSE oid END, pg_catalog.format_type(oid, NULL) FROM pg_catalog.pg_type WHERE oid = $1"
	err = s.pool.QueryRow(ctx, q, oid).Scan(&oid, &name)
	return oid, name, err
}

// resolveIndexes asks the planner, which knows better than the catalogue what a view or an expression comes down to.
func (s *Side) resolveIndexes(ctx context.Context, sh *shape) error {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("looking for indexes: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // read only: nothing to lose
	if _, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off", pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("looking for indexes: %w", err)
	}
	key := keySQL(sh.keyType, s.config.Key)
	sh.keyIndex, err = usesIndex(ctx, tx, fmt.Sprintf("SELECT 1 FROM %s WHERE %s = ANY('{%s}'::%s[])", s.from(), key, zeroKey(sh.keyType), keyCast(sh.keyType)))
	if err != nil || s.config.ChangedAt == "" {
		return err
	}
	sh.timeIndex, err = usesIndex(ctx, tx, s.newestSQL("1", 1))
	return err
}

// usesIndex is true if no node of the plan scans a table from end to end or sorts.
func usesIndex(ctx context.Context, tx pgx.Tx, query string) (bool, error) {
	var raw []byte
	if err := tx.QueryRow(ctx, "EXPLAIN (FORMAT JSON) "+query, pgx.QueryExecModeSimpleProtocol).Scan(&raw); err != nil {
		return false, fmt.Errorf("asking for a plan: %w", err)
	}
	var plans []struct{ Plan plan }
	if err := json.Unmarshal(raw, &plans); err != nil {
		return false, fmt.Errorf("reading a plan: %w", err)
	}
	if len(plans) != 1 {
		return false, errors.New("reading a plan: not exactly one")
	}
	return plans[0].Plan.keyed(), nil
}

type plan struct {
	Node  string `json:"Node Type"`
	Plans []plan
}

func (p plan) keyed() bool {
	if p.Node == "Seq Scan" || p.Node == "Sort" || p.Node == "Foreign Scan" {
		return false
	}
	for _, child := range p.Plans {
		if !child.keyed() {
			return false
		}
	}
	return true
}
