package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNotes is wrapped if the table of checkpoints is of an older build, and the role may not mend it.
var ErrNotes = errors.New("the table of checkpoints cannot be used")

// notesName is the table of checkpoints beside the store's table.
const notesName = "crosscheck_backfill"

// notesColumns are its columns. Rows with the number 0 say who has claimed a table of events. All others are ranges that are done.
// A column that is added needs a default, because [Log.mend] adds it to tables that are there.
var notesColumns = []struct{ name, kind string }{
	{"store", "text NOT NULL"},
	{"run", "text NOT NULL"},
	{"number", "bigint NOT NULL"},
	{"from_key", "text NOT NULL DEFAULT ''"},
	{"below_key", "text NOT NULL DEFAULT ''"},
	{"orders", "bigint NOT NULL DEFAULT 0"},
	{"events", "bigint NOT NULL DEFAULT 0"},
	{"again", "text[] NOT NULL DEFAULT '{}'"},
	{"remained", "jsonb NOT NULL DEFAULT '{}'"},
	{"holder", "text NOT NULL DEFAULT ''"},
	{"claim", "text NOT NULL DEFAULT ''"},
	{"working", "text NOT NULL DEFAULT ''"},
	{"at", "timestamptz NOT NULL DEFAULT clock_timestamp()"},
}

// findNotes looks for the table of checkpoints, which may not be there yet, and for what it lacks.
func (l *Log) findNotes(ctx context.Context) error {
	rows, err := l.pool.Query(ctx, "SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass($1::text) AND attnum > 0 AND NOT attisdropped", l.notesIn())
	if err != nil {
		return fmt.Errorf("looking for the table of checkpoints %s: %w", l.notesIn(), err)
	}
	has := map[string]bool{}
	var name string
	if _, err := pgx.ForEachRow(rows, []any{&name}, func() error { has[name] = true; return nil }); err != nil {
		return fmt.Errorf("looking for the table of checkpoints %s: %w", l.notesIn(), err)
	}
	if len(has) == 0 {
		return nil
	}
	l.notes, l.lacking = l.notesIn(), nil
	for _, c := range notesColumns {
		if !has[c.name] {
			l.lacking = append(l.lacking, fmt.Sprintf("ADD COLUMN IF NOT EXISTS %s %s", c.name, c.kind))
		}
	}
	return nil
}

func (l *Log) notesIn() string {
	if l.config.Checkpoint != "" {
		return l.config.Checkpoint
	}
	return pgx.Identifier{l.table.schema, notesName}.Sanitize()
}

// Keeps is true if the store has a table of checkpoints.
func (l *Log) Keeps() bool { return l.notes != "" }

// MakeNotes makes the table of checkpoints, unless the role may not. Then [Log.Keeps] stays false. It adds what a table of an older
// build lacks.
func (l *Log) MakeNotes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if l.notes != "" {
		return l.mend(ctx)
	}
	columns := make([]string, len(notesColumns))
	for i, c := range notesColumns {
		columns[i] = c.name + " " + c.kind
	}
	_, err := l.pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+l.notesIn()+" ("+strings.Join(columns, ", ")+", PRIMARY KEY (store, run, number))")
	if forbidden(err) {
		return nil
	}
	if err != nil && !made(err) {
		return fmt.Errorf("making the table of checkpoints %s: %w", l.notesIn(), err)
	}
	if err := l.findNotes(ctx); err != nil {
		return err
	}
	return l.mend(ctx)
}

// made is true if another process has made the same table at the same time: IF NOT EXISTS does not see what is not committed.
func made(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "23505" || pg.Code == "42P07")
}

// mend adds the columns that the table lacks.
func (l *Log) mend(ctx context.Context) error {
	if len(l.lacking) == 0 {
		return nil
	}
	if _, err := l.pool.Exec(ctx, l.mending()); err != nil {
		return fmt.Errorf("%w: it is of another build, and lacks columns. Its owner has to run: %s: %w", ErrNotes, l.mending(), err)
	}
	l.lacking = nil
	return nil
}

// mending is the statement that adds what the table lacks.
func (l *Log) mending() string { return "ALTER TABLE " + l.notes + " " + strings.Join(l.lacking, ", ") }
