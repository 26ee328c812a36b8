package source

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/source/session"
)

// CheckFilter checks what a view may leave out.
const CheckFilter = "filter"

// viewsBehind are relations and everything that their definitions read, with their definitions: views, foreign tables, and
// tables with row-level security. For the last, filled are the materialized views that keep what it let through.
const viewsBehind = `WITH RECURSIVE behind AS (
		SELECT unnest($1::oid[]) AS oid, NULL::oid AS filled
		UNION SELECT d.refobjid, CASE WHEN c.relkind = 'm' THEN c.oid ELSE b.filled END
			FROM behind b JOIN pg_catalog.pg_class c ON c.oid = b.oid JOIN pg_catalog.pg_rewrite r ON r.ev_class = b.oid
			JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
			WHERE d.refobjid <> b.oid)
	SELECT c.relkind::text AS kind, format('%s.%s', n.nspname, c.relname) AS name, coalesce(pg_catalog.pg_get_viewdef(c.oid), '') AS definition,
		CASE WHEN c.relrowsecurity THEN coalesce(string_agg(format('%s.%s', fn.nspname, f.relname), ', ' ORDER BY fn.nspname, f.relname) FILTER (WHERE f.oid IS NOT NULL), '') ELSE '' END AS filled
	FROM behind b JOIN pg_catalog.pg_class c ON c.oid = b.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_catalog.pg_class f ON f.oid = b.filled LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
	WHERE c.relkind IN ('v', 'm', 'f') OR c.relrowsecurity GROUP BY c.oid, c.relkind, c.relrowsecurity, n.nspname, c.relname ORDER BY 2`

// definedRelation is a view with its definition, or a table without one.
type definedRelation struct{ Kind, Name, Definition, Filled string }

// examineFilters names what may silently leave out rows. Both sides may leave out the same rows on purpose, so it is
// only a note.
func (e *examination) examineFilters(ctx context.Context) {
	roots, err := e.roots(ctx)
	if err != nil {
		e.failed(CheckFilter, "looking for filters", err)
		return
	}
	rows, err := e.pool.Query(ctx, viewsBehind, roots)
	if err != nil {
		e.failed(CheckFilter, "looking for filters", err)
		return
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[definedRelation])
	if err != nil {
		e.failed(CheckFilter, "looking for filters", err)
		return
	}
	for _, r := range found {
		const hint = "check that it leaves out no row that should be compared"
		switch words := filters(r.Definition); {
		case r.Kind == "f":
			e.add(doctor.Info, CheckFilter, "rows that the other server hides from foreign table "+r.Name+", for example by row-level security, are not compared, and crosscheck cannot notice that", hint)
		case r.Filled != "":
			e.add(doctor.Info, CheckFilter, fmt.Sprintf("materialized view %s is filled from %s %s, which has row-level security: the rows that it hid then are not compared, and crosscheck cannot notice that",
				r.Filled, kinds[r.Kind], r.Name), hint+", or let a role with BYPASSRLS own the materialized view")
		case len(words) > 0:
			e.add(doctor.Info, CheckFilter, fmt.Sprintf("%s %s has %s: the rows that it leaves out are not compared, and crosscheck cannot notice that", kinds[r.Kind], r.Name, strings.Join(words, ", ")), hint)
		}
	}
}

// roots returns the relation, or all that the subquery reads.
func (e *examination) roots(ctx context.Context) (oids []uint32, err error) {
	if !e.isSubquery() {
		return []uint32{e.relation.oid}, nil
	}
	err = e.pool.Read(ctx, func(tx *session.Tx) error {
		if _, err := explain(ctx, tx, "(FORMAT JSON)", "SELECT * FROM "+e.from()); err != nil {
			return err
		}
		locked, err := lockedRelations(ctx, tx)
		for _, n := range locked {
			oids = append(oids, n.OID)
		}
		return err
	})
	return oids, err
}

var (
	quotedText = regexp.MustCompile(`'(?:[^']|'')*'|"(?:[^"]|"")*"`)
	filterWord = regexp.MustCompile(`\b(?:WHERE|JOIN|LIMIT|OFFSET|FETCH|DISTINCT|GROUP BY|INTERSECT|EXCEPT)\b`)
)

// filters returns the words of a definition, as the server prints it, that can leave out rows.
func filters(definition string) []string {
	words := filterWord.FindAllString(quotedText.ReplaceAllString(definition, ""), -1)
	slices.Sort(words)
	return slices.Compact(words)
}
