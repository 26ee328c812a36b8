package source_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// BenchmarkDigestOnConnections digests one side on one and on two connections, in turn. BENCH_ORDERS is how many rows it has.
func BenchmarkDigestOnConnections(b *testing.B) {
	rows, err := strconv.Atoi(os.Getenv("BENCH_ORDERS"))
	if err != nil {
		rows = 1_000_000
	}
	config := source.Config{
		Representation: order.Legacy, DSN: pgtest.Database(b), Table: "public.orders", Key: "order_id",
		Fields: []source.Field{field("status", order.Text), field("filled", order.Numeric), field("quantity", order.Numeric)},
	}
	conn, err := pgx.Connect(b.Context(), config.DSN)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(b.Context()))
	for _, sql := range []string{
		"CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, filled numeric(18,4), quantity numeric(18,4), note text)",
		fmt.Sprintf(`INSERT INTO orders SELECT g, (ARRAY['OPEN', 'FILLED', 'CANCELED'])[1 + g %% 3], g %% 977, g %% 7919, repeat('x', 60)
			FROM generate_series(1, %d) g`, rows),
		"VACUUM ANALYZE orders",
	} {
		if _, err := conn.Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
	var took [2]time.Duration
	for range b.N {
		for i := range took {
			c := config
			c.Connections = i + 1
			took[i] += digestTime(b, c)
		}
	}
	b.ReportMetric(took[0].Seconds()/float64(b.N), "s/one")
	b.ReportMetric(took[1].Seconds()/float64(b.N), "s/two")
	b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "times-as-fast")
}

func digestTime(b *testing.B, c source.Config) time.Duration {
	side, err := source.Open(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	defer side.Close()
	n, err := side.Begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	began := time.Now()
	if _, err := n.Digests(b.Context(), verify.DigestQuery{Layout: verify.Layout{Whole: true}, Hash: verify.Hash{Seed: 7}}, func(int64) {}); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}
