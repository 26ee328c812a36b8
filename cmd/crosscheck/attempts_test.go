package main

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/web"
)

func TestAttemptsAreToldOnOneLine(t *testing.T) {
	const place = "127.0.0.1:5432 (127.0.0.1): "
	for text, want := range map[string]string{
		"no such file": "no such file",
		"to legacy: failed to connect to `user=u`:\n\t" + place + "tls error: server refused TLS connection\n\t" + place + "FATAL: no such role": "to legacy: failed to connect to `user=u`: " + place + "FATAL: no such role",
		"to `user=u`:\n\t" + place + "connection refused\n\t" + place + "connection refused":                                                     "to `user=u`: " + place + "connection refused",
		"to `user=u`:\n\thostname resolving error: lookup h: no such host\n\tlookup h: no such host":                                             "to `user=u`: hostname resolving error: lookup h: no such host",
		"to `user=u`:\n\t" + place + "tls error: server refused TLS connection\n\t[::1]:5432 (h): connection refused":                            "to `user=u`: " + place + "tls error: server refused TLS connection; [::1]:5432 (h): connection refused",
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

// TestAPortInUseIsNoLostServer: nothing is wrong with a dsn, and the same will fail again.
func TestAPortInUseIsNoLostServer(t *testing.T) {
	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	server := web.Server{Listen: taken.Addr().String()}
	var said strings.Builder
	if code := report(&said, server.Run(t.Context())); code != exitError {
		t.Errorf("exit code %d", code)
	}
	if got := said.String(); strings.Contains(got, "dsn") || !strings.Contains(got, "choose another one for web.listen") {
		t.Error(got)
	}
}
