package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestGateAsksASidecar without a configuration, and exits as it decides.
func TestGateAsksASidecar(t *testing.T) {
	t.Parallel()
	answer, code := "", http.StatusOK
	sidecar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); r.URL.Path != "/api/v1/decision" || user != "alice" || password != "open sesame" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, answer) // a test client
	}))
	defer sidecar.Close()
	url := strings.Replace(sidecar.URL, "http://", "http://alice@", 1)
	ask := func(args ...string) (int, string, string) {
		var stdout, stderr bytes.Buffer
		exit := run(t.Context(), append([]string{"gate"}, args...), &stdout, &stderr, func(name string) (string, bool) { return "open sesame", name == passwordVariable })
		return exit, stdout.String(), stderr.String()
	}
	for decision, want := range map[string]int{"GO": exitAgrees, "NO-GO": exitDiverged, "INCONCLUSIVE": exitUnverified} {
		answer = `{"decision":"` + decision + `","at":"2026-11-27T05:00:00Z","fingerprint":"f","criteria":[{"name":"counts","verdict":"pass","observed":0,"limit":0,"reason":"All agree."}]}`
		if exit, stdout, stderr := ask("--url", url); exit != want || !strings.Contains(stdout, decision) || stderr != "" {
			t.Errorf("%s: exit code %d, want %d\n%s%s", decision, exit, want, stdout, stderr)
		}
		if exit, stdout, _ := ask("--url", url, "--json"); exit != want || !strings.Contains(stdout, `"All agree."`) {
			t.Errorf("%s as JSON: exit code %d, want %d\n%s", decision, exit, want, stdout)
		}
	}
	code, answer = http.StatusServiceUnavailable, `{"error":"The ledger cannot be read."}`
	for _, wait := range []string{"0s", "1ms"} {
		if exit, stdout, _ := ask("--url", url, "--json", "--wait", wait); exit != exitUnverified || !strings.Contains(stdout, `"decision":"INCONCLUSIVE"`) {
			t.Errorf("without a ledger, --wait %s: exit code %d\n%s", wait, exit, stdout)
		}
	}
	if exit, stdout, stderr := ask("--url", url, "--json"); exit != exitUnverified || !strings.Contains(stdout, `"decision":"INCONCLUSIVE"`) || !strings.Contains(stderr, "The ledger cannot be read") {
		t.Errorf("without a ledger: exit code %d\n%s%s", exit, stdout, stderr)
	}
	if exit, _, stderr := ask("--url", sidecar.URL); exit != exitError || !strings.Contains(stderr, passwordVariable) {
		t.Errorf("without a login: exit code %d\n%s", exit, stderr)
	}
	for _, args := range [][]string{{"--url", "crosscheck:8080"}, {"--url", url, "--report", "x.html"}, {"--url", url, "--as", "bob"}, {"--url", url, "--no-record"}, {"--url", url, "--wait", "-1s"}} {
		if exit, _, stderr := ask(args...); exit != exitError || !strings.Contains(stderr, "--url") && !strings.Contains(stderr, "--wait: ") {
			t.Errorf("%v: exit code %d\n%s", args, exit, stderr)
		}
	}
}
