// Package bench measures crosscheck against handwritten queries, on a real PostgreSQL with as many orders as a grown
// trading system has.
//
// Invariant: a wrong result is an error, however fast. A time beyond its limit is reported and is never an error.
// Contenders take turns in one run on the same warm tables, so that their ratios are meaningful on a noisy machine.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/lab/pgserver"
)

// Options says what to measure, and with what.
type Options struct {
	// Orders is about how many orders each side has.
	Orders int64
	// Runs is how often each contender runs.
	Runs int
	// Only are the parts to measure; empty for all.
	Only []string
	// Dir keeps the generated data for the next run.
	Dir string
	// Crosscheck is the program to measure.
	Crosscheck string
	// Before is an earlier build of it, whose full verification takes turns with the others; empty for none.
	Before string
	// Log gets the progress.
	Log func(format string, args ...any)
}

const (
	smallOrders   = 1_000_000 // size of the small data set, which shows that a sample's time does not depend on the size
	manyOrders    = 1_000_000 // differences
	sampleSize    = 10_000
	sampleRuns    = 15 // more of them, because they are short
	memoryLimit   = 256 << 20
	cleanUpBudget = time.Minute
)

// Run measures everything and returns the table.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	folder, err := os.MkdirTemp("", "crosscheck-bench-")
	if err != nil {
		return nil, fmt.Errorf("creating a folder: %w", err)
	}
	defer os.RemoveAll(folder)
	server, err := start(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	b := &bench{Options: o, server: server, crosscheck: program{path: o.Crosscheck, folder: folder}, random: rand.New(rand.NewPCG(1, 2))} //nolint:gosec // not for secrets
	if b.wants("stores") {
		if b.histories, err = prepareStores(ctx, server, min(storeOrders, o.Orders), o.Log); err != nil {
			return nil, err
		}
	}
	if b.wants("shared") {
		if b.events, err = prepareEvents(ctx, server, min(sharedOrders, o.Orders), o.Log); err != nil {
			return nil, err
		}
	}
	if b.wants("history") {
		if b.past, err = prepareHistory(ctx, server, min(historyOrders, o.Orders), o.Log); err != nil {
			return nil, err
		}
	}
	if b.wants("sample") {
		if b.small, err = prepare(ctx, server, min(smallOrders, max(o.Orders/9, 1)), o.Log); err != nil {
			return nil, err
		}
	}
	if b.large = cmp.Or(b.histories, b.events, b.past); b.large == nil || len(o.Only) != 1 { // histories alone need no others
		if b.large, err = prepare(ctx, server, o.Orders, o.Log); err != nil {
			return nil, err
		}
	}
	b.report = newReport(ctx, b.large, o.Runs)
	return b.report, b.measure(ctx)
}

// Parts are what can be measured alone.
var Parts = []string{"verify", "ranges", "delta", "sample", "many", "throttle", "stores", "shared", "history"}

func (b *bench) wants(part string) bool { return len(b.Only) == 0 || slices.Contains(b.Only, part) }

// start runs a server whose cache holds all tables and indexes, up to half of the memory. It turns the write-ahead log
// down, because the data can be generated again.
func start(ctx context.Context, o Options) (*pgserver.Server, error) {
	const bytesPerOrder = 640 // three tables of 135 bytes a row, and their indexes
	buffers := max(o.Orders, smallOrders) * bytesPerOrder >> 20
	if half := memoryMiB() / 2; half > 0 {
		buffers = min(buffers, half)
	}
	server, err := pgserver.Start(ctx, pgserver.Options{
		Dir:           filepath.Clean(o.Dir),
		SharedBuffers: fmt.Sprintf("%dMB", buffers),
		Settings:      map[string]string{"wal_level": "minimal", "max_wal_senders": "0", "max_wal_size": "8GB"},
	})
	if err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	return server, nil
}

// bench is a run of measurements.
type bench struct {
	Options

	server       *pgserver.Server
	crosscheck   program
	random       *rand.Rand
	small, large *dataset
	histories    *dataset // in all event stores
	events       *dataset // more of them, in the default schema
	past         *dataset // those of which a backfill writes the events
	report       *Report
	reladiff     string // the program; empty if there is none
}

