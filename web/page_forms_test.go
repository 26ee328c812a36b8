package web

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/verify"
)

// formed is a system with an open divergence, and what its forms asked for.
type formed struct {
	*fake

	asked []Selection
}

func withForms(t *testing.T) (*formed, *journal, *Server) {
	t.Helper()
	f, j := &formed{fake: &fake{status: noGo()}}, &journal{}
	s := proxied(j)
	s.Source, s.API.Listed, s.API.Logged = f.fake, f, &stored{}
	s.API.Look = func(_ context.Context, key string) (explain.Report, error) { return stale(key), nil }
	accept := s.API.Accept
	s.API.Accept = func(ctx context.Context, of Selection, by verify.Acceptance) (Answer, error) {
		f.asked = append(f.asked, of)
		return accept(ctx, of, by)
	}
	return f, j, s
}

// send sends a form of a page as a browser does.
func (v *visitor) send(path string, fields url.Values) *httptest.ResponseRecorder {
	v.t.Helper()
	w := v.do(http.MethodGet, path, "", nil)
	token := regexp.MustCompile(`name="csrf_token" value="([^"]*)"`).FindStringSubmatch(w.Body.String())
	if token == nil {
		v.t.Fatalf("%s has no form for %s:\n%s", path, v.name, w.Body)
	}
	fields.Set(csrfField, token[1])
	return v.do(http.MethodPost, path, fields.Encode(), func(r *http.Request) {
		r.Header.Set("Content-Type", typeForm)
		r.Header.Del(csrfHeader)
	})
}

func TestFormsAreForThoseWhoMay(t *testing.T) {
	_, _, s := withForms(t)
	for name, want := range map[string]string{
		"":      "Nothing can be changed without a user's name: log in, or come through the proxy of web.proxy.",
		"wanda": "The user wanda has the role viewer, and this needs the role operator: see web.roles.",
		"olga":  `name="action" value="accept"`,
	} {
		v := visit(t, s, name)
		for _, path := range []string{"/divergences", "/orders/4711"} {
			page := html.UnescapeString(v.do(http.MethodGet, path, "", nil).Body.String())
			if !strings.Contains(page, want) || strings.Contains(page, `method="post"`) != (name == "olga") {
				t.Errorf("%s for %q lacks %q:\n%s", path, name, want, page)
			}
		}
	}
	// Nobody is known by name.
	s.Proxy = Proxy{}
	shows(t, s.Handler(), "/orders/4711", http.StatusOK, "set web.auth with basic_auth_users, or web.proxy, and give roles with web.roles.", "/docs/api#changing-something")
}

