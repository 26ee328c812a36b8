package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/lab/pgserver"
)

const (
	// historyOrders have about 5 million events.
	historyOrders   = 1_000_000
	backfillWorkers = 2
	// ofCopy is at least half of the rate of a bare COPY.
	ofCopy = 2.0
	// ofBackfill says that an audit is no slower than the backfill.
	ofBackfill = 1.0
	// leastEvents is how many events a backfill writes in a second.
	leastEvents = 150_000
)

// past is a history that is written again and again, and audited.
type past struct {
	b      *bench
	config string
	files  []string // the rows that a backfill writes, as COPY sends them; one for each connection
	events int64
	memory [2]int64 // the most that a backfill and an audit took
	// moments are those of the audit log at which the audit folds the events.
	moments int64
}

// prepareHistory makes sure that legacy has the records of so many orders.
func prepareHistory(ctx context.Context, server *pgserver.Server, orders int64, log func(string, ...any)) (*dataset, error) {
	return prepareHistories(ctx, server, "history", orders, eventStores[:1], log)
}

// history measures a backfill of the whole event store beside a bare COPY of the same rows, and an audit of what it wrote.
func (b *bench) history(ctx context.Context) error {
	p := &past{b: b}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	b.Log("history of %d orders, %d events:", b.past.orders, p.events)
	samples, err := interleave(ctx, b.Runs, b.Log, []contender{{"COPY", p.copy}, {"backfill", p.backfill}, {"audit", p.audit}})
	if err != nil {
		return err
	}
	b.report.history(p, samples)
	return nil
}

// prepare backfills once, and keeps the rows.
func (p *past) prepare(ctx context.Context) (err error) {
	d := p.b.past
	drop := "DROP SCHEMA IF EXISTS " + ledgerSchema("history") + " CASCADE"
	if err := execute(ctx, d.projection, "SET client_min_messages = error", drop); err != nil {
		return err
	}
	if p.config, err = p.b.crosscheck.configureStore(eventStores[0], d); err != nil {
		return err
	}
	text, err := os.ReadFile(p.config)
	if err != nil {
		return fmt.Errorf("reading a configuration: %w", err)
	}
	own := strings.Replace(string(text), ledgerSchema("store_orders"), ledgerSchema("history"), 1)
	own += fmt.Sprintf("history: {audit_log: public.audit_log, trades: public.trades, created_at: created_at}\nbackfill: {enabled: true, workers: %d}\n", backfillWorkers)
	if err := os.WriteFile(p.config, []byte(own), 0o600); err != nil {
		return fmt.Errorf("writing a configuration: %w", err)
	}
	if _, err := p.backfill(ctx); err != nil {
		return err
	}
	if err := scalar(ctx, d.projection, "SELECT count(*) FROM event_store", &p.events); err != nil {
		return err
	}
	for i := range backfillWorkers {
		file := filepath.Join(p.b.crosscheck.folder, fmt.Sprintf("events-%d", i))
		if err := p.keep(ctx, i, file); err != nil {
			return fmt.Errorf("keeping the events: %w", err)
		}
		p.files = append(p.files, file)
	}
	return nil
}

const storedColumns = `order_id, event_type, "timestamp", payload`

// keep writes the events of some orders to a file.
func (p *past) keep(ctx context.Context, part int, file string) error {
	conn, err := pgx.Connect(ctx, p.b.past.projection)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	to, err := os.Create(filepath.Clean(file))
	if err != nil {
		return err
	}
	half := p.b.past.orders * int64(part) / backfillWorkers
	next := p.b.past.orders * int64(part+1) / backfillWorkers
	query := fmt.Sprintf(`COPY (SELECT %s FROM (SELECT *, dense_rank() OVER (ORDER BY order_id) AS n FROM event_store) AS e
		WHERE n > %d AND n <= %d ORDER BY event_id) TO STDOUT (FORMAT binary)`, storedColumns, half, next)
	_, err = conn.PgConn().CopyTo(ctx, to, query)
	return errors.Join(err, to.Close())
}

func (p *past) empty(ctx context.Context) error {
	return execute(ctx, p.b.past.projection, "TRUNCATE event_store", "CHECKPOINT")
}

// copy sends the same rows, with as many connections as a backfill.
func (p *past) copy(ctx context.Context) (time.Duration, error) {
	if err := p.empty(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for _, file := range p.files {
		g.Go(func() error {
			conn, err := pgx.Connect(ctx, p.b.past.projection)
			if err != nil {
				return fmt.Errorf("connecting: %w", err)
			}
			defer conn.Close(context.WithoutCancel(ctx))
			from, err := os.Open(filepath.Clean(file))
			if err != nil {
				return err
			}
			_, err = conn.PgConn().CopyFrom(ctx, from, "COPY event_store ("+storedColumns+") FROM STDIN (FORMAT binary)")
			return errors.Join(err, from.Close())
		})
	}
	err := g.Wait()
	return time.Since(began), err
}

func (p *past) backfill(ctx context.Context) (time.Duration, error) {
	if err := p.empty(ctx); err != nil {
		return 0, err
	}
	r, err := p.b.crosscheck.run(ctx, p.config, "backfill")
	if err != nil {
		return 0, err
	}
	var stored int64
	if err := scalar(ctx, p.b.past.projection, "SELECT count(*) FROM event_store", &stored); err != nil {
		return 0, err
	}
	if r.Error != "" || r.Events != stored || p.events > 0 && stored != p.events {
		return 0, fmt.Errorf("%w: a backfill of %d events wrote %d, and %d are stored: %s", ErrWrong, p.events, r.Events, stored, r.Error)
	}
	p.memory[0] = max(p.memory[0], r.memory)
	return r.wall, nil
}

func (p *past) audit(ctx context.Context) (time.Duration, error) {
	r, err := p.b.crosscheck.clean(ctx, p.config, "audit")
	if err != nil {
		return 0, err
	}
	if r.Counted.Orders != p.b.past.orders {
		return 0, fmt.Errorf("%w: %d orders audited, and there are %d", ErrWrong, r.Counted.Orders, p.b.past.orders)
	}
	p.memory[1], p.moments = max(p.memory[1], r.memory), r.Counted.Moments
	return r.wall, nil
}

// history adds the samples in the order of bench.history.
func (r *Report) history(p *past, s []sample) {
	r.add(fmt.Sprintf("bare binary `COPY` of %d events on %d connections", p.events, backfillWorkers), s[0])
	r.against("`crosscheck backfill` of them from the records of legacy", s[1], "this / COPY", s[1], s[0], ofCopy)
	rate := float64(p.events) / s[1].median().Seconds()
	r.Rows = append(r.Rows, Row{
		What: "events that it writes in a second", OfMedians: fmt.Sprintf("%.0f", rate), Limit: fmt.Sprintf(">= %d", leastEvents), Held: rate >= leastEvents,
	})
	r.against("`crosscheck audit` of them", s[2], "this / backfill", s[2], s[1], ofBackfill)
	r.Rows = append(r.Rows, Row{What: "moments at which it folds them in a second, with all else that it does", OfMedians: fmt.Sprintf("%.0f", float64(p.moments)/s[2].median().Seconds())})
	for i, what := range []string{"resident memory of the backfill", "resident memory of the audit"} {
		r.Rows = append(r.Rows, Row{
			What: what, OfMedians: fmt.Sprintf("%d MiB", p.memory[i]>>20), Limit: fmt.Sprintf("%d MiB", memoryLimit>>20), Held: p.memory[i] < memoryLimit,
		})
	}
}
