package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/follow/followtest"
	"github.com/nordvarg/crosscheck/lab/child/childtest"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

func TestMain(m *testing.M) {
	childtest.Waiting(4) // for locks
	pgtest.Main(m)
}

func TestLedgerConforms(t *testing.T) {
	t.Parallel()
	ledgertest.Exercise(t, func(t *testing.T) ledgertest.Store { return migrated(t, database(t)) })
}

func TestLedgerOfTheStreamConforms(t *testing.T) {
	t.Parallel()
	followtest.Exercise(t, func(t *testing.T) followtest.Store { return migrated(t, database(t)) })
}

// database is one with a ledger that is migrated. It is migrated once, and copied for each test.
func database(t *testing.T) string {
	t.Helper()
	return pgtest.Copy(t, "ledger", func(dsn string) error {
		l, err := ledger.Open(t.Context(), ledger.Config{DSN: dsn})
		if err != nil {
			return err
		}
		defer l.Close()
		return l.Migrate(t.Context())
	})
}

// opened is a ledger that is not migrated.
func opened(t *testing.T, c ledger.Config) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func migrated(t *testing.T, dsn string) *ledger.Ledger {
	t.Helper()
	l := opened(t, ledger.Config{DSN: dsn})
	if err := l.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// connect is a session beside the ledger's.
func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // tests clean up with it too
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !condition() {
		if lease.Sleep(ctx, 5*time.Millisecond) != nil {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

func TestMigrateFromEmptyAndAgain(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	l := opened(t, ledger.Config{DSN: dsn, Schema: `odd "name", x`})
	if _, err := l.Passes(t.Context(), 1); !errors.Is(err, board.ErrNotMigrated) {
		t.Errorf("before migrating: %v, want ErrNotMigrated", err)
	}
	for range 2 {
		if err := l.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Passes(t.Context(), 1); err != nil {
		t.Error(err)
	}
	var elsewhere int
	conn := connect(t, dsn)
	err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema', $1)`,
		l.Schema()).Scan(&elsewhere)
	if err != nil || elsewhere != 0 {
		t.Errorf("%d tables outside of the schema, error %v", elsewhere, err)
	}
}

func TestMigrateByManyAtOnce(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	var group sync.WaitGroup
	for range 6 {
		l := opened(t, ledger.Config{DSN: dsn})
		group.Go(func() {
			if err := l.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestSchemaOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	conn := connect(t, dsn)
	for _, test := range []struct {
		sql   string
		want  error
		newer bool
	}{
		{`INSERT INTO crosscheck.goose_db_version (version_id, is_applied) VALUES (99999, true)`, ledger.ErrNewerSchema, true},
		{`DELETE FROM crosscheck.goose_db_version WHERE version_id > 0`, board.ErrNotMigrated, false},
	} {
		exec(t, conn, test.sql)
		l := opened(t, ledger.Config{DSN: dsn})
		if _, err := l.Acquire(t.Context(), "full", "test", time.Minute); !errors.Is(err, test.want) {
			t.Errorf("after %s: %v, want %v", test.sql, err, test.want)
		}
		if test.newer {
			if err := l.Migrate(t.Context()); !errors.Is(err, test.want) {
				t.Errorf("migrating: %v, want %v", err, test.want)
			}
		}
	}
}

// TestANewerFormStopsWritesOfARunningProgram that has read the version long before, but not its reads.
func TestANewerFormStopsWritesOfARunningProgram(t *testing.T) {
	t.Parallel()
	for name, raise := range map[string]string{
		"digest": `UPDATE crosscheck.form SET version = version + 1 WHERE name = 'digest'`,
		"schema": `INSERT INTO crosscheck.goose_db_version (version_id, is_applied) VALUES (99999, true)`,
		"other":  `INSERT INTO crosscheck.form VALUES ('other', 1)`,
	} {
		dsn := database(t)
		l := migrated(t, dsn)
		held, err := l.Acquire(t.Context(), "full", "test", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, connect(t, dsn), raise)
		if _, err := l.Acquire(t.Context(), "sample", "test", time.Minute); !errors.Is(err, ledger.ErrNewerSchema) || !strings.Contains(err.Error(), "its "+name+" has version") {
			t.Errorf("%s: acquiring: %v", name, err)
		}
		if _, err := l.BeginPass(t.Context(), held, verify.Start{Kind: verify.Full, Trigger: "manual", At: time.Now()}); !errors.Is(err, ledger.ErrNewerSchema) {
			t.Errorf("%s: beginning a pass: %v", name, err)
		}
		if _, err := l.Passes(t.Context(), 10); err != nil {
			t.Errorf("%s: reading: %v", name, err)
		}
		if err := opened(t, ledger.Config{DSN: dsn}).Migrate(t.Context()); !errors.Is(err, ledger.ErrNewerSchema) {
			t.Errorf("%s: migrating: %v", name, err)
		}
	}
}

// TestAMigrationWaitsForWrites that have begun under the version of before.
func TestAMigrationWaitsForWrites(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	conn := connect(t, dsn)
	exec(t, conn, `DELETE FROM crosscheck.goose_db_version WHERE version_id >= 25; ALTER TABLE crosscheck.suspect ADD COLUMN mismatches jsonb, ADD COLUMN legacy_changed_at timestamptz, ADD COLUMN projection_reached timestamptz; ALTER TABLE crosscheck.stream_state DROP COLUMN pending, DROP COLUMN topic; DROP TABLE crosscheck.secret; DROP TABLE crosscheck.cutover_client; DROP TABLE crosscheck.change; ALTER TABLE crosscheck.sighting DROP COLUMN counted, DROP COLUMN in_sample; DROP TABLE crosscheck.cutover_request; DROP TABLE crosscheck.cutover_record; DROP FUNCTION crosscheck.cutover_record_stays`)
	exec(t, conn, `BEGIN; SET LOCAL search_path = crosscheck; SELECT pg_advisory_xact_lock_shared(hashtextextended('crosscheck form ' || current_schema(), 0))`)
	done := make(chan error, 1)
	l := opened(t, ledger.Config{DSN: dsn})
	go func() { done <- l.Migrate(t.Context()) }()
	eventually(t, "the migration waits", func() bool {
		var waits bool
		if err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ExclusiveLock'
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		return waits
	})
	if err := l.Ready(t.Context()); !errors.Is(err, board.ErrNotMigrated) {
		t.Errorf("while a write has not ended: %v", err)
	}
	exec(t, conn, `COMMIT`)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestAProgramRaisesOlderForms when it migrates, even if the tables are as it needs them.
func TestAProgramRaisesOlderForms(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	conn := connect(t, dsn)
	exec(t, conn, `UPDATE crosscheck.form SET version = 0`)
	l := opened(t, ledger.Config{DSN: dsn})
	if err := l.Ready(t.Context()); !errors.Is(err, board.ErrNotMigrated) {
		t.Errorf("before: %v", err)
	}
	if err := l.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var version int
	if err := conn.QueryRow(t.Context(), `SELECT version FROM crosscheck.form WHERE name = 'digest'`).Scan(&version); err != nil || version != verify.DigestVersion {
		t.Errorf("the ledger has digests of version %d, %v", version, err)
	}
}

func TestSchemaNamesThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pg_mine", "$user", "information_schema", "a\x00b", string(make([]byte, 64))} {
		if l, err := ledger.Open(t.Context(), ledger.Config{DSN: "postgres://x/y", Schema: name}); err == nil {
			l.Close()
			t.Errorf("schema %q was taken", name)
		}
	}
}

// TestSessionIsPinnedWhateverTheRoleHas migrates under settings of a database, and does all that a ledger does.
func TestSessionIsPinnedWhateverTheRoleHas(t *testing.T) {
	t.Parallel()
	odd := func(t *testing.T, dsn string) {
		t.Helper()
		conn := connect(t, dsn)
		var database string
		if err := conn.QueryRow(t.Context(), `SELECT quote_ident(current_database())`).Scan(&database); err != nil {
			t.Fatal(err)
		}
		for setting, value := range map[string]string{
			"timezone": "'Asia/Kolkata'", "datestyle": "'German'", "search_path": "public",
			"default_transaction_isolation": "'serializable'", "statement_timeout": "1", "standard_conforming_strings": "off",
		} {
			exec(t, conn, "ALTER DATABASE "+database+" SET "+setting+" = "+value)
		}
	}
	fresh := pgtest.Database(t)
	odd(t, fresh)
	migrated(t, fresh)
	ledgertest.Exercise(t, func(t *testing.T) ledgertest.Store {
		dsn := database(t)
		odd(t, dsn)
		return migrated(t, dsn)
	})
}

// TestClockIsTheDatabases holds it between two readings of this machine's clock, which the server has in common with us. A
// ledger without tables has a clock.
func TestClockIsTheDatabases(t *testing.T) {
	t.Parallel()
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: pgtest.Database(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	before := time.Now().Truncate(time.Microsecond)
	now, err := l.Clock(t.Context())
	if after := time.Now(); err != nil || now.Before(before) || now.After(after) {
		t.Errorf("the ledger's clock says %s, %v; ours %s before and %s after", now, err, before, after)
	}
}

// TestHiddenRowsAreAnError: a ledger of which a role sees a part would have no open divergence.
func TestHiddenRowsAreAnError(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := migrated(t, dsn)
	conn := connect(t, dsn)
	role := fmt.Sprintf("reader_%d", time.Now().UnixNano())
	for _, sql := range []string{
		"CREATE ROLE " + role + " LOGIN", "GRANT USAGE ON SCHEMA crosscheck TO " + role,
		"GRANT SELECT ON ALL TABLES IN SCHEMA crosscheck TO " + role,
	} {
		exec(t, conn, sql)
	}
	t.Cleanup(func() { exec(t, conn, "DROP OWNED BY "+role); exec(t, conn, "DROP ROLE "+role) })
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	reader := opened(t, ledger.Config{DSN: u.String()})
	id := begin(t, l, acquire(t, l, "full"), verify.Start{Kind: verify.Full})
	if _, err := reader.OpenKeys(t.Context(), id, "", 10); err != nil {
		t.Fatalf("before rows are hidden: %v", err)
	}
	exec(t, conn, "ALTER TABLE crosscheck.divergence ENABLE ROW LEVEL SECURITY")
	if keys, err := reader.OpenKeys(t.Context(), id, "", 10); err == nil {
		t.Errorf("with hidden rows it reads %v", keys)
	}
}

// TestEachLedgerHasAnIdentity asks with and without the right to the server's own number.
func TestEachLedgerHasAnIdentity(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	identity := func(c ledger.Config) string {
		t.Helper()
		id, err := opened(t, c).Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first, again := identity(ledger.Config{DSN: dsn}), identity(ledger.Config{DSN: dsn})
	if first != again || strings.HasPrefix(first, "/") {
		t.Errorf("one ledger is %s and %s", first, again)
	}
	for _, c := range []ledger.Config{{DSN: dsn, Schema: "other"}, {DSN: database(t)}} {
		if id := identity(c); id == first {
			t.Errorf("two ledgers are %s", id)
		}
	}
	conn := connect(t, dsn)
	exec(t, conn, `CREATE ROLE ledger_stranger LOGIN`)
	t.Cleanup(func() { exec(t, conn, `DROP ROLE ledger_stranger`) })
	exec(t, conn, `REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public`)
	if id := identity(ledger.Config{DSN: as(t, dsn, "ledger_stranger")}); !strings.HasPrefix(id, "/") || !strings.HasSuffix(first, id) {
		t.Errorf("without the right the ledger is %s", id)
	}
}
