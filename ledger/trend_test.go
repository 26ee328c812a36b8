package ledger_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/verify"
)

func TestTrendIsTheNewestPassesOldestFirst(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	rows := verify.Rows{Legacy: 7, Projection: 8}
	full := verify.Scan{Coverage: 1, Facts: verify.FullFacts{Rows: rows}}
	scan := verify.Scan{Coverage: 1, Facts: verify.SampleFacts{Rows: rows, Sampled: 100}}
	run{kind: verify.Full, fingerprint: "now", at: t0, verdict: compare.Match}.in(t, l)
	run{kind: verify.Full, fingerprint: "now", at: t0.Add(time.Hour), scan: full, verdict: compare.Match}.in(t, l)
	run{kind: verify.Sample, fingerprint: "before", at: t0.Add(time.Hour), scan: scan, verdict: compare.Match}.in(t, l)
	run{kind: verify.Sample, fingerprint: "now", at: t0.Add(2 * time.Hour), scan: scan, verdict: compare.Unverified}.in(t, l)
	got, err := l.Trend(t.Context(), "now", 2)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, []board.TrendPass{
		{Kind: verify.Full, Verdict: "match", StartedAt: t0.Add(time.Hour)},
		{
			Kind: verify.Sample, Verdict: "unverified", StartedAt: t0.Add(2 * time.Hour),
			Sampling: gate.Sampling{Passes: 1, Orders: 100, Population: 8, Since: t0.Add(2 * time.Hour)},
		},
	}, "trend")

	for _, pass := range []struct {
		kind        verify.PassKind
		fingerprint string
		has         bool
	}{{verify.Full, "now", true}, {verify.Sample, "before", true}, {verify.Full, "before", false}, {verify.Sample, "", false}} {
		has, err := l.HasPass(t.Context(), pass.kind, pass.fingerprint)
		if err != nil || has != pass.has {
			t.Errorf("HasPass(%s, %q) = %t, %v", pass.kind, pass.fingerprint, has, err)
		}
	}
}
