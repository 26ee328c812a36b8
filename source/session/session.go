// Package session is the only way to a server under comparison. It lends read-only transactions and nothing else.
//
// Invariant: everything is read in an explicit READ ONLY transaction. No function that it calls can change that, and it
// is always rolled back. All settings are local to the transaction, so they cannot outlive it, or reach another client
// with whom a pooler shares the server process.
package session

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	connectTimeout = 10 * time.Second
	// maxConnections is for two snapshots, one further look, the locks of a new snapshot, and the readiness probe.
	maxConnections = 5
)

// Pool lends read-only transactions on one server.
type Pool struct {
	pool     *pgxpool.Pool
	limits   Limits
	settings string // of each transaction
}

// Config says how to connect.
type Config struct {
	Limits
	pool *pgxpool.Config
}

// Limits end a connection whose other end has gone. The zero values are right; tests use shorter ones.
type Limits struct {
	// Quiet is how long a running transaction may be silent before the server is asked whether it still works.
	Quiet time.Duration
	// Idle is after how long without a sign of life the server ends a transaction. The server gets such a sign each
	// Quiet.
	Idle time.Duration
	// Check is how often the server looks during a statement whether the client still exists.
	Check time.Duration
}

const (
	defaultQuiet = 15 * time.Second
	defaultIdle  = 5 * time.Minute
	defaultCheck = 10 * time.Second
)

// Parse reads a DSN. Its error quotes the DSN.
func Parse(dsn string) (*Config, error) {
	c, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	c.MaxConns = maxConnections
	c.ConnConfig.ConnectTimeout = connectTimeout
	c.ConnConfig.DialFunc = dial
	// Text comes as it is stored (see Encoding). Only these two are settings of the session, because every pooler keeps
	// them separate for its clients.
	for name, value := range map[string]string{"application_name": "crosscheck", "client_encoding": "SQL_ASCII"} {
		for set := range c.ConnConfig.RuntimeParams { // names of settings are case-insensitive, keys of the map are not
			if strings.EqualFold(set, name) {
				delete(c.ConnConfig.RuntimeParams, set)
			}
		}
		c.ConnConfig.RuntimeParams[name] = value
	}
	// Statements are not prepared by name, because they differ from pass to pass.
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	return &Config{Limits: Limits{defaultQuiet, defaultIdle, defaultCheck}, pool: c}, nil
}

// Add allows so many further connections.
func (c *Config) Add(connections int) { c.pool.MaxConns += int32(connections) }

// Open connects, and proves that a transaction can begin.
func Open(ctx context.Context, c *Config) (*Pool, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	pool, err := pgxpool.NewWithConfig(ctx, c.pool)
	if err != nil {
		return nil, err
	}
	p := &Pool{pool: pool, limits: c.Limits, settings: settings + "SET LOCAL idle_in_transaction_session_timeout = " + milliseconds(c.Idle) + "; " + clientCheck + milliseconds(c.Check) + "; "}
	if err := p.prove(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return p, nil
}

// Close closes all connections.
func (p *Pool) Close() { p.pool.Close() }

// Config returns how connections are made.
func (p *Pool) Config() *pgconn.Config { return &p.pool.Config().ConnConfig.Config }

// Read runs fn in a transaction in which each statement sees what is committed.
func (p *Pool) Read(ctx context.Context, fn func(*Tx) error) error {
	tx, err := p.begin(ctx, p.readCommitted())
	if err != nil {
		return err
	}
	defer tx.Close()
	return fn(tx)
}

// Query runs one statement in its own transaction, which ends with the rows.
func (p *Pool) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	tx, err := p.begin(ctx, p.readCommitted())
	if err != nil {
		return nil, err
	}
	return tx.query(ctx, tx.Close, sql, args...)
}

// QueryRow is [Pool.Query] for one row.
func (p *Pool) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	r, err := p.Query(ctx, sql, args...)
	return row{r, err}
}

