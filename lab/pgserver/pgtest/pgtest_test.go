package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestDatabaseIsFreshForEveryTest(t *testing.T) {
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			conn, err := pgx.Connect(t.Context(), pgtest.Database(t))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			if _, err := conn.Exec(t.Context(), "CREATE TABLE only_mine (x int)"); err != nil {
				t.Errorf("the database is not empty: %v", err)
			}
		})
	}
}

func TestDatabaseIsDroppedAfterwards(t *testing.T) {
	var dsn string
	t.Run("inner", func(t *testing.T) { dsn = pgtest.Database(t) })
	if _, err := pgx.Connect(t.Context(), dsn); err == nil {
		t.Errorf("%s is still there", dsn)
	}
}
