package web

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/verify"
)

// TestAPassSaysWhatItCounts: not each pass counts orders.
func TestAPassSaysWhatItCounts(t *testing.T) {
	for _, c := range []struct {
		kind             verify.PassKind
		diverged         int64
		compared, reason string
	}{
		{verify.Full, 1, "1,200 orders", "1 order diverged."},
		{verify.StreamPass, 2, "1,200 orders", "2 orders diverged."},
		{verify.Reads, 3, "1,200 orders", "3 answers differ."},
		{verify.Reads, 1, "1,200 orders", "1 answer differs."},
		{verify.Audit, 2, "1,200 orders", "2 orders have findings."},
		{verify.Frozen, 0, "1,200 rows", "12 rows of legacy were written"},
		{verify.Frozen, 7, "1,200 rows", "12 rows of legacy were written"},
	} {
		is := verify.Pass{Kind: c.kind, State: verify.Done, StartedAt: now, FinishedAt: now}
		is.Scan = verify.Scan{Compared: 1200, Coverage: 1}
		is.Result = verify.Result{Verdict: compare.Diverged, Diverged: c.diverged, Reason: "12 rows of legacy were written"}
		if v := passOf(NewPass(is, now), now); v.Compared != c.compared || v.Reason != c.reason {
			t.Errorf("%s with %d: compared %q, %q", c.kind, c.diverged, v.Compared, v.Reason)
		}
	}
	part := Pass{Pass: "reads", State: "done", Verdict: "diverged", Diverged: 3, Coverage: 0.9, Reason: "3 answers differ"} // the rest was not answered
	if v := passOf(part, now); v.Reason != "3 answers differ" {
		t.Errorf("a part of a pass: %q", v.Reason)
	}
	if v := passOf(Pass{Pass: "stream", State: "scanning"}, now); v.Compared != "–" || v.Coverage != "–" {
		t.Errorf("a pass that has counted nothing yet: %q, %q", v.Compared, v.Coverage)
	}
	if said := runningOf(Progress{Pass: "reads", Stage: "reads", Done: 120, Total: 400}, now).Said; said != "120 of 400 questions, 30 %" {
		t.Errorf("a pass of reads that runs: %q", said)
	}
}

// TestNoLineBeginsWithADot: a dot between two items stays with the first of them.
func TestNoLineBeginsWithADot(t *testing.T) {
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := templateFiles.ReadFile("templates/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "·") && !strings.HasPrefix(line, "<title>") {
				t.Errorf("%s: use the class dotted: %s", f.Name(), line)
			}
		}
	}
	line := Compared{Places: []Place{{Representation: "legacy", Table: "public.orders"}, {Representation: "stream", Table: "orders"}}}.Line()
	if line != "legacy public.orders\u00a0· stream orders" {
		t.Errorf("the tables: %q", line)
	}
}
