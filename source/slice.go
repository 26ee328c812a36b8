package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
)

// ConditionError says that the condition of a slice is not one.
type ConditionError struct {
	// Setting is its key path in the configuration, such as legacy.where.
	Setting string
	err     error
}

func (c *ConditionError) Error() string { return c.err.Error() }
func (c *ConditionError) Unwrap() error { return c.err }

// condition is a condition in parentheses. A comment at its end must not go on behind them.
func condition(sql string) string { return "(\n" + sql + "\n)" }

// slice is the FROM item of a table, or of a part of it, with the rows that belong here. The planner looks through it, so
// indexes and addresses of rows serve as without a condition. sample is a clause that follows the table.
func (s *Side) slice(table, sample string) string {
	if s.config.Where == "" {
		return table + " AS t" + sample
	}
	return "(SELECT " + s.shape.addresses() + "t.* FROM " + table + " AS t" + sample + " WHERE " + condition(s.config.Where) + ") AS t"
}

// addresses are the columns of a table that * leaves out; empty if there are none.
func (s shape) addresses() string {
	switch s.relation {
	case "r", "m", "p":
		return "t.tableoid, t.ctid, t.xmin, "
	}
	return ""
}

// unsliced is the table with all its rows.
func (s *Side) unsliced() *Side { return &Side{config: Config{Table: s.config.Table}, pool: s.pool} }

// readWhere proves that a condition is one.
func (s *Side) readWhere(ctx context.Context, where string) error {
	if where == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	setting := string(s.config.Representation) + ".where"
	n, err := s.unsliced().typeOf(ctx, "\n"+where+"\n")
	if err == nil && n.oid != pgtype.BoolOID {
		return &ConditionError{setting, &unfitError{fmt.Sprintf("%s %s is %s, not a condition", setting, where, n.name), "write what is true for the rows that belong here, such as \"category = 'order'\""}}
	}
	if err == nil { // there are conditions that SELECT takes and WHERE does not
		_, err = (&Side{config: Config{Table: s.config.Table, Where: where}, pool: s.pool}).typeOf(ctx, "1")
	}
	if err == nil || Passes(err) {
		return err
	}
	if table := s.unsliced().probe(ctx); table != nil { // not the condition's fault
		return table
	}
	return &ConditionError{setting, fmt.Errorf("%s %s: %w", setting, where, err)}
}

// Any reports whether a row belongs here.
func (s *Side) Any(ctx context.Context) (any bool, err error) {
	err = s.read(ctx, "any", func(ctx context.Context, tx *session.Tx) error {
		return tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+s.from()+")").Scan(&any)
	})
	return any, err
}

// Some are the keys of some rows that belong here, at most as many.
func (s *Side) Some(ctx context.Context, most int) (keys []order.Key, err error) {
	err = s.read(ctx, "some", func(ctx context.Context, tx *session.Tx) error {
		texts, err := someKeys(ctx, tx, fmt.Sprintf("SELECT (%[1]s)::text FROM %[2]s WHERE (%[1]s) IS NOT NULL LIMIT %[3]d", s.config.Key, s.from(), most))
		for _, text := range texts {
			keys = append(keys, order.Key(text))
		}
		return err
	})
	return keys, err
}

// Served reports whether an index can find the rows for which a condition holds, however large the table is now.
func (s *Side) Served(ctx context.Context, of string) (served bool, err error) {
	err = s.read(ctx, "served", func(ctx context.Context, tx *session.Tx) error {
		if err := tx.Set(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
			return err
		}
		lines, err := someKeys(ctx, tx, "EXPLAIN SELECT FROM "+s.itself()+" WHERE "+condition(of))
		served = strings.Contains(strings.Join(lines, "\n"), "Index Cond:")
		return err
	})
	return served, err
}

// read asks something small, in a transaction of its own.
func (s *Side) read(ctx context.Context, kind string, ask func(context.Context, *session.Tx) error) error {
	defer s.observe(kind)()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	n, err := s.begin(ctx, "SELECT 1 FROM "+s.from()+" LIMIT 0")
	if err != nil {
		return err
	}
	defer n.Close()
	if err := ask(ctx, n.tx); err != nil {
		return fmt.Errorf("reading rows of %s: %w", s.config.Representation, err)
	}
	return nil
}