// share opens a transaction with one snapshot, which is taken at once. The transaction may run long: its statements
// have up to timeout, and it is watched between them and while they run. If a snapshot is named, the transaction uses
// that one.
func (p *Pool) share(ctx context.Context, timeout time.Duration, exported string) (*Tx, error) {
	begin := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
	if exported != "" {
		begin += "SET TRANSACTION SNAPSHOT '" + strings.ReplaceAll(exported, "'", "''") + "'; "
	}
	// We may wait long for the other side's first row, and during that time the server cannot send.
	t, err := p.begin(ctx, begin+p.settings+"SET LOCAL statement_timeout = "+milliseconds(timeout)+"; SET LOCAL tcp_user_timeout = '10min'; ")
	if err != nil {
		return nil, err
	}
	t.wire = wireOf(t.conn.Conn().PgConn().Conn())
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { defer close(ended); t.watch(watching, p) }()
	t.unwatch = func() { stop(); <-ended }
	return t, nil
}

// readCommitted begins a transaction in which each statement sees what is committed.
func (p *Pool) readCommitted() string {
	return "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; " + p.settings
}

// settings limit what a transaction may cost, fix how SQL is read and how values are printed, and make hidden rows an error.
const settings = "SET LOCAL row_security = off; " +
	"SET LOCAL statement_timeout = '60s'; " +
	lockTimeout + "; " +
	"SET LOCAL tcp_keepalives_idle = 30; SET LOCAL tcp_keepalives_interval = 10; SET LOCAL tcp_keepalives_count = 3; " +
	"SET LOCAL tcp_user_timeout = '60s'; " +
	"SET LOCAL TimeZone = 'UTC'; " +
	"SET LOCAL DateStyle = 'ISO, YMD'; " +
	"SET LOCAL IntervalStyle = 'iso_8601'; " +
	"SET LOCAL extra_float_digits = 3; " +
	"SET LOCAL bytea_output = 'hex'; " +
	"SET LOCAL standard_conforming_strings = on; SET LOCAL transform_null_equals = off; SET LOCAL quote_all_identifiers = off; " +
	"SET LOCAL search_path = ''; " +
	"SET LOCAL jit = off; " // on only for large digests

// lockTimeout is how long a read waits for others who change a table. Meanwhile nobody waits for the read.
const lockTimeout = "SET LOCAL lock_timeout = '5s'"

// clientCheck exists since PostgreSQL 14, but not on all systems.
const clientCheck = "SET LOCAL client_connection_check_interval = "

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// begin begins on another connection if the first one has died while nobody used it.
func (p *Pool) begin(ctx context.Context, begin string) (*Tx, error) {
	for try := 1; ; try++ {
		conn, err := p.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		// A kept connection may have fallen silent: only an answer tells that it has not.
		bounded, cancel := context.WithTimeout(ctx, connectTimeout)
		process, err := start(bounded, conn, begin)
		silent := bounded.Err() != nil
		cancel()
		if err == nil {
			return &Tx{conn: conn, process: process}, nil
		}
		dead := conn.Conn().IsClosed()
		conn.Release() // closes it, if the transaction has begun
		if dead && !silent && try < maxConnections {
			continue
		}
		if silent && ctx.Err() == nil {
			err = ErrLost
		}
		return nil, fmt.Errorf("beginning a read-only transaction: %w", err)
	}
}

// serverStarted distinguishes servers, and a server from itself before a restart.
const serverStarted = "extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text"

// start sends everything that a transaction begins with in one round trip. It returns the server process that runs it,
// and when its server was started.
func start(ctx context.Context, conn *pgxpool.Conn, begin string) (process string, err error) {
	results, err := conn.Conn().PgConn().Exec(ctx, begin+"SELECT pg_catalog.pg_backend_pid() || ' ' || "+serverStarted).ReadAll()
	if err != nil {
		return "", err
	}
	process = string(results[len(results)-1].Rows[0][0])
	return process, stayed(conn, process)
}
