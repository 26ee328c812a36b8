// Package lab is a migrating trading system in miniature. It has a legacy order table, an event store, a stream, a
// projection that lags, a desk that trades on all of them, and faults that can be switched on. It demonstrates and
// tests crosscheck, and is not part of it.
//
// Invariant: without a planted fault all representations agree in every column once the desk rests and the view is
// refreshed, and the stream has each event once and in order. The number of workers and the way they were stopped do
// not matter. With planted faults the representations differ exactly as Plant said.
package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/nordvarg/crosscheck/lab/pgserver"
)

// Options says how to set the system up. Zero values mean the defaults.
type Options struct {
	// Server is a running server to use. If nil, the lab starts its own and stops it on Close.
	Server *pgserver.Server
	// OwnServer hands the Server over to the lab: Close stops it.
	OwnServer bool
	// LegacyDatabase and EventsDatabase are created if they do not exist; defaults "legacy" and "events".
	LegacyDatabase, EventsDatabase string
	// History is generated first. Its Events are needed for everything except benchmarks.
	History History
	// Copied says that the databases are copies of ones with this history, of which nothing was published.
	Copied bool
	// Rate is how many deals the desk makes per second; default 50.
	Rate float64
	// Workers is how many deals are made at the same time; default 4.
	Workers int
	// RefreshEvery is the time between two refreshes of current_orders, which is the lag that readers see; default 2 s.
	RefreshEvery time.Duration
	// Incremental lets the projector write current_orders itself, a table, with each batch of events. Nothing is refreshed then, which
	// takes longer the more orders there are.
	Incremental bool
	// Publisher is the topic that events are published to; nil for none. The caller closes it, after the lab.
	Publisher Publisher
	// PublishHistory is how many of the newest events of the history are published first.
	PublishHistory int64
	// Now is the desk's clock; default time.Now.
	Now func() time.Time
	// Log gets errors; nil logs nothing.
	Log *slog.Logger
}

// Lab is the running system. Its methods are safe for concurrent use.
type Lab struct {
	// LegacyDSN and EventsDSN are the two databases.
	LegacyDSN, EventsDSN string
	// Store is the language of the event store.
	Store *Store
	// Server runs both.
	Server *pgserver.Server
	// Desk and Projector write; StartDesk and StartProjector run them.
	Desk      *Desk
	Projector *Projector
	// ReadAPI answers what clients ask, of both sides.
	ReadAPI *ReadAPI

	cutOver        int64           // the newest order that the backfill has written; 0 if there was none
	opened         time.Time       // later than anything of the history, and earlier than anything of the desk
	base           context.Context //nolint:containedctx // what desk and projector run under, until they are stopped
	ownServer      bool
	before         []*pgserver.Server // that a failover has replaced
	legacy, events *pgxpool.Pool
	ahead          atomic.Int64 // nanoseconds by which the clock of desk and clients is wrong

	running               sync.Mutex // guards the tasks
	deskRun, projectorRun task
	disturbances          []*task

	planting   sync.Mutex // held by Plant and Repair; guards the fields below
	planted    []Planted
	undo       []func(context.Context) error // run by Repair, newest first
	frozen     []workingOrder                // orders that go back to the desk after Repair
	marked     bool                          // a fault left a permanent mark on the stream
	streamFrom int64                         // see StreamFrom

	inconsistent map[int64]bool // orders of PlantInconsistencies
}

// Up sets the system up: server, databases, history, projection. Nothing moves yet.
func Up(ctx context.Context, o Options) (*Lab, error) {
	o = o.withDefaults()
	l := &Lab{Server: o.Server, Store: o.History.store(), cutOver: o.History.cutOver(), inconsistent: map[int64]bool{}, base: context.WithoutCancel(ctx)}
	if l.Server == nil {
		s, err := pgserver.Start(ctx, pgserver.Options{})
		if err != nil {
			return nil, err
		}
		l.Server, l.ownServer = s, true
	}
	l.LegacyDSN, l.EventsDSN = l.Server.DSN(o.LegacyDatabase), l.Server.DSN(o.EventsDatabase)
	if err := l.open(ctx, o); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.ownServer = l.ownServer || o.OwnServer // only now, so that after an error the caller still has the server
	return l, nil
}

