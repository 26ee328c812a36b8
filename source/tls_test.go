package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/doctor/tlstest"
	"github.com/nordvarg/crosscheck/lab/pgserver"
	"github.com/nordvarg/crosscheck/source"
)

// TestATLSErrorIsCalledOne connects to a server whose certificate is unknown, for another name, or expired, and to one
// that wants ours. The ledger's errors are told by the same function.
func TestATLSErrorIsCalledOne(t *testing.T) {
	server, err := pgserver.Start(t.Context(), pgserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	good, expired := tlstest.New(t, "db.example", time.Now().Add(time.Hour)), tlstest.New(t, "localhost", time.Now().Add(-time.Minute))
	for _, c := range []struct {
		shown                tlstest.Certificate
		user, query          string
		check, message, hint string
	}{
		{good, "postgres", "sslmode=verify-ca&sslrootcert=" + expired.File, doctor.Connection, "the authority of the server's TLS certificate is not trusted", "sslrootcert"},
		{good, "postgres", "sslmode=verify-full&sslrootcert=" + good.File, doctor.Connection, "certificate is for another name: x509: ", "host in the dsn"},
		{good, "wanted", "sslmode=verify-ca&sslrootcert=" + good.File, doctor.Login, "certificate", "sslcert"},
		{expired, "postgres", "sslmode=verify-ca&sslrootcert=" + expired.File, doctor.Connection, "has expired", "renew the certificate"},
	} {
		show(t, server, c.shown)
		dsn := strings.NewReplacer("sslmode=disable", c.query, "postgres@", c.user+"@").Replace(server.DSN("postgres"))
		conn, err := pgx.Connect(t.Context(), dsn)
		if err == nil {
			conn.Close(t.Context())
			t.Errorf("%s can connect", dsn)
			continue
		}
		f := source.ConnectionFailed("legacy", dsn, err)
		if f.Check != c.check || !strings.Contains(f.Message, c.message) || !strings.Contains(f.Hint, c.hint) {
			t.Errorf("%s: %+v", c.query, f)
		}
	}
}

// show makes the server use a certificate. It wants the client's from the role wanted.
func show(t *testing.T, server *pgserver.Server, c tlstest.Certificate) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var folder string
	if err := conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&folder); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{"server.crt": c.File, "server.key": c.KeyFile, "root.crt": c.File} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		give(t, folder, name, text)
	}
	give(t, folder, "pg_hba.conf", []byte("hostssl all wanted all trust clientcert=verify-ca\nhost all all all trust\n"))
	for _, setting := range []string{"ssl = on", "ssl_ca_file = 'root.crt'"} {
		if _, err := conn.Exec(t.Context(), "ALTER SYSTEM SET "+setting); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// give writes a file of the server's account, the only one that may read it.
func give(t *testing.T, folder, name string, text []byte) {
	t.Helper()
	owner, err := os.Stat(folder)
	if err != nil {
		t.Fatal(err)
	}
	stat, ok := owner.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatalf("the owner of %s is unknown", folder)
	}
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(file, int(stat.Uid), int(stat.Gid)); err != nil {
		t.Fatal(err)
	}
}
