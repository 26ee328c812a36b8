package order_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func connect(t *testing.T) (context.Context, *pgx.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	conn, err := pgx.Connect(ctx, pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(ctx)) })
	if _, err := conn.Exec(ctx, "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'"); err != nil {
		t.Fatal(err)
	}
	return ctx, conn
}

// answers asks PostgreSQL the question about each of the rows.
func answers(ctx context.Context, t *testing.T, conn *pgx.Conn, question string, columns ...[]string) []string {
	t.Helper()
	var args []any
	for _, c := range columns {
		args = append(args, c)
	}
	rows, err := conn.Query(ctx, question, args...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAveragesAreThoseOfPostgreSQL makes the same division in both: of everyday numbers, of ones with a quotient just
// beside a half, of very large and very small ones.
func TestAveragesAreThoseOfPostgreSQL(t *testing.T) {
	ctx, conn := connect(t)
	random := rand.New(rand.NewPCG(1, 2))
	var quantities, prices, others []string
	add := func(q, p, o string) {
		quantities, prices, others = append(quantities, q), append(prices, p), append(others, o)
	}
	for range 4000 {
		add(fmt.Sprintf("%d.%04d", random.IntN(20_000), 1+random.IntN(9_999)),
			fmt.Sprintf("%d.%04d", random.IntN(500), random.IntN(10_000)), fmt.Sprintf("%d.%04d", random.IntN(500), random.IntN(10_000)))
		scale := func() string {
			return fmt.Sprintf("%d.%0*d", random.Int64N(1<<random.IntN(60)), 1+random.IntN(12), 1+random.IntN(9))
		}
		add(scale(), scale(), scale())
		add("0."+strings.Repeat("0", random.IntN(40))+fmt.Sprint(1+random.IntN(99_999)), scale(), fmt.Sprint(random.Int64()))
	}
	// two trades: 10^15 at 1, and 1 at a price that leaves the quotient a hair above or below a half
	for i := range 200 {
		add("1", "1", fmt.Sprintf("%d.%04d", 500_000_000+i, random.IntN(10_000)))
	}
	const question = `SELECT round(sum(q * p)::numeric / sum(q), 6)::text FROM (
		SELECT n, q::numeric AS q, p::numeric AS p FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS a (q, p, n)
		UNION ALL SELECT n, 1000000000000000.0, p::numeric FROM unnest($3::text[]) WITH ORDINALITY AS b (p, n)) AS trades
		GROUP BY n ORDER BY n`
	wrong := 0
	for i, want := range answers(ctx, t, conn, question, quantities, prices, others) {
		s, _ := order.Fold(history(t, created,
			fmt.Sprintf(`OrderPartiallyFilled {"filled_quantity": %s, "remaining_quantity": 0, "price": %s}`, quantities[i], prices[i]),
			fmt.Sprintf(`OrderPartiallyFilled {"filled_quantity": 1000000000000000.0, "remaining_quantity": 0, "price": %s}`, others[i])))
		if got, _ := s.Value("avg_fill_price"); got.Text != want {
			if wrong++; wrong < 10 {
				t.Errorf("%s at %s and 10^15 at %s: got %s, PostgreSQL has %s", quantities[i], prices[i], others[i], got.Text, want)
			}
		}
	}
	const single = `SELECT round((q::numeric * p::numeric) / q::numeric, 6)::text FROM unnest($1::text[], $2::text[]) AS a (q, p)`
	for i, want := range answers(ctx, t, conn, single, quantities, prices) {
		s, _ := order.Fold(history(t, created,
			fmt.Sprintf(`OrderPartiallyFilled {"filled_quantity": %s, "remaining_quantity": 0, "price": %s}`, quantities[i], prices[i])))
		if got, _ := s.Value("avg_fill_price"); got.Text != want {
			t.Fatalf("%s at %s: got %s, PostgreSQL has %s", quantities[i], prices[i], got.Text, want)
		}
	}
}

// TestTimesAreThoseOfPostgreSQL casts text with nanoseconds, exact halves above all.
func TestTimesAreThoseOfPostgreSQL(t *testing.T) {
	ctx, conn := connect(t)
	random := rand.New(rand.NewPCG(3, 4))
	var times []string
	for range 20_000 {
		ns := random.IntN(1_000_000) * 1000
		switch random.IntN(3) {
		case 0:
			ns += 500
		case 1:
			ns += random.IntN(1000)
		}
		at := time.Unix(random.Int64N(8_000_000_000)-3_000_000_000, int64(ns)).UTC()
		times = append(times, at.Format(time.RFC3339Nano))
	}
	for i, want := range answers(ctx, t, conn, "SELECT a::timestamptz::text FROM unnest($1::text[]) WITH ORDINALITY AS u (a, n) ORDER BY n", times) {
		at, ok := order.ParseTime(times[i])
		if got := order.TimestamptzText(at); !ok || got != want {
			t.Fatalf("%s: got %s, PostgreSQL has %s", times[i], got, want)
		}
	}
}

func TestNumbersPrintAsThoseOfPostgreSQL(t *testing.T) {
	ctx, conn := connect(t)
	numbers := []string{"1e2", "1.50e1", "1.5e3", "-0", "-0.00", "0e5", "1e-7", "100.5000", "-1.25E-3", forty, "12e10"}
	for i, want := range answers(ctx, t, conn, "SELECT a::numeric::text FROM unnest($1::text[]) WITH ORDINALITY AS u (a, n) ORDER BY n", numbers) {
		s, _ := order.Fold(history(t, strings.Replace(created, `"price": 10`, `"price": `+numbers[i], 1)))
		if got, _ := s.Value("price"); got.Text != want {
			t.Errorf("%s: got %s, PostgreSQL has %s", numbers[i], got.Text, want)
		}
	}
}