func (o Options) withDefaults() Options {
	if o.LegacyDatabase == "" {
		o.LegacyDatabase = "legacy"
	}
	if o.EventsDatabase == "" {
		o.EventsDatabase = "events"
	}
	if o.Rate <= 0 {
		o.Rate = 50
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.RefreshEvery <= 0 {
		o.RefreshEvery = 2 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (l *Lab) open(ctx context.Context, o Options) error {
	for _, dsn := range []string{l.LegacyDSN, l.EventsDSN} {
		if err := createDatabase(ctx, dsn); err != nil {
			return err
		}
	}
	fresh, err := generate(ctx, l.LegacyDSN, l.EventsDSN, o.History)
	if err != nil {
		return err
	}
	if !fresh && !o.Copied {
		o.PublishHistory = 0 // published when it was generated, or not wanted
	}
	if l.legacy, err = openPool(ctx, l.LegacyDSN, o.Workers, legacyTimeout); err != nil {
		return err
	}
	if l.events, err = openPool(ctx, l.EventsDSN, o.Workers, 0); err != nil {
		return err
	}
	if err := l.setUpModes(ctx); err != nil {
		return err
	}
	if o.Incremental {
		if err := l.keepCurrent(ctx); err != nil {
			return err
		}
	}
	seed, now := uint64(o.History.Seed), func() time.Time { return o.Now().Add(time.Duration(l.ahead.Load())) } //nolint:gosec // any bits do
	l.Desk = &Desk{
		legacy: l.legacy, events: l.events, store: l.Store, publisher: o.Publisher, rate: o.Rate, workers: o.Workers, seed: seed, now: now, log: o.Log,
		random: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // not for secrets
	}
	l.ReadAPI = &ReadAPI{legacy: l.legacy, events: l.events}
	l.Projector = &Projector{pool: l.events, store: l.Store, refreshEvery: o.RefreshEvery, kept: o.Incremental, log: o.Log}
	if err := l.publishHistory(ctx, o.PublishHistory); err != nil {
		return err
	}
	if l.opened, err = l.historyEnd(ctx); err != nil {
		return err
	}
	return l.Desk.takeOver(ctx)
}

// historyEnd is when the last order of the backfill was over. The desk opens later than that.
func (l *Lab) historyEnd(ctx context.Context) (end time.Time, err error) {
	if l.cutOver == 0 {
		return end, nil
	}
	const last = "SELECT coalesce(max(created_at), 'epoch') FROM orders WHERE order_id <= $1"
	if err := l.legacy.QueryRow(ctx, last, l.cutOver).Scan(&end); err != nil {
		return end, fmt.Errorf("looking for the end of the history: %w", err)
	}
	return end.Add(historyQuiet / 2), nil
}

// clientSetting is on in sessions of the system's clients.
const clientSetting = "lab.client"

// ClientDSN is legacy as a client sees it, for probes by the clients' way.
func (l *Lab) ClientDSN() string { return l.LegacyDSN + "&" + clientSetting + "=on" }

// LedgerSchema is where crosscheck keeps its ledger in the events' database, by the configurations that the lab writes.
const LedgerSchema = "crosscheck"

// openPool opens a pool that has room for all workers, the projector and a fault.
func openPool(ctx context.Context, dsn string, workers int, statementTimeout time.Duration) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("reading DSN: %w", err)
	}
	c.MaxConns = int32(min(workers, 100)) + 4 //nolint:gosec // bounded
	c.ConnConfig.RuntimeParams["application_name"] = "crosscheck-lab"
	c.ConnConfig.RuntimeParams[clientSetting] = "on"
	c.ConnConfig.RuntimeParams["jit"] = "off" // compiling takes longer than any statement of the lab
	c.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(statementTimeout.Milliseconds(), 10)
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("opening connections: %w", err)
	}
	return pool, nil
}

