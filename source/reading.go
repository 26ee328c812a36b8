package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/source/session"
)

// reading is what a query reads.
type reading struct {
	tables    []string // in its own database, as schema.table; no foreign ones
	foreign   []foreignTable
	functions []string       // that may read anything
	kept      []relationName // of tables, the materialized views
	strangers []foreignTable // of foreign, those of servers that are no side's; known after they were followed
}

// relationName is a relation as the catalogue has it.
type relationName struct {
	OID                uint32
	Kind, Schema, Name string
}

func (n relationName) String() string { return n.Schema + "." + n.Name }

// reads returns what a query of all compared columns reads.
func (s *Side) reads(ctx context.Context) (reading, error) {
	columns := []string{s.config.Key}
	for _, f := range s.config.Fields {
		columns = append(columns, f.Expr)
	}
	r, err := s.readBy(ctx, "SELECT ("+strings.Join(columns, "), (")+") FROM "+s.from())
	if err != nil {
		return r, fmt.Errorf("looking for the tables behind %s: %w", s.config.Representation, err)
	}
	return r, nil
}

// readBy asks the planner, which locks all that a query reads, but cannot look into most functions.
func (s *Side) readBy(ctx context.Context, query string) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var r reading
	err := s.pool.Read(ctx, func(tx *session.Tx) error {
		root, text, err := explained(ctx, tx, "(VERBOSE, FORMAT JSON)", query)
		if err != nil {
			return err
		}
		locked, err := lockedRelations(ctx, tx)
		if err != nil {
			return err
		}
		root.walk(func(p plan) { // not all that is locked is read
			is := func(n relationName) bool { return n.Schema == p.Schema && n.Name == p.Relation && n.Kind != "f" }
			if i := slices.IndexFunc(locked, is); i >= 0 {
				r.add(locked[i])
			}
		})
		if r.foreign, err = foreignTables(ctx, tx, locked); err != nil {
			return err
		}
		r.functions, err = opaque(ctx, tx, text)
		return err
	})
	if err == nil && len(r.functions) > 0 {
		s.runFunctions(ctx, query, &r)
	}
	slices.Sort(r.tables)
	r.tables = slices.Compact(r.tables)
	return r, err
}

// functionTimeout is for the first row of a query with functions.
const functionTimeout = 10 * time.Second

// runFunctions adds the tables that functions lock while they compute a first row. A function need not read all its
// tables for that, and reading the row may fail, so nothing follows from what is not found.
func (s *Side) runFunctions(ctx context.Context, query string, r *reading) {
	ctx, cancel := context.WithTimeout(ctx, functionTimeout)
	defer cancel()
	_ = s.pool.Read(ctx, func(tx *session.Tx) error {
		rows, err := tx.Query(ctx, query+" LIMIT 1")
		if err != nil {
			return err
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
		locked, err := lockedRelations(ctx, tx)
		if err != nil {
			return err
		}
		foreign, err := foreignTables(ctx, tx, locked)
		if err != nil {
			return err
		}
		r.foreign = foreign
		for _, n := range locked {
			r.add(n)
		}
		return nil
	})
}

// add adds a relation that holds rows in this database.
func (r *reading) add(n relationName) {
	if n.Kind == "m" {
		r.kept = append(r.kept, n)
	}
	if n.Kind == "m" || n.Kind == "r" {
		r.tables = append(r.tables, n.String())
	}
}

// lockedRelations are the relations that the transaction has read or planned to read.
func lockedRelations(ctx context.Context, tx *session.Tx) ([]relationName, error) {
	rows, err := tx.Query(ctx, `SELECT DISTINCT c.oid, c.relkind::text, n.nspname::text, c.relname::text FROM pg_catalog.pg_locks l
		JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND n.nspname NOT IN ('pg_catalog', 'pg_toast') ORDER BY 3, 4`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[relationName])
}

// catalogued returns what a relation reads according to the catalogue, which needs no rights and looks into
// materialized views, but not into functions. What is below other materialized views is left out if it is not filled.
func (s *Side) catalogued(ctx context.Context, name string, filled bool) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var r reading
	rows, err := s.pool.Query(ctx, `WITH RECURSIVE behind AS (
			SELECT $1::text::regclass::oid AS oid
			UNION SELECT next.oid FROM behind b JOIN pg_catalog.pg_class c ON c.oid = b.oid CROSS JOIN LATERAL (
				SELECT inhrelid AS oid FROM pg_catalog.pg_inherits WHERE inhparent = b.oid
				UNION ALL SELECT d.refobjid FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass
					AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
					WHERE r.ev_class = b.oid AND (c.relkind = 'v' OR c.relkind = 'm' AND $2)) next)
		SELECT c.oid, c.relkind::text, n.nspname::text, c.relname::text FROM behind b JOIN pg_catalog.pg_class c ON c.oid = b.oid
			JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT (c.relkind = 'm' AND $2)`, name, filled)
	if err != nil {
		return r, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[relationName])
	if err != nil {
		return r, err
	}
	for _, n := range found {
		r.add(n)
	}
	r.foreign, err = foreignTables(ctx, s.pool, found)
	return r, err
}

// functionCall is a function of a schema; a plan prints those of pg_catalog without their schema.
var functionCall = regexp.MustCompile(`((?:"[^"]+"|[\pL_][\pL\pN_$]*)\.(?:"[^"]+"|[\pL_][\pL\pN_$]*))\(`)

// opaque returns the functions that a plan calls and that may read tables. The planner has replaced simple functions
// in SQL by their queries already. An immutable function must read none.
func opaque(ctx context.Context, tx *session.Tx, text string) ([]string, error) {
	var called []string
	for _, found := range functionCall.FindAllStringSubmatch(strings.ReplaceAll(text, `\"`, `"`), -1) {
		called = append(called, found[1])
	}
	if len(called) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `SELECT DISTINCT format('%I.%I', n.nspname, p.proname) FROM pg_catalog.pg_proc p
		JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		WHERE format('%I.%I', n.nspname, p.proname) = ANY($1::text[]) AND p.provolatile <> 'i' AND n.nspname <> 'pg_catalog' ORDER BY 1`, called)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// queryRower is a pool or a transaction.
type queryRower interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

var errPlan = errors.New("the server returned no plan")

// explain asks for the plan of a query.
func explain(ctx context.Context, q queryRower, options, query string) (plan, error) {
	root, _, err := explained(ctx, q, options, query)
	return root, err
}

// explained returns also the plan's text.
func explained(ctx context.Context, q queryRower, options, query string) (root plan, text string, err error) {
	if err := q.QueryRow(ctx, "EXPLAIN "+options+" "+query).Scan(&text); err != nil {
		return plan{}, "", fmt.Errorf("asking for a plan: %w", err)
	}
	var plans []struct{ Plan plan }
	if err := json.Unmarshal([]byte(text), &plans); err != nil {
		return plan{}, "", fmt.Errorf("reading a plan: %w", err)
	}
	if len(plans) != 1 {
		return plan{}, "", errPlan
	}
	return plans[0].Plan, text, nil
}

func (p plan) walk(visit func(plan)) {
	visit(p)
	for _, child := range p.Plans {
		child.walk(visit)
	}
}
