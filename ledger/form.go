package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/verify"
)

// schemaForm is the form of the tables. Its version is that of the last migration.
const schemaForm = "schema"

// forms are the forms of stored values, with the versions that this program writes.
func forms() map[string]int64 {
	return map[string]int64{schemaForm: WantVersion(), "digest": verify.DigestVersion}
}

// known are the forms, which do not change while the program runs.
var known = forms()

// formsSQL reads what the ledger has.
const formsSQL = `SELECT name, version FROM form UNION ALL SELECT '` + schemaForm + `', coalesce(max(version_id), 0) FROM ` + versionTable + ` WHERE is_applied`

// formLock is held by each write, shared, and by the program that raises a version, so that no older write comes after it.
const formLock = `(hashtextextended('crosscheck form ' || current_schema(), 0))`

// newer returns ErrNewerSchema if a form has a version that this program does not know.
func newer(rows pgx.Rows) (map[string]int64, error) {
	have := map[string]int64{}
	var name string
	var version int64
	_, err := pgx.ForEachRow(rows, []any{&name, &version}, func() error {
		have[name] = version
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if have[name] > known[name] {
			return have, fmt.Errorf("%w: its %s has version %d, this program knows %d", ErrNewerSchema, name, have[name], known[name])
		}
	}
	return have, nil
}

// writable makes a transaction fail if a newer program has raised a form since this one began.
func writable(ctx context.Context, tx pgx.Tx) error {
	var batch pgx.Batch
	batch.Queue(`SELECT pg_advisory_xact_lock_shared` + formLock)
	batch.Queue(formsSQL).Query(func(rows pgx.Rows) error {
		_, err := newer(rows)
		return err
	})
	return tx.SendBatch(ctx, &batch).Close()
}

// outdated returns the forms that this program would raise.
func (l *Ledger) outdated(ctx context.Context) (names []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	rows, err := l.pool.Query(ctx, formsSQL)
	if err != nil {
		return nil, err
	}
	have, err := newer(rows)
	for name, version := range known {
		if have[name] < version {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

// raise gives the forms the versions of this program, and lowers none.
func (l *Ledger) raise(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.bulkTimeout())
	defer cancel()
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock`+formLock); err != nil {
			return err
		}
		for name, version := range known {
			if name == schemaForm {
				continue
			}
			_, err := tx.Exec(ctx, `INSERT INTO form (name, version) VALUES ($1, $2)
				ON CONFLICT (name) DO UPDATE SET version = excluded.version WHERE form.version < excluded.version`, name, version)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
