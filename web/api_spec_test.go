package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/cutover"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// spec is the description that the API serves.
func spec(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err == nil {
		err = doc.Validate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// stored is a ledger with a few things of each kind.
type stored struct {
	filter board.Filter // the last that was asked for
	after  board.Place
	err    error
}

func divergence(id int64) verify.Divergence {
	d := verify.Divergence{ID: id, FirstSeen: now.Add(-time.Hour), State: verify.Accepted, FoundBy: verify.Full, Acceptance: &verify.Acceptance{Who: "olga", Why: "a test", At: now, Until: now}}
	d.Mismatch = compare.Mismatch{Key: "4711", Kind: compare.Differs, Hop: order.LegacyToProjection, Fields: []compare.FieldDifference{
		{Name: "status", Legacy: &order.Value{Text: "secret 1"}, Events: &order.Value{Null: true}, Projection: &order.Value{Text: "secret 2"}},
	}}
	return d
}

func (s *stored) ListDivergences(_ context.Context, f board.Filter, after board.Place, limit int) ([]verify.Divergence, error) {
	s.filter, s.after = f, after
	return []verify.Divergence{divergence(7), divergence(8)}[:min(2, limit)], s.err
}

func (s *stored) CountDivergences(_ context.Context, f board.Filter) (board.Counts, error) {
	s.filter = f
	return board.Counts{Groups: []gate.OpenDivergences{{Hop: order.LegacyToProjection, Kind: "differs", Count: 3, Oldest: now}, {Kind: "missing", Count: 2}}, Fields: []board.FieldCount{{Field: "status", Count: 3}}}, s.err
}

func (s *stored) ListPasses(_ context.Context, _ board.PassFilter, limit int) ([]verify.Pass, error) {
	p := verify.Pass{ID: 9, Kind: verify.Sample, State: verify.Done, Trigger: "manual", StartedAt: now, FinishedAt: now, Result: verify.Result{Verdict: compare.Unverified, Reason: "secret 3"}}
	return []verify.Pass{p, {ID: 8, Kind: verify.Full, State: verify.Scanning}}[:min(2, limit)], s.err
}

func (s *stored) ListDecisions(_ context.Context, before int64, limit int) ([]board.Link, error) {
	links := []board.Link{
		{Seq: 3, Answer: approvalAnswer, Who: "anna", Hash: "c", Prev: "b", Evidence: json.RawMessage(`{"seq":3,"decision":2,"who":"anna","ticket":"OPS-1"}`)},
		{Seq: 2, Answer: "GO", Hash: "b", Prev: "a", Decision: json.RawMessage(`{"decision":"GO","fingerprint":"f","criteria":[{"name":"counts","verdict":"pass","observed":0,"limit":0,"reason":"secret 4"}]}`)},
		{Seq: 1, Answer: "NO-GO", Hash: "a", Decision: json.RawMessage(`{"decision":"NO-GO","criteria":[]}`)},
	}
	links = slices.DeleteFunc(links, func(l board.Link) bool { return before > 0 && l.Seq >= before })
	return links[:min(len(links), limit)], s.err
}

func (s *stored) ListChanges(_ context.Context, _ int64, limit int) ([]board.Change, error) {
	return []board.Change{{ID: 2, At: now, Who: "olga", Role: "operator", Action: "accept", Request: json.RawMessage(`{}`)}, {ID: 1, Request: json.RawMessage(`not JSON`)}}[:min(2, limit)], s.err
}

// whole is a server with everything that the API can have.
func whole(s *stored) *Server {
	server := proxied(&journal{})
	server.System = System{Name: "orders", Environment: "test"}
	server.Ready = func(context.Context) []Part { return []Part{{Name: "legacy", OK: true}} }
	a := &server.API
	a.Listed, a.Logged, a.Cutover, a.ExplainFor = s, s, "orders-2026", time.Minute
	a.Accepted = func(context.Context, string) (Accepted, error) {
		return Accepted{Count: 1, Divergences: []Divergence{NewDivergence(divergence(7), now)}, Findings: []AcceptedFinding{{Answered: Answered{Part: "legacy", Kind: "overfill"}}}}, s.err
	}
	a.Findings = func(context.Context, string, verify.DivergenceState, int) ([]verify.AuditFinding, error) {
		return []verify.AuditFinding{{Key: "4711", Part: "legacy", Kind: "overfill", At: now, Position: 12, Detail: "secret 5", State: verify.Open}, {Key: "1", Position: order.NoPosition}}, s.err
	}
	a.Runs = func(context.Context) ([][]cutover.Record, error) {
		begin, hold := cutover.Action{Verb: cutover.Do, Step: cutover.Preflight}, cutover.Action{Verb: cutover.Do, Step: cutover.Hold}
		return [][]cutover.Record{{
			{Run: "orders-2026-1", Epoch: 1, Action: begin, At: now, Positions: map[string]string{"events": "12"}, Detail: "secret 6"},
			{Run: "orders-2026-1", Epoch: 1, Action: begin, At: now, Outcome: cutover.Done},
			{Run: "orders-2026-1", Epoch: 1, Seq: 1, Action: hold, At: now},
		}}, s.err
	}
	a.Held = func(context.Context, string) (*cutoverrun.Held, error) {
		proof := cutoverrun.Proof{At: now, Pass: 3, Kind: "full"}
		return cutoverrun.NewHeld(cutover.Budget{Forecast: map[cutover.Step]time.Duration{cutover.Fence: time.Second}}, &proof, &proof, now), s.err
	}
	a.Explain = func(_ context.Context, key string, _ bool) (explain.Report, error) {
		if key == "0" {
			return explain.Report{}, Refuse(http.StatusNotFound, explain.ErrNoSuchOrder)
		}
		return explain.Report{
			OrderID: key, Verdict: compare.Match, Timeline: []explain.Moment{{At: now, Source: "events"}},
			Representations: map[order.Representation]map[string]*string{order.Legacy: {"status": nil}, order.Projection: nil},
		}, s.err
	}
	a.Withdraw = func(context.Context, Selection) (Answer, error) {
		return Answer{Answer: "withdrawn", Groups: []Answered{}, NotFound: []string{}}, s.err
	}
	return server
}

func TestEveryPathIsDescribed(t *testing.T) {
	doc, described := spec(t), map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	server := whole(&stored{})
	for _, r := range server.site(access{}, nil).routes() {
		if name := r.method + " " + r.path; !described[name] {
			t.Errorf("%s is not described", name)
		} else {
			delete(described, name)
		}
	}
	for name := range described {
		t.Errorf("%s is described and not served", name)
	}
}

// example is a request for a path of the description.
func example(path string) string {
	return strings.NewReplacer("{seq}", "2", "{id}", "a%2Fb", "{run}", "orders-2026-1").Replace(path)
}

// bodies are those of requests that change something.
var bodies = map[string]string{
	"/api/v1/acceptances": acceptance, "/api/v1/acceptances/withdraw": `{"orders":["4711"]}`, "/api/v1/orders/{id}/recheck": `{}`, "/api/v1/cutover/approvals": `{"ticket":"OPS-1"}`,
}

// TestEveryAnswerIsAsDescribed asks for every path, with the ledger there and away.
func TestEveryAnswerIsAsDescribed(t *testing.T) {
	doc := spec(t)
	for name, s := range map[string]*stored{"there": {}, "away": {err: errors.New("the ledger is away")}} {
		v := visit(t, whole(s), "anna")
		for path, item := range doc.Paths.Map() {
			for method, operation := range item.Operations() {
				if path == "/api/v1/events" || path == "/api/v1/openapi.yaml" {
					continue // they have tests of their own
				}
				w := v.do(method, example(path), bodies[path], nil)
				response := operation.Responses.Value("200")
				if w.Code != http.StatusOK {
					response = operation.Responses.Default()
				}
				if name == "there" && w.Code != http.StatusOK {
					t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
				}
				conforms(t, method+" "+path, response.Value.Content["application/json"].Schema.Value, w.Body.Bytes())
			}
		}
	}
	for _, path := range []string{"/api/v1/decisions/77", "/api/v1/cutover/runs/none", "/api/v1/orders/0"} {
		w := get(t, whole(&stored{}).Handler(), path)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		conforms(t, path, doc.Components.Schemas["Error"].Value, w.Body.Bytes())
	}
}

func conforms(t *testing.T, name string, schema *openapi3.Schema, text []byte) {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Errorf("%s: %v in %s", name, err, text)
		return
	}
	if err := schema.VisitJSON(value, openapi3.MultiErrors()); err != nil {
		t.Errorf("%s is not as described: %.2000v", name, err)
	}
}

// TestEveryFieldIsDescribed fills all fields of everything that the API answers with, however rare they are.
func TestEveryFieldIsDescribed(t *testing.T) {
	doc := spec(t)
	for name, is := range map[string]any{
		"Status": Status{}, "Criteria": criteria{}, "Divergences": Divergences{}, "Counts": Counted{}, "Decisions": Decisions{}, "Passes": Passes{}, "Order": explain.Report{},
		"Audit": audit{}, "Findings": Findings{}, "Cutover": CutoverRuns{}, "Run": CutoverRun{}, "Accepted": Accepted{}, "Changes": Changes{}, "Me": me{}, "Answer": Answer{},
		"Rechecked": Rechecked{}, "Summary": Summary{}, "Error": failure{}, "Pairs": Pairs{}, "Selection": Selection{}, "AcceptRequest": acceptRequest{}, "ApproveRequest": approveRequest{},
	} {
		full := reflect.New(reflect.TypeOf(is))
		fill(full.Elem())
		text, err := json.Marshal(full.Interface())
		if err != nil {
			t.Fatal(err)
		}
		conforms(t, name, doc.Components.Schemas[name].Value, text)
	}
}

// fill gives every part of a value something that is not left out.
func fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(now))
		return
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		v.SetBytes([]byte(`{}`))
		return
	}
	switch v.Kind() { //nolint:exhaustive // of the kinds of Go few are in an answer
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		item := reflect.New(v.Type().Elem()).Elem()
		fill(item)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x").Convert(v.Type().Key()), item)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Interface:
		v.Set(reflect.ValueOf("x"))
	}
}

