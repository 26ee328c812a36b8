package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver"
)

// keyTypes are types of keys, each with an expression of it for order n.
var keyTypes = []struct{ name, key string }{
	{"bigint", "n"},
	{"uuid", "md5(n::text)::uuid"},
	{"text", `left('ORD-' || upper(md5(n::text)), 26) COLLATE "C"`},
}

// BenchmarkVerifyByKeyType runs a whole `crosscheck verify` of the same rows with keys of each type, in turn, and reports the
// ratios of medians to the time with integers. Of BENCH_KEYS orders; without it few, and no figure.
func BenchmarkVerifyByKeyType(b *testing.B) {
	orders, err := strconv.Atoi(cmp.Or(os.Getenv("BENCH_KEYS"), "20000"))
	if err != nil {
		b.Fatal(err)
	}
	files := keyStore(b, orders)
	took := map[string][]time.Duration{}
	for b.Loop() {
		for i, t := range keyTypes {
			began := time.Now()
			out, err := exec.CommandContext(b.Context(), "crosscheck", "verify", "--config", files[i]).CombinedOutput()
			if err != nil {
				b.Fatalf("%s: %v: %s", t.name, err, out)
			}
			took[t.name] = append(took[t.name], time.Since(began))
		}
	}
	median := func(name string) float64 {
		slices.Sort(took[name])
		return took[name][len(took[name])/2].Seconds()
	}
	for _, t := range keyTypes {
		b.ReportMetric(median(t.name), t.name+"-s")
		b.ReportMetric(median(t.name)/median(keyTypes[0].name), t.name+"-x")
	}
}

// keyStore fills a server of its own, and returns a configuration for each type.
func keyStore(b *testing.B, orders int) (files []string) {
	b.Helper()
	server, err := pgserver.Start(b.Context(), pgserver.Options{SharedBuffers: "2GB"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Stop(); err != nil {
			b.Error(err)
		}
	})
	conn, err := pgx.Connect(b.Context(), server.DSN("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(b.Context()))
	for _, t := range keyTypes {
		for _, table := range []string{"orders", "current_orders"} {
			name := table + "_" + t.name
			for _, statement := range []string{
				fmt.Sprintf(`CREATE TABLE %s AS SELECT %s AS id, (ARRAY['OPEN', 'FILLED', 'CANCELED'])[1 + n %% 3] AS status,
					(n %% 1000)::numeric(20, 4) AS quantity, (100 + n %% 7919 * 0.01)::numeric(20, 4) AS price FROM generate_series(1, %d) AS n`, name, t.key, orders),
				fmt.Sprintf("CREATE UNIQUE INDEX ON %s (id)", name), "VACUUM ANALYZE " + name,
			} {
				if _, err := conn.Exec(b.Context(), statement); err != nil {
					b.Fatal(err)
				}
			}
		}
		file := filepath.Join(b.TempDir(), t.name+".yaml")
		text := fmt.Sprintf(`legacy: {dsn: %q, table: public.orders_%s, key: id}
projection: {dsn: %[1]q, table: public.current_orders_%[2]s, key: id}
compare: {group_by: status, fields: [{name: status, type: text}, {name: quantity, type: numeric}, {name: price, type: numeric}]}
ledger: {dsn: %[1]q, schema: ledger_%[2]s}
`, server.DSN("postgres"), t.name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
