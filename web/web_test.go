package web

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// fake is a Source that says what it is told to say.
type fake struct {
	mu     sync.Mutex // of what becomes changes
	status Status
	err    error
	asked  atomic.Int64
	listed []verify.Divergence // nil for those of the status
}

func (f *fake) Status(context.Context) (Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked.Add(1)
	return f.status, f.err
}

// becomes changes what is answered while others read what was answered before.
func (f *fake) becomes(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status.Divergences = slices.Clone(f.status.Divergences)
	f.status.Decision.Criteria = slices.Clone(f.status.Decision.Criteria)
	change()
}

// noGo is a system with divergences, a pass that runs, one that was lost, and one that is overdue.
func noGo() Status {
	return Status{
		At: now, Version: "0.2.0", Revision: "3b216b1",
		Decision: gate.Decision{
			Decision: gate.NoGo, At: now, Fingerprint: "5f2a9c0d77e1beef",
			Fields: &gate.Fields{Slice: []gate.Condition{{Side: "legacy", Where: "trader_id < 100"}, {Side: "projection", Where: "trader_id < 100"}}},
			Criteria: []gate.Result{
				{
					Name: "open_divergences", Verdict: gate.Fails, Observed: int64(3), Limit: int64(0),
					Reason: "3 divergences are open: 2 differs (legacy->projection), 1 missing (legacy->projection); the oldest was first seen at 2026-11-23 06:30:00 UTC, 1h 30m ago.",
					ETA:    "repair the cause and the orders, then run crosscheck verify",
				},
				{
					Name: "full_verification", Verdict: gate.Inconclusive, Observed: "unverified", Limit: "match",
					Reason: "Full verification 41 started at 2026-11-23 02:00:00 UTC, 6h ago. It ended unverified: 12 orders were left unjudged, coverage 61.4 % (legacy went away).",
					ETA:    "next full verification at 2026-11-24 02:00:00 UTC, in 18h; or run crosscheck verify",
				},
				{Name: "counts", Verdict: gate.Errored, Limit: int64(0), Reason: "The counts of full verification 41 cannot be used as evidence: FILLED is counted twice.", ETA: "run crosscheck verify"},
				{
					Name: "sample_bound", Verdict: gate.Passes, Observed: 0.000081774, Limit: 0.001,
					Reason: "240,000 orders sampled by 24 passes since 2026-11-22 08:00:00 UTC, 5 diverged: with 95 % confidence at most 0.008177 % of the orders are bad, 752 of 9,200,000, however often you look (for a single look: 0.00438 %, 403).",
				},
				{Name: "coverage", Verdict: gate.Inconclusive, Observed: 0.614, Limit: float64(1), Advisory: true, Reason: "Full verification 41 verified only 61.4 % of all orders; the limit is 100 %.", ETA: "run crosscheck verify"},
			},
		},
		Passes: []Pass{
			{
				ID: 46, Pass: "full", State: "scanning", Trigger: "schedule", StartedAt: now.Add(-5 * time.Second), Sharing: &verify.Sharing{Compared: 7, Ranges: 40, Sidecars: 2}, Throttled: []throttle.State{
					{Side: "legacy", Reason: throttle.TooBusy, Text: "14 active sessions on legacy, limit 12", Since: now.Add(-4 * time.Second)},
					{Side: "projection", Reason: throttle.Paced, Text: "at most 50000 rows per second of projection", Since: now.Add(-5 * time.Second)},
				},
			},
			{ID: 45, Pass: "sample", State: "settling", Trigger: "schedule", StartedAt: now.Add(-9 * time.Second), Compared: 10_000, Coverage: 1},
			{
				ID: 44, Pass: "sample", State: "done", Verdict: "diverged", Trigger: "schedule", StartedAt: now.Add(-time.Hour), FinishedAt: new(now.Add(-59 * time.Minute)),
				DurationSeconds: 31.2, Compared: 10_412, Coverage: 1, Diverged: 3,
			},
			{
				ID: 43, Pass: "sample", State: "done", Verdict: "match", Trigger: "manual", StartedAt: now.Add(-2 * time.Hour), FinishedAt: new(now.Add(-2 * time.Hour)),
				DurationSeconds: 0.31, Compared: 10_000, Coverage: 1,
			},
			{
				ID: 41, Pass: "full", State: "done", Verdict: "unverified", Trigger: "schedule", StartedAt: now.Add(-6 * time.Hour), FinishedAt: new(now.Add(-6 * time.Hour)),
				DurationSeconds: 12.14, Compared: 5_648_800, Coverage: 0.614, Unverified: 12, Reason: "legacy went away",
			},
		},
		Open: 3,
		Divergences: []Divergence{
			{OrderID: "4711", Kind: "missing", Hop: "legacy->projection", FirstSeen: now.Add(-90 * time.Minute), AgeSeconds: 5400, State: "open"},
			{
				OrderID: "8123004", Kind: "differs", Hop: "legacy->projection", FirstSeen: now.Add(-61 * time.Minute), AgeSeconds: 3660, State: "open",
				Fields: []Field{{Name: "status", Values: &Values{Legacy: new("FILLED"), Projection: new("OPEN")}}, {Name: "avg_fill_price", Values: &Values{Legacy: new("101.25"), Projection: nil}}},
			},
			{
				OrderID: "8123005", Kind: "differs", Hop: "legacy->projection", Cause: "stale_projection", FirstSeen: now.Add(-61 * time.Second), AgeSeconds: 61, State: "open",
				Fields: []Field{{Name: "filled_quantity", Values: &Values{Legacy: new("100.005"), Projection: new("100")}}},
			},
		},
		VerifiedThrough: &Watermark{At: now.Add(-2 * time.Hour), AgeSeconds: 7200, Pass: "delta", PassID: 40, Accepted: 2, OldEvents: &OldEvents{4711, now.Add(-3 * time.Hour)}},
		History:         newHistory(anAudit(), now),
		Suspects:        1204,
		Schedule: []Schedule{
			{Pass: "sample", Cron: "0 * * * *", Next: new(now.Add(time.Hour))},
			{Pass: "full", Cron: "0 2 * * *", Overdue: true, Reason: "The run of 2026-11-23 02:00:00 UTC ended unverified, and none has replaced it."},
		},
	}
}

