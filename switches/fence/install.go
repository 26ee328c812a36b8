package fence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Install puts the triggers on all tables, each in a short transaction of its own. It tries again until the context ends, and does
// not try while a transaction that would make it wait is older than a second: writers would stand behind it. What
// is there already stays. The context must have a deadline.
func (f *Fence) Install(ctx context.Context) error {
	return f.change(ctx, func(conn *pgx.Conn, all []relation) error {
		for _, r := range all {
			if r.Kind != "r" && r.Kind != "p" {
				return fmt.Errorf("%w: %s", ErrTable, strings.Join(f.missing(r), ""))
			}
		}
		if f.config.Slice != "" {
			if _, err := f.sliceType(ctx, conn, all); err != nil {
				return err
			}
		}
		if err := f.create(ctx, conn); err != nil {
			return err
		}
		for _, r := range all {
			if len(f.missing(r)) == 0 {
				continue
			}
			if err := f.whenQuiet(ctx, conn, r, shareRowExclusive, f.arm(r)); err != nil {
				return fmt.Errorf("fencing %s: %w", r, err)
			}
		}
		return nil
	})
}

// change runs fn in a session of its own.
func (f *Fence) change(ctx context.Context, fn func(conn *pgx.Conn, all []relation) error) error {
	conn, err := f.connect(ctx)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	all, err := f.relations(ctx, conn)
	if err != nil {
		return err
	}
	return fn(conn, all)
}

// create makes schema, seal, table of turns and functions. Functions that are there must be the same: a transaction that has begun
// may still run the old ones.
func (f *Fence) create(ctx context.Context, conn *pgx.Conn) error {
	s, err := f.functionState(ctx, conn)
	if err != nil {
		return err
	}
	if s.there {
		if len(s.altered) > 0 {
			return fmt.Errorf("%w: %s; remove it first", ErrOther, strings.Join(s.altered, ", "))
		}
		return nil
	}
	if err := f.unused(ctx, conn); err != nil {
		return err
	}
	var b strings.Builder
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT pg_catalog.to_regnamespace('"+schema+"') IS NOT NULL").Scan(&exists); err != nil {
		return fmt.Errorf("looking for the schema of the fence: %w", err)
	}
	if !exists { // IF NOT EXISTS would ask for the right to create one although it is there
		b.WriteString("CREATE SCHEMA " + schema + ";\n")
	}
	fmt.Fprintf(&b, "GRANT USAGE ON SCHEMA %s TO PUBLIC;\nCREATE SEQUENCE %s;\nSELECT pg_catalog.setval(%s, 1);\nGRANT SELECT ON SEQUENCE %s TO PUBLIC;\n", schema, f.seal(), literal(f.seal()), f.seal())
	if f.config.Slice != "" {
		fmt.Fprintf(&b, "CREATE TABLE %[1]s (turn bigint PRIMARY KEY, slice text COLLATE pg_catalog.\"C\", closed boolean NOT NULL, at timestamptz NOT NULL DEFAULT pg_catalog.now());\n"+
			"INSERT INTO %[1]s (turn, closed) VALUES (1, false);\nGRANT SELECT ON TABLE %[1]s TO PUBLIC;\n", f.turns())
	}
	for _, e := range allEvents {
		fmt.Fprintf(&b, "CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS %s;\n", f.quoted(" "+string(e)), literal(f.body(e)))
	}
	if err := transaction(ctx, conn, b.String()); err != nil {
		return fmt.Errorf("creating the functions of the fence: %w", err)
	}
	return nil
}

// arm is the SQL that gives a table the triggers that it lacks, and switches on those that it has.
func (f *Fence) arm(r relation) string {
	has := map[string]bool{}
	for _, t := range r.Triggers {
		has[t.Function] = true
	}
	var b strings.Builder
	for _, e := range r.events() {
		if !has[f.config.Name+" "+string(e)] {
			b.WriteString(f.createTrigger(e, r) + ";\n")
		}
		fmt.Fprintf(&b, "ALTER TABLE ONLY %s ENABLE ALWAYS TRIGGER %s;\n", r.quoted(), pgx.Identifier{f.trigger(e)}.Sanitize())
	}
	return b.String()
}

func (f *Fence) createTrigger(e event, r relation) string {
	return fmt.Sprintf("CREATE TRIGGER %s %s EXECUTE FUNCTION %s()", pgx.Identifier{f.trigger(e)}.Sanitize(), f.fires(e, r), f.quoted(" "+string(e)))
}

