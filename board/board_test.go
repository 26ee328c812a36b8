package board

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/verify"
)

var now = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// fakeLedger has one open divergence under the fingerprint "now", and two under any.
type fakeLedger struct {
	evidence error
	counted  int           // calls that count divergences, beside the evidence
	ahead    time.Duration // of the machine's clock
	asked    time.Time     // for the evidence at this time
}

func (f *fakeLedger) Clock(context.Context) (time.Time, error) { return now.Add(f.ahead), nil }

func (f *fakeLedger) Evidence(_ context.Context, fingerprint string, at time.Time, _ time.Duration) (gate.Evidence, error) {
	f.asked = at
	return gate.Evidence{Fingerprint: fingerprint, Open: open(1), Accepted: 4}, f.evidence
}

func open(n int64) []gate.OpenDivergences {
	return []gate.OpenDivergences{{Hop: "legacy->projection", Kind: "differs", Count: n, Oldest: now.Add(-time.Hour)}}
}

func (*fakeLedger) StreamEvidence(context.Context, string) (*gate.StreamEvidence, map[int]int64, error) {
	return &gate.StreamEvidence{Stored: 10, Seen: 9, At: now}, map[int]int64{0: 3}, nil
}

func (f *fakeLedger) OpenCounts(_ context.Context, fingerprint string) ([]gate.OpenDivergences, error) {
	f.counted++
	if fingerprint == "" {
		return open(2), nil
	}
	return open(1), nil
}

func (*fakeLedger) OpenDivergences(context.Context, string, int) ([]verify.Divergence, error) {
	return []verify.Divergence{{ID: 1}}, nil
}

func (f *fakeLedger) AcceptedDivergences(context.Context, string, int) ([]verify.Divergence, int64, error) {
	f.counted++
	return nil, 4, nil
}

func (*fakeLedger) Passes(context.Context, int) ([]verify.Pass, error) {
	return []verify.Pass{{ID: 7, Kind: verify.Full}}, nil
}

func (*fakeLedger) Kinds(context.Context) ([]KindStatus, error) {
	due := now.Add(-time.Hour)
	return []KindStatus{{Kind: verify.Full, NextDue: due}, {Kind: verify.Sample, NextDue: due}}, nil
}
func (*fakeLedger) NewestFinished(context.Context) ([]verify.Pass, error) { return nil, nil }
func (*fakeLedger) SuspectCount(context.Context) (int64, error)           { return 5, nil }
func (*fakeLedger) StreamReaders(context.Context, string) ([]Reader, error) {
	return []Reader{{Partition: 0, Name: "a", Waiting: 2}}, nil
}

func (*fakeLedger) OpenGroups(context.Context, string, bool) ([]incident.Group, error) {
	return []incident.Group{{Hop: "legacy->projection", Count: 1}}, nil
}

func (*fakeLedger) Acceptances(context.Context, string) ([]incident.Acceptance, error) {
	return nil, nil
}
func (*fakeLedger) AlertsPending(context.Context, time.Time) (int64, error) { return 6, nil }

type nightly struct{}

func (nightly) String() string               { return "0 2 * * *" }
func (nightly) Next(now time.Time) time.Time { return now.Add(time.Hour) }