// anAudit has more kinds of findings than a page lists, and one whose name would be markup if it were not escaped.
func anAudit() *gate.HistoryEvidence {
	e := &gate.HistoryEvidence{
		Pass: 39, At: now.Add(-30 * time.Hour), Covered: 1, Orders: 9_200_000, Unlisted: 12,
		Numbers: []gate.HistoryNumber{
			{Name: "error_rate", Of: 142, All: 47_000_000, Excluded: 3, Unaudited: 2}, {Name: "coverage", Counts: "orders whose events are all there", Of: 9_199_900, All: 9_200_000, Unknown: 2}, {Name: "linkage_lines"},
		},
		Found: []gate.HistoryFound{
			{Part: "legacy", Kind: "overfill", Open: 2, Accepted: 40}, {Part: "events", Kind: "event_extra", Cause: "<b>backfill_twice</b>", Open: 90, Resolved: 7},
		},
	}
	for i := range 10 {
		e.Found = append(e.Found, gate.HistoryFound{Part: "legacy", Kind: fmt.Sprintf("kind_%d", i), Open: 1})
	}
	return e
}

// goes is a clean system.
func goes() Status {
	s := noGo()
	s.Decision.Decision = gate.Go
	s.Decision.Criteria = []gate.Result{{Name: "open_divergences", Verdict: gate.Passes, Observed: int64(0), Limit: int64(0), Reason: "No divergence is open. The newest pass: sample pass 43."}}
	s.Open, s.Divergences, s.Suspects, s.Passes, s.Schedule, s.History = 0, nil, 1, s.Passes[3:4], s.Schedule[:1], nil
	return s
}

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

func handler(source Source) http.Handler {
	server := Server{Source: source}
	if ledger, ok := source.(*fake); ok {
		server.API.Listed = ledger
	}
	return server.Handler()
}

func TestPage(t *testing.T) {
	for name, status := range map[string]Status{"no-go": noGo(), "go": goes(), "empty": {At: now}} {
		t.Run(name, func(t *testing.T) {
			w := get(t, handler(&fake{status: status}), "/")
			if w.Code != http.StatusOK {
				t.Fatalf("status %d", w.Code)
			}
			golden(t, name+".html", w.Body.String())
		})
	}
}

func TestOverdueAndMissedPassesAreInPlainSight(t *testing.T) {
	page := get(t, handler(&fake{status: noGo()}), "/").Body.String()
	at := strings.Index(page, "Pass full is overdue. The run of 2026-11-23 02:00:00 UTC")
	if at < 0 || at > strings.Index(page, "What is missing for a GO</h2>") {
		t.Error("overdue pass is not named above the criteria")
	}
}

