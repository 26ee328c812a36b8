package ledger_test

import (
	"database/sql"
	"os"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/verify"
)

// before is a ledger as version 8 left it: columns for the facts of every kind.
const before = `
INSERT INTO pass (kind, state, trigger, fingerprint, job, token, started_at, scanned_at, finished_at, verdict, coverage, compared,
	legacy_rows, projection_rows, sampled, counts, settled, strata, events_rows, folded, events_without, events_flawed, events_gaps, changes, changes_with_events)
VALUES
	('sample', 'done', 'manual', 'now', 'j', 1, '2024-05-01Z', '2024-05-01Z', '2024-05-01Z', 'match', 1, 5,
		7, 8, 5, NULL, '{}', '[{"group": "OPEN", "age": "older", "orders": 5}]', 0, false, NULL, NULL, NULL, 4, 3),
	('full', 'done', 'manual', 'now', 'j', 1, '2024-05-01Z', '2024-05-01Z', '2024-05-01Z', 'match', 1, 8,
		7, 8, 0, '[{"group": "OPEN", "legacy": 7, "projection": 8}]', '{"OPEN": {"unverified": 1, "ages": {"older": 1}}}',
		'[{"group": "OPEN", "age": "older", "orders": 7}]', 6, true, 2, 1, 0, 0, 0),
	('full', 'done', 'manual', 'now', 'j', 1, '2024-05-01Z', '2024-05-01Z', '2024-05-01Z', 'unverified', 0.5, 8,
		7, 8, 0, NULL, '{}', NULL, 0, false, NULL, NULL, NULL, 0, 0),
	('stream', 'done', 'manual', 'now', 'j', 1, '2024-05-01Z', '2024-05-01Z', '2024-05-01Z', 'match', 1, 3,
		0, 0, 0, NULL, '{}', NULL, 0, false, NULL, NULL, NULL, 0, 0),
	('full', 'done', 'manual', 'now', 'j', 1, '2024-05-01Z', NULL, '2024-05-01Z', 'unverified', 0, 0,
		0, 0, 0, NULL, '{}', NULL, 0, false, NULL, NULL, NULL, 0, 0);
INSERT INTO suspect SELECT 1, 'k', t, '', '', NULL, t, t, 0, t, t, true, 'OPEN', '', '', 'under 1d' FROM now() t;
INSERT INTO schedule VALUES ('full', '2024-05-02Z', '1 day', '2024-05-01Z')`

func TestFactsOfEarlierVersionsAreKept(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	exec(t, connect(t, dsn), `CREATE SCHEMA crosscheck`)
	db, err := sql.Open("pgx", dsn+"&search_path=crosscheck")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	old, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.UpTo(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), before); err != nil {
		t.Fatal(err)
	}

	l := migrated(t, dsn)
	passes, err := l.Passes(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []verify.Facts
	for _, p := range passes {
		got = append(got, p.Scan.Facts)
	}
	rows := verify.Rows{Legacy: 7, Projection: 8}
	same(t, got, []verify.Facts{
		nil,
		verify.StreamFacts{},
		verify.FullFacts{Rows: rows},
		verify.FullFacts{
			Rows: rows, Counts: []verify.GroupCount{{Group: "OPEN", Legacy: 7, Projection: 8, Unverified: 1}},
			Strata: []verify.Stratum{{Group: "OPEN", Age: verify.Old, Orders: 7, Unverified: 1}},
			Events: &verify.EventsFacts{Orders: 6, Found: &verify.EventsFound{Without: 2, Flawed: 1}},
		},
		verify.SampleFacts{
			Rows: rows, Sampled: 5, Strata: []verify.Stratum{{Group: "OPEN", Age: verify.Old, Orders: 5}},
			Changes: verify.Changes{Recorded: 4, WithEvents: 3},
		},
	}, "facts")
	due, err := l.DueSuspects(t.Context(), 1, time.Now().Add(time.Hour), "", 10)
	if want := (verify.Counted{Legacy: "OPEN", Age: verify.UnderADay}); err != nil || len(due) != 1 || due[0].Counted != want {
		t.Errorf("suspects %+v, error %v", due, err)
	}
	if next, err := l.NextRun(t.Context(), verify.Full); err != nil || next.IsZero() {
		t.Errorf("the schedule is lost: %s, error %v", next, err)
	}
}

func TestFactsOfAnotherVersionAreNotAMatch(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	l := migrated(t, dsn)
	scan := verify.Scan{Compared: 9, Coverage: 1, Facts: verify.FullFacts{Rows: verify.Rows{Legacy: 9, Projection: 9}}}
	run{kind: verify.Full, fingerprint: "now", at: t0, scan: scan, verdict: compare.Match}.in(t, l)
	exec(t, connect(t, dsn), `UPDATE crosscheck.pass SET facts = facts || '{"unheard_of": 1}'`)
	passes, err := l.Passes(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if facts, ok := passes[0].Scan.Facts.(verify.UnknownFacts); !ok || len(facts.Raw) == 0 {
		t.Errorf("facts are read as %+v", passes[0].Scan.Facts)
	}
	if full := evidence(t, l, t0, 0).Full; full.Verdict != string(compare.Unverified) || full.Reason == "r" {
		t.Errorf("the gate judges %+v", full)
	}
}

func TestPairsOfTablesKeepApart(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	one := migrated(t, dsn)
	other := opened(t, ledger.Config{DSN: dsn, Pair: "refunds"})
	start := verify.Start{Kind: verify.Full, Trigger: "schedule", ScheduledAt: t0, Fingerprint: "now", At: t0}
	ones := begin(t, one, acquire(t, one, "full"), start)
	others := begin(t, other, acquire(t, other, "full of refunds"), start)
	for l, want := range map[*ledger.Ledger]verify.PassID{one: ones, other: others} {
		passes, err := l.Passes(t.Context(), 10)
		if err != nil || len(passes) != 1 || passes[0].ID != want || passes[0].Pair != l.Pair() {
			t.Errorf("passes of %s: %+v, error %v", l.Pair(), passes, err)
		}
	}
	if err := one.SetSchedule(t.Context(), verify.Full, t0, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := one.Missed(t.Context(), verify.Sample, t0, "nobody was there"); err != nil {
		t.Fatal(err)
	}
	kinds, err := other.Kinds(t.Context())
	if err != nil || len(kinds) != 1 || kinds[0].Kind != verify.Full || !kinds[0].NextDue.IsZero() {
		t.Errorf("kinds of the other: %+v, error %v", kinds, err)
	}
	if e := evidence(t, other, t0, 0); !e.NextFull.IsZero() || e.VoidSample {
		t.Errorf("the other's evidence: %+v", e)
	}
	same(t, evidence(t, one, t0, 0).NextFull, t0, "the schedule of the first")
}