// takeOver fills the desk's book with the newest working orders of the legacy table.
func (d *Desk) takeOver(ctx context.Context) error {
	const newest = `SELECT order_id, trader_id, symbol, side, quantity::text, price::text, filled_quantity::text, status, updated_at
		FROM (SELECT * FROM orders WHERE status IN ('OPEN', 'PARTIALLY_FILLED') AND filled_quantity < quantity ORDER BY order_id DESC LIMIT $1) AS newest
		ORDER BY order_id`
	rows, err := d.legacy.Query(ctx, newest, bookLoad)
	if err != nil {
		return fmt.Errorf("loading working orders: %w", err)
	}
	var o workingOrder
	var quantity, price, filled string
	to := []any{&o.id, &o.trader, &o.symbol, &o.side, &quantity, &price, &filled, &o.status, &o.updatedAt}
	_, err = pgx.ForEachRow(rows, to, func() error {
		var errs [3]error
		o.quantity, errs[0] = parseAmount(quantity)
		o.price, errs[1] = parseAmount(price)
		o.filled, errs[2] = parseAmount(filled)
		d.book.put(o)
		if d.book.size() == 1 {
			d.oldest = o.id
		}
		return errors.Join(errs[:]...)
	})
	if err != nil {
		return fmt.Errorf("loading working orders: %w", err)
	}
	if d.book.size() < bookLoad {
		d.oldest = 0
	}
	return nil
}

// CutOver is the newest order whose events the backfill has written; 0 if there was no backfill.
func (l *Lab) CutOver() int64 { return l.cutOver }

// Refresh makes everything that was written so far visible in current_orders.
func (l *Lab) Refresh(ctx context.Context) error { return l.Projector.Refresh(ctx) }

// Differences compares both sides by brute force; see the function Differences.
func (l *Lab) Differences(ctx context.Context) ([]Planted, error) {
	return Differences(ctx, l.LegacyDSN, l.EventsDSN)
}

// HopDifferences compares legacy, events and projection by brute force; see the function HopDifferences.
func (l *Lab) HopDifferences(ctx context.Context) ([]Planted, error) {
	return HopDifferences(ctx, l.LegacyDSN, l.EventsDSN, l.Store)
}

// StartDesk lets the desk trade until StopDesk or Close. It does nothing if the desk runs.
func (l *Lab) StartDesk() {
	l.running.Lock()
	defer l.running.Unlock()
	l.deskRun.start(l.base, l.Desk.Run)
}

// StopDesk lets the desk finish the deals that it has begun, and returns when nothing moves any more.
func (l *Lab) StopDesk() error {
	l.running.Lock()
	defer l.running.Unlock()
	return l.deskRun.stop()
}

// StartProjector lets the projection follow the events until StopProjector or Close.
func (l *Lab) StartProjector() {
	l.running.Lock()
	defer l.running.Unlock()
	l.projectorRun.start(l.base, l.Projector.Run)
}

// StopProjector stops the projection at its position. Refresh still works.
func (l *Lab) StopProjector() error {
	l.running.Lock()
	defer l.running.Unlock()
	return l.projectorRun.stop()
}

// Close stops everything in the order of dependencies: faults, desk, projector, connections, server.
func (l *Lab) Close() error {
	errs := []error{l.undisturbed(), l.StopDesk(), l.StopProjector()}
	for _, pool := range []*pgxpool.Pool{l.legacy, l.events} {
		if pool != nil {
			pool.Close()
		}
	}
	if l.ownServer {
		errs = append(errs, l.Server.Stop())
	}
	for _, s := range l.before {
		errs = append(errs, s.Stop())
	}
	return errors.Join(errs...)
}

// task owns one goroutine. The zero value is a task that does not run.
type task struct {
	cancel context.CancelFunc // nil while not running
	done   chan error         // gets the result, once
}

func (t *task) start(ctx context.Context, run func(context.Context) error) {
	if t.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	t.cancel, t.done = cancel, done
	go func() { done <- run(ctx) }()
}

// stop ends the task and waits for it.
func (t *task) stop() error {
	if t.cancel == nil {
		return nil
	}
	t.cancel()
	t.cancel = nil
	return <-t.done
}
