package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// TestASnapshotLetsOthersPastThatWaitForItsLocks: somebody asks for a table exclusively after the guard has locked it.
// He waits for the guard, and the snapshot would wait for him.
func TestASnapshotLetsOthersPastThatWaitForItsLocks(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	p := open(t, dsn)
	superuser(t, dsn, "CREATE TABLE first AS SELECT 'before' AS state; CREATE TABLE second (n int)")
	holder, other := connect(t, dsn), connect(t, dsn)
	if _, err := holder.Exec(t.Context(), "BEGIN; LOCK TABLE second"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := make(chan string, 1)
	go func() {
		defer close(seen)
		tx, err := p.Begin(ctx, time.Minute, "SELECT state FROM public.first LIMIT 0", "SELECT n FROM public.second LIMIT 0")
		if err != nil {
			t.Error(err)
			return
		}
		defer tx.Close()
		var state, timeout string
		if err := tx.QueryRow(ctx, "SELECT state, current_setting('lock_timeout') FROM public.first").Scan(&state, &timeout); err != nil || timeout != "5s" {
			t.Errorf("reading: %v, lock_timeout %s", err, timeout)
		}
		seen <- state
	}()
	waits := func(table string) bool {
		return superuser(t, dsn, "SELECT count(*)::text FROM pg_locks WHERE relation = '"+table+"'::regclass AND NOT granted") != "0"
	}
	for !waits("second") && ctx.Err() == nil { // the guard
	}
	changed := make(chan error, 1)
	go func() {
		_, err := other.Exec(ctx, "TRUNCATE first; INSERT INTO first VALUES ('after')")
		changed <- err
	}()
	for !waits("first") && ctx.Err() == nil {
	}
	if _, err := holder.Exec(ctx, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-changed; err != nil {
		t.Errorf("the other one: %v", err)
	}
	if state := <-seen; state != "after" {
		t.Errorf("the snapshot sees %q", state)
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
