// Package eventlog appends events to the event store. It is the only room that writes to it.
//
// Invariant: the events of a range and the note that the range is done are committed together or not at all, and only
// while nobody else has claimed the store. No event is ever changed or removed.
package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/nordvarg/crosscheck/backfill"
)

var (
	// ErrDSN is returned for a dsn that cannot be parsed.
	ErrDSN = errors.New("backfill.dsn is not a connection string of PostgreSQL, or it names files that cannot be read")
	// ErrTable is wrapped if the table cannot take events as it is configured.
	ErrTable = errors.New("events cannot be written")
	// ErrPublished is wrapped if the server would pass on what is written.
	ErrPublished = errors.New("old events would be published")
)

const (
	connectTimeout = 10 * time.Second
	askTimeout     = time.Minute
	writeTimeout   = 10 * time.Minute // of a range
)

// Config says where events are written, and how they are read back. What is read back is as in package source.
type Config struct {
	DSN, Table string
	// Columns are the columns that are written, with what they get: text in which {key}, {id}, {type}, {at}, {payload},
	// {number} and {batch} stand for what an event has.
	Columns map[string]string
	// Zone and Unit are those of the time where its column has none, or is a number since 1970.
	Zone, Unit string

	ReadTable, ReadKey, ReadPayload, Where, Strip string
	// Checkpoint is the table for what is done; empty for crosscheck_backfill beside the store's table.
	Checkpoint string
	// Connections is how many ranges may be written at the same time.
	Connections int
	// Lock is the advisory lock that a transaction holds while it writes; 0 for none.
	Lock int64
	// Publish is true if it is wanted that the server passes on what is written.
	Publish bool
}

// Log is the event store, for writing.
type Log struct {
	config  Config
	pool    *pgxpool.Pool
	table   target
	columns []column
	keyType string   // of the column that is read
	notes   string   // the table of checkpoints, quoted; empty if there is none and none can be made
	lacking []string // what adds the columns that the table of checkpoints lacks
}

var _ backfill.Store = (*Log)(nil)

// Open connects and finds out how events are written. It writes nothing.
func Open(ctx context.Context, c Config) (*Log, error) {
	cfg, err := poolConfig(c.DSN, max(c.Connections, 1)+2)
	if err != nil {
		return nil, err
	}
	l := &Log{config: c}
	cfg.AfterConnect = l.learnTypes
	if l.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, fmt.Errorf("opening the event store for writing: %w", err)
	}
	if err := l.resolve(ctx); err != nil {
		l.pool.Close()
		return nil, fmt.Errorf("looking at the event store %s: %w", c.Table, err)
	}
	return l, nil
}

// poolConfig is how crosscheck connects to write.
func poolConfig(dsn string, connections int) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, ErrDSN // the library's error quotes the dsn
	}
	cfg.ConnConfig.ConnectTimeout = connectTimeout
	cfg.MaxConns = int32(connections) //nolint:gosec // at most some
	maps.DeleteFunc(cfg.ConnConfig.RuntimeParams, func(name, _ string) bool { return strings.EqualFold(name, "application_name") })
	maps.Copy(cfg.ConnConfig.RuntimeParams, map[string]string{
		"application_name": "crosscheck-backfill", "timezone": "UTC", "client_encoding": "UTF8", "datestyle": "ISO, YMD",
		"statement_timeout": milliseconds(writeTimeout), "lock_timeout": milliseconds(askTimeout),
		"idle_in_transaction_session_timeout": milliseconds(askTimeout), "row_security": "off", "standard_conforming_strings": "on",
	})
	return cfg, nil
}

// Close ends all connections.
func (l *Log) Close() { l.pool.Close() }

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// resolve asks the catalogue about table, columns and what would pass the events on.
func (l *Log) resolve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var err error
	if l.table, err = findTable(ctx, l.pool, l.config.Table); err != nil {
		return err
	}
	if l.columns, err = l.plan(l.table); err != nil {
		return err
	}
	l.pool.Reset() // later connections know the types of the columns
	if l.keyType, err = l.readType(ctx); err != nil {
		return err
	}
	if !l.config.Publish {
		if err := l.unpublished(ctx); err != nil {
			return err
		}
	}
	return l.findNotes(ctx)
}

// readType is the type of the key that is read.
func (l *Log) readType(ctx context.Context) (name string, err error) {
	rows, err := l.pool.Query(ctx, "SELECT ("+l.config.ReadKey+") FROM "+l.config.ReadTable+" AS t LIMIT 0")
	if err != nil {
		return "", fmt.Errorf("reading the key: %w", err)
	}
	var oid uint32
	for _, f := range rows.FieldDescriptions() {
		oid = f.DataTypeOID
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("reading the key: %w", err)
	}
	return name, l.pool.QueryRow(ctx, "SELECT pg_catalog.format_type($1, NULL)", oid).Scan(&name)
}

// unpublished returns an error if a trigger or a publication would pass on what is written, of the table or of a partition.
func (l *Log) unpublished(ctx context.Context) error {
	rows, err := l.pool.Query(ctx, `
		SELECT DISTINCT 'trigger ' || tgname FROM pg_catalog.pg_trigger
			WHERE tgrelid IN (SELECT $1::oid UNION SELECT relid FROM pg_catalog.pg_partition_tree($1::oid::regclass)) AND NOT tgisinternal AND tgenabled IN ('O', 'A') AND tgtype & 4 = 4 -- for each INSERT
		UNION SELECT 'publication ' || p.pubname FROM pg_catalog.pg_publication_tables t JOIN pg_catalog.pg_publication p USING (pubname)
			WHERE (quote_ident(t.schemaname) || '.' || quote_ident(t.tablename))::regclass IN (SELECT $1::oid UNION SELECT relid FROM pg_catalog.pg_partition_tree($1::oid::regclass)) AND p.pubinsert
		ORDER BY 1`, l.table.oid)
	if err != nil {
		return fmt.Errorf("asking who gets what is written: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("asking who gets what is written: %w", err)
	}
	if len(found) > 0 {
		return fmt.Errorf("%w: %s has %s", ErrPublished, l.table, strings.Join(found, ", "))
	}
	return nil
}
