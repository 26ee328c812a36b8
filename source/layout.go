package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/repair"
)

// Layout is a table of the side's database, as the catalogue has it.
func (s *Side) Layout(ctx context.Context, table string) (repair.Table, error) {
	t := repair.Table{Name: table}
	if strings.HasPrefix(strings.TrimSpace(table), "(") {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := s.pool.QueryRow(ctx, "SELECT relkind::text FROM pg_catalog.pg_class WHERE oid = $1::text::regclass", table).Scan(&t.Kind); err != nil {
		return t, fmt.Errorf("looking up %s: %w", table, err)
	}
	rows, err := s.pool.Query(ctx, `SELECT a.attname, format_type(a.atttypid, NULL), a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> ''
		FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, table)
	if err != nil {
		return t, fmt.Errorf("reading the columns of %s: %w", table, err)
	}
	t.Columns, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c repair.Column, err error) {
		return c, row.Scan(&c.Name, &c.Type, &c.NotNull, &c.Default, &c.Generated)
	})
	if err != nil {
		return t, fmt.Errorf("reading the columns of %s: %w", table, err)
	}
	return t, nil
}

// Layout is a table of the event store's database, as the catalogue has it.
func (e *Events) Layout(ctx context.Context, table string) (repair.Table, error) {
	return e.side.Layout(ctx, table)
}

// Condition is that for events that are read; empty if all are.
func (e *Events) Condition() string { return e.side.config.Where }

// Stored reads columns of the rows with some keys, as text.
func (s *Side) Stored(ctx context.Context, table, key string, columns []string, keys []order.Key) (map[order.Key][]map[string]order.Value, error) {
	defer s.observe("stored")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	list := []string{"(" + key + ")::text"}
	for _, c := range columns {
		list = append(list, "t."+quoted(c)+"::text")
	}
	rows, err := s.pool.Query(ctx, fmt.Sprintf("SELECT %s FROM %s AS t WHERE (%s) = ANY($1::text[]::%s[])", strings.Join(list, ", "), table, key, keyCast(s.shape.keyType)), texts(keys))
	if err != nil {
		return nil, fmt.Errorf("reading rows of %s: %w", table, err)
	}
	defer rows.Close()
	out := map[order.Key][]map[string]order.Value{}
	for rows.Next() {
		values := make([]*string, len(columns)+1)
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("reading rows of %s: %w", table, err)
		}
		row := map[string]order.Value{}
		for i, c := range columns {
			row[c] = textOrNull(values[i+1])
		}
		if values[0] != nil {
			out[order.Key(*values[0])] = append(out[order.Key(*values[0])], row)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading rows of %s: %w", table, err)
	}
	return out, nil
}
