package ledger_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/verify"
)

func TestStreakGoesBackToThePassThatDiverged(t *testing.T) {
	l := migrated(t, pgtest.Database(t))
	at := func(hours int) time.Time { return t0.Add(time.Duration(hours) * time.Hour) }
	pass := func(kind verify.PassKind, fingerprint string, hour int, v compare.Verdict) {
		run{kind: kind, fingerprint: fingerprint, at: at(hour), verdict: v}.in(t, l)
	}
	same(t, evidence(t, l, t0, 0).Streak, (*gate.Streak)(nil), "no pass")
	pass(verify.Full, "now", 1, compare.Match)
	pass(verify.Sample, "now", 2, compare.Match)
	same(t, evidence(t, l, t0, 0).Streak, &gate.Streak{Clean: 2, Since: at(1), Newest: at(2)}, "two clean passes")
	pass(verify.Sample, "now", 3, compare.Diverged)
	same(t, evidence(t, l, t0, 0).Streak, &gate.Streak{Broken: at(3)}, "one that diverged")
	pass(verify.Sample, "now", 4, compare.Unverified)
	pass(verify.Full, "now", 5, compare.Match)
	pass(verify.Sample, "before", 6, compare.Diverged)
	if err := l.Missed(t.Context(), verify.Sample, at(7), "nobody was there"); err != nil {
		t.Fatal(err)
	}
	same(t, evidence(t, l, t0, 0).Streak, &gate.Streak{Clean: 1, Unjudged: 1, Since: at(5), Newest: at(5), Broken: at(3)}, "after it")
}
