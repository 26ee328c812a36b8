package ledger_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/lab/pgserver/poolertest"
	"github.com/nordvarg/crosscheck/ledger"
)

// TestAPoolerThatDropsSettingsIsRefused, and nothing is made or set behind it.
func TestAPoolerThatDropsSettingsIsRefused(t *testing.T) {
	t.Parallel()
	const ignored = "ignore_startup_parameters = search_path, lock_timeout, statement_timeout, idle_in_transaction_session_timeout, default_transaction_isolation, jit"
	for name, settings := range map[string][]string{
		"it refuses them":             {"pool_mode = transaction"},
		"it ignores them":             {"pool_mode = transaction", ignored},
		"it ignores them for session": {"pool_mode = session", ignored},
	} {
		t.Run(name, func(t *testing.T) {
			direct := pgtest.Database(t)
			dsn := poolertest.Start(t, direct, settings...)
			l, err := ledger.Open(t.Context(), ledger.Config{DSN: dsn})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			_, checking := l.Check(t.Context())
			for doing, err := range map[string]error{"migrating": l.Migrate(t.Context()), "checking": checking} {
				if !ledger.Pooled(err) {
					t.Errorf("%s: %v", doing, err)
				}
			}
			conn, err := pgx.Connect(t.Context(), direct)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			var tables, locks int
			err = conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_class WHERE relname = 'goose_db_version'),
				(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&tables, &locks)
			if err != nil || tables+locks > 0 {
				t.Errorf("%d tables, %d locks, %v", tables, locks, err)
			}
		})
	}
	if ledger.Pooled(errors.New("startup parameter")) {
		t.Error("any error is a pooler's")
	}
}