func TestNothingFromADatabaseBecomesMarkup(t *testing.T) {
	const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
	s := noGo()
	s.Version, s.Revision, s.Decision.Fingerprint, s.Decision.Decision = evil, evil, evil, evil
	s.Decision.Criteria = []gate.Result{{Name: evil, Verdict: evil, Observed: evil, Limit: evil, Reason: evil, ETA: evil}}
	s.Passes = []Pass{{Pass: evil, State: evil, Verdict: evil, Reason: evil}, {Pass: evil, State: "done", Verdict: evil, Reason: evil}}
	s.Divergences = []Divergence{{OrderID: evil, Kind: evil, Hop: evil, Cause: evil, Fields: []Field{{Name: evil, Values: &Values{Legacy: new(evil), Projection: new(evil)}}}}}
	s.Schedule = []Schedule{{Pass: evil, Cron: evil, Overdue: true, Reason: evil}}
	page := get(t, handler(&fake{status: s}), "/").Body.String() + get(t, handler(&fake{status: s}), "/divergences").Body.String()
	page = strings.ReplaceAll(page, `<script src="/static/live.js" defer></script>`, "")
	for _, bad := range []string{"<script", "<img", `"'>`} {
		if strings.Contains(page, bad) {
			t.Errorf("page holds %s", bad)
		}
	}
	if !strings.Contains(page, "&lt;script&gt;") {
		t.Error("the value is not shown at all")
	}
}

func TestHeadersAllowOnlyWhatIsServedHere(t *testing.T) {
	w := get(t, handler(&fake{status: noGo()}), "/")
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "script-src 'self'", "style-src 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%q is missing in %q", want, policy)
		}
	}
	for _, bad := range []string{"unsafe", "http", "*", "sha256"} {
		if strings.Contains(policy, bad) {
			t.Errorf("policy is loose: %q", policy)
		}
	}
	for _, inline := range []string{"<style", " style=", "<script>", " onclick", "javascript:"} {
		if strings.Contains(w.Body.String(), inline) {
			t.Errorf("a browser would refuse %s", inline)
		}
	}
	if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", w.Header())
	}
}

func TestValuesAreShownExactlyAndShort(t *testing.T) {
	s := noGo()
	s.Divergences[1].Fields = []Field{{Name: "a", Values: &Values{Legacy: nil, Projection: new("NULL")}}, {Name: "b", Values: &Values{Legacy: new(""), Projection: new(strings.Repeat("ä", 1<<20))}}}
	page := get(t, handler(&fake{status: s}), "/divergences").Body.String()
	for _, want := range []string{"<code>NULL</code>", "<code>&#34;NULL&#34;</code>", "<code>&#34;&#34;</code>", strings.Repeat("ä", maxShown) + "…"} {
		if !strings.Contains(page, want) {
			t.Errorf("%.40s is missing", want)
		}
	}
	if len(page) > 64<<10 {
		t.Errorf("page of %d bytes", len(page))
	}
}

func TestManyDivergencesAreCappedAndCounted(t *testing.T) {
	s := noGo()
	s.Open = 1_000_000
	for range 500 {
		s.Divergences = append(s.Divergences, s.Divergences[0])
	}
	page := get(t, handler(&fake{status: s}), "/divergences").Body.String()
	if n := strings.Count(page, `<th scope="row" data-label="Order"`); n != shownDivergences {
		t.Errorf("%d divergences listed", n)
	}
	for _, want := range []string{"1,000,000 open divergences, 50 on this page, the oldest first", `rel="next">Next page</a>`} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestAnUnreadableLedgerIsNotHidden(t *testing.T) {
	h := handler(&fake{status: goes(), err: errors.New("dial tcp: password=hunter2")})
	for _, path := range []string{"/", "/api/status"} {
		w := get(t, h, path)
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "ledger cannot be read") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "hunter2") || strings.Contains(w.Body.String(), "GO") {
			t.Errorf("%s says too much: %s", path, w.Body)
		}
	}
}

func TestVisitorsShareOneReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{status: goes()}
		h := handler(source)
		for range 50 {
			get(t, h, "/")
			get(t, h, "/api/status")
		}
		if n := source.asked.Load(); n != 1 {
			t.Errorf("100 requests at once read the ledger %d times", n)
		}
		<-time.After(cacheFor)
		source.err = errors.New("gone")
		if w := get(t, h, "/"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("the last good answer was repeated: %d", w.Code)
		}
	})
}

// hanging is a Source that never answers.
type hanging struct{}

