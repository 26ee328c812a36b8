package main

import (
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

func TestProgressLine(t *testing.T) {
	for _, test := range []struct {
		at   verify.Progress
		took time.Duration
		want string
	}{
		{verify.Progress{Stage: "digest", Done: 250, Total: 1000}, 10 * time.Second, "digest: 250 of about 1000, 25/s, about 30s left"},
		{verify.Progress{Stage: "digest", Done: 1100, Total: 1000}, 10 * time.Second, "digest: 1100 of about 1000, 110/s, about 0s left"},
		{verify.Progress{Stage: "settle", Done: 7, Total: 9}, time.Second, "settle: 7 of 9 suspects judged"},
		{verify.Progress{Stage: "sample", Done: 7}, time.Second, "sample: 7 done"},
		{verify.Progress{Stage: "digest", Total: 1000}, time.Second, "digest: 0 done"},
		{verify.Progress{Stage: "digest", Done: 1, Total: 1000}, 0, "digest: 1 of about 1000"},
	} {
		if got := line(test.at, test.took); got != test.want {
			t.Errorf("%+v after %s: %q, want %q", test.at, test.took, got, test.want)
		}
	}
}

func TestProgressIsQuietWithoutATerminal(t *testing.T) {
	var out strings.Builder
	p := newProgress(&out)
	for i := range int64(100) {
		p.show(verify.Progress{Stage: "digest", Done: i, Total: 100})
	}
	if out.Len() > 0 {
		t.Errorf("within a moment it said %q", out.String())
	}
	p.lastLine = time.Now().Add(-quietFor)
	p.show(verify.Progress{Stage: "drill-down", Done: 1, Total: 2})
	p.show(verify.Progress{Stage: "drill-down", Done: 2, Total: 2})
	p.close()
	p.close()
	if got := out.String(); !strings.HasPrefix(got, "crosscheck: drill-down: 1 of about 2") || strings.Count(got, "\n") != 1 {
		t.Errorf("after %s it said %q", quietFor, got)
	}
}
