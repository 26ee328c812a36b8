package source

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
)

// remedy is what to do about a finding, for people, and the statements for it where there are any.
type remedy struct {
	hint  string
	fixes []doctor.Fix
}

func (e *examination) addRemedy(level doctor.Level, check, message string, r remedy) {
	e.add(level, check, message, r.hint)
	e.findings[len(e.findings)-1].Fixes = r.fixes
}

// fixLast gives the last finding fixes, if it is of that check.
func (e *examination) fixLast(check string, fixes []doctor.Fix) {
	if n := len(e.findings); n > 0 && e.findings[n-1].Check == check {
		e.findings[n-1].Fixes = fixes
	}
}

// ownersFix is a statement that the table's owner may run.
func (e *examination) ownersFix(step doctor.Step, statement string) remedy {
	return remedy{statement, []doctor.Fix{{As: e.relation.ownedBy(), Step: step, SQL: []string{statement}}}}
}

func (r relation) ownedBy() string { return fmt.Sprintf("the owner of %s, %s", r, r.owner) }

// accessFixes are all rights that the role lacks on the table, and the indexes that the catalogue does not show: without the rights,
// the planner cannot be asked.
func (e *examination) accessFixes(ctx context.Context) (fixes []doctor.Fix) {
	r, role := e.relation, quoted(e.server.role)
	if kinds[r.kind] == "" {
		return nil
	}
	if !r.mayUse {
		fixes = append(fixes, doctor.Fix{As: "the owner of schema " + r.schema, SQL: []string{fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s", quoted(r.schema), role)}})
	}
	if !r.mayRead {
		fixes = append(fixes, doctor.Fix{As: r.ownedBy(), SQL: []string{fmt.Sprintf("GRANT SELECT ON %s TO %s", quoted(r.schema, r.name), role)}})
	}
	if !r.populated {
		fixes = append(fixes, doctor.Fix{As: r.ownedBy(), Step: doctor.Change, SQL: []string{"REFRESH MATERIALIZED VIEW " + quoted(r.schema, r.name)}})
	}
	for _, column := range []struct {
		name   string
		unique bool
	}{{e.config.Key, true}, {e.config.ChangedAt, false}} {
		if lacks, err := e.lacksIndex(ctx, column.name, column.unique); err == nil && lacks {
			fixes = append(fixes, e.indexRemedy(ctx, column.unique, column.name).fixes...)
		}
	}
	return fixes
}

// lacksIndex asks the catalogue for an index that begins with a column of the table. Of an expression it knows nothing.
func (e *examination) lacksIndex(ctx context.Context, column string, unique bool) (lacks bool, err error) {
	if !plainColumn.MatchString(column) || e.named != "" || e.config.Representation == order.Events || e.relation.kind == "v" || e.relation.kind == "f" {
		return false, nil
	}
	err = e.pool.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisvalid AND i.indpred IS NULL
			AND (NOT $3 OR i.indisunique AND i.indnkeyatts = 1))
		FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attname = (pg_catalog.parse_ident($2))[1] AND a.attnum > 0 AND NOT a.attisdropped`,
		e.relation.oid, column, unique).Scan(&lacks)
	return lacks, err
}

// policyFixes is the only way past row-level security that every session can verify.
func (e *examination) policyFixes() []doctor.Fix {
	if e.relation.kind != "r" && e.relation.kind != "p" {
		return nil // it depends on whose rights the view reads with
	}
	return []doctor.Fix{{
		As: "a superuser", SQL: []string{fmt.Sprintf("ALTER ROLE %s BYPASSRLS", quoted(e.server.role))},
		Note: "With it the role sees all rows of each table of the server that it may read.",
	}}
}

// subqueryFixes are the rights that a subquery lacks. Its text names each table with its schema, because search_path is empty.
func (e *examination) subqueryFixes(ctx context.Context, denied error) (fixes []doctor.Fix) {
	if pg, ok := errors.AsType[*pgconn.PgError](denied); !ok || pg.Code != "42501" || !e.isSubquery() {
		return nil
	}
	rows, err := e.pool.Query(ctx, `SELECT n.nspname, c.relname, has_schema_privilege(n.oid, 'USAGE'), has_any_column_privilege(c.oid, 'SELECT'), pg_catalog.pg_get_userbyid(c.relowner)::text
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r','p','v','m','f') AND strpos(lower($1), lower(c.relname)) > 0 AND strpos(lower($1), lower(n.nspname)) > 0
			AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')) ORDER BY 1, 2`, e.config.Table)
	if err != nil {
		return nil
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r relation, err error) {
		return r, row.Scan(&r.schema, &r.name, &r.mayUse, &r.mayRead, &r.owner)
	})
	if err != nil {
		return nil
	}
	for _, r := range found {
		if !textNames(e.config.Table, r.schema, r.name) {
			continue
		}
		there := examination{Side: e.Side, named: e.named, server: e.server, relation: r}
		there.relation.kind, there.relation.populated = "v", true // no index is asked for
		fixes = append(fixes, there.accessFixes(ctx)...)
	}
	return fixes
}

// textNames returns true if an SQL text names a table.
func textNames(text, schema, name string) bool {
	word := func(s string) string {
		return `(?:"` + regexp.QuoteMeta(strings.ReplaceAll(s, `"`, `""`)) + `"|(?i:` + regexp.QuoteMeta(s) + `))`
	}
	is, err := regexp.MatchString(`(?:^|[^\w$."])`+word(schema)+`\s*\.\s*`+word(name)+`(?:$|[^\w$"])`, text)
	return err == nil && is
}

// building is how an index is built without keeping writers out: for a partitioned table on each partition, and then attached.
func (e *examination) building(ctx context.Context, statement string, columns []string) doctor.Fix {
	r := e.relation
	unique := strings.HasPrefix(statement, "CREATE UNIQUE")
	fix := doctor.Fix{
		As: r.ownedBy(), Step: doctor.Build, SQL: []string{statement},
		Index: &doctor.Index{Table: quoted(r.schema, r.name), Columns: columns, Unique: unique},
	}
	if unique {
		fix.Note = "It fails if a value occurs twice, and then the rows have to be mended first."
	}
	if r.kind != "p" {
		return fix
	}
	parts, err := e.partitions(ctx)
	if err != nil {
		fix.Note = strings.TrimSpace(fix.Note + " No row can be written until it is built.")
		return fix
	}
	fix.SQL = inParts(parts, unique, strings.Join(columns, ", "))
	return fix
}

// partition is a part of a partitioned table, or that table, which has no parent.
type partition struct {
	oid, parent  uint32 // parent is 0 for the table itself
	schema, name string
	leaf         bool
}

// partitions are the table and all its parts, from above. It fails where there is no part, and where one is on another server.
func (e *examination) partitions(ctx context.Context) ([]partition, error) {
	rows, err := e.pool.Query(ctx, `SELECT c.oid, CASE WHEN t.level > 0 THEN t.parentrelid::oid ELSE 0 END, n.nspname, c.relname, t.isleaf, c.relkind = 'f'
		FROM pg_catalog.pg_partition_tree($1::oid::regclass) t JOIN pg_catalog.pg_class c ON c.oid = t.relid
			JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY t.level, c.oid`, e.relation.oid)
	if err != nil {
		return nil, err
	}
	parts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p partition, err error) {
		var foreign bool
		if err = row.Scan(&p.oid, &p.parent, &p.schema, &p.name, &p.leaf, &foreign); err == nil && foreign {
			err = fmt.Errorf("%s is on another server", p.name)
		}
		return p, err
	})
	if err == nil && len(parts) < 2 {
		err = errors.New("there is no partition")
	}
	return parts, err
}

