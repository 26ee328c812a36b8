package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// hinted is an error with the user's next step.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func withHint(err error, hint string) error { return hinted{err, hint} }

// report prints an error with its hints, and returns the exit code that it stands for.
func report(w io.Writer, err error) int {
	var list config.Errors
	if errors.As(err, &list) {
		for _, e := range list {
			printError(w, e.Error(), e.Hint)
		}
		return exitError
	}
	printError(w, err.Error(), hintFor(err))
	if errors.Is(err, source.ErrUnreachable) || unreachable(err) {
		return exitUnverified
	}
	return exitError
}

func printError(w io.Writer, text, hint string) {
	_, _ = fmt.Fprintf(w, "crosscheck: error: %s\n", printable(text))
	if hint != "" {
		_, _ = fmt.Fprintf(w, "crosscheck: hint: %s\n", hint)
	}
}

// unreachable is true for what a database that is down, starting or stopping answers, or no answer at all.
func unreachable(err error) bool {
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		return pg.Code[:2] == "08" || pg.Code == "57P01" || pg.Code == "57P02" || pg.Code == "57P03"
	case errors.As(err, &connect):
		return true
	}
	return errors.Is(err, context.DeadlineExceeded)
}

// hints by PostgreSQL's error code.
var hintsByCode = map[string]string{
	"28P01": "check the user name and the password in the dsn",
	"28000": "check the user in the dsn, and pg_hba.conf on the server",
	"3D000": "check the database name in the dsn",
	"42P01": "check the table; search_path is empty, so write schema.table",
	"42703": "check the column names in compare.fields, key and changed_at",
	"42501": "the role needs SELECT on the table and USAGE on its schema",
	"42883": "search_path is empty, so write schema.function in expressions",
	"57014": "a query ran into a timeout, or was cancelled on the server; see whether the server is overloaded",
	"53300": "the server has no connection left; crosscheck needs 4 per side",
}

func hintFor(err error) string {
	var h hinted
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &h):
		return h.hint
	case errors.As(err, &pg) && hintsByCode[pg.Code] != "":
		return hintsByCode[pg.Code]
	case errors.Is(err, source.ErrUnreachable) || unreachable(err):
		return "check host and port in the dsn, and that the server is running; crosscheck doctor tells more"
	case errors.Is(err, ledger.ErrNewerSchema):
		return "use the newer crosscheck, or another ledger.schema"
	case errors.Is(err, verify.ErrDigestBlind):
		return "this should not be possible; please report it with the two servers' versions"
	case errors.Is(err, verify.ErrKeyTypes):
		return "map the key of one side with a subquery: table: \"(select …::bigint as order_id, … from …)\""
	}
	return ""
}
