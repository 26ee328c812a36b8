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

func TestCopiesHaveWhatTheFirstWasFilledWith(t *testing.T) {
	filled := 0
	fill := func(dsn string) error {
		filled++
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			return err
		}
		defer conn.Close(t.Context())
		_, err = conn.Exec(t.Context(), "CREATE TABLE ours (x int)")
		return err
	}
	for range 2 {
		conn, err := pgx.Connect(t.Context(), pgtest.Copy(t, "test", fill))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		var n int
		if err := conn.QueryRow(t.Context(), "WITH mine AS (INSERT INTO ours VALUES (1)) SELECT count(*) FROM ours").Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows of others, %v", n, err)
		}
	}
	if filled != 1 {
		t.Errorf("filled %d times", filled)
	}
}
