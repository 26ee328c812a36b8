package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source/session"
)

// faultHint is for an expression that fails for a row.
const faultHint = "repair the row, or let the expression in config.yaml give a value for it, such as CASE WHEN price ~ '^[0-9.]+$' THEN price::numeric END"

// rowError says for which row an expression fails.
type rowError struct {
	where string
	err   error
}

func (e *rowError) Error() string { return e.where + ": " + e.err.Error() }

func (e *rowError) Unwrap() error { return e.err }

// rowFaults are the classes of errors that the values of a row cause: several rows of a subquery, a data exception, a value that
// a domain refuses, a limit such as that of a text, and what functions raise.
var rowFaults = []string{"21", "22", "23", "2F", "38", "39", "54", "P0"}

// numberFault is the error of NaN that becomes an integer. It has other meanings too.
const numberFault = "0A000"

// rowFault is true for an error that the values of a row cause. A large object that is not there has no code of its own.
func rowFault(pg *pgconn.PgError) bool {
	if pg.TableName != "" { // a constraint of a table, such as of the ledger
		return false
	}
	return len(pg.Code) == 5 && slices.Contains(rowFaults, pg.Code[:2]) || pg.Code == numberFault || pg.Routine == "inv_open"
}

// nameRow adds to such an error the key of the row for which a field fails, if it is found in time. The rows are read once
// more, in the order in which the server scans them, up to the one that fails.
func (s *Side) nameRow(ctx context.Context, err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || !rowFault(pg) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var key order.Key
	var found error
	readErr := s.pool.Read(ctx, func(tx *session.Tx) (err error) {
		key, found, err = s.firstFailing(ctx, tx)
		return err
	})
	if readErr != nil || found == nil {
		return err
	}
	return &rowError{where: rowOf(key), err: err}
}

func rowOf(key order.Key) string { return fmt.Sprintf("the row with key %.60q", string(key)) }

// inScanOrder makes a second query meet the rows in the order of the first one: both scan the table.
const inScanOrder = `SAVEPOINT crosscheck_scan; SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0;
	SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_indexscan = off; SAVEPOINT crosscheck_row`

// firstFailing returns the key of the first row of which a field cannot be evaluated, and why; why is nil if there is none.
func (s *Side) firstFailing(ctx context.Context, tx *session.Tx) (key order.Key, why, err error) {
	if err := tx.Set(ctx, inScanOrder); err != nil {
		return "", nil, err
	}
	rows, err := tx.Query(ctx, fmt.Sprintf("SELECT %s IS NULL FROM %s", s.rowText(), s.from()))
	if err != nil {
		return "", nil, err
	}
	good := 0
	for rows.Next() {
		good++
	}
	rows.Close()
	if why = rows.Err(); why != nil {
		if err := tx.Set(ctx, "ROLLBACK TO SAVEPOINT crosscheck_row"); err != nil {
			return "", why, err
		}
		err = tx.QueryRow(ctx, fmt.Sprintf("SELECT coalesce((%s)::text, 'NULL') FROM %s OFFSET %d LIMIT 1", s.config.Key, s.from(), good)).Scan(&key)
	}
	return key, why, errors.Join(err, tx.Set(ctx, "ROLLBACK TO SAVEPOINT crosscheck_scan; RELEASE SAVEPOINT crosscheck_scan"))
}

// rowText evaluates everything that is compared of a row.
func (s *Side) rowText() string {
	parts := []string{"(" + s.config.Key + ")::text"}
	for _, f := range s.config.Fields {
		parts = append(parts, "("+canonical(f)+")::text")
	}
	return "pg_catalog.concat(" + strings.Join(parts, ", ") + ")"
}