// gathered is a board of that ledger, and what identifying the databases answers.
func gathered(t *testing.T, l *fakeLedger, identified error) Board {
	t.Helper()
	s := Sources{
		Settings: Settings{
			Policy: gate.Policy{Criteria: gate.Defaults()}, Schedules: map[verify.PassKind]Schedule{verify.Full: nightly{}},
			Window: time.Second, Stream: true, Alerts: true,
		},
		Ledger: l, Identify: func(context.Context) (string, error) { return "now", identified },
		Lag: func(context.Context) (*Lag, error) { return nil, errors.New("the projection is away") },
	}
	b, err := s.Gather(t.Context(), now, Lists, Groups)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryProjectionShowsTheSameNumbers(t *testing.T) {
	t.Parallel()
	l := &fakeLedger{}
	b := gathered(t, l, nil)
	m, f := b.Metrics(), b.Facts()
	if b.NoDecision != nil || m.Gate == nil || m.Gate.Decision != f.Decision || f.Decision != string(b.Decision.Decision) {
		t.Errorf("decided %+v (%v), the metrics say %+v, the alerts %q", b.Decision, b.NoDecision, m.Gate, f.Decision)
	}
	if b.OpenCount() != 1 || m.Open[0].Count != 1 || f.Open[0].Count != 1 || m.Accepted != 4 || m.OldestDivergenceAge != time.Hour {
		t.Errorf("one divergence is open: board %d, metrics %+v, alerts %+v", b.OpenCount(), m.Open, f.Open)
	}
	if l.counted != 0 {
		t.Errorf("divergences were counted %d times beside the evidence", l.counted)
	}
	for i, overdue := range []bool{true, false} { // a sample is not scheduled
		if m.Passes[i].Overdue != overdue || f.Passes[i].Overdue != overdue || m.Passes[i].Unscheduled == overdue {
			t.Errorf("pass %d overdue: want %v, the metrics say %+v, the alerts %+v", i, overdue, m.Passes[i], f.Passes[i])
		}
	}
	if len(m.StreamLag) != 1 || m.StreamLag[0].Messages != 3 || m.Completeness[0].Ratio != 0.9 || !f.StreamStopped.IsZero() {
		t.Errorf("the stream is followed: %+v", m.Optional)
	}
}

// TestTheDecisionIsOfTheLedgersTime because evidence of three hours ago would look new by a clock that is three hours behind.
func TestTheDecisionIsOfTheLedgersTime(t *testing.T) {
	t.Parallel()
	l := &fakeLedger{ahead: 3 * time.Hour}
	b := gathered(t, l, nil)
	if want := now.Add(3 * time.Hour); !b.Decision.At.Equal(want) || !l.asked.Equal(want) {
		t.Errorf("decided at %s with evidence at %s, want %s", b.Decision.At, l.asked, want)
	}
}

func TestOpenFindingsOfAnAuditAreTold(t *testing.T) {
	t.Parallel()
	b := gathered(t, &fakeLedger{}, nil)
	if b.Facts().Audit != nil {
		t.Error("there is no audit")
	}
	b.Evidence.History = &gate.HistoryEvidence{Pass: 12, OpenOrders: 3, Found: []gate.HistoryFound{
		{Part: "legacy", Kind: "broken_chain", Open: 2, Accepted: 1}, {Part: "fold", Kind: "end", Open: 1}, {Part: "events", Kind: "missing", Resolved: 9},
	}}
	want := incident.Audited{Pass: 12, Orders: 3, Accepted: 1, Open: []incident.Finding{{Kind: "broken_chain", Count: 2}, {Kind: "end", Count: 1, Migration: true}}}
	if got := b.Facts().Audit; !reflect.DeepEqual(got, &want) {
		t.Errorf("%+v", got)
	}
}

func TestACutoverThatNobodyDrivesIsShownAndTold(t *testing.T) {
	t.Parallel()
	known := &Cutover{Run: "a-1", Steps: []CutoverStep{{"fence", "abandoned"}}, States: []string{"done", "abandoned"}, Abandoned: "fence", Since: now.Add(-time.Minute)}
	s := Sources{Ledger: &fakeLedger{}, Identify: func(context.Context) (string, error) { return "", errors.New("away") }, Cutover: func(context.Context) (*Cutover, error) { return known, nil }}
	b, err := s.Gather(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	if m := b.Metrics().CutoverStep; len(m) != 2 || m[0].Now || !m[1].Now {
		t.Errorf("the metrics say %+v", m)
	}
	if f := b.Facts().Cutover; f == nil || f.Run != "a-1" || f.Step != "fence" || f.Stranded {
		t.Errorf("the alerts are told %+v", f)
	}
	known.Since = now.Add(-time.Second) // a sidecar may take it over
	if f := b.Facts().Cutover; f != nil {
		t.Errorf("too early, the alerts are told %+v", f)
	}
}

// TestASideThatIsDownHidesNothing of what the ledger knows, and resolves nothing.
func TestASideThatIsDownHidesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		identified, evidence error
		open                 int64
	}{
		"not identified": {errors.New("connection refused"), nil, 2},
		"no evidence":    {nil, errors.New("timeout"), 1},
	} {
		b := gathered(t, &fakeLedger{evidence: c.evidence}, c.identified)
		m, f := b.Metrics(), b.Facts()
		if b.NoDecision == nil || b.Decision.Criteria[0].Verdict != gate.Errored || m.Gate != nil {
			t.Errorf("%s: decided %+v, the metrics say %+v", name, b.Decision, m.Gate)
		}
		if b.OpenCount() != c.open || m.Open[0].Count != c.open || m.Suspects != 5 || *m.AlertsPending != 6 || len(b.Listed) != 1 || len(b.Passes) != 1 {
			t.Errorf("%s: the ledger's numbers are missing: %+v, %+v", name, b, m)
		}
		if f.Fingerprint != "" || f.Decision != "" || f.Open != nil || len(f.Passes) != 2 {
			t.Errorf("%s: the alerts are told %+v", name, f)
		}
	}
}
