// Package ledger is crosscheck's own durable record in PostgreSQL: passes, the recheck queue, divergences, leases and
// schedules. Passes write facts into it; gate, metrics and web only read from it.
//
// # Invariant
//
// Nothing that a process has learned is lost when the process dies, and nothing is written twice for one job. Every
// write of a pass is one transaction. It first proves, under a row lock, that the writer's fencing token is the job's
// newest and has not expired. A pass that was not finished never reads as a finished one.
//
// # Layout
//
// All tables are in one schema. Every connection has its search_path pinned to that schema, so that no statement needs
// to name it, and an object of another schema is never used by mistake.
package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/verify"
)

// DefaultSchema is the schema of the tables, unless the configuration names another one.
const DefaultSchema = "crosscheck"

const (
	defaultTimeout = 30 * time.Second
	bulkFactor     = 4 // bulk statements may take this many times the timeout of the others
	lockTimeout    = 20 * time.Second
	idleInTx       = 60 * time.Second // a process that hangs in a transaction must not hold its locks for ever
	maxIdentifier  = 63               // bytes of a name that PostgreSQL keeps
)

var (
	// ErrDSN is returned by Open for a dsn that cannot be parsed.
	ErrDSN = errors.New("ledger.dsn is not a connection string of PostgreSQL, or it names files that cannot be read")

	// ErrNewerSchema is returned by every call when a newer program has migrated the schema.
	ErrNewerSchema = errors.New("ledger was migrated by a newer crosscheck")

	// ErrMayNotCreate is returned if the schema does not exist, and the role has no right to create it.
	ErrMayNotCreate = errors.New("the role may not create the schema")

	// ErrRights is returned if the role lacks a right on the schema or on what is in it.
	ErrRights = errors.New("the role may not read and write all tables of the ledger")

	// ErrOccupied is returned if the schema has a relation of the name of one of the ledger's, of somebody else.
	ErrOccupied = errors.New("the schema has tables that are not the ledger's")

	// ErrReadOnly is returned by writes if the server or the role may only read.
	ErrReadOnly = errors.New("the ledger's database can only be read")

	// ErrLongKey is returned for an order whose key is too long to be stored.
	ErrLongKey = errors.New("an order's key is longer than the ledger can index, about 2,600 bytes")

	// ErrWaiting is returned by FinishPass for a match while suspects of the pass are still in the queue.
	ErrWaiting = errors.New("suspects of the pass still wait for their recheck")

	// ErrPassDone is returned by writes to a pass that already has its final verdict.
	ErrPassDone = errors.New("pass is done")

	// ErrNotSettling is returned by Adopt for a pass that is not waiting for its rechecks.
	ErrNotSettling = errors.New("pass is not settling")
)

// Config says where the ledger is.
type Config struct {
	DSN    string
	Schema string        // empty means DefaultSchema
	Pair   verify.PairID // the pair whose passes and schedules the ledger returns; empty means verify.MainPair
	Logger *slog.Logger  // nil discards
	// Timeout is the deadline of one statement; zero means 30 s. Bulk statements get four times as much.
	Timeout time.Duration
}

// Ledger is the record in one PostgreSQL schema. It is safe for concurrent use.
type Ledger struct {
	pool    *pgxpool.Pool
	schema  string
	pair    verify.PairID
	log     *slog.Logger
	timeout time.Duration
	current atomic.Bool // the schema is known to have this program's version
	bases   sync.Map    // fingerprint → []gate.Part that it is made of
	stored  sync.Map    // fingerprint → true if the schema has its parts
	news    news
}

var (
	_ verify.Ledger  = (*Ledger)(nil)
	_ board.Ledger   = (*Ledger)(nil)
	_ board.Reported = (*Ledger)(nil)
)

// Open prepares a ledger. It neither connects nor migrates, because a database that is down now may be up later; every
// call then returns its own error. The caller closes the ledger.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	if c.Schema == "" {
		c.Schema = DefaultSchema
	}
	c.Pair = cmp.Or(c.Pair, verify.MainPair)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if err := checkSchemaName(c.Schema); err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(c.DSN)
	if err != nil {
		return nil, ErrDSN // the library's error quotes the dsn
	}
	pinSession(cfg.ConnConfig, c.Schema, c.Timeout)
	cfg.ConnConfig.AfterConnect = ownSession(c.Schema)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	return &Ledger{pool: pool, schema: c.Schema, pair: c.Pair, log: c.Logger, timeout: c.Timeout}, nil
}

// Close ends all connections, after the running calls.
func (l *Ledger) Close() { l.pool.Close() }

// Pair implements [verify.Journal].
func (l *Ledger) Pair() verify.PairID { return l.pair }

// Schema is the name of the schema that holds the tables.
func (l *Ledger) Schema() string { return l.schema }

// Identity is the same for all processes that use this ledger, and differs from that of every other one. Without the right to
// ask for the server's own number, ledgers of one name on two servers have the same.
func (l *Ledger) Identity(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	var system, database string
	err := l.pool.QueryRow(ctx, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()").Scan(&system)
	if err == nil || isCode(err, insufficientPrivilege) {
		err = l.pool.QueryRow(ctx, "SELECT current_database()").Scan(&database)
	}
	if err != nil {
		return "", fmt.Errorf("asking for the identity of the ledger: %w", err)
	}
	return system + "/" + database + "/" + l.schema, nil
}

func checkSchemaName(name string) error {
	switch {
	case len(name) > maxIdentifier:
		return fmt.Errorf("ledger schema %q is longer than %d bytes", name, maxIdentifier)
	case strings.ContainsRune(name, 0):
		return errors.New("ledger schema contains a zero byte")
	case strings.HasPrefix(name, "pg_"), name == "information_schema":
		return fmt.Errorf("ledger schema %q belongs to PostgreSQL", name)
	case name == "$user": // search_path gives it a special meaning, quoted or not
		return errors.New(`ledger schema cannot be "$user"`)
	}
	return nil
}

// pinSession makes a session independent of the defaults of the server, the database and the role.
func pinSession(c *pgx.ConnConfig, schema string, timeout time.Duration) {
	for name, value := range map[string]string{
		"search_path":                         searchPath(schema),
		"application_name":                    "crosscheck-ledger",
		"client_encoding":                     "SQL_ASCII", // UTF-8 is stored as it is, whatever letters the database's encoding lacks
		"timezone":                            "UTC",
		"datestyle":                           "ISO, YMD",
		"lock_timeout":                        milliseconds(lockTimeout),
		"statement_timeout":                   milliseconds(timeout),
		"idle_in_transaction_session_timeout": milliseconds(idleInTx),
		"default_transaction_isolation":       "read committed", // row locks must see what was committed while they waited
		"jit":                                 "off",
		"standard_conforming_strings":         "on",
		"row_security":                        "off", // rows that are hidden are an error, and not an empty ledger
	} {
		for set := range c.RuntimeParams { // names of settings are case-insensitive, keys of the map are not
			if strings.EqualFold(set, name) {
				delete(c.RuntimeParams, set)
			}
		}
		c.RuntimeParams[name] = value
	}
}

func searchPath(schema string) string { return pgx.Identifier{schema}.Sanitize() }

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func (l *Ledger) bulkTimeout() time.Duration { return bulkFactor * l.timeout }

// Clock returns the time of the ledger's database, which all processes that use the ledger share. It reads no table.
func (l *Ledger) Clock(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	var now time.Time
	if err := l.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("asking the ledger for the time: %w", err)
	}
	return now.UTC(), nil
}
