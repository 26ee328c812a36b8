package kafkaserver_test

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

	"github.com/nordvarg/crosscheck/lab/kafkaserver"
	"github.com/nordvarg/crosscheck/lab/kafkaserver/kafkatest"
)

// TestParent is no test of its own: it is the process that TestNoOrphanSurvives kills.
func TestParent(t *testing.T) {
	if os.Getenv("KAFKASERVER_TEST_PARENT") == "" {
		return
	}
	s, err := kafkaserver.Start(context.Background(), kafkaserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("broker=%s\n", s.Brokers()[0]) //nolint:forbidigo // for the parent
	select {}
}

func TestNoOrphanSurvives(t *testing.T) {
	kafkatest.Server(t) // skips where there is no Kafka
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestParent$")
	cmd.Env = append(os.Environ(), "KAFKASERVER_TEST_PARENT=1", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	at := ""
	for lines := bufio.NewScanner(out); at == "" && lines.Scan(); {
		at, _ = strings.CutPrefix(lines.Text(), "broker=")
		if at == lines.Text() {
			at = ""
		}
	}
	if err := cmd.Process.Kill(); err != nil { // kill -9: no chance to clean up
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if at == "" {
		t.Fatal("the parent started no server")
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", at)
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatalf("the server at %s outlived its parent", at)
		}
		<-time.After(50 * time.Millisecond)
	}
}
