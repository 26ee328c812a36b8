package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

// TestTheSidecarLogsProgressOnceInAWhile has rate and time left in each line.
func TestTheSidecarLogsProgressOnceInAWhile(t *testing.T) {
	var out bytes.Buffer
	p := newLoggedProgress(verify.Full, slog.New(slog.NewTextHandler(&out, nil)))
	for i := range int64(100) {
		p.show(verify.Progress{Stage: "ranges", Done: i, Total: 1000})
	}
	if out.Len() > 0 {
		t.Errorf("within a moment it said %q", &out)
	}
	p.since, p.started = time.Now().Add(-loggedEvery), time.Now().Add(-10*time.Second)
	for range 10 {
		p.show(verify.Progress{Stage: "ranges", Done: 500, Total: 1000})
	}
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "ranges: 500 of about 1000, 50/s, about 10s left") || !strings.Contains(got, "pass=full") {
		t.Errorf("after %s it said %q", loggedEvery, got)
	}
}