// TestParametersAreAsDescribed: each path takes its own, and no other.
func TestParametersAreAsDescribed(t *testing.T) {
	v := visit(t, whole(&stored{}), "")
	values := map[string]string{"limit": "1", "cursor": "5", "state": "accepted", "hop": "events->projection", "min_age": "90m", "steps": "true"}
	for path, item := range spec(t).Paths.Map() {
		if item.Get == nil || len(item.Get.Parameters) == 0 {
			continue
		}
		q := url.Values{}
		for _, p := range item.Get.Parameters {
			if p.Value.In == "query" {
				q.Set(p.Value.Name, values[p.Value.Name])
			}
		}
		if strings.HasPrefix(path, "/api/v1/divergences") && q.Has("cursor") {
			q.Set("cursor", cursorOf(board.Place{FirstSeen: now, ID: 7}))
		}
		if w := v.do(http.MethodGet, example(path)+"?"+q.Encode(), "", nil); w.Code != http.StatusOK {
			t.Errorf("%s?%s: %d %s", path, q.Encode(), w.Code, w.Body)
		}
		v.wants(http.StatusBadRequest, `unknown parameter \"hopp\"`, v.do(http.MethodGet, example(path)+"?hopp=x", "", nil))
	}
	for query, want := range map[string]string{
		"limit=0": "limit must be", "limit=1001": "limit must be", "limit=x": "limit must be", "cursor=x": "cursor is none", "cursor=MQ": "cursor is none", "state=shut": "state must be",
		"hop=a": "hop must be", "min_age=-1h": "min_age must be", "min_age=old": "min_age must be", "limit=1&limit=2": "given twice",
	} {
		v.wants(http.StatusBadRequest, want, v.do(http.MethodGet, "/api/v1/divergences?"+query, "", nil))
	}
}

