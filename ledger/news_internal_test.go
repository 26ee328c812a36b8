package ledger

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/verify"
)

func TestRowsAreTriedAsNewUntilOneIsKnown(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var n news
	var tried []bool // whether rows were taken for known, for each try
	insert := func(id verify.PassID, keys ...int) error {
		return pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			return n.insert(t.Context(), tx, id, func(tx pgx.Tx, known bool) error {
				tried = append(tried, known)
				sql := "INSERT INTO met (key) SELECT unnest($1::int[])"
				if known {
					sql += " ON CONFLICT (key) DO UPDATE SET times = met.times + 1"
				}
				_, err := tx.Exec(t.Context(), sql, keys)
				return err
			})
		})
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE met (key int PRIMARY KEY CHECK (key > 0), times int NOT NULL DEFAULT 1)"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		pass  verify.PassID
		keys  []int
		tried []bool
		fails bool
	}{
		{"all are new", 1, []int{1, 2}, []bool{false}, false},
		{"one is known", 1, []int{3, 2}, []bool{false, true}, false},
		{"another of the same pass", 1, []int{4}, []bool{true}, false},
		{"the next pass", 2, []int{5}, []bool{false}, false},
		{"refused for another reason", 2, []int{6, -1}, []bool{false}, true},
	} {
		tried = nil
		if err := insert(c.pass, c.keys...); (err != nil) != c.fails || !slices.Equal(tried, c.tried) {
			t.Errorf("%s: tried %v, %v", c.name, tried, err)
		}
	}
	var rows, times int
	if err := conn.QueryRow(t.Context(), "SELECT count(*), sum(times) FROM met").Scan(&rows, &times); err != nil || rows != 5 || times != 6 {
		t.Errorf("%d rows were met %d times, %v", rows, times, err)
	}
}
