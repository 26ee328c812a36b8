package switches

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SQL switches by statements in a database.
type SQL struct {
	DSN string
	// Do and Undo may have several statements; each runs in one transaction. They find the run in the settings
	// crosscheck.run, crosscheck.slice and crosscheck.slice_column, and a nonce in crosscheck.nonce.
	Do, Undo string
	// Asks returns one row with one boolean, which is true at the new system. It runs in a read-only transaction.
	Asks string
}

var _ Action = SQL{}

// Run implements [Action].
func (s SQL) Run(ctx context.Context, step Step, run Run) (output string, err error) {
	sql := s.Do
	if step == Undo {
		sql = s.Undo
	}
	err = s.in(ctx, pgx.ReadWrite, run, func(tx pgx.Tx) error {
		results, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
		var tags []string
		for _, r := range results {
			tags = append(tags, r.CommandTag.String())
		}
		output = strings.Join(tags, ", ")
		return err
	})
	// An ERROR rolls back. A FATAL one may have come after the commit.
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok && answer.SeverityUnlocalized == "ERROR" && answer.Code != cancelled && ctx.Err() == nil {
		err = &RefusedError{err}
	}
	return output, err
}

// cancelled is the code of a statement that somebody on the server ended, or its own limit of time.
const cancelled = "57014"

// Check implements [Action].
func (s SQL) Check(ctx context.Context, run Run) (on bool, err error) {
	err = s.in(ctx, pgx.ReadOnly, run, func(tx pgx.Tx) error {
		on, err = s.asked(ctx, tx)
		return err
	})
	return on, err
}

// asked reads the one boolean.
func (s SQL) asked(ctx context.Context, tx pgx.Tx) (bool, error) {
	rows, err := tx.Query(ctx, s.Asks)
	if err != nil {
		return false, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[*bool])
	switch {
	case err != nil:
		return false, err
	case len(found) != 1:
		return false, fmt.Errorf("it returned %d rows, and must return one", len(found))
	case found[0] == nil:
		return false, errors.New("it returned NULL, and must return true or false")
	}
	return *found[0], nil
}

// serverGrace is for how long the server waits after the deadline. So this side is first, and who ended a statement is never chance.
const serverGrace = time.Second

// in runs fn in a transaction of a session of its own. The server gives up by itself soon after the context, if it does not hear that it has ended.
func (s SQL) in(ctx context.Context, access pgx.TxAccessMode, run Run, fn func(pgx.Tx) error) error {
	c, err := pgx.ParseConfig(s.DSN)
	if err != nil {
		return errors.New("dsn is not a connection string of PostgreSQL, or it names files that cannot be read")
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.RuntimeParams["application_name"] = "crosscheck-switch"
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(closing)
	}()
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: access}, func(tx pgx.Tx) error {
		const settings = "SELECT pg_catalog.set_config('crosscheck.run', $1, true), pg_catalog.set_config('crosscheck.slice', $2, true), pg_catalog.set_config('statement_timeout', $3, true), pg_catalog.set_config('crosscheck.nonce', $4, true), pg_catalog.set_config('crosscheck.slice_column', $5, true)"
		limit := "0"
		if deadline, ok := ctx.Deadline(); ok {
			limit = fmt.Sprint(max(time.Until(deadline), 0).Milliseconds() + serverGrace.Milliseconds())
		}
		if _, err := tx.Exec(ctx, settings, run.Name, run.Slice, limit, run.Nonce, run.Column); err != nil {
			return fmt.Errorf("beginning: %w", err)
		}
		return fn(tx)
	})
}
