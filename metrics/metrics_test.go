package metrics

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

var update = flag.Bool("update", false, "rewrite golden files")

func full() Snapshot {
	return Snapshot{
		Orders:              []Orders{{"legacy", "FILLED", 900}, {"legacy", "", 1}, {"projection", "FILLED", 899}},
		Open:                []OpenDivergences{{"legacy->projection", "missing", "", 1}, {"legacy->projection", "phantom", "", 0}},
		OldestDivergenceAge: 90 * time.Second,
		Suspects:            3,
		Accepted:            2,
		Passes: []Pass{
			{Pass: "sample", LastSuccess: time.UnixMilli(1_700_000_000_500), Coverage: 1},
			{Pass: "full", Coverage: -1, Overdue: true, Failures: 3, Interval: 24 * time.Hour},
		},
		SampleBound: &SampleBound{"0.95", 0.00082},
		Gate:        &Gate{"NO-GO", []Criterion{{"open_divergences", "fail"}, {"coverage", "pass"}}},
		Optional: Optional{
			ProjectionLagSeconds: new(1.5), ProjectionLagEvents: new(12.0),
			StreamLag:          []StreamLag{{"0", 4}, {"1", 0}},
			StreamLastLook:     new(time.UnixMilli(1_700_000_060_500)),
			StreamWaiting:      new(75.0),
			StreamBeforeStore:  new(int64(1200)),
			Completeness:       []Completeness{{"legacy->events", 0.999}, {"events->stream", 1}},
			ChangeCompleteness: []Completeness{{"legacy->events", 0.98}},
			Coverage:           []Coverage{{"FILLED", "under 1h", 0.5}, {"FILLED", "older", 1}, {"", "older", 1}},
			AlertsPending:      new(int64(2)),
			Throttled:          []Throttled{{"legacy", "max_sessions", true}, {"projection", "max_sessions", false}},
			CutoverStep:        []CutoverStep{{"fence", "done", true}, {"fence", "failed", false}},
			VerifiedThrough:    new(time.UnixMilli(1_700_000_090_500)),
			Slots:              []Slot{{"debezium", "extended", 1 << 30}, {"standby", "lost", 0}},
		},
	}
}

func reads(s Snapshot) func(context.Context) (Snapshot, error) {
	return func(context.Context) (Snapshot, error) { return s, nil }
}

// used returns metrics with values in every series.
func used(read func(context.Context) (Snapshot, error)) *Metrics {
	m := New(Options{Version: "1.2.3", Revision: "abc", Go: "go1.26", System: "orders-migration", Environment: "staging", Passes: []string{"full", "sample"}, Read: read})
	m.ObservePass("sample", 300*time.Millisecond, 10_000)
	m.ObserveMismatch("sample", "legacy->projection", "differs", "status")
	m.ObserveRead("legacy", "keys", 20*time.Millisecond)
	m.ObserveQuery("legacy", "keys", 15*time.Millisecond)
	m.ObserveWait("legacy", "max_sessions", 2500*time.Millisecond)
	return m
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// ours keeps the lines about our own metrics.
func ours(page string) string {
	var b strings.Builder
	for line := range strings.Lines(page) {
		if strings.Contains(line, "crosscheck_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestNamesHelpAndLabels(t *testing.T) {
	const file = "testdata/metrics.txt"
	got := ours(scrape(t, used(reads(full()))))
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("metrics differ (-want +got), -update rewrites %s:\n%s", file, diff)
	}
}

func TestNamesAreWellFormed(t *testing.T) {
	m := used(reads(full()))
	scrape(t, m)
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestEveryMetricOfTheContractIsThere(t *testing.T) {
	page := scrape(t, used(reads(full())))
	for _, name := range []string{
		"orders", "compared_orders_total", "mismatches_total", "open_divergences", "accepted_divergences", "oldest_divergence_age_seconds", "suspects",
		"pass_duration_seconds", "pass_last_success_timestamp_seconds", "pass_coverage_ratio", "pass_overdue", "pass_consecutive_failures", "sample_bound_ratio",
		"gate_decision", "gate_criterion", "read_seconds", "source_queries_total", "source_seconds", "build_info", "system_info", "ledger_up",
		"projection_lag_seconds", "projection_lag_events", "stream_lag_messages", "stream_last_look_timestamp_seconds", "stream_waiting_seconds", "stream_before_store_messages", "completeness_ratio",
		"change_completeness_ratio", "coverage_ratio", "alerts_pending", "cutover_step", "verified_through_timestamp_seconds", "pass_interval_seconds",
	} {
		if !strings.Contains(page, "# HELP crosscheck_"+name+" ") {
			t.Errorf("crosscheck_%s is missing", name)
		}
	}
}

func TestGaugesAreAbsentWhenTheLedgerIsUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failure error
		m := New(Options{Read: func(context.Context) (Snapshot, error) { return full(), failure }})
		if page := scrape(t, m); !strings.Contains(page, "crosscheck_ledger_up 1") || !strings.Contains(page, "crosscheck_suspects 3") {
			t.Fatalf("ledger is up, but:\n%s", ours(page))
		}
		failure = errors.New("connection refused")
		<-time.After(cacheFor)
		page := ours(scrape(t, m))
		if !strings.Contains(page, "crosscheck_ledger_up 0") || strings.Contains(page, "crosscheck_suspects") || strings.Contains(page, "crosscheck_gate") {
			t.Fatalf("ledger is down, but:\n%s", page)
		}
		failure = nil
		<-time.After(cacheFor)
		if page := scrape(t, m); !strings.Contains(page, "crosscheck_ledger_up 1") {
			t.Fatalf("ledger is up again, but:\n%s", ours(page))
		}
	})
}

func TestScrapesShareOneReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var readings int
		m := New(Options{Read: func(context.Context) (Snapshot, error) { readings++; return full(), nil }})
		for range 100 {
			scrape(t, m)
		}
		if readings != 1 {
			t.Errorf("100 scrapes at once read the ledger %d times", readings)
		}
		<-time.After(cacheFor)
		if scrape(t, m); readings != 2 {
			t.Errorf("a later scrape did not read the ledger again")
		}
	})
}

func TestAHangingLedgerDoesNotHangTheScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{Read: func(ctx context.Context) (Snapshot, error) {
			<-ctx.Done()
			return Snapshot{}, ctx.Err()
		}})
		start := time.Now()
		page := scrape(t, m)
		if took := time.Since(start); took > readTimeout {
			t.Errorf("scrape took %s", took)
		}
		if !strings.Contains(page, "crosscheck_ledger_up 0") {
			t.Error("ledger hangs and counts as up")
		}
	})
}

func TestAnOldReadingIsNotShownWhenTheScraperGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Options{Read: func(ctx context.Context) (Snapshot, error) { return full(), ctx.Err() }})
		scrape(t, m)
		<-time.After(time.Hour)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(gone, "GET", "/metrics", nil))
		if strings.Contains(w.Body.String(), "crosscheck_suspects") {
			t.Error("an hour old reading was shown as the present")
		}
	})
}

func TestWithoutALedger(t *testing.T) {
	if page := scrape(t, New(Options{})); !strings.Contains(page, "crosscheck_ledger_up 0") {
		t.Errorf("no ledger, but:\n%s", ours(page))
	}
}

func TestStatusesFromADatabaseCannotSpoilTheScrape(t *testing.T) {
	s := Snapshot{Orders: []Orders{{"legacy", "\xff", 1}, {"legacy", "", 1}, {"legacy", "(none)", 1}, {"legacy", "a\"b\nc", 1}}}
	for i := range 200 {
		s.Orders = append(s.Orders, Orders{"legacy", fmt.Sprint("S", i), 1})
	}
	page := ours(scrape(t, New(Options{Read: reads(s)})))
	if n := strings.Count(page, "crosscheck_orders{"); n > maxStatuses+1 {
		t.Errorf("%d series", n)
	}
	for _, want := range []string{`status="other"} 154`, `status="(none)"} 2`, `status="a\"b\nc"} 1`} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing in:\n%s", want, page)
		}
	}
}

func TestWhatIsNotConfiguredIsAbsentAndNotZero(t *testing.T) {
	page := ours(scrape(t, New(Options{Read: reads(Snapshot{})})))
	for _, name := range []string{"projection_lag", "stream_l", "completeness", "change_completeness", "coverage_ratio", "alerts_pending", "cutover_step"} {
		if strings.Contains(page, "crosscheck_"+name) {
			t.Errorf("crosscheck_%s… is there:\n%s", name, page)
		}
	}
}

func TestAStreamThatNobodyEverLookedAtHasTheEpoch(t *testing.T) {
	page := ours(scrape(t, New(Options{Read: reads(Snapshot{Optional: Optional{StreamLastLook: new(time.Time{})}})})))
	if !strings.Contains(page, "\ncrosscheck_stream_last_look_timestamp_seconds 0\n") {
		t.Errorf("the last look is not 0:\n%s", page)
	}
}

func TestAPassWithoutAScheduleIsNeverOverdue(t *testing.T) {
	page := ours(scrape(t, New(Options{Read: reads(Snapshot{Passes: []Pass{{Pass: "sample", Unscheduled: true}, {Pass: "full"}}})})))
	if strings.Contains(page, `crosscheck_pass_overdue{pass="sample"}`) || !strings.Contains(page, `crosscheck_pass_overdue{pass="full"} 0`) {
		t.Errorf("the full pass alone has a schedule:\n%s", page)
	}
}

func TestAGateVerdictNobodyKnowsIsStillShown(t *testing.T) {
	page := scrape(t, New(Options{Read: reads(Snapshot{Gate: &Gate{Decision: "PERHAPS"}})}))
	if !strings.Contains(page, `crosscheck_gate_decision{decision="PERHAPS"} 1`) || !strings.Contains(page, `crosscheck_gate_decision{decision="GO"} 0`) {
		t.Errorf("unknown decision is not shown:\n%s", ours(page))
	}
}
