package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/nordvarg/crosscheck/board"
)

const (
	versionTable = "goose_db_version"
	// The number of attempts, one a second, while another process migrates.
	migrationTries = 120
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrate creates the schema and brings its tables to this program's version. It does nothing if they have that
// version. Many processes may call it at once. It returns ErrNewerSchema, and changes nothing, if the schema is newer.
func (l *Ledger) Migrate(ctx context.Context) error {
	err := l.Ready(ctx)
	if !errors.Is(err, board.ErrNotMigrated) {
		return err
	}
	if err := l.createSchema(ctx); err != nil {
		if isCode(err, insufficientPrivilege) {
			err = fmt.Errorf("%w: %w", ErrMayNotCreate, err)
		}
		return fmt.Errorf("creating schema %s: %w", l.schema, explained(err))
	}
	if err := l.migrate(ctx); err != nil {
		if isCode(err, duplicateTable, duplicateObject) {
			err = fmt.Errorf("%w: %w", ErrOccupied, err)
		}
		return fmt.Errorf("migrating schema %s: %w", l.schema, explained(err))
	}
	if err := l.raise(ctx); err != nil {
		return fmt.Errorf("raising the forms of schema %s: %w", l.schema, explained(err))
	}
	return l.Ready(ctx)
}

func (l *Ledger) createSchema(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.bulkTimeout())
	defer cancel()
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		// Two CREATE SCHEMA IF NOT EXISTS at once can fail on the catalogue's index. Even if the schema exists, the
		// statement needs the right to create it. So lock, and look first.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('crosscheck schema ' || $1, 0))`, l.schema); err != nil {
			return err
		}
		var exists bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, l.schema).Scan(&exists)
		if err != nil || exists {
			return err
		}
		_, err = tx.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{l.schema}.Sanitize())
		return err
	})
}

// migrate uses its own connection, without the pool's statement timeout, because a migration may take long.
func (l *Ledger) migrate(ctx context.Context) (err error) {
	cfg := l.pool.Config().ConnConfig.Copy()
	cfg.RuntimeParams["statement_timeout"] = "0"
	db := stdlib.OpenDB(*cfg)
	defer func() { err = errors.Join(err, db.Close()) }()

	p, err := provider(db, l)
	if err != nil {
		return err
	}
	release, err := l.lockForms(ctx, db)
	if err != nil {
		return fmt.Errorf("waiting for the writes of other processes: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	applied, err := p.Up(ctx)
	if err != nil {
		return err
	}
	for _, m := range applied {
		l.log.InfoContext(ctx, "ledger migrated", "schema", l.schema, "version", m.Source.Version, "took", m.Duration)
	}
	return nil
}

// lockForms waits until the writes end that have begun under the version of before, and keeps others from beginning.
func (l *Ledger) lockForms(ctx context.Context, db *sql.DB) (release func() error, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, migrationTries*time.Second)
	defer cancel()
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock`+formLock); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.bulkTimeout())
		defer cancel()
		_, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock`+formLock)
		return errors.Join(err, conn.Close())
	}, nil
}

func provider(db *sql.DB, l *Ledger) (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, migrationTries))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName(versionTable),
		goose.WithSessionLocker(locker),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(l.log))
}

// WantVersion is the version of the schema that this program works with.
func WantVersion() int64 {
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return 0 // cannot happen: the pattern is constant
	}
	var newest int64
	for _, f := range files {
		if v, err := goose.NumericComponent(f); err == nil {
			newest = max(newest, v)
		}
	}
	return newest
}

// Ready returns nil if the schema has the version of this program. It returns [board.ErrNotMigrated] or ErrNewerSchema
// if it has another version, and any other error if the database does not answer.
func (l *Ledger) Ready(ctx context.Context) error {
	if l.current.Load() {
		return nil
	}
	have, err := l.version(ctx)
	if err != nil {
		return fmt.Errorf("reading the version of ledger schema %s: %w", l.schema, explained(err))
	}
	want := WantVersion()
	switch {
	case have == 0:
		return fmt.Errorf("%w: schema %q has no ledger tables, this program needs version %d", board.ErrNotMigrated, l.schema, want)
	case have < want:
		return fmt.Errorf("%w: schema %q has version %d, this program needs %d", board.ErrNotMigrated, l.schema, have, want)
	case have > want:
		return fmt.Errorf("%w: schema %q has version %d, this program knows %d", ErrNewerSchema, l.schema, have, want)
	}
	old, err := l.outdated(ctx)
	if err != nil {
		return fmt.Errorf("reading the forms of ledger schema %s: %w", l.schema, explained(err))
	}
	if len(old) > 0 {
		return fmt.Errorf("%w: schema %q has old forms of %s", board.ErrNotMigrated, l.schema, strings.Join(old, ", "))
	}
	l.current.Store(true)
	return nil
}

// Ping returns an error unless the ledger is ready and can be reached now.
func (l *Ledger) Ping(ctx context.Context) error {
	if err := l.Ready(ctx); err != nil {
		return err
	}
	return l.read(ctx, l.timeout, l.pool.Ping)
}

// version returns 0 if there are no tables.
func (l *Ledger) version(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	var usable bool
	err := l.pool.QueryRow(ctx, `SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = $1`, l.schema).Scan(&usable)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, err
	case !usable:
		return 0, fmt.Errorf("%w: it has no USAGE privilege on schema %q", ErrRights, l.schema)
	}
	var version int64
	err = l.pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+versionTable+` WHERE is_applied`).Scan(&version)
	if isCode(err, undefinedTable) {
		return 0, nil
	}
	return version, err
}

// SQLSTATEs that the ledger handles.
const (
	undefinedTable        = "42P01"
	insufficientPrivilege = "42501"
	duplicateTable        = "42P07"
	duplicateObject       = "42710"
	uniqueViolation       = "23505"
	deadlockDetected      = "40P01"
	serializationFailure  = "40001"
	lockNotAvailable      = "55P03"
	protocolViolation     = "08P01"
	programLimitExceeded  = "54000"
	readOnlyTransaction   = "25006"
	featureNotSupported   = "0A000"
)

func isCode(err error, codes ...string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains(codes, pg.Code)
}