func (b *bench) measure(ctx context.Context) (err error) {
	var all []*dataset
	for _, d := range []*dataset{b.small, b.large} {
		if d != nil && d != b.histories && d != b.events && d != b.past {
			all = append(all, d)
		}
	}
	for _, d := range all {
		if err := errors.Join(d.unplant(ctx), d.forget(ctx)); err != nil {
			return err
		}
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpBudget)
		defer cancel()
		for _, d := range all {
			err = errors.Join(err, d.unplant(ctx), d.drop(ctx), d.forget(ctx))
		}
	}()
	parts := map[string]func(context.Context) error{
		"verify": b.verifications, "ranges": b.ranges, "delta": b.delta, "sample": b.sample, "many": b.many, "throttle": b.throttle, "stores": b.stores, "shared": b.shared, "history": b.history,
	}
	for _, name := range Parts {
		if !b.wants(name) {
			continue
		}
		if err := parts[name](ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) verifications(ctx context.Context) error {
	b.reladiff = installReladiff(ctx, filepath.Join(os.TempDir(), "crosscheck-bench-reladiff"), b.Log)
	for _, f := range []fields{threeFields, allFields} {
		if err := b.verify(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// forget drops the ledgers, so that a run does not revisit the divergences of another run.
func (d *dataset) forget(ctx context.Context) error {
	for _, name := range []string{"clean", "buckets", "few", "before", "many", "ranges", "delta", "delta_full", "delta_before"} {
		if err := execute(ctx, d.projection, "SET client_min_messages = error", "DROP SCHEMA IF EXISTS "+ledgerSchema(name)+" CASCADE"); err != nil {
			return err
		}
	}
	return nil
}

// verify measures full verification with no difference and with few differences, next to its rivals.
func (b *bench) verify(ctx context.Context, f fields) error {
	b.Log("%s of %d orders:", f.name, b.large.orders)
	clean, err := b.crosscheck.configure("clean", b.large, "public.current_orders", f)
	if err != nil {
		return err
	}
	if _, err := b.crosscheck.clean(ctx, clean, "verify"); err != nil { // the first run of a configuration creates its ledger
		return err
	}
	n, err := b.byNumber(ctx, f)
	if err != nil {
		return err
	}
	var inside sample // as crosscheck itself measures the pass
	samples, err := interleave(ctx, b.Runs, b.Log, append([]contender{
		{"verify", func(ctx context.Context) (time.Duration, error) { return b.cleanVerify(ctx, clean, &inside) }},
		{"bare digests", func(ctx context.Context) (time.Duration, error) { return b.large.digests(ctx, f) }},
		{"full join", func(ctx context.Context) (time.Duration, error) { return b.large.join(ctx, f) }},
		{"md5", func(ctx context.Context) (time.Duration, error) { return b.large.md5(ctx, f) }},
		{"count(*)", b.large.counts},
	}, n.contenders()...))
	if err != nil {
		return err
	}
	b.report.verify(f, samples, inside, n)
	return nil
}

// earlier runs the earlier build.
func (b *bench) earlier() *bench {
	e := *b
	e.crosscheck.path = b.Before
	return &e
}

func (b *bench) cleanVerify(ctx context.Context, config string, inside *sample) (time.Duration, error) {
	r, err := b.crosscheck.clean(ctx, config, "verify")
	if err != nil {
		return 0, err
	}
	if r.Compared != b.large.orders {
		return 0, fmt.Errorf("%w: %d orders compared, and there are %d", ErrWrong, r.Compared, b.large.orders)
	}
	*inside = append(*inside, r.duration())
	return r.wall, nil
}

// sample measures samples of a large and of a small table, next to bare reads of as many keys.
func (b *bench) sample(ctx context.Context) error {
	b.Log("samples of %d orders:", sampleSize)
	var contenders []contender
	inside := make([]sample, 2)
	for i, d := range []*dataset{b.large, b.small} {
		config, err := b.crosscheck.configure("clean", d, "public.current_orders", allFields)
		if err != nil {
			return err
		}
		if _, err := b.crosscheck.clean(ctx, config, "sample"); err != nil {
			return err
		}
		contenders = append(contenders,
			contender{"sample", func(ctx context.Context) (time.Duration, error) {
				r, err := b.crosscheck.clean(ctx, config, "sample", "--size", fmt.Sprint(sampleSize))
				if err != nil {
					return 0, err
				}
				inside[i] = append(inside[i], r.duration())
				return r.wall, nil
			}},
			contender{"bare reads", func(ctx context.Context) (time.Duration, error) {
				keys, err := d.randomKeys(ctx, b.random, sampleSize)
				if err != nil {
					return 0, err
				}
				return d.keyed(ctx, allFields, keys)
			}})
	}
	samples, err := interleave(ctx, max(b.Runs, sampleRuns), b.Log, contenders)
	if err != nil {
		return err
	}
	b.report.sample(b.large, b.small, samples, inside)
	return nil
}

// many measures a projection with differences everywhere.
func (b *bench) many(ctx context.Context) error {
	planted, err := b.large.plantMany(ctx, min(manyOrders, b.large.orders/9))
	if err != nil {
		return err
	}
	b.Log("%d orders of %d differ:", planted, b.large.orders)
	config, err := b.crosscheck.configure("many", b.large, manyTable, threeFields)
	if err != nil {
		return err
	}
	r, err := b.crosscheck.run(ctx, config, "verify")
	if err != nil {
		return err
	}
	if r.Verdict != "diverged" || r.Diverged != planted || r.Compared != b.large.orders {
		return fmt.Errorf("%w: %d orders of %d differ, %s with %d of %d: %s",
			ErrWrong, planted, b.large.orders, r.Verdict, r.Diverged, r.Compared, r.Reason)
	}
	b.Log("all found in %.0f s with %d MiB", r.wall.Seconds(), r.memory>>20)
	b.report.many(planted, r)
	return nil
}