func TestAPageGoesOnWhereTheLastEnded(t *testing.T) {
	s := &stored{}
	h := whole(s).Handler()
	var first Divergences
	if err := json.Unmarshal(get(t, h, "/api/v1/divergences?limit=1&cause=none&field=status&min_age=1h&order_id=4711").Body.Bytes(), &first); err != nil || len(first.Divergences) != 1 || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	want := board.Filter{Fingerprint: noGo().Decision.Fingerprint, State: verify.Open, Key: "4711", Cause: "none", Field: "status", Before: now.Add(-time.Hour)}
	if s.filter != want {
		t.Errorf("the filter is %+v, want %+v", s.filter, want)
	}
	if get(t, h, "/api/v1/divergences?cursor="+first.Next); s.after != (board.Place{FirstSeen: now.Add(-time.Hour), ID: 7}) {
		t.Errorf("the second page is after %+v", s.after)
	}
}

// TestHiddenValuesAreInNoAnswer: texts that may quote one are hidden too.
func TestHiddenValuesAreInNoAnswer(t *testing.T) {
	server := whole(&stored{})
	v := visit(t, server, "anna")
	shown := 0
	for _, hide := range []bool{false, true} {
		server.HideValues = hide
		v.handler = server.handler(access{anyone: true, proxy: server.Proxy}, nil)
		for path, item := range spec(t).Paths.Map() {
			if item.Get == nil || path == "/api/v1/events" {
				continue
			}
			w := v.do(http.MethodGet, example(path), "", nil)
			if shown += strings.Count(w.Body.String(), "secret"); hide && strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%s shows values: %s", path, w.Body)
			}
		}
	}
	if shown < 6 {
		t.Errorf("only %d secrets are shown where they may be", shown)
	}
	v.wants(http.StatusForbidden, "hidden by web.show_values", v.do(http.MethodGet, "/api/v1/orders/1", "", nil))
}

// TestTheDescriptionIsServed in the words of the file.
func TestTheDescriptionIsServed(t *testing.T) {
	w := get(t, whole(&stored{}).Handler(), "/api/v1/openapi.yaml")
	if w.Body.String() != string(openAPI) || w.Header().Get("Content-Type") != "application/yaml" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v: %.100s", w.Header(), w.Body)
	}
}

// TestTheLedgerIsReadByFewAtOnce: the rest wait for their turn, or hear that there was none.
func TestTheLedgerIsReadByFewAtOnce(t *testing.T) {
	server := whole(&stored{})
	site := server.site(access{anyone: true}, nil)
	for range readers {
		if _, err := site.reading.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	site.read(site.apiPasses)(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/passes", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "no turn in time") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
