package ledger_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/verify"
)

// run is a pass that was read, whose suspects were judged, and that ended.
type run struct {
	kind        verify.PassKind
	fingerprint string
	at          time.Time
	scan        verify.Scan
	outcomes    []verify.Outcome
	verdict     compare.Verdict
}

func (r run) in(t *testing.T, l *ledger.Ledger) verify.PassID {
	t.Helper()
	ctx, lease := t.Context(), acquire(t, l, string(r.kind))
	id := begin(t, l, lease, verify.Start{Kind: r.kind, Trigger: "manual", Fingerprint: r.fingerprint, At: r.at})
	var diverged int64
	for _, o := range r.outcomes {
		if o.Verdict == compare.Diverged {
			diverged++
		}
	}
	for _, err := range []error{
		l.ScanDone(ctx, lease, id, r.scan),
		l.Settle(ctx, lease, id, r.outcomes, r.at),
		l.FinishPass(ctx, lease, id, verify.Result{Verdict: r.verdict, Diverged: diverged, Lagging: 1, Unverified: 2, Reason: "r"}, r.at.Add(time.Minute)),
		l.Release(ctx, lease),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return id
}

func evidence(t *testing.T, l *ledger.Ledger, now time.Time, horizon time.Duration) gate.Evidence {
	t.Helper()
	e, err := l.Evidence(t.Context(), "now", now, horizon)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func same(t *testing.T, got, want any, what string) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestEvidenceOfAnEmptyLedgerIsNone(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	same(t, evidence(t, l, t0, time.Hour), gate.Evidence{Fingerprint: "now"}, "empty ledger")
	lease := acquire(t, l, "full")
	begin(t, l, lease, verify.Start{Kind: verify.Full, Fingerprint: "now", At: t0})
	if err := l.Missed(t.Context(), verify.Sample, t0, "nobody was there"); err != nil {
		t.Fatal(err)
	}
	same(t, evidence(t, l, t0, time.Hour), gate.Evidence{Fingerprint: "now"}, "a pass that is not done, and one that never was")
}

func TestEvidenceOfAnotherFingerprintIsVoid(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := migrated(t, dsn)
	run{kind: verify.Full, fingerprint: "before", at: t0, verdict: compare.Match}.in(t, l)
	run{kind: verify.Sample, fingerprint: "before", at: t0, scan: verify.Scan{Facts: verify.SampleFacts{Sampled: 5}}, verdict: compare.Match}.in(t, l)
	same(t, evidence(t, l, t0, 0), gate.Evidence{Fingerprint: "now", VoidFull: true, VoidSample: true}, "evidence")
	for fingerprint, version := range map[string]string{"before": "3", "now": "4"} {
		if err := l.StoreBasis(t.Context(), gate.Basis{Fingerprint: fingerprint, Parts: []gate.Part{{Name: "comparator", Text: version}}}); err != nil {
			t.Fatal(err)
		}
	}
	const changed = "comparator 3 -> 4"
	same(t, evidence(t, l, t0, 0), gate.Evidence{Fingerprint: "now", VoidFull: true, VoidSample: true, Changed: changed}, "evidence of a known basis")
	another := migrated(t, dsn)
	if got, err := another.Changes(t.Context(), "before", "now"); err != nil || got != changed {
		t.Errorf("another process reads %q, error %v", got, err)
	}
	id := run{kind: verify.Full, fingerprint: "now", at: t0, verdict: compare.Match}.in(t, l)
	e := evidence(t, l, t0, 0)
	if e.VoidFull || e.Full == nil || e.Full.ID != int64(id) || !e.VoidSample {
		t.Errorf("evidence %+v, want the pass under the fingerprint in force", e)
	}
}

func TestEvidenceHasTheNewestPassAndAllSamples(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	some := suspects(6)
	for i := range some[:4] {
		some[i].InSample = true
	}
	diverged := outcomes(some, compare.Diverged)
	unjudged := outcomes(some[1:3], compare.Unverified)
	day := 24 * time.Hour
	sample := func(at time.Time, sampled, rows int64, o []verify.Outcome) run {
		facts := verify.SampleFacts{Rows: verify.Rows{Legacy: rows, Projection: rows + 1}, Sampled: sampled}
		return run{verify.Sample, "now", at, verify.Scan{Coverage: 1, Facts: facts}, o, compare.Diverged}
	}
	sample(t0, 10_000, 100, nil).in(t, l) // before the horizon
	sample(t0.Add(2*day), 1000, 200, diverged).in(t, l)
	sample(t0.Add(3*day), 1000, 300, unjudged).in(t, l)
	brokeOff := sample(t0.Add(2*day), 500, 250, diverged[:1])
	brokeOff.scan.Coverage, brokeOff.verdict = 0.9, compare.Unverified
	brokeOff.in(t, l)
	run{kind: verify.Full, fingerprint: "now", at: t0, verdict: compare.Match}.in(t, l)
	scan := verify.Scan{
		Compared: 9, Coverage: 0.5,
		Facts: verify.FullFacts{Rows: verify.Rows{Legacy: 7, Projection: 8}, Counts: []verify.GroupCount{{Group: "OPEN", Legacy: 7, Projection: 8}}},
	}
	full := run{verify.Full, "now", t0.Add(day), scan, outcomes(suspects(1), compare.Diverged), compare.Diverged}.in(t, l)
	for kind, every := range map[verify.PassKind]time.Duration{verify.Sample: time.Hour, verify.Full: day} {
		if err := l.SetSchedule(t.Context(), kind, t0.Add(4*day), every); err != nil {
			t.Fatal(err)
		}
	}

	e := evidence(t, l, t0.Add(4*day), 3*day)
	same(t, e.Full, &gate.Pass{
		ID: int64(full), Kind: "full", Verdict: "diverged", Reason: "r", StartedAt: t0.Add(day), FinishedAt: t0.Add(day + time.Minute),
		LegacyRows: 7, ProjectionRows: 8, Compared: 9, Coverage: 0.5, Diverged: 1, Unverified: 2,
		Counts: []gate.GroupCount{{Group: "OPEN", Legacy: 7, Projection: 8}},
	}, "full")
	same(t, e.Sampling, gate.Sampling{
		Passes: 3, Orders: 2000 + 1, Diverged: 4 + 1, Unverified: 2, Population: 251, Since: t0.Add(2 * day),
	}, "sampling: of a broken-off sample only what it proved counts")
	same(t, e.Open, []gate.OpenDivergences{{Hop: "legacy->projection", Kind: "missing", Count: 6, Oldest: t0}}, "open")
	if e.SampleEvery != time.Hour || !e.NextFull.Equal(t0.Add(4*day)) || e.Sample.StartedAt != t0.Add(2*day) {
		t.Errorf("schedule or newest sample: %+v", e)
	}
	if e.Counted != nil {
		t.Errorf("counted by %+v", e.Counted)
	}
	scan = verify.Scan{Compared: 9, Coverage: 1, Facts: verify.FullFacts{Plan: verify.ByNumber, Rows: verify.Rows{Legacy: 9, Projection: 9}}}
	run{verify.Full, "now", t0.Add(3 * day), scan, nil, compare.Match}.in(t, l)
	if e = evidence(t, l, t0.Add(4*day), 3*day); !e.Full.ByNumber || e.Full.Counts != nil || e.Counted == nil || e.Counted.ID != int64(full) || len(e.Counting().Counts) != 1 {
		t.Errorf("after a pass by numbers the evidence is %+v, counted by %+v", e.Full, e.Counted)
	}
}

func TestKindsShowWhatIsOverdue(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	good := run{kind: verify.Full, fingerprint: "now", at: t0, verdict: compare.Diverged}.in(t, l)
	if err := l.Missed(t.Context(), verify.Full, t0.Add(time.Hour), "nobody was there"); err != nil {
		t.Fatal(err)
	}
	if err := l.SetSchedule(t.Context(), verify.Sample, t0.Add(time.Hour), time.Hour); err != nil {
		t.Fatal(err)
	}
	kinds, err := l.Kinds(t.Context())
	if err != nil || len(kinds) != 2 {
		t.Fatalf("kinds %+v, error %v", kinds, err)
	}
	full, sample := kinds[0], kinds[1]
	if full.Kind != verify.Full || !full.LastSuccess.Equal(t0.Add(time.Minute)) || full.Newest == nil || full.Newest.ID == good {
		t.Errorf("full: %+v, want the missed run as the newest, and the success before it", full)
	}
	if full.Failures != 1 || full.FailingSince.IsZero() || sample.Failures != 0 {
		t.Errorf("failures in a row: full %d since %s, sample %d", full.Failures, full.FailingSince, sample.Failures)
	}
	if full.Overdue(t0.Add(1000*time.Hour), 0) {
		t.Error("a kind without a schedule is overdue")
	}
	if sample.Kind != verify.Sample || sample.Newest != nil || !sample.LastSuccess.IsZero() || sample.Every != time.Hour {
		t.Errorf("sample: %+v", sample)
	}
	for after, want := range map[time.Duration]bool{time.Hour: false, 61 * time.Minute: false, 61*time.Minute + 1: true} {
		if got := sample.Overdue(t0.Add(after), time.Minute); got != want {
			t.Errorf("overdue %s after, with a minute's grace: %v", after, got)
		}
	}
	lease := acquire(t, l, "sample")
	begin(t, l, lease, verify.Start{Kind: verify.Sample, ScheduledAt: t0.Add(time.Hour), At: t0.Add(61 * time.Minute)})
	if kinds, err = l.Kinds(t.Context()); err != nil || kinds[1].Overdue(t0.Add(3*time.Hour), 0) {
		t.Errorf("a run that has begun is overdue: %+v, error %v", kinds[1], err)
	}
}

func TestPruneKeepsFailuresLonger(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
	day := 24 * time.Hour
	now := t0.Add(400 * day)
	ago := func(days int) time.Time { return now.Add(-time.Duration(days) * day) }
	matched := func(fingerprint string, at time.Time) verify.PassID {
		return run{kind: verify.Full, fingerprint: fingerprint, at: at, verdict: compare.Match}.in(t, l)
	}
	failed := func(at time.Time, keys []verify.Suspect, v compare.Verdict) verify.PassID {
		return run{verify.Full, "now", at, verify.Scan{}, outcomes(keys, v), compare.Diverged}.in(t, l)
	}
	both := suspects(4)
	failed(ago(399), both, compare.Diverged)
	failed(ago(390), both[:1], compare.Match)                 // resolved long ago
	keptFailure := failed(ago(300), both[1:2], compare.Match) // resolved not so long ago
	matched("now", ago(20))
	keptMatch := matched("now", ago(13))
	keptNewest := matched("before", ago(350)) // the newest under its fingerprint
	matched("now", ago(15))
	keptLast := matched("now", ago(1))

	pruned, err := l.Prune(t.Context(), now, ledger.Retention{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, pruned, ledger.Pruned{Passes: 4, Divergences: 1}, "pruned")
	passes, err := l.Passes(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var kept []verify.PassID
	for _, p := range passes {
		kept = append(kept, p.ID)
	}
	same(t, kept, []verify.PassID{keptLast, keptNewest, keptMatch, keptFailure}, "passes that stay")
	if open, err := l.OpenCounts(t.Context(), ""); err != nil || len(open) != 1 || open[0].Count != 2 {
		t.Errorf("open divergences %+v, error %v: they stay for ever", open, err)
	}
	if resolved, err := l.Divergences(t.Context(), verify.Resolved, 10); err != nil || len(resolved) != 1 {
		t.Errorf("resolved divergences %+v, error %v, want the younger one", resolved, err)
	}
	pruned, err = l.Prune(t.Context(), now.Add(1000*day), ledger.Retention{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, pruned, ledger.Pruned{Passes: 2, Divergences: 1}, "pruned years later: the newest of each fingerprint stays")
}

func TestCheckTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	conn := connect(t, dsn)
	check := func(l *ledger.Ledger) ledger.Checkup {
		t.Helper()
		c, err := l.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	l := opened(t, ledger.Config{DSN: dsn})
	c := check(l)
	if c.SchemaExists || !c.MayCreateSchema || c.Version != 0 || c.WantVersion == 0 || c.Encoding == "" || c.ReadOnly || time.Since(c.Clock).Abs() > time.Minute {
		t.Errorf("empty database: %+v", c)
	}
	if err := l.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c = check(l); !c.SchemaExists || !c.MayCreateTables || !c.MayWrite || c.Version != c.WantVersion {
		t.Errorf("migrated: %+v", c)
	}

	exec(t, conn, `DROP ROLE IF EXISTS ledger_guest`)
	exec(t, conn, `CREATE ROLE ledger_guest LOGIN`)
	t.Cleanup(func() {
		exec(t, conn, `DROP OWNED BY ledger_guest`)
		exec(t, conn, `DROP ROLE ledger_guest`)
	})
	guest := opened(t, ledger.Config{DSN: as(t, dsn, "ledger_guest")})
	if c = check(guest); c.MayCreateSchema || c.MayCreateTables || c.MayWrite || !c.SchemaExists {
		t.Errorf("a role without any privilege: %+v", c)
	}
	if _, err := guest.Passes(t.Context(), 1); !errors.Is(err, ledger.ErrRights) {
		t.Errorf("error is %v, want that the privilege is missing", err)
	}
	exec(t, conn, `GRANT USAGE ON SCHEMA crosscheck TO ledger_guest`)
	exec(t, conn, `GRANT SELECT ON ALL TABLES IN SCHEMA crosscheck TO ledger_guest`)
	if c = check(guest); c.MayWrite || c.Version != c.WantVersion {
		t.Errorf("a role that may only read: %+v", c)
	}
	if _, err := guest.Acquire(t.Context(), "job", "guest", time.Minute); !errors.Is(err, ledger.ErrRights) {
		t.Errorf("a role that may only read takes a lease: %v", err)
	}
	exec(t, conn, `ALTER ROLE ledger_guest SET default_transaction_read_only = on`)
	if c = check(opened(t, ledger.Config{DSN: as(t, dsn, "ledger_guest")})); !c.ReadOnly {
		t.Errorf("a role that is set to read only: %+v", c)
	}
	exec(t, conn, `DROP SCHEMA crosscheck CASCADE`)
	if _, err := l.Passes(t.Context(), 1); err == nil {
		t.Error("passes of tables that were dropped")
	}
	if err := l.Ping(t.Context()); !errors.Is(err, board.ErrNotMigrated) {
		t.Errorf("a ledger whose tables were dropped while it was open answers %v", err)
	}
	exec(t, conn, `CREATE SCHEMA crosscheck; CREATE TABLE crosscheck.pass (theirs text)`)
	if err := opened(t, ledger.Config{DSN: dsn}).Migrate(t.Context()); !errors.Is(err, ledger.ErrOccupied) {
		t.Errorf("migrating a schema of somebody else: %v", err)
	}
	exec(t, conn, `DROP SCHEMA crosscheck CASCADE; GRANT CREATE ON DATABASE `+pgx.Identifier{conn.Config().Database}.Sanitize()+` TO ledger_guest`)
	if err := opened(t, ledger.Config{DSN: as(t, dsn, "ledger_guest")}).Migrate(t.Context()); !errors.Is(err, ledger.ErrReadOnly) {
		t.Errorf("migrating as that role: %v", err)
	}
}

// as is the DSN for another role.
func as(t *testing.T, dsn, role string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	return u.String()
}

func TestStreakGoesBackToThePassThatDiverged(t *testing.T) {
	t.Parallel()
	l := migrated(t, database(t))
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
