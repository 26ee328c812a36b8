package pgserver_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/pgserver"
)

// TestParent is no test of its own: it is the process that TestNoOrphanSurvives kills.
func TestParent(t *testing.T) {
	if os.Getenv("PGSERVER_TEST_PARENT") == "" {
		return
	}
	s, err := pgserver.Start(context.Background(), pgserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("port=%d\n", s.Port())
	select {}
}

func TestNoOrphanSurvives(t *testing.T) {
	tmp, err := os.MkdirTemp("", "pgserver-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestParent$")
	cmd.Env = append(os.Environ(), "PGSERVER_TEST_PARENT=1", "TMPDIR="+tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var port string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if p, ok := strings.CutPrefix(lines.Text(), "port="); ok {
			port = p
			break
		}
	}
	if port == "" {
		t.Fatal("the parent started no server")
	}
	if err := cmd.Process.Kill(); err != nil { // kill -9: no chance to clean up
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for deadline := time.Now().Add(20 * time.Second); ; {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatalf("the server on port %s outlived its parent", port)
		}
		<-time.After(50 * time.Millisecond)
	}
}
