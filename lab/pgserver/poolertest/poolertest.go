// Package poolertest gives tests a real PgBouncer in front of a PostgreSQL.
//
// Invariant: it ends with the test.
package poolertest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/child"
)

const patience = 30 * time.Second

// Start starts a PgBouncer in front of the server of the DSN, and returns a DSN that goes through it. Its clients are
// the superuser. settings belong to its configuration, such as "pool_mode = transaction". If PgBouncer is not
// installed, the test is skipped.
func Start(t testing.TB, dsn string, settings ...string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			const missing = "PgBouncer is not installed; scripts/pgbouncer installs it on Debian"
			if os.Getenv("CI") == "true" {
				t.Fatal(missing)
			}
			t.Skip(missing)
		}
	}
	server, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	config := fmt.Sprintf("[databases]\n* = host=%s port=%s user=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\n%s\n",
		server.Hostname(), server.Port(), server.User.Username(), port, strings.Join(settings, "\n"))
	file := filepath.Join(t.TempDir(), "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, file)
	if os.Geteuid() == 0 { // it does not run as root
		cmd.Args = []string{program, "-u", "nobody", file}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	child.DieWithParent(cmd.SysProcAttr, syscall.SIGINT)
	p, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.End(syscall.SIGTERM, patience) })
	through := *server
	through.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	ready(t, p, through.Host)
	return through.String()
}

func ready(t testing.TB, p *child.Process, address string) {
	t.Helper()
	var dialer net.Dialer
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-p.Done:
			t.Fatal("PgBouncer has ended")
		case <-deadline:
			t.Fatal("PgBouncer does not listen")
		}
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only showed a port
	return l.Addr().(*net.TCPAddr).Port
}
