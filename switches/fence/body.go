package fence

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// schema holds everything that is installed, beside the triggers.
const schema = "crosscheck_fence"

// everything is added to the seal if everything is closed.
const everything = int64(1) << 62

// quoted is one of the fence's own objects, as SQL.
func (f *Fence) quoted(suffix string) string {
	return pgx.Identifier{schema, f.config.Name + suffix}.Sanitize()
}

func (f *Fence) seal() string  { return f.quoted("") }
func (f *Fence) turns() string { return f.quoted(" turns") }

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func (f *Fence) sealed() string {
	return "pg_catalog.pg_sequence_last_value(" + literal(f.seal()) + "::pg_catalog.regclass)"
}

// event is what a trigger fires for.
type event string

const (
	insert   event = "insert"
	update   event = "update"
	remove   event = "delete"
	truncate event = "truncate"
)

var allEvents = []event{insert, update, remove, truncate}

// returns is what the function returns, so that the write goes on.
func (e event) returns() string {
	switch e {
	case remove:
		return "OLD"
	case truncate:
		return "NULL"
	default:
		return "NEW"
	}
}

// rows are those whose slices the write touches.
func (e event) rows() []string {
	switch e {
	case insert:
		return []string{"NEW"}
	case remove:
		return []string{"OLD"}
	case update:
		return []string{"OLD", "NEW"}
	default:
		return nil
	}
}

// trigger is the name of a trigger. The fence is the first trigger that fires: it refuses before others do any work. With slices it is
// the last, because others may change the slice of the row.
func (f *Fence) trigger(e event) string {
	first := "00"
	if f.config.Slice != "" {
		first = "zz"
	}
	return fmt.Sprintf("%s crosscheck fence %s %s", first, f.config.Name, e)
}

// text is the slice of a row as text.
func (f *Fence) text(row string) string {
	return "coalesce(" + row + "." + pgx.Identifier{f.config.Slice}.Sanitize() + `::pg_catalog.text COLLATE pg_catalog."C", '')`
}

// locks are calls of the function of a lock, for all that the write needs.
func (f *Fence) locks(e event, call string) (calls []string) {
	calls = []string{fmt.Sprintf("pg_catalog.%s(%d)", call, f.keys.all)}
	if f.config.Slice == "" {
		return calls
	}
	if e == truncate {
		return append(calls, fmt.Sprintf("pg_catalog.pg_try_advisory_xact_lock(%d)", f.keys.slices))
	}
	for _, row := range e.rows() {
		calls = append(calls, fmt.Sprintf("pg_catalog.%s(%d, pg_catalog.hashtext(%s))", call, f.keys.class, f.text(row)))
	}
	return calls
}

const tryLock, waitLock = "pg_try_advisory_xact_lock_shared", "pg_advisory_xact_lock_shared"

func (f *Fence) tried(e event) string { return strings.Join(f.locks(e, tryLock), " AND ") }

// passes is the condition under which a write passes at once. CASE guarantees that the seal is read after the lock is there.
func (f *Fence) passes(e event) string {
	passes := fmt.Sprintf("(CASE WHEN %s THEN %s OPERATOR(pg_catalog.=) 1 ELSE false END)", f.tried(e), f.sealed())
	if f.config.Reverse != "" && e != truncate {
		passes = "(" + passes + " AND NOT " + f.isFeed() + ")"
	}
	return passes
}

// body is that of the trigger's function, which is called only if the write does not pass at once. Names and operators are qualified, so
// that a writer's search_path changes nothing.
func (f *Fence) body(e event) string {
	var b strings.Builder
	if f.config.Slice != "" {
		b.WriteString("DECLARE\n\tnow_at bigint;\n")
	}
	fmt.Fprintf(&b, "BEGIN\n\tIF %s THEN\n\t\tRETURN %s;\n\tEND IF;\n", f.passes(e), e.returns())
	waits := f.config.Mode == Wait && e != truncate
	switch {
	case waits: // what is read after the wait is as new as the lock
		for _, call := range f.locks(e, waitLock) {
			fmt.Fprintf(&b, "\tPERFORM %s;\n", call)
		}
		if f.config.Slice == "" {
			fmt.Fprintf(&b, "\tIF %s THEN\n\t\tRETURN %s;\n\tEND IF;\n", f.openNow(), e.returns())
		}
	case f.config.Slice != "":
		fmt.Fprintf(&b, "\tIF NOT (%s) THEN\n%s\tEND IF;\n", f.tried(e), f.raise("\t\t"))
	}
	if f.config.Slice != "" {
		b.WriteString(f.askTurns(e))
	}
	b.WriteString(f.feeds(e))
	b.WriteString(f.raise("\t"))
	b.WriteString("END\n")
	return b.String()
}

// askTurns lets a write pass whose slices are open, although others are closed.
func (f *Fence) askTurns(e event) string {
	slices := []string{}
	for _, row := range e.rows() {
		slices = append(slices, f.text(row))
	}
	of := "true" // TRUNCATE touches all slices
	if len(slices) > 0 {
		of = "t.slice OPERATOR(pg_catalog.=) ANY (ARRAY[" + strings.Join(slices, ", ") + "])"
	}
	return fmt.Sprintf(`	now_at := %[1]s;
	IF now_at OPERATOR(pg_catalog.<) %[2]d THEN
		IF NOT EXISTS (SELECT FROM %[3]s t WHERE t.turn OPERATOR(pg_catalog.=) now_at) THEN
			RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'this transaction began before a slice was closed or opened by the cutover %[4]s', HINT = 'Begin it again.';
		END IF;
		IF NOT EXISTS (SELECT FROM %[3]s t WHERE t.closed AND t.turn OPERATOR(pg_catalog.<=) now_at AND %[5]s
				AND NOT EXISTS (SELECT FROM %[3]s l WHERE l.slice OPERATOR(pg_catalog.=) t.slice AND l.turn OPERATOR(pg_catalog.>) t.turn AND l.turn OPERATOR(pg_catalog.<=) now_at)) THEN
			RETURN %[6]s;
		END IF;
	END IF;
`, f.sealed(), everything, f.turns(), f.config.Name, of, e.returns())
}

// marker is the name of a constraint by which a refusal can be told from all other errors.
func (f *Fence) marker() string { return "crosscheck fence " + f.config.Name }

func (f *Fence) raise(indent string) string {
	return fmt.Sprintf("%sRAISE EXCEPTION USING ERRCODE = '25006', MESSAGE = 'this table is closed by the cutover %s', HINT = 'Write to the new system.', CONSTRAINT = %s, SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;\n",
		indent, f.config.Name, literal(f.marker()))
}
