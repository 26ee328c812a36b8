package pgserver_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/nordvarg/crosscheck/lab/child"
	"github.com/nordvarg/crosscheck/lab/pgserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o pgserver.Options) (context.Context, *pgserver.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s, err := pgserver.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return ctx, s
}

func query(ctx context.Context, t *testing.T, s *pgserver.Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var got string
	if err := conn.QueryRow(ctx, sql).Scan(&got); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func TestServerRunsWithItsSettings(t *testing.T) {
	ctx, s := start(t, pgserver.Options{SharedBuffers: "64MB", Settings: map[string]string{"work_mem": "12MB"}})
	for setting, want := range map[string]string{
		"shared_buffers": "64MB", "work_mem": "12MB", "wal_level": "logical", "fsync": "off",
		"server_encoding": "UTF8", "TimeZone": "UTC", "max_connections": "400",
	} {
		if got := query(ctx, t, s, "SHOW "+setting); got != want {
			t.Errorf("%s is %s, want %s", setting, got, want)
		}
	}
}

func TestRestartKeepsDataAndPort(t *testing.T) {
	ctx, s := start(t, pgserver.Options{})
	query(ctx, t, s, "WITH x AS (SELECT pg_sleep(0)) SELECT 'ok' FROM x")
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE TABLE kept AS SELECT 'yes' AS v"); err != nil {
		t.Fatal(err)
	}
	before := s.DSN("postgres")
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if s.DSN("postgres") != before {
		t.Errorf("DSN changed from %s to %s", before, s.DSN("postgres"))
	}
	if err := conn.Ping(ctx); err == nil {
		t.Error("the old connection survived the restart")
	}
	if got := query(ctx, t, s, "SELECT v FROM kept"); got != "yes" {
		t.Errorf("got %q after the restart", got)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(ctx, s.DSN("postgres")); err == nil {
		t.Fatal("a killed server accepts connections")
	}
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if got := query(ctx, t, s, "SELECT v FROM kept"); got != "yes" {
		t.Errorf("got %q after the crash", got)
	}
}

func TestStopLeavesNothingBehind(t *testing.T) {
	tmp, err := os.MkdirTemp("", "pgserver-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", tmp)
	ctx, s := start(t, pgserver.Options{})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := s.Restart(ctx); !errors.Is(err, child.ErrStopped) {
		t.Errorf("Restart after Stop: %v, want ErrStopped", err)
	}
}

func TestDirIsKeptAndUsedAgain(t *testing.T) {
	tmp, err := os.MkdirTemp("", "pgserver-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(tmp, "data")
	ctx, s := start(t, pgserver.Options{Dir: dir})
	id := query(ctx, t, s, "SELECT system_identifier::text FROM pg_control_system()")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	ctx, s = start(t, pgserver.Options{Dir: dir})
	if got := query(ctx, t, s, "SELECT system_identifier::text FROM pg_control_system()"); got != id {
		t.Errorf("cluster %s became %s: the directory was not used again", id, got)
	}
}

func TestBrokenSettingsAreAnError(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := pgserver.Start(ctx, pgserver.Options{Settings: map[string]string{"no_such_setting": "1"}})
	if !errors.Is(err, child.ErrExited) || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v, want ErrExited with the server's own words", err)
	}
}

func TestWrongBinFolderIsAnError(t *testing.T) {
	t.Setenv("PG_BIN", t.TempDir())
	_, err := pgserver.Start(t.Context(), pgserver.Options{})
	if !errors.Is(err, pgserver.ErrNoBinaries) {
		t.Errorf("got %v, want ErrNoBinaries", err)
	}
}
