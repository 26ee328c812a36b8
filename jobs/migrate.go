package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// ErrNewer is returned by Migrate when a newer program has migrated the tables.
var ErrNewer = errors.New("the ledger's jobs were migrated by a newer crosscheck")

// migrating is the lock of the program that migrates.
const migrating = `hashtextextended('crosscheck jobs ' || current_schema(), 0)`

// Migrate brings River's tables in the ledger's schema to the version of this program, or creates them. Many processes may call
// it at once.
func (q *Queue) Migrate(ctx context.Context) (err error) {
	migrator, err := rivermigrate.New(riverpgxv5.New(q.pool), &rivermigrate.Config{Logger: q.log})
	if err != nil {
		return fmt.Errorf("migrating the jobs: %w", err)
	}
	want := newest(migrator.AllVersions())
	if have, err := q.version(ctx); err != nil || have == want {
		return err
	}
	conn, err := q.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("migrating the jobs: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(`+migrating+`)`); err != nil {
		return fmt.Errorf("waiting for another process that migrates the jobs: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.timeout)
		defer cancel()
		_, unlock := conn.Exec(ctx, `SELECT pg_advisory_unlock(`+migrating+`)`)
		err = errors.Join(err, unlock)
	}()
	switch have, err := q.version(ctx); {
	case err != nil:
		return err
	case have > want:
		return fmt.Errorf("%w: they have version %d, this program knows %d", ErrNewer, have, want)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrating the jobs: %w", err)
	}
	return nil
}

// Checkup is what doctor needs to know of the jobs.
type Checkup struct {
	Version, WantVersion int  // of River's tables; Version is 0 if there are none
	MayCreate            bool // tables in the schema
	MayNumber            bool // jobs, by the sequences of the schema
}

// Check reads the database without changing it.
func (q *Queue) Check(ctx context.Context) (Checkup, error) {
	var c Checkup
	migrator, err := rivermigrate.New(riverpgxv5.New(q.pool), &rivermigrate.Config{Logger: q.log})
	if err != nil {
		return c, fmt.Errorf("checking the jobs: %w", err)
	}
	c.WantVersion = newest(migrator.AllVersions())
	if c.Version, err = q.version(ctx); err != nil {
		return c, err
	}
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	err = q.pool.QueryRow(ctx, `
		SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), true), NOT EXISTS (
			SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace
				AND CASE WHEN relkind = 'S' THEN NOT has_sequence_privilege(oid, 'USAGE') ELSE false END)`).
		Scan(&c.MayCreate, &c.MayNumber)
	if err != nil {
		return c, fmt.Errorf("checking the jobs: %w", err)
	}
	return c, nil
}

func newest(versions []rivermigrate.Migration) (version int) {
	for _, v := range versions {
		version = max(version, v.Version)
	}
	return version
}

// version returns 0 if there are no tables.
func (q *Queue) version(ctx context.Context) (version int, err error) {
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	err = q.pool.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM river_migration`).Scan(&version)
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "42P01" { // undefined table
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the version of the jobs: %w", err)
	}
	return version, nil
}
