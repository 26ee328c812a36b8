package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/ledger"
)

func TestAttemptsAreToldOnOneLine(t *testing.T) {
	const place = "127.0.0.1:5432 (127.0.0.1): "
	for text, want := range map[string]string{
		"no such file": "no such file",
		"to legacy: failed to connect to `user=u`:\n\t" + place + "tls error: server refused TLS connection\n\t" + place + "FATAL: no such role": "to legacy: failed to connect to `user=u`: " + place + "FATAL: no such role",
		"to `user=u`:\n\t" + place + "connection refused\n\t" + place + "connection refused":                                                     "to `user=u`: " + place + "connection refused",
		"to `user=u`:\n\thostname resolving error: lookup h: no such host\n\tlookup h: no such host":                                             "to `user=u`: hostname resolving error: lookup h: no such host",
		"to `user=u`:\n\t" + place + "tls error: server refused TLS connection":                                                                  "to `user=u`: " + place + "tls error: server refused TLS connection",
	} {
		if got := attempts(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestARoleThatMayNotCreateTheLedgerIsToldWhatItLacks: the right is another one than that to read tables, though the server's code is the same.
func TestARoleThatMayNotCreateTheLedgerIsToldWhatItLacks(t *testing.T) {
	err := fmt.Errorf("opening the ledger: %w: %w", ledger.ErrMayNotCreate, &pgconn.PgError{Code: "42501"})
	if hint := hintFor(err); !strings.Contains(hint, "GRANT CREATE ON DATABASE") {
		t.Error(hint)
	}
}
