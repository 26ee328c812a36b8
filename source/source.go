// Package source reads the representations of orders. It is the only package that uses pgx for the systems under
// comparison.
//
// Invariant: nothing is ever written. Everything is read in a read-only transaction of package session, with timeouts
// and pinned settings. So the form of a value does not depend on the server, and no row is hidden.
package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

var (
	// ErrUnsupported is returned for a key or a field whose type crosscheck cannot compare. The text names the column.
	ErrUnsupported = errors.New("unsupported type")
	// ErrUnreachable is returned if the database cannot be connected to.
	ErrUnreachable = errors.New("database is unreachable")
	// ErrDSN is returned for a dsn that cannot be parsed.
	ErrDSN = errors.New("not a connection string of PostgreSQL, or it names files that cannot be read")
)

// Config says where a side is and how its columns map to the compared fields.
type Config struct {
	// Representation is what the side is; it appears in errors, metrics and reports.
	Representation order.Representation
	// Role is what the side is in the comparison.
	Role order.Role
	DSN  string
	// Table is a table, view, materialized view, or a subquery in parentheses.
	Table string
	Key   string // column, or SQL expression
	// Where is a condition for the rows that belong here, the slice; empty for all.
	Where string
	// ChangedAt is the column with the time of the last write; empty if there is none.
	ChangedAt string
	// Archived is a condition for orders whose events were moved out of the event store; empty for none.
	Archived string
	Fields   []Field
	// GroupBy is the name of the field whose values' counts are kept; empty for none.
	GroupBy string
	// Connections is how many connections a digest of everything uses; 0 is 1.
	Connections int
	// ObserveQuery is called for every query with its purpose and duration. May be nil.
	ObserveQuery func(side order.Representation, kind string, took time.Duration)
}

// Field is a compared field and where this side has it.
type Field struct {
	order.Field
	Expr string // SQL expression over the table's columns

	whole  string // Expr before rows were left out of it; empty if none were
	finite bool   // the side's column is of a type that cannot hold Infinity
}

// Deadlines of single calls. A digest reads the whole table; all other calls are keyed or small.
const (
	connectTimeout = 10 * time.Second
	beginTimeout   = 30 * time.Second // with waiting for others who change the table
	readTimeout    = time.Minute
	digestTimeout  = 2 * time.Hour
)

// Side is one representation in PostgreSQL.
type Side struct {
	config Config
	pool   *session.Pool
	shape  shape
	lookup string // the key in the form of its index
	// keysFrom is a FROM item with the key column alone, once for each row or more often. It is empty if it is not
	// cheaper to read than the table.
	keysFrom string
	// failing are the keys of rows that agree with nothing, as an array in SQL; empty if there are none.
	failing string
	log     *slog.Logger // nil for none
}

var _ verify.Side = (*Side)(nil)

// Open connects and resolves the columns. It returns an error that wraps ErrUnreachable or ErrUnsupported, or
// PostgreSQL's own error for something that is missing.
func Open(ctx context.Context, c Config) (*Side, error) {
	pool, err := connectWith(ctx, string(c.Representation), c.DSN, max(c.Connections-1, 0))
	if err != nil {
		return nil, err
	}
	c.Fields = slices.Clone(c.Fields)
	s := &Side{config: c, pool: pool}
	if err = s.readWhere(ctx, c.Where); err == nil {
		s.shape, err = s.resolve(ctx)
	}
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("resolving %s %s: %w", c.Representation, c.Table, err)
	}
	return s, nil
}

func connect(ctx context.Context, name, dsn string) (*session.Pool, error) {
	return connectWith(ctx, name, dsn, 0)
}

// connectWith connects with so many more connections than usual.
func connectWith(ctx context.Context, name, dsn string, more int) (*session.Pool, error) {
	settings, err := session.Parse(dsn)
	if err != nil {
		// pgx's error quotes the dsn, and masks a password only if it recognises one.
		return nil, fmt.Errorf("reading the dsn of %s: %w", name, ErrDSN)
	}
	settings.Add(more)
	pool, err := session.Open(ctx, settings)
	if err != nil {
		if Unreachable(err) {
			err = fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return nil, fmt.Errorf("connecting to %s: %w", name, err)
	}
	return pool, nil
}

// Close closes all connections.
func (s *Side) Close() { s.pool.Close() }

// Representation is what the side is.
func (s *Side) Representation() order.Representation { return s.config.Representation }

// Role is what the side is in the comparison.
func (s *Side) Role() order.Role { return s.config.Role }

// KeyType is the type of the key column.
func (s *Side) KeyType() order.KeyType { return s.shape.keyType }

// Ping checks whether the side can be read now: the server, and the table.
func (s *Side) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return s.probe(ctx)
}

// probe reads no row, but needs the same rights as reading all.
func (s *Side) probe(ctx context.Context) error {
	rows, err := s.pool.Query(ctx, "SELECT 1 FROM "+s.from()+" LIMIT 0")
	if err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}

// from is the FROM item of every query.
func (s *Side) from() string { return s.slice(s.config.Table, "") }

// keys is the FROM item of queries for the bounds and the size of the key space.
func (s *Side) keys() string {
	if s.keysFrom != "" {
		return s.keysFrom + " AS t"
	}
	return s.from()
}

// observe reports a query to the caller, who counts the load. Use as: defer s.observe("digest")().
func (s *Side) observe(kind string) func() {
	if s.config.ObserveQuery == nil {
		return func() {}
	}
	start := time.Now()
	return func() { s.config.ObserveQuery(s.config.Representation, kind, time.Since(start)) }
}
