package fence_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// BenchmarkDormantFence compares writes to a fenced table with the same writes to one without a fence, on a server that makes commits
// durable. Both are in turn, so that what else the machine does meets both.
func BenchmarkDormantFence(b *testing.B) {
	s, err := pgserver.Start(b.Context(), pgserver.Options{Settings: map[string]string{"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_wal_size": "4GB", "autovacuum": "off"}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			b.Error(err)
		}
	}()
	conn, err := pgx.Connect(b.Context(), s.DSN("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	exec := func(sql string) {
		if _, err := conn.Exec(b.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			b.Fatalf("%s: %v", sql, err)
		}
	}
	for _, name := range []string{"plain", "whole", "sliced"} {
		exec(fmt.Sprintf(`CREATE TABLE %[1]s (order_id bigint PRIMARY KEY, symbol text, status text, filled numeric, price numeric, updated_at timestamptz) WITH (fillfactor = 50);
			INSERT INTO %[1]s SELECT g, 'S' || g %% 50, 'OPEN', 0, 10.5, now() FROM generate_series(1, 100000) g`, name))
		exec("VACUUM ANALYZE " + name)
	}
	for name, slice := range map[string]string{"whole": "", "sliced": "symbol"} {
		f, err := fence.New(fence.Config{DSN: s.DSN("postgres"), Name: name, Tables: []string{"public." + name}, Slice: slice})
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Install(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	exec(`CREATE TABLE tellers AS SELECT g AS id, 0 AS balance FROM generate_series(0, 9) g; CREATE TABLE branches AS SELECT 0 AS id, 0 AS balance;
		CREATE TABLE trades (order_id bigint, quantity numeric, at timestamptz)`)
	exec("CHECKPOINT")
	key := 0
	for _, load := range []struct {
		name string
		sql  []string // %s is the table, $1 the key
	}{
		{"as pgbench does", []string{
			"BEGIN", "UPDATE %s SET filled = filled + 1, updated_at = now() WHERE order_id = $1", "SELECT filled FROM %s WHERE order_id = $1",
			"UPDATE tellers SET balance = balance + 1 WHERE id = $1 % 10", "UPDATE branches SET balance = balance + 1 WHERE id = $1 % 1", "INSERT INTO trades VALUES ($1, 1, now())", "COMMIT",
		}},
		{"update by key", []string{"UPDATE %s SET filled = filled + 1, updated_at = now() WHERE order_id = $1"}},
		{"update of 1000 rows", []string{"UPDATE %s SET filled = filled + 1, updated_at = now() WHERE order_id BETWEEN $1 AND $1 + 999"}},
	} {
		for _, fenced := range []string{"whole", "sliced"} {
			b.Run(load.name+"/"+fenced, func(b *testing.B) {
				took, used := map[string][]time.Duration{}, map[string][]time.Duration{}
				for b.Loop() {
					for _, table := range []string{"plain", fenced} {
						begin, before := time.Now(), processor(b, conn)
						key = (key*7919 + 13) % 99_000
						for _, sql := range load.sql {
							write(b, conn, strings.ReplaceAll(sql, "%s", table), key+1)
						}
						took[table] = append(took[table], time.Since(begin))
						used[table] = append(used[table], processor(b, conn)-before)
					}
				}
				for _, m := range []struct {
					name string
					of   map[string][]time.Duration
				}{{"clock", took}, {"processor", used}} {
					without, with := median(m.of["plain"]), median(m.of[fenced])
					b.ReportMetric(float64(without.Nanoseconds())/1000, "µs-plain-"+m.name)
					b.ReportMetric(100*(float64(with)/float64(without)-1), "%more-"+m.name)
				}
			})
		}
	}
}

func write(b *testing.B, conn *pgx.Conn, sql string, key int) {
	var args []any
	if strings.Contains(sql, "$1") {
		args = append(args, key)
	}
	if _, err := conn.Exec(b.Context(), sql, args...); err != nil {
		b.Fatal(err)
	}
}

// processor is the time that the server's process of the connection has run for; only Linux tells it.
func processor(b *testing.B, conn *pgx.Conn) time.Duration {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", conn.PgConn().PID()))
	if err != nil {
		return time.Nanosecond
	}
	var ns int64
	if _, err := fmt.Sscan(string(content), &ns); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ns)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
