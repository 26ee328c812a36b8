package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

// mark notes how far a transaction with one snapshot reads these columns.
func (s *Side) mark(ctx context.Context, tx *session.Tx, columns ...string) (m verify.Mark, err error) {
	if m, err = s.reach(ctx, tx); err != nil || m.Unknown != "" {
		return m, err
	}
	files, err := s.files(ctx, tx)
	if err != nil {
		return m, fmt.Errorf("looking for the table's files: %w", err)
	}
	for _, f := range files {
		if m.Unknown == "" {
			m.Unknown = f.blind()
		}
		m.Files = append(m.Files, f.String())
	}
	if m.Unknown != "" {
		return verify.Mark{Unknown: m.Unknown}, nil
	}
	if err := tx.QueryRow(ctx, `SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN -1
		ELSE coalesce(sum(pg_catalog.pg_stat_get_tuples_updated(f::oid) + pg_catalog.pg_stat_get_tuples_deleted(f::oid)), 0)::bigint END
		FROM unnest($1::text[]) AS f`, oids(m)).Scan(&m.Edits); err != nil {
		return m, fmt.Errorf("asking how many rows were edited: %w", err)
	}
	m.Meaning, m.Unknown, err = s.meaning(ctx, tx, files, columns)
	return m, err
}

// reach notes from which server, and how far, a transaction with one snapshot reads.
func (s *Side) reach(ctx context.Context, tx *session.Tx) (m verify.Mark, err error) {
	if s.isSubquery() {
		return verify.Mark{Unknown: "rows of a subquery do not tell which transaction has written them"}, nil
	}
	// After a crash a server may give numbers again that it had given to transactions which were lost. Its statistics begin again
	// then too, if it does not start anew.
	const now = `SELECT pg_catalog.txid_snapshot_xmin(pg_catalog.txid_current_snapshot()), concat(extract(epoch FROM pg_catalog.pg_postmaster_start_time()), ' ',
		(SELECT extract(epoch FROM stats_reset) FROM pg_catalog.pg_stat_bgwriter))`
	if err := tx.QueryRow(ctx, now).Scan(&m.Oldest, &m.Server); err != nil {
		return m, fmt.Errorf("asking for the oldest transaction: %w", err)
	}
	// Not in the transaction, which would end if a service refuses the answer.
	system, err := s.told(ctx, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()")
	if err != nil {
		return m, fmt.Errorf("asking for the system identifier: %w", err)
	}
	m.Server = strings.TrimSpace(system + " " + m.Server)
	return m, nil
}

// file is a table, or a partition of it.
type file struct {
	relationName
	Node    uint32 // of the file; 0 for a partitioned table
	Method  string // how rows are stored; empty for a partitioned table
	Columns string
}

func (f file) String() string { return fmt.Sprintf("%d %d %s", f.OID, f.Node, f.Columns) }

// blind says why rows do not tell which transaction has written them; empty if they do.
func (f file) blind() string {
	kinds := map[string]string{"v": "view", "m": "materialized view", "f": "foreign table"}
	switch {
	case kinds[f.Kind] != "":
		return fmt.Sprintf("rows of the %s %s do not tell which transaction has written them", kinds[f.Kind], f.relationName)
	case f.Kind == "r" && f.Method != "heap":
		return fmt.Sprintf("rows of %s, which is stored as %s, may not tell which transaction has written them", f.relationName, f.Method)
	}
	return ""
}

// files returns the table and all that inherits from it. A column that is added with a default, renamed or replaced changes rows
// without writing them, so the columns belong to what must stay the same.
func (s *Side) files(ctx context.Context, tx *session.Tx) ([]file, error) {
	rows, err := tx.Query(ctx, `WITH RECURSIVE tree AS (SELECT $1::text::regclass::oid AS oid
			UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON tree.oid = i.inhparent)
		SELECT c.oid, c.relkind::text, n.nspname::text, c.relname::text, coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::oid, coalesce(m.amname::text, ''),
			(SELECT pg_catalog.md5(string_agg(a.attnum || ' ' || a.xmin::text || ' ' || a.attname || ' ' || a.atttypid || ' ' || a.atttypmod, ',' ORDER BY a.attnum))
				FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
		FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam ORDER BY c.oid`, s.config.Table)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (f file, err error) {
		return f, row.Scan(&f.OID, &f.Kind, &f.Schema, &f.Name, &f.Node, &f.Method, &f.Columns)
	})
}

// plain are nodes of a plan that reads nothing but ordinary tables.
var plain = []string{
	"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Bitmap Index Scan", "Append", "Merge Append", "Result", "Gather", "Gather Merge",
}