func TestAFormDoesWhatTheAPIDoes(t *testing.T) {
	f, j, s := withForms(t)
	f.status.Divergences[0].OrderID = "a/b"
	v := visit(t, s, "olga")
	path := orderPath("a/b")
	w := v.send(path, url.Values{"action": {"accept"}, "orders": {"a/b"}, "why": {"a test"}, "until": {"2999-01-01T08:00"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != path {
		t.Fatalf("%d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	// What was done is said once, and not to the script.
	v.cookies = append(v.cookies, w.Result().Cookies()...)
	script := func(r *http.Request) { r.Header.Set("Sec-Fetch-Dest", "empty") }
	if page := v.do(http.MethodGet, path, "", script).Body.String(); strings.Contains(page, `class="card done"`) {
		t.Error("the script was told what was done")
	}
	answer := v.do(http.MethodGet, path, "", nil)
	if !strings.Contains(answer.Body.String(), "Accepted 1 divergence at events-&gt;projection, until 2999-01-01 08:00:00 UTC.") {
		t.Errorf("the page does not say what was done:\n%s", answer.Body)
	}
	if c := answer.Result().Cookies(); !slices.ContainsFunc(c, func(c *http.Cookie) bool { return c.Name == saidCookie && c.MaxAge < 0 }) {
		t.Errorf("it would be said again: %v", c)
	}
	if w := v.send(path, url.Values{"action": {"recheck"}}); w.Code != http.StatusSeeOther {
		t.Errorf("recheck: %d %s", w.Code, w.Body)
	}
	var done []string
	for _, c := range j.changes {
		done = append(done, c.Who+" "+c.Action+" "+string(c.Request)+" "+c.Outcome)
	}
	if want := []string{`olga accept {"orders":["a/b"],"why":"a test","until":"2999-01-01T08:00"} done`, `olga recheck {"order_id":"a/b"} done`}; !slices.Equal(done, want) {
		t.Errorf("on record: %q", done)
	}
}

// TestAnApproverApprovesOnThePage, all orders or a slice, and nobody else does.
func TestAnApproverApprovesOnThePage(t *testing.T) {
	_, j, s := withForms(t)
	chain := aChain(7)
	for seq := range int64(20) { // one for each slice
		chain.links = append([]board.Link{{Seq: 8 + seq, At: now, Who: "anna", Answer: approvalAnswer}}, chain.links...)
	}
	s.API.Logged = chain
	s.API.Runs = func(context.Context) ([][]cutover.Record, error) { return nil, nil }
	if page := visit(t, s, "olga").do(http.MethodGet, "/cutover", "", nil).Body.String(); strings.Contains(page, `method="post"`) {
		t.Errorf("an operator is offered to approve:\n%s", page)
	}
	v := visit(t, s, "anna")
	shown := v.do(http.MethodGet, "/cutover", "", nil).Body.String()
	if !strings.Contains(shown, `name="decision" value="7"`) || !strings.Contains(shown, `<a href="/decisions#link-7">decision 7</a> (NO-GO, `) {
		t.Errorf("the page does not say which decision is approved:\n%s", shown)
	}
	v.wants(http.StatusConflict, "another decision is on record since", v.send("/cutover", url.Values{"action": {"approve"}, "ticket": {"OPS-1"}, "decision": {"6"}}))
	v.wants(http.StatusConflict, "another decision is on record since", v.send("/cutover", url.Values{"action": {"approve"}, "ticket": {"OPS-1"}, "decision": {"newest"}}))
	j.changes = nil
	w := v.send("/cutover", url.Values{"action": {"approve"}, "ticket": {"OPS-1"}, "slice": {"symbol=ACME"}, "until": {"2999-01-01T08:00"}})
	if w.Code != http.StatusSeeOther || len(j.changes) != 1 || j.changes[0].Who != "anna" || string(j.changes[0].Request) != `{"ticket":"OPS-1","slice":"symbol=ACME","until":"2999-01-01T08:00"}` {
		t.Fatalf("%d, on record %+v: %s", w.Code, j.changes, w.Body)
	}
	v.cookies = append(v.cookies, w.Result().Cookies()...)
	if page := v.do(http.MethodGet, "/cutover", "", nil).Body.String(); !strings.Contains(page, "Decision 7 is approved (OPS-1), until 2999-01-01 08:00:00 UTC.") {
		t.Errorf("the page does not say what was done:\n%s", page)
	}
	for want, fields := range map[string]url.Values{
		"a slice is written as COLUMN=VALUE": {"action": {"approve"}, "ticket": {"OPS-<2>"}, "slice": {"nonsense"}, "until": {"2999-01-01T08:00"}},
		"ticket is missing":                  {"action": {"approve"}, "slice": {"symbol=ACME"}, "until": {"2999-01-01T08:00"}},
		"until must be a time in the future": {"action": {"approve"}, "ticket": {"OPS-<2>"}, "until": {"2020-01-01T08:00"}},
	} {
		w := v.send("/cutover", fields)
		page := html.UnescapeString(w.Body.String())
		if w.Code != http.StatusBadRequest || !strings.Contains(page, want) || !strings.Contains(page, `name="ticket" value="`+fields.Get("ticket")+`"`) || !strings.Contains(page, `name="slice" value="`+fields.Get("slice")+`"`) {
			t.Errorf("%d, and the page lacks %q:\n%s", w.Code, want, page)
		}
	}
}

// TestARefusedFormComesBackWithWhatWasTyped and with the reason.
func TestARefusedFormComesBackWithWhatWasTyped(t *testing.T) {
	f, j, s := withForms(t)
	v := visit(t, s, "olga")
	wants := func(path string, code int, fields url.Values, wants ...string) {
		t.Helper()
		w := v.send(path, fields)
		page := html.UnescapeString(w.Body.String())
		if w.Code != code {
			t.Errorf("%s: %d, want %d", path, w.Code, code)
		}
		for _, want := range append(wants, `role="alert" data-keep`, "<h1") {
			if !strings.Contains(page, want) {
				t.Errorf("%s %v lacks %q:\n%s", path, fields, want, page)
			}
		}
	}
	wants("/orders/4711", http.StatusBadRequest, url.Values{"action": {"accept"}, "orders": {"4711"}, "why": {"</textarea> why"}, "until": {"2020-01-01T08:00"}},
		"until must be a time in the future", "</textarea> why</textarea>", `value="2020-01-01T08:00"`)
	wants("/divergences?hop=events-%3Eprojection", http.StatusBadRequest, url.Values{"action": {"accept"}, "ticks": {"legacy->projection|4711"}, "until": {"2999-01-01"}, "scope": {"ticked"}},
		"why is missing", `value="legacy->projection|4711" form="act" aria-label="Order 4711" checked`)
	wants("/divergences?hop=events-%3Eprojection", http.StatusBadRequest, url.Values{"action": {"accept"}, "hop": {"events->projection"}, "why": {"x"}, "until": {"2999-01-01"}, "scope": {"ticked"}}, "no order is ticked")
	wants("/divergences", http.StatusBadRequest, url.Values{"action": {"drop"}}, "does not say what to do")
	wants("/divergences", http.StatusServiceUnavailable, url.Values{"action": {"withdraw"}, "orders": {"4711"}}, "The log of crosscheck says why")
	wants("/divergences", http.StatusNotFound, url.Values{"action": {"accept"}, "cause": {"unknown"}, "why": {"x"}, "until": {"2999-01-01"}}, "nothing is open")
	if len(f.asked) != 1 || len(j.changes) != 2 {
		t.Errorf("asked for %+v, on record %+v", f.asked, j.changes)
	}
	// Another site has no token, and a form without one is refused on the page too.
	w := v.do(http.MethodPost, "/orders/4711", "action=accept&orders=4711&why=x&until=2999-01-01", func(r *http.Request) {
		r.Header.Set("Content-Type", typeForm)
		r.Header.Del(csrfHeader)
	})
	v.wants(http.StatusForbidden, "the request has no valid token", w)
	v.wants(http.StatusForbidden, "the request has no valid token", v.do(http.MethodPost, "/orders/4711", "action=recheck&csrf_token="+v.token, func(r *http.Request) {
		r.Header.Set("Content-Type", typeForm)
		r.Header.Del(csrfHeader)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}))
	v.wants(http.StatusUnsupportedMediaType, "the body must be", v.do(http.MethodPost, "/orders/4711?", `{"action":"recheck"}`, nil))
	s.API.Journal = &journal{broken: errors.New("password=hunter2")}
	v = visit(t, s, "olga")
	wants("/orders/4711", http.StatusServiceUnavailable, url.Values{"action": {"recheck"}}, "The log of crosscheck says why")
}

// TestAGroupIsWhatTheFilterSelects, with its number, and only what the API can select.
func TestAGroupIsWhatTheFilterSelects(t *testing.T) {
	f, _, s := withForms(t)
	v := visit(t, s, "olga")
	const path = "/divergences?hop=events-%3Eprojection&cause=none&field=status&kind=differs"
	page := html.UnescapeString(v.do(http.MethodGet, path, "", nil).Body.String())
	for _, want := range []string{"All <b>3 open divergences with hop events->projection, kind differs, no known cause, field status</b>, on all pages", `name="count" value="3"`, `name="cause" value="none"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
	for _, more := range []string{"&min_age=1h", "&order_id=4711"} {
		if page := v.do(http.MethodGet, path+more, "", nil).Body.String(); strings.Contains(page, `value="group"`) {
			t.Errorf("with %s a larger group is offered", more)
		}
	}
	group := url.Values{
		"action": {"accept"}, "scope": {"group"}, "orders": {"1"}, "hop": {"events->projection"}, "kind": {"differs"}, "cause": {"none"}, "field": {"status"}, "count": {"1"},
		"divergences": {"true"}, "why": {"x"}, "until": {"2999-01-01"},
	}
	if w := v.send(path, group); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if want := (Selection{Hop: "events->projection", Kind: "differs", Cause: "none", Field: "status", Divergences: true, Count: new(int64(1))}); len(f.asked) != 1 || !reflect.DeepEqual(f.asked[0], want) {
		t.Errorf("asked for %+v, want %+v", f.asked, want)
	}
	group.Set("count", "many")
	if w := v.send(path, group); w.Code != http.StatusBadRequest {
		t.Errorf("a count that is no number: %d %s", w.Code, w.Body)
	}
}

// TestOnlyWhatIsTickedIsAnsweredFor: an order is ticked at a hop, and audits are not meant.
func TestOnlyWhatIsTickedIsAnsweredFor(t *testing.T) {
	f, _, s := withForms(t)
	v := visit(t, s, "olga")
	send := func(ticks ...string) int {
		return v.send("/divergences", url.Values{"action": {"accept"}, "ticks": ticks, "scope": {"ticked"}, "kind": {"differs"}, "cause": {"none"}, "field": {"status"}, "count": {"3"}, "divergences": {"true"}, "why": {"x"}, "until": {"2999-01-01"}}).Code
	}
	if page := v.do(http.MethodGet, "/divergences", "", nil).Body.String(); !strings.Contains(page, `name="divergences" value="true"`) {
		t.Errorf("the form means findings of audits too:\n%s", page)
	}
	if code := send("events->projection|47|11", "events->projection|4712"); code != http.StatusSeeOther {
		t.Errorf("of one hop: %d", code)
	}
	if code := send("events->projection|4711", "legacy->events|4711"); code != http.StatusBadRequest {
		t.Errorf("of two hops: %d", code)
	}
	if want := (Selection{Orders: []string{"47|11", "4712"}, Hop: "events->projection", Divergences: true}); len(f.asked) != 1 || !reflect.DeepEqual(f.asked[0], want) {
		t.Errorf("asked for %+v, want %+v", f.asked, want)
	}
}

// TestWhatWasChangedIsShownAtOnce although readings are shared for a while.
func TestWhatWasChangedIsShownAtOnce(t *testing.T) {
	f, _, s := withForms(t)
	v := visit(t, s, "olga")
	before := f.fake.asked.Load()
	v.send("/divergences", url.Values{"action": {"accept"}, "ticks": {"events->projection|4711"}, "scope": {"ticked"}, "why": {"x"}, "until": {"2999-01-01"}})
	f.becomes(func() { f.status.Divergences, f.status.Open = nil, 0 })
	if page := v.do(http.MethodGet, "/divergences", "", nil).Body.String(); !strings.Contains(page, "No divergence is open.") || f.fake.asked.Load() == before {
		t.Errorf("the page shows what was before:\n%s", page)
	}
}

var _ board.Listed = (*formed)(nil)
