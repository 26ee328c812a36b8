package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
)

// relation is what the catalogue says about the configured table. Every role may read the catalogue, even without
// rights on the table. Its zero value is a subquery, or a table that does not exist.
type relation struct {
	oid          uint32
	schema, name string
	kind         string // pg_class.relkind
	populated    bool
	mayUse       bool // the schema
	mayRead      bool // on at least one column
	mayWrite     bool
	owner        string
	columns      []string
	partitionKey []string // columns; empty text for an expression
	whole        string   // the table of which it is one partition; empty for none
}

func (r relation) String() string { return r.schema + "." + r.name }

// kinds are relations that can be compared, by relkind.
var kinds = map[string]string{"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table"}

// examineTable decides whether to ask about columns.
func (e *examination) examineTable(ctx context.Context) {
	if e.isSubquery() {
		if e.readTable(ctx, "the subquery"); e.readable {
			e.examineFilters(ctx)
		}
		if e.server.superuser {
			e.findings = append(e.findings, roleFinding(e.side(), e.server, e.relation))
		}
		return
	}
	names, err := e.identifiers(ctx)
	if err != nil {
		if !e.lost("reading the name of table "+e.config.Table, err) {
			e.add(doctor.Error, CheckTable, fmt.Sprintf("table %s: %s", e.config.Table, saidBy(err)), "write schema.table, or a subquery in parentheses")
		}
		return
	}
	e.relation, err = e.lookUp(ctx, names)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		e.add(doctor.Error, CheckTable, fmt.Sprintf("there is no table %s in database %s", e.config.Table, e.server.database), e.elsewhere(ctx, names))
		return
	case err != nil:
		e.failed(CheckTable, "looking up table "+e.config.Table, err)
		return
	}
	if message, hint := e.relation.obstacle(e.server.role); message != "" {
		e.addRemedy(doctor.Error, CheckTable, message, remedy{hint, e.accessFixes(ctx)})
		return
	}
	e.shape.oid, e.shape.relation = e.relation.oid, e.relation.kind
	e.readTable(ctx, kinds[e.relation.kind]+" "+e.relation.String())
	if whole := e.relation.whole; whole != "" {
		e.add(doctor.Warning, CheckTable, fmt.Sprintf("%s is one partition of %s: what the others hold is not compared", e.relation, whole), "write table: "+yamlText(whole)+", unless this partition alone is meant")
	}
	e.findings = append(e.findings, roleFinding(e.side(), e.server, e.relation))
	e.examineFilters(ctx)
}

// obstacle returns why a table cannot be read; empty if it can.
func (r relation) obstacle(role string) (message, hint string) {
	switch {
	case kinds[r.kind] == "":
		return fmt.Sprintf("%s is not a table or view", r), "check the table in config.yaml"
	case !r.mayUse:
		return fmt.Sprintf("role %s may not use schema %s", role, r.schema), fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s", quoted(r.schema), quoted(role))
	case !r.mayRead:
		return fmt.Sprintf("role %s may not read %s", role, r), fmt.Sprintf("GRANT SELECT ON %s TO %s", quoted(r.schema, r.name), quoted(role))
	case !r.populated:
		return fmt.Sprintf("materialized view %s was never refreshed", r), fmt.Sprintf("REFRESH MATERIALIZED VIEW %s", quoted(r.schema, r.name))
	}
	return "", ""
}

// readTable proves what the catalogue says.
func (e *examination) readTable(ctx context.Context, what string) {
	switch err := e.probe(ctx); {
	case hidesRows(err):
		e.addRemedy(doctor.Error, CheckRole, fmt.Sprintf("row-level security hides rows of %s from %s: %s", what, e.server.role, saidBy(err)), remedy{rowSecurityHint, e.policyFixes()})
		return
	case err != nil:
		e.failed(CheckTable, "reading "+what, err)
		e.fixLast(CheckTable, e.subqueryFixes(ctx, err))
		return
	}
	e.readable = true
	e.add(doctor.OK, CheckTable, what+" can be read", "")
}

// identifiers splits the configured name as SQL does.
func (e *examination) identifiers(ctx context.Context) (names []string, err error) {
	err = e.pool.QueryRow(ctx, "SELECT pg_catalog.parse_ident($1)", e.config.Table).Scan(&names)
	return names, err
}

func (e *examination) lookUp(ctx context.Context, names []string) (relation, error) {
	if len(names) < 2 {
		return relation{}, pgx.ErrNoRows // search_path is empty
	}
	r := relation{schema: names[len(names)-2], name: names[len(names)-1]}
	err := e.pool.QueryRow(ctx, `SELECT c.oid, c.relkind::text, c.relispopulated, has_schema_privilege(n.oid, 'USAGE'),
			has_any_column_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'),
			array(SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum),
			array(SELECT coalesce(a.attname::text, '') FROM pg_catalog.pg_partitioned_table p CROSS JOIN unnest(p.partattrs::int2[]) AS part(number)
				LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = part.number WHERE p.partrelid = c.oid),
			pg_catalog.pg_get_userbyid(c.relowner)::text,
			coalesce((SELECT format('%I.%I', s.nspname, w.relname) FROM pg_catalog.pg_class w JOIN pg_catalog.pg_namespace s ON s.oid = w.relnamespace
				WHERE c.relispartition AND w.oid = pg_catalog.pg_partition_root(c.oid)), '')
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`, r.schema, r.name).
		Scan(&r.oid, &r.kind, &r.populated, &r.mayUse, &r.mayRead, &r.mayWrite, &r.columns, &r.partitionKey, &r.owner, &r.whole)
	return r, err
}

// elsewhere returns a hint at a table with the same name in another schema.
func (e *examination) elsewhere(ctx context.Context, names []string) string {
	rows, err := e.pool.Query(ctx, `SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE lower(c.relname) = lower($1) AND c.relkind IN ('r','p','v','m','f') AND n.nspname !~ '^pg_(toast|temp)' ORDER BY 1 LIMIT 3`, names[len(names)-1])
	if err != nil {
		return hints["42P01"]
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(found) == 0 {
		return "check the table and the database in the dsn; search_path is empty, so write schema.table"
	}
	return "there is " + strings.Join(found, " and ") + "; search_path is empty, so write schema.table"
}

// roleFinding reports whether the role may do more than it needs to.
func roleFinding(side string, s server, r relation) doctor.Finding {
	f := doctor.Finding{Side: side, Check: CheckRole, Level: doctor.OK, Message: fmt.Sprintf("role %s may read, but not write", s.role)}
	const enough = "use a role that has only SELECT; crosscheck never writes here"
	switch {
	case s.superuser:
		f.Level, f.Message, f.Hint = doctor.Warning, fmt.Sprintf("role %s is a superuser", s.role), enough
	case r.mayWrite:
		f.Level, f.Message, f.Hint = doctor.Info, fmt.Sprintf("role %s may write to %s", s.role, r), enough
	}
	return f
}

// examineRows finds out whether there is anything to compare.
func (e *examination) examineRows(ctx context.Context) {
	var any bool
	if err := e.pool.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+e.from()+")").Scan(&any); err != nil {
		e.failed(CheckRows, "looking for a first row", err)
		return
	}
	if !any && e.config.Where != "" {
		return // said with the size of the slice
	}
	if !any {
		e.add(doctor.Warning, CheckRows, "the table is empty", "check that the dsn, the table and the role's row-level security are right; an empty table is never a match")
		return
	}
	e.add(doctor.OK, CheckRows, "there are rows", "")
}
