// Package promtest gives tests a real Prometheus and its tools.
//
// Invariant: a test that needs them fails, and never skips, if they are missing. What the package starts ends with the
// test.
package promtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/child"
)

const (
	startTimeout = 2 * time.Minute
	queryTimeout = time.Minute
	stopTimeout  = time.Minute
	toolTimeout  = 10 * time.Minute // promtool takes seconds, and minutes on a machine with other work
)

// Program returns the path of prometheus, promtool or amtool.
func Program(t testing.TB, name string) string {
	t.Helper()
	if dir := os.Getenv("CROSSCHECK_PROMETHEUS"); dir != "" {
		return filepath.Join(dir, name)
	}
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	cache, err := os.UserCacheDir()
	if err == nil {
		found := filepath.Join(cache, "crosscheck-lab", "prometheus", "usr", "bin", name)
		if _, err = os.Stat(found); err == nil {
			return found
		}
	}
	t.Fatalf("%s is not on this machine, scripts/prometheus gets it: %v", name, err)
	return ""
}

// Tool runs promtool or amtool and returns its standard output. If it fails, the test fails with that output.
func Tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), toolTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, Program(t, name), args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("%s %v: %v\n%s%s", name, args, err, &stdout, &stderr)
	}
	return stdout.String()
}

// Server is a Prometheus that belongs to one test.
type Server struct {
	url    string
	client http.Client
}

// Start starts a Prometheus with that configuration, and waits until it is ready.
func Start(t testing.TB, config string) *Server {
	t.Helper()
	dir := t.TempDir()
	file, logFile := filepath.Join(dir, "prometheus.yml"), filepath.Join(dir, "log")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	logged, err := os.Create(logFile)
	if err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), Program(t, "prometheus"), "--config.file="+file,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = logged, logged
	process, err := child.Start(cmd)
	if err != nil {
		t.Fatalf("starting Prometheus: %v", err)
	}
	s := &Server{url: "http://" + address, client: http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	t.Cleanup(func() {
		if err := process.End(syscall.SIGTERM, stopTimeout); err != nil {
			t.Errorf("stopping Prometheus: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s.get(ctx, "/-/ready", nil) != nil {
		select {
		case <-process.Done:
			out, _ := os.ReadFile(logFile)
			t.Fatalf("Prometheus has ended:\n%s", out)
		case <-ctx.Done():
			t.Fatalf("Prometheus is not ready after %s", startTimeout)
		case <-tick.C:
		}
	}
	return s
}

func freeAddress(t testing.TB) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

// Firing returns the names of the alerts that fire, with how often each does.
func (s *Server) Firing(ctx context.Context) (map[string]int, error) {
	var answer struct {
		Data struct {
			Alerts []struct {
				State  string
				Labels map[string]string
			}
		}
	}
	if err := s.get(ctx, "/api/v1/alerts", &answer); err != nil {
		return nil, err
	}
	firing := map[string]int{} // alert → series
	for _, a := range answer.Data.Alerts {
		if a.State == "firing" {
			firing[a.Labels["alertname"]]++
		}
	}
	return firing, nil
}

func (s *Server) get(ctx context.Context, path string, into any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return err
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("asking Prometheus for %s: %s", path, answer.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