// inParts builds an index part by part. The index of the whole table is valid when an index of each part has been attached to it.
func inParts(parts []partition, unique bool, list string) []string {
	create := "CREATE INDEX "
	if unique {
		create = "CREATE UNIQUE INDEX "
	}
	var whole, built, attached []string
	own, indexes := map[uint32]string{}, map[uint32]string{} // by the table's oid; indexes with their schema
	for _, p := range parts {
		own[p.oid] = quoted(indexName(p.schema, p.name, list))
		indexes[p.oid] = quoted(p.schema) + "." + own[p.oid]
		if p.leaf {
			built = append(built, fmt.Sprintf("%sCONCURRENTLY %s ON %s (%s)", create, own[p.oid], quoted(p.schema, p.name), list))
		} else {
			whole = append(whole, fmt.Sprintf("%s%s ON ONLY %s (%s)", create, own[p.oid], quoted(p.schema, p.name), list))
		}
		if p.parent != 0 {
			attached = append(attached, fmt.Sprintf("ALTER INDEX %s ATTACH PARTITION %s", indexes[p.parent], indexes[p.oid]))
		}
	}
	return slices.Concat(whole, built, attached)
}

// indexName is a name that fits, and is of this table and these columns alone.
func indexName(schema, table, list string) string {
	h := fnv.New32a()
	_, _ = fmt.Fprintf(h, "%q %q %q", schema, table, list)
	return strings.ToValidUTF8(table[:min(len(table), 48)], "") + fmt.Sprintf("_%08x", h.Sum32())
}