func (hanging) Status(ctx context.Context) (Status, error) {
	<-ctx.Done()
	return Status{}, ctx.Err()
}

func TestAHangingLedgerDoesNotHangThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if w := get(t, handler(hanging{}), "/"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("status %d", w.Code)
		}
		if took := time.Since(start); took != readTimeout {
			t.Errorf("took %s", took)
		}
	})
}

func TestPaths(t *testing.T) {
	server := Server{Source: &fake{status: goes()}, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("crosscheck_build_info 1\n"))
	})}
	h := server.Handler()
	for path, want := range map[string]int{"/": 200, "/static/live.js": 200, "/static/": 404, "/docs/criteria/counts": 200, "/docs/criteria/README.md": 301, "/docs/nothing": 404, "/docs/docs.go": 404, "/api/status": 200, "/healthz": 200, "/metrics": 200, "/readyz": 503, "/nowhere": 404, "/api/": 404} {
		if w := get(t, h, path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	if w := get(t, handler(&fake{err: errors.New("gone")}), "/healthz"); w.Code != http.StatusOK {
		t.Errorf("not alive without a ledger: %d", w.Code)
	}
}

func TestReadiness(t *testing.T) {
	up, down := Part{Name: "ledger", OK: true, Since: now}, Part{Name: "legacy", Since: now, Reason: "No answer since 07:58:00 UTC."}
	for _, c := range []struct {
		given string
		ready func(context.Context) []Part
		want  Readiness
	}{
		{"everything reachable", func(context.Context) []Part { return []Part{up} }, Readiness{true, []Part{up}}},
		{"one part away", func(context.Context) []Part { return []Part{up, down} }, Readiness{false, []Part{up, down}}},
		{"nothing asked", func(context.Context) []Part { return nil }, Readiness{false, []Part{}}},
		{"nobody to ask", nil, Readiness{false, []Part{}}},
	} {
		t.Run(c.given, func(t *testing.T) {
			server := Server{Source: &fake{}, Ready: c.ready, Now: func() time.Time { return now }}
			answer := get(t, server.Handler(), "/readyz")
			if diff := cmp.Diff(c.want, read[Readiness](t, answer)); diff != "" || (answer.Code == http.StatusOK) != c.want.Ready {
				t.Errorf("code %d (-want +got):\n%s", answer.Code, diff)
			}
		})
	}
}

// read is an answer of the API as its reader has it.
func read[T any](t *testing.T, answer *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if err := json.Unmarshal(answer.Body.Bytes(), &v); err != nil {
		t.Fatalf("reading %q: %v", answer.Body, err)
	}
	return v
}

func TestTheStatusComesBackFromTheAPI(t *testing.T) {
	got := read[Status](t, get(t, handler(&fake{status: noGo()}), "/api/status"))
	want := noGo()
	want.Divergences[0].Fields, want.Parts = []Field{}, []Part{}
	for i, r := range want.Decision.Criteria { // numbers of JSON have one type
		if n, ok := r.Observed.(int64); ok {
			want.Decision.Criteria[i].Observed = float64(n)
		}
		if n, ok := r.Limit.(int64); ok {
			want.Decision.Criteria[i].Limit = float64(n)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// slow is a Source that answers when it is let go, and says when it was asked.
type slow struct{ asked, letGo chan struct{} }

func (s slow) Status(context.Context) (Status, error) {
	close(s.asked)
	<-s.letGo
	return goes(), nil
}

func TestStoppingLetsARequestFinish(t *testing.T) {
	source := slow{make(chan struct{}), make(chan struct{})}
	server := Server{Source: source}
	listener := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()

	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	ask := func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/api/status", nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, response.Body)
		return errors.Join(err, response.Body.Close())
	}
	answered := make(chan error, 1)
	go func() { answered <- ask() }()
	<-source.asked
	stop()
	select {
	case err := <-ended:
		t.Fatalf("server ended while a request was running: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(source.letGo)
	if err := <-answered; err != nil {
		t.Errorf("running request was cut off: %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("orderly stop returned %v", err)
	}
	if err := ask(); err == nil {
		t.Error("server answers after it has stopped")
	}
}

func TestRunSaysWhyItCannotListen(t *testing.T) {
	taken := listen(t)
	defer func() { _ = taken.Close() }()
	server := Server{Listen: taken.Addr().String(), Source: &fake{}}
	err := server.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "web.listen") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	server := Server{Listen: "127.0.0.1:0", Source: &fake{}}
	if err := server.Run(ctx); err != nil {
		t.Errorf("got %v", err)
	}
}