var (
	// called are the functions that a plan calls, with the schema of those that are not PostgreSQL's own.
	called = regexp.MustCompile(`((?:(?:"[^"]+"|[\pL_][\pL\pN_$]*)\.)?(?:"[^"]+"|[\pL_][\pL\pN_$]*))\(`)
	// moment are values of the moment, which are written without parentheses.
	moment = regexp.MustCompile(`\b(CURRENT_|LOCALTIME|SESSION_USER|USER\b)`)
)

// pinned are PostgreSQL's own functions whose result depends on settings that every session of crosscheck has alike, or on
// the form of a type.
var pinned = []string{
	"to_char", "to_date", "to_timestamp", "to_number", "date_trunc", "date_part", "extract", "date_bin", "timezone", "format", "concat", "concat_ws",
	"to_json", "to_jsonb", "json_build_object", "jsonb_build_object", "json_build_array", "jsonb_build_array", "array_to_string", "make_timestamptz", "date_add",
	"date_subtract", "upper", "lower", "pg_collation_for",
}

// firstOfUsers is the first number of objects that PostgreSQL has not brought with it (FirstNormalObjectId).
const firstOfUsers = 16384

// meaning returns what else decides on the values of rows, or why they can change although nobody writes the rows.
func (s *Side) meaning(ctx context.Context, tx *session.Tx, files []file, columns []string) (text, unknown string, err error) {
	root, plan, err := explained(ctx, tx, "(VERBOSE, FORMAT JSON)", "SELECT ("+strings.Join(columns, "), (")+") FROM "+s.from())
	if err != nil {
		return "", "", err
	}
	if unknown = readsElse(root, files); unknown != "" {
		return "", unknown, nil
	}
	if strings.Contains(plan, `"Subplan Name"`) {
		return "", "its columns are computed from other rows too", nil
	}
	if found := moment.FindString(plan); found != "" {
		return "", "an expression depends on the moment or on the user", nil
	}
	functions, unknown, err := s.functions(ctx, tx, plan)
	if err != nil || unknown != "" {
		return "", unknown, err
	}
	// A plan does not show functions that were put into it or computed before, nor those of operators and casts.
	var others string
	if err := tx.QueryRow(ctx, `SELECT concat(
		(SELECT pg_catalog.md5(string_agg(enumtypid || ' ' || oid || ' ' || enumlabel, ',' ORDER BY oid)) FROM pg_catalog.pg_enum), ' ',
		(SELECT pg_catalog.md5(string_agg(oid || ' ' || xmin::text, ',' ORDER BY oid)) FROM pg_catalog.pg_proc WHERE oid >= $1))`,
		firstOfUsers).Scan(&others); err != nil {
		return "", "", err
	}
	sum := sha256.Sum256([]byte(strings.Join(append(functions, others), "\n")))
	return hex.EncodeToString(sum[:8]), "", nil
}

// readsElse says which other data a plan reads, whose changes the table's rows do not show.
func readsElse(root plan, files []file) (why string) {
	root.walk(func(p plan) {
		is := func(f file) bool { return f.Schema == p.Schema && f.Name == p.Relation }
		switch {
		case why != "":
		case !slices.Contains(plain, p.Node):
			why = fmt.Sprintf("it is read by a %s, not as an ordinary table", p.Node)
		case p.Relation != "" && !slices.ContainsFunc(files, is):
			why = fmt.Sprintf("its columns are computed from %s.%s too", p.Schema, p.Relation)
		}
	})
	return why
}

// functions returns the definitions of the functions that a plan calls, or the name of one whose result may change.
func (s *Side) functions(ctx context.Context, tx *session.Tx, plan string) (definitions []string, unknown string, err error) {
	var names []string
	for _, found := range called.FindAllStringSubmatch(strings.ReplaceAll(plan, `\"`, `"`), -1) {
		names = append(names, found[1])
	}
	slices.Sort(names)
	rows, err := tx.Query(ctx, `SELECT CASE WHEN n.nspname = 'pg_catalog' THEN p.proname ELSE n.nspname || '.' || p.proname END, n.nspname = 'pg_catalog',
			p.provolatile = 'i', p.oid || ' ' || p.xmin::text
		FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		WHERE CASE WHEN n.nspname = 'pg_catalog' THEN pg_catalog.quote_ident(p.proname) ELSE format('%I.%I', n.nspname, p.proname) END = ANY($1::text[])
		ORDER BY 4`, slices.Compact(names))
	if err != nil {
		return nil, "", err
	}
	var name, version string
	var own, immutable bool
	_, err = pgx.ForEachRow(rows, []any{&name, &own, &immutable, &version}, func() error {
		if !immutable && (!own || !slices.Contains(pinned, name)) {
			unknown = fmt.Sprintf("an expression calls %s, whose result may change", name)
		}
		definitions = append(definitions, version)
		return nil
	})
	return definitions, unknown, err
}
