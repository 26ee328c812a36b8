package registrytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/child"
)

// Version is the Apicurio Registry that scripts/registry fetches.
const Version = "2.6.13.Final"

const startTimeout = 2 * time.Minute // a JVM on a busy machine

var errNotReady = errors.New("the registry does not answer yet")

// Start runs Apicurio Registry, which keeps its schemas in memory, until the test ends. It returns the URL of Confluent's
// API. Without the registry it skips the test, or fails it on CI.
func Start(t testing.TB) string {
	t.Helper()
	java, folder, err := find()
	switch {
	case err != nil && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	address, err := freeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	url, log := "http://"+address+"/apis/ccompat/v7", filepath.Join(t.TempDir(), "registry.log")
	server, err := child.Serve(t.Context(), child.Life{
		Name: "registry", Timeout: startTimeout, Log: func() string { return log },
		Command: func() (*exec.Cmd, error) { return command(java, folder, address, log) },
		Ready:   func(ctx context.Context) error { return ready(ctx, url) },
		CleanUp: func() error { return nil }, // the test's folder goes with the test
		Quit:    syscall.SIGTERM, Crash: syscall.SIGKILL, End: syscall.SIGKILL,
	}, func(context.Context) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return url
}

// find returns the java program and the folder with the registry. CROSSCHECK_REGISTRY names another folder.
func find() (java, folder string, err error) {
	java = "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	if java, err = exec.LookPath(java); err != nil {
		return "", "", fmt.Errorf("no schema registry on this machine: there is no java, version 17 or newer: %w", err)
	}
	if folder = os.Getenv("CROSSCHECK_REGISTRY"); folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", "", fmt.Errorf("finding the cache folder: %w", err)
		}
		folder = filepath.Join(cache, "crosscheck-lab", "apicurio-"+Version)
	}
	if _, err := os.Stat(program(folder)); err != nil {
		return "", "", fmt.Errorf("no schema registry on this machine; run scripts/registry: %w", err)
	}
	return java, folder, nil
}

func program(folder string) string {
	return filepath.Join(folder, "apicurio-registry-app-"+Version+"-runner.jar")
}

// command is the registry with little memory and a quick start.
func command(java, folder, address, log string) (*exec.Cmd, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the registry's log: %w", err)
	}
	// The process lives until Stop, not as long as a context.
	cmd := exec.CommandContext(context.Background(), java, "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", //nolint:forbidigo // see above
		"-Dquarkus.http.host="+host, "-Dquarkus.http.port="+port, "-jar", program(folder))
	cmd.Stdout, cmd.Stderr = out, out
	attr := &syscall.SysProcAttr{Setpgid: true} // Ctrl-C in a terminal reaches only the parent
	child.DieWithParent(attr, syscall.SIGKILL)
	cmd.SysProcAttr = attr
	return cmd, nil
}

func ready(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/subjects", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s", errNotReady, response.Status)
	}
	return nil
}

func freeAddress(ctx context.Context) (string, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(l.Addr().(*net.TCPAddr).Port)), nil
}
