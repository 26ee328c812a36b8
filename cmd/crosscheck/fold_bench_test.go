package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

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
	foldFields = "{name: status, type: text}, {name: filled_quantity, type: numeric}, {name: quantity, type: numeric}, {name: price, type: numeric}, {name: avg_fill_price, type: numeric}, {name: side, type: text}"
	foldMemory = 256 << 20
	foldOrders = 30_000 // without BENCH_ORDERS: quick, and no figure
)

// foldBare are aggregates over all events, by order, of which the fastest is what the fold is measured against. They check
// nothing. The last one adds up one number of each payload, to show what looking into them costs.
var foldBare = []struct{ name, settings, query string }{
	{"bare", "SET max_parallel_workers_per_gather = 0", "SELECT count(*), sum(n)::bigint FROM (SELECT count(*) AS n FROM event_store GROUP BY order_id) AS e"},
	{"bare-parallel", "SET max_parallel_workers_per_gather = 2", "SELECT count(*), sum(n)::bigint FROM (SELECT count(*) AS n FROM event_store GROUP BY order_id) AS e"},
	{"bare-prices", "SET max_parallel_workers_per_gather = 2", `SELECT count(p), sum(n)::bigint FROM (
		SELECT count(*) AS n, coalesce(sum((payload ->> 'price')::numeric), 0) AS p FROM event_store GROUP BY order_id) AS e`},
}

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
	var orders, events int64
	took := map[string][]foldSpent{}
	forgetResident(b) // what the generation took
	for b.Loop() {
		for _, bare := range foldBare {
			if _, err := conn.Exec(b.Context(), "SET jit = off; SET work_mem = '64MB'; "+bare.settings); err != nil {
				b.Fatal(err)
			}
			took[bare.name] = append(took[bare.name], foldSpend(b, conn, func() {
				if err := conn.QueryRow(b.Context(), bare.query).Scan(&orders, &events); err != nil {
					b.Fatal(err)
				}
			}))
		}
		took["legacy"] = append(took["legacy"], foldSpend(b, conn, func() { foldWalk(b, legacy) }))
		took["fold"] = append(took["fold"], foldSpend(b, conn, func() { foldWalk(b, fold) }))
		took["walk"] = append(took["walk"], foldSpend(b, conn, func() { foldWalk(b, legacy, fold) }))
	}
	reportFold(b, took, orders, events)
	resident := peakResident(b)
	b.ReportMetric(float64(resident>>20), "MiB")
	if resident > foldMemory {
		b.Errorf("%d MiB resident", resident>>20)
	}
}

// reportFold prints medians, by the clock and by the processor time of crosscheck and all of the server's processes.
func reportFold(b *testing.B, took map[string][]foldSpent, orders, events int64) {
	b.Helper()
	walk := median(took["walk"])
	fastest := median(took[foldBare[0].name])
	for _, bare := range foldBare[1:] {
		if m := median(took[bare.name]); m.wall < fastest.wall {
			fastest = m
		}
	}
	n := float64(events)
	b.ReportMetric(n, "events")
	b.ReportMetric(n/float64(orders), "events/order")
	b.ReportMetric(n/walk.wall.Seconds(), "events/s")
	b.ReportMetric(n/fastest.wall.Seconds(), "bare-events/s")
	b.ReportMetric(walk.wall.Seconds()/fastest.wall.Seconds(), "x-bare")
	if walk.server == 0 { // not on Linux
		return
	}
	b.ReportMetric(n/(walk.server+walk.own).Seconds(), "events/cpu-s")
	b.ReportMetric((walk.server+walk.own).Seconds()/(fastest.server+fastest.own).Seconds(), "x-bare-cpu")
	for name, list := range took {
		m := median(list)
		b.Logf("%s: %.2f s by the clock; processor time %.2f s of the server, %.2f s of crosscheck; %.2f µs an event", name,
			m.wall.Seconds(), m.server.Seconds(), m.own.Seconds(), (m.server+m.own).Seconds()/n*1e6)
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
	fold, err := openFold(b.Context(), c, nil, true)
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

// foldWalk is the first level of full verification: all sides at once.
func foldWalk(b *testing.B, sides ...verify.Side) {
	b.Helper()
	found := make([][]verify.Digest, len(sides))
	g, ctx := errgroup.WithContext(b.Context())
	for i, side := range sides {
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
	for _, other := range found[1:] {
		if d := cmp.Diff(byBucket(found[0]), byBucket(other)); d != "" {
			b.Fatalf("legacy and the folded events differ:\n%.2000s", d)
		}
	}
}
