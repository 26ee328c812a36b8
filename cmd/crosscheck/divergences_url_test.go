package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestDivergencesOfASidecar(t *testing.T) {
	t.Parallel()
	sidecar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		one := func(key, events, next string) {
			_, _ = fmt.Fprintf(w, `{"divergences":[{"order_id":%q,"kind":"differs","hop":"events->projection","cause":"stale_projection","first_seen":"2026-11-27T05:00:00Z","age_seconds":61,
				"state":"open","fields":[{"name":"status","legacy":"FILLED"%s,"projection":"OPEN"}]}],"next":%q}`, key, events, next) // a test client
		}
		switch {
		case r.URL.Path == "/api/v1/divergences/counts":
			_, _ = io.WriteString(w, `{"count":3,"groups":[{"hop":"events->projection","kind":"differs","cause":"stale_projection","count":2,"oldest":"2026-11-27T05:00:00Z"},
				{"hop":"legacy->events","kind":"missing","cause":"","count":1,"oldest":"2026-11-27T05:00:00Z"}],"fields":[]}`)
		case q.Get("state") != "open" || q.Get("field") != "status":
			w.WriteHeader(http.StatusBadRequest)
		case q.Get("cursor") == "":
			one("100", `,"events":null`, "second")
		default:
			one("20", "", "")
		}
	}))
	defer sidecar.Close()
	ask := func(args ...string) (int, string, string) {
		var stdout, stderr bytes.Buffer
		exit := run(t.Context(), append([]string{"divergences", "--url", sidecar.URL}, args...), &stdout, &stderr, func(string) (string, bool) { return "", false })
		return exit, stdout.String(), stderr.String()
	}
	exit, text, stderr := ask("--field", "status")
	if exit != exitAgrees || !strings.Contains(text, "2 open divergences\n") || strings.Index(text, " 20 ") > strings.Index(text, " 100 ") ||
		!strings.Contains(text, "FILLED  NULL    OPEN") || !strings.Contains(text, "FILLED  -       OPEN") {
		t.Errorf("exit code %d\n%s%s", exit, text, stderr)
	}
	if exit, lines, _ := ask("--field", "status", "--json"); exit != exitAgrees || strings.Count(lines, "\n") != 2 || strings.Count(lines, `"events":null`) != 1 {
		t.Errorf("as JSON: exit code %d\n%s", exit, lines)
	}
	if exit, text, _ := ask("--group-by", "hop"); exit != exitAgrees || !strings.Contains(text, "2  events->projection") || !strings.Contains(text, "1  legacy->events") {
		t.Errorf("counted: exit code %d\n%s", exit, text)
	}
	if exit, text, stderr := ask("--state", "all"); exit != exitError || text != "" || !strings.Contains(stderr, "refused") {
		t.Errorf("refused: exit code %d\n%s%s", exit, text, stderr)
	}
	sidecar.Close()
	if exit, text, stderr := ask(); exit != exitUnverified || text != "" || !strings.Contains(stderr, "hint: check host and port of --url") {
		t.Errorf("away: exit code %d\n%s%s", exit, text, stderr)
	}
}
