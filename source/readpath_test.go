package source_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/reads"
	"github.com/nordvarg/crosscheck/source"
)

// TestAReadPathOfSQL answers with exact values, and cannot write.
func TestAReadPathOfSQL(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, price numeric); INSERT INTO orders VALUES (7, 'OPEN', 1.50), (8, NULL, 0.1)`); err != nil {
		t.Fatal(err)
	}
	path, err := source.OpenReadPath(t.Context(), order.Legacy, dsn, time.Second, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer path.Close()
	ask := func(sql string, params ...string) (reads.Answer, error) {
		return path.Query(sql).Ask(t.Context(), params)
	}

	a, err := ask(`SELECT *, '{"a": [1.0, null]}'::jsonb AS more, true AS yes, '2026-11-27 10:00:00.5+01'::timestamptz AS at FROM public.orders WHERE order_id = $1`, "7")
	want := `[{at: 2026-11-27 09:00:00.5+00, more: {a: [1.0, NULL]}, order_id: 7, price: 1.50, status: "OPEN", yes: true}]`
	if err != nil || a.String() != want || !a.Rows || a.Took <= 0 {
		t.Errorf("%s after %v, %v, want %s", a, a.Took, err, want)
	}
	if a, err := ask(`SELECT status FROM public.orders WHERE order_id = $1`, "8"); err != nil || a.String() != "[{status: NULL}]" {
		t.Errorf("%s, %v", a, err)
	}
	if a, err := ask(`SELECT status FROM public.orders WHERE order_id = $1`, "9"); err != nil || a.String() != "[]" {
		t.Errorf("%s, %v", a, err)
	}
	if a, err := ask(`SELECT count(*) AS n FROM public.orders`, "9"); err != nil || a.String() != "[{n: 2}]" {
		t.Errorf("without a parameter: %s, %v", a, err)
	}
	for sql, says := range map[string]string{
		`DELETE FROM public.orders WHERE order_id = $1`:                  "read-only transaction",
		`SELECT 1; SELECT 2`:                                             "multiple commands",
		`SELECT 1 AS a, 2 AS a`:                                          "two columns are called a",
		`SELECT $2::int`:                                                 "the question has 1 parameters",
		`SELECT pg_sleep(60)`:                                            "statement timeout",
		`SELECT * FROM orders WHERE order_id = $1`:                       "does not exist",
		`SELECT order_id FROM public.orders, generate_series(1, 100000)`: "more than 10000 rows",
	} {
		if a, err := ask(sql, "7"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %s, %v", sql, a, err)
		}
	}
	if a, err := ask(`SELECT count(*) AS n FROM public.orders`, "9"); err != nil || a.String() != "[{n: 2}]" {
		t.Errorf("after all: %s, %v", a, err)
	}
}
