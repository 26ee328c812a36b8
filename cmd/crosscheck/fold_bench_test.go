package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	foldFields  = "{name: status, type: text}, {name: filled_quantity, type: numeric}, {name: quantity, type: numeric}, {name: price, type: numeric}, {name: avg_fill_price, type: numeric}, {name: side, type: text}"
	foldMemory  = 256 << 20
	foldOrders  = 30_000 // without BENCH_ORDERS: quick, and no figure
	foldBareSQL = "SELECT count(*), sum(n)::bigint FROM (SELECT order_id, count(*) AS n, max(event_id) FROM event_store GROUP BY order_id) AS e"
)

// BenchmarkFoldOfAllEvents digests legacy and the fold of all events at once, as full verification does, in turn with the
// least that SQL can do with the same events: to group them by order. Different digests are an error; a time is not.
func BenchmarkFoldOfAllEvents(b *testing.B) {
	server, c := foldStore(b)
	legacy, fold := foldSides(b, c)
	conn, err := pgx.Connect(b.Context(), server.DSN("events"))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(b.Context()))
	if _, err := conn.Exec(b.Context(), "SET max_parallel_workers_per_gather = 0; SET jit = off; SET work_mem = '64MB'"); err != nil {
		b.Fatal(err)
	}
	var orders, events int64
	var walk, bare time.Duration
	for b.Loop() {
		began := time.Now()
		if err := conn.QueryRow(b.Context(), foldBareSQL).Scan(&orders, &events); err != nil {
			b.Fatal(err)
		}
		bare += time.Since(began)
		began = time.Now()
		foldWalk(b, legacy, fold)
		walk += time.Since(began)
	}
	rounds := float64(b.N)
	b.ReportMetric(float64(events)*rounds/walk.Seconds(), "events/s")
	b.ReportMetric(float64(events)*rounds/bare.Seconds(), "bare-events/s")
	b.ReportMetric(walk.Seconds()/bare.Seconds(), "x-bare")
	b.ReportMetric(float64(events)/float64(orders), "events/order")
	b.ReportMetric(float64(events), "events")
	resident := largestResident(b)
	b.ReportMetric(float64(resident>>20), "MiB")
	if resident > foldMemory {
		b.Errorf("%d MiB resident", resident>>20)
	}
}

// foldStore generates a history in a server of its own, with as much of its cache as the machine gives.
func foldStore(b *testing.B) (*pgserver.Server, *config.Config) {
	b.Helper()
	orders := int64(foldOrders)
	if text := os.Getenv("BENCH_ORDERS"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		orders = n
	}
	server, err := pgserver.Start(b.Context(), pgserver.Options{SharedBuffers: "1GB"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Stop(); err != nil {
			b.Error(err)
		}
	})
	legacy, events := server.DSN("legacy"), server.DSN("events")
	for _, name := range []string{"legacy", "events"} {
		conn, err := pgx.Connect(b.Context(), server.DSN("postgres"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Exec(b.Context(), "CREATE DATABASE "+name); err != nil {
			b.Fatal(err)
		}
		if err := conn.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	if err := lab.Generate(b.Context(), legacy, events, lab.History{Orders: orders, Events: true, Seed: 1}); err != nil {
		b.Fatal(err)
	}
	text := fmt.Sprintf("legacy: {dsn: %q}\nprojection: {dsn: %[2]q}\nledger: {dsn: %[2]q}\nevents: {dsn: %[2]q}\ncompare: {group_by: status, fields: [%[3]s]}\n",
		legacy, events, foldFields)
	c, err := config.Parse("fold.yaml", []byte(text), environment)
	if err != nil {
		b.Fatal(err)
	}
	return server, c
}

func foldSides(b *testing.B, c *config.Config) (legacy *source.Side, fold *source.Fold) {
	b.Helper()
	fold, err := openFold(b.Context(), c, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(fold.Close)
	legacy, err = source.Open(b.Context(), legacyConfig(c, nil))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(legacy.Close)
	return legacy, fold
}

// foldWalk is the first level of full verification: both sides at once.
func foldWalk(b *testing.B, legacy, fold verify.Side) {
	b.Helper()
	var found [2][]verify.Digest
	g, ctx := errgroup.WithContext(b.Context())
	for i, side := range []verify.Side{legacy, fold} {
		g.Go(func() error {
			n, err := side.Begin(ctx)
			if err != nil {
				return err
			}
			defer n.Close()
			found[i], err = n.Digests(ctx, verify.DigestQuery{Layout: verify.Layout{Shift: 10}, Hash: verify.Hash{Seed: 7}}, func(int64) {})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	if d := cmp.Diff(byBucket(found[0]), byBucket(found[1])); d != "" {
		b.Fatalf("legacy and the folded events differ:\n%.2000s", d)
	}
}

// largestResident is the largest resident set of this process, in bytes: of the generation of the history too.
func largestResident(b *testing.B) int64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	if runtime.GOOS == "darwin" { // everywhere else it is in KiB
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) * 1024
}
