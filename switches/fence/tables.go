package fence

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// relation is one table to be fenced.
type relation struct {
	OID          uint32
	Schema, Name string
	Kind         string // as in pg_class
	Triggers     []installed
	Later        []string // triggers that fire after that of the fence and may change the row
}

// installed is a trigger of the fence as the catalogue has it.
type installed struct {
	Name, Enabled, Function, Definition string
}

func (r relation) quoted() string { return pgx.Identifier{r.Schema, r.Name}.Sanitize() }

func (r relation) String() string { return r.Schema + "." + r.Name }

// events are what the table needs a trigger for. Rows are never in a partitioned table itself.
func (r relation) events() []event {
	if r.Kind == "p" {
		return []event{truncate}
	}
	return allEvents
}

// relations finds the tables, their partitions and heirs, and the triggers that they have.
// Covers reports whether the fence is at a table, which is named with its schema.
func (f *Fence) Covers(ctx context.Context, table string) (covers bool, err error) {
	err = f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		all, err := f.relations(ctx, conn)
		if err != nil {
			return err
		}
		var oid *uint32
		if err := conn.QueryRow(ctx, "SELECT pg_catalog.to_regclass($1)::oid", table).Scan(&oid); err != nil {
			return fmt.Errorf("looking for the table %s: %w", table, err)
		}
		covers = oid != nil && slices.ContainsFunc(all, func(r relation) bool { return r.OID == *oid })
		return nil
	})
	return covers, err
}

func (f *Fence) relations(ctx context.Context, conn *pgx.Conn) ([]relation, error) {
	for _, name := range f.config.Tables {
		var found bool
		if err := conn.QueryRow(ctx, "SELECT pg_catalog.to_regclass($1) IS NOT NULL", name).Scan(&found); err != nil {
			return nil, fmt.Errorf("looking for the table %s: %w", name, err)
		}
		if !found {
			return nil, fmt.Errorf("%w: there is no %s; the schema is a part of the name", ErrTable, name)
		}
	}
	rows, err := conn.Query(ctx, `WITH RECURSIVE fenced (oid) AS (
			SELECT pg_catalog.to_regclass(n)::oid FROM pg_catalog.unnest($1::text[]) AS n UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN fenced ON i.inhparent = fenced.oid)
		SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text,
			ARRAY(SELECT ARRAY[t.tgname::text, t.tgenabled::text, p.proname::text, pg_catalog.pg_get_triggerdef(t.oid)] FROM pg_catalog.pg_trigger t
				JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid JOIN pg_catalog.pg_namespace s ON s.oid = p.pronamespace
				WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND s.nspname = '`+schema+`' AND p.proname = ANY ($2::text[])),
			ARRAY(SELECT t.tgname::text FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 7 = 7 AND t.tgname > $3 ORDER BY 1)
		FROM fenced JOIN pg_catalog.pg_class c ON c.oid = fenced.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		ORDER BY 2, 3`, f.config.Tables, f.functions(), f.trigger(insert))
	if err != nil {
		return nil, fmt.Errorf("looking for the tables: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r relation, err error) {
		var triggers [][]string
		err = row.Scan(&r.OID, &r.Schema, &r.Name, &r.Kind, &triggers, &r.Later)
		for _, t := range triggers {
			r.Triggers = append(r.Triggers, installed{t[0], t[1], t[2], t[3]})
		}
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("looking for the tables: %w", err)
	}
	return all, nil
}

// functions are the names of the functions of all triggers.
func (f *Fence) functions() (names []string) {
	for _, e := range allEvents {
		names = append(names, f.config.Name+" "+string(e))
	}
	return names
}

// missing says what the table lacks; empty if it is fenced.
func (f *Fence) missing(r relation) (lacks []string) {
	if r.Kind != "r" && r.Kind != "p" {
		return []string{fmt.Sprintf("%s is no table of this server, so its writers cannot be fenced", r)}
	}
	for _, e := range r.events() {
		i := slices.IndexFunc(r.Triggers, func(t installed) bool { return t.Function == f.config.Name+" "+string(e) })
		switch {
		case i < 0:
			lacks = append(lacks, fmt.Sprintf("%s has no trigger for %s", r, e))
		case r.Triggers[i].Enabled != "A":
			lacks = append(lacks, fmt.Sprintf("the trigger for %s of %s is not ENABLE ALWAYS", e, r))
		case essence(r.Triggers[i].Definition) != essence(f.createTrigger(e, r)):
			lacks = append(lacks, fmt.Sprintf("the trigger for %s of %s is not the one of this configuration", e, r))
		}
	}
	if f.config.Slice != "" {
		for _, name := range r.Later {
			lacks = append(lacks, fmt.Sprintf("the trigger %q of %s fires after the fence, and may change the slice", name, r))
		}
	}
	return lacks
}

// cosmetic is what the server adds to the definition of a trigger, or leaves out, without a change of its meaning.
var cosmetic = regexp.MustCompile(`operator\(pg_catalog\.([^)]+)\)|::(?:pg_catalog\.)?[a-z0-9]+|pg_catalog\.|[\s()"']`)

// essence is a definition of a trigger in the one spelling in which those of the server and of this package can be compared.
func essence(definition string) string {
	return cosmetic.ReplaceAllString(strings.ToLower(definition), "$1")
}

// sliceType returns the SQL of the type of the slice's column, by which its values are written in one way. All tables must have
// the column, with one type whose equal values have equal text.
func (f *Fence) sliceType(ctx context.Context, conn *pgx.Conn, all []relation) (name string, err error) {
	for _, r := range all {
		var schemaName, typeName string
		var base, plain bool
		err := conn.QueryRow(ctx, `SELECT n.nspname::text, y.typname::text, y.typtype = 'e' OR y.typname IN ('text', 'varchar', 'bpchar', 'int2', 'int4', 'int8', 'uuid', 'bool') AND n.nspname = 'pg_catalog',
				a.attgenerated = '' AND coalesce(l.collisdeterministic, true)
			FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace
			LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation WHERE a.attrelid = $1 AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped`, r.OID, f.config.Slice).
			Scan(&schemaName, &typeName, &base, &plain)
		of := pgx.Identifier{schemaName, typeName}.Sanitize()
		switch {
		case err != nil:
			return "", fmt.Errorf("%w: looking for the column %s of %s: %w", ErrTable, f.config.Slice, r, err)
		case !base || !plain:
			return "", fmt.Errorf("%w: the column %s of %s must be text, varchar, char, an integer, uuid, boolean or an enum, with a deterministic collation, and not computed", ErrTable, f.config.Slice, r)
		case name != "" && name != of:
			return "", fmt.Errorf("%w: the column %s has several types", ErrTable, f.config.Slice)
		}
		name = of
	}
	return name, nil
}
