package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/jobs"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/topic"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/web"
)

// hinted is an error with a hint for the user.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func withHint(err error, hint string) error { return hinted{err, hint} }

// report prints an error with its hints, and returns its exit code.
func report(w io.Writer, err error) int {
	if list, ok := errors.AsType[config.Errors](err); ok {
		for _, e := range list {
			printError(w, e.Error(), e.Hint)
		}
		return exitError
	}
	printError(w, err.Error(), hintFor(err))
	if passes(err) {
		return exitUnverified
	}
	return exitError
}

// passes returns true if a database, the brokers or a sidecar did not answer, or could not at this time. Nothing was proven.
func passes(err error) bool {
	if ledger.Pooled(err) {
		return false
	}
	return source.Passes(err) || errors.Is(err, source.ErrUnreachable) || errors.Is(err, topic.ErrUnreachable) || errors.Is(err, topic.ErrUnopened) || errors.Is(err, web.ErrAway)
}

func printError(w io.Writer, text, hint string) {
	_, _ = fmt.Fprintf(w, "crosscheck: error: %s\n", printable(attempts(text)))
	if hint != "" {
		_, _ = fmt.Fprintf(w, "crosscheck: hint: %s\n", hint)
	}
}

func hintFor(err error) string {
	var h hinted
	switch {
	case errors.As(err, &h):
		return h.hint
	case backfillHint(err) != "":
		return backfillHint(err)
	case ledger.Pooled(err):
		return ledgerPooledHint
	case errors.Is(err, ledger.ErrMayNotCreate):
		return "GRANT CREATE ON DATABASE … TO the role of ledger.dsn, or create the schema for it: CREATE SCHEMA … AUTHORIZATION …"
	case errors.Is(err, ledger.ErrRights):
		return "the role of ledger.dsn needs CREATE and USAGE on the schema, and all rights on its tables and sequences; crosscheck doctor has the statements"
	case errors.Is(err, ledger.ErrOccupied):
		return "name a schema of its own in ledger.schema"
	case errors.Is(err, ledger.ErrReadOnly):
		return writableLedgerHint
	case errors.Is(err, ledger.ErrLongKey):
		return "map the key on all sides to a shorter expression, such as md5(the column), with an index on it"
	case errors.Is(err, web.ErrListen) && errors.Is(err, syscall.EADDRINUSE):
		return "the address is in use, perhaps by another crosscheck run; choose another one for web.listen"
	case errors.Is(err, topic.ErrTLS), errors.Is(err, topic.ErrUnopened): // before databases, which know TLS too
		return topic.Hint(err)
	case source.Hint(err) != "":
		return source.Hint(err)
	case topic.Hint(err) != "":
		return topic.Hint(err)
	case passes(err):
		return "check host and port in the dsn, and that the server is running; crosscheck doctor tells more"
	case errors.Is(err, throttle.ErrUnseen):
		return "GRANT pg_read_all_stats TO the role, or leave out max_sessions and max_replica_lag of throttle"
	case errors.Is(err, throttle.ErrHours):
		return "set verify.max_snapshot, so that a pass can wait between ranges, or a higher rows_per_second or longer hours in throttle"
	case errors.Is(err, ledger.ErrNewerSchema), errors.Is(err, jobs.ErrNewer):
		return "use the newer crosscheck, or another ledger.schema"
	case errors.Is(err, verify.ErrDigestBlind):
		return "this should not be possible; please report it with the two servers' versions"
	}
	return ""
}