// fires says when a trigger fires. The condition spares most writes a call of the function. A seal without a value stops writers. Before an UPDATE or DELETE, the server would have to
// lock the row, at the cost of a record in the WAL. Before an INSERT it need not, and a probe meets the fence before any constraint.
func (f *Fence) fires(e event, r relation) string {
	when, each := "AFTER", "ROW WHEN ("+f.passes(e)+" IS NOT TRUE)"
	if e == insert || e == truncate {
		when = "BEFORE"
	}
	if e == truncate {
		each = "STATEMENT"
	}
	return fmt.Sprintf("%s %s ON %s FOR EACH %s", when, strings.ToUpper(string(e)), r.quoted(), each)
}

// Remove takes triggers and functions away. The fence must be open.
func (f *Fence) Remove(ctx context.Context) error {
	s, err := f.State(ctx)
	if err != nil {
		return err
	}
	if s.Closed() {
		return fmt.Errorf("%w: open it first", ErrClosed)
	}
	return f.change(ctx, func(conn *pgx.Conn, all []relation) error {
		// Whoever closes everything meanwhile waits for this session, then sees what is missing, and gives up. So does who closes a slice.
		var open bool
		if err := conn.QueryRow(ctx, "SELECT pg_catalog.pg_try_advisory_lock_shared($1) AND pg_catalog.pg_try_advisory_lock($2)", f.keys.all, f.keys.slices).Scan(&open); err != nil {
			return fmt.Errorf("keeping the fence open: %w", err)
		}
		if !open {
			return fmt.Errorf("%w: open it first", ErrClosed)
		}
		for _, r := range all {
			var b strings.Builder
			for _, t := range r.Triggers {
				fmt.Fprintf(&b, "DROP TRIGGER %s ON %s;\n", pgx.Identifier{t.Name}.Sanitize(), r.quoted())
			}
			if b.Len() == 0 {
				continue
			}
			if err := f.whenQuiet(ctx, conn, r, accessExclusive, b.String()); err != nil {
				return fmt.Errorf("taking the fence off %s: %w", r, err)
			}
		}
		var b strings.Builder
		for _, e := range allEvents {
			fmt.Fprintf(&b, "DROP FUNCTION IF EXISTS %s();\n", f.quoted(" "+string(e)))
		}
		fmt.Fprintf(&b, "DROP TABLE IF EXISTS %s;\nDROP SEQUENCE IF EXISTS %s;\n", f.turns(), f.seal())
		if err := transaction(ctx, conn, b.String()); err != nil {
			return fmt.Errorf("removing the functions of the fence: %w", err)
		}
		return nil
	})
}

// transaction runs statements in one transaction.
func transaction(ctx context.Context, conn *pgx.Conn, statements string) error {
	_, err := conn.Exec(ctx, "BEGIN;\n"+statements+"COMMIT", pgx.QueryExecModeSimpleProtocol)
	if err != nil && !conn.IsClosed() {
		_, _ = conn.Exec(ctx, "ROLLBACK")
	}
	return err
}

// Locks with which the modes conflict that a change of triggers needs.
var (
	shareRowExclusive = []string{"RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"}
	accessExclusive   = append([]string{"AccessShareLock", "RowShareLock"}, shareRowExclusive...)
)

const longestPause = 5 * time.Second

// whenQuiet changes a table at a moment at which nobody has to wait long for it.
func (f *Fence) whenQuiet(ctx context.Context, conn *pgx.Conn, r relation, conflicts []string, statements string) error {
	const longest = 1 // seconds that a transaction may be old that would have to be waited for
	var before []Session
	for pause := tick; ; {
		busy, err := holders(ctx, conn, "l.locktype = 'relation' AND l.relation = $1 AND l.mode = ANY ($2::text[])", r.OID, conflicts)
		if err != nil && ctx.Err() != nil && len(before) > 0 { // the time was over while it asked
			return &ObstructedError{Err: ErrBusy, Sessions: before}
		}
		if err != nil {
			return err
		}
		before = busy
		old := false
		for _, s := range busy {
			old = old || s.Hidden || s.Age.Seconds() > longest
		}
		if !old {
			err := transaction(ctx, conn, fmt.Sprintf("SET LOCAL lock_timeout = %d;\n", lockTry.Milliseconds())+statements)
			if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != "55P03" {
				return err
			}
			pause = min(2*pause, longestPause) // writers have stood behind it, so they get more time
		}
		if !wait(ctx, pause) {
			return &ObstructedError{Err: ErrBusy, Sessions: busy}
		}
	}
}
