package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// journal keeps changes in memory.
type journal struct {
	changes []board.Change
	broken  error
}

func (j *journal) BeginChange(_ context.Context, c board.Change) (int64, error) {
	if j.broken != nil {
		return 0, j.broken
	}
	c.ID, c.At = int64(len(j.changes)+1), now
	j.changes = append(j.changes, c)
	return c.ID, nil
}

func (j *journal) EndChange(_ context.Context, id int64, outcome string) error {
	j.changes[id-1].Outcome = outcome
	return nil
}

// proxied is a server behind a proxy at 192.0.2.1, where requests of httptest come from, with users of each role.
func proxied(j *journal) *Server {
	return &Server{
		Source: &fake{status: noGo()}, Now: func() time.Time { return now },
		Proxy: Proxy{Header: "X-User", From: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		Roles: map[string]Role{"olga": Operator, "anna": Approver, "wanda": Viewer, "zoe": "boss"},
		API: API{
			Key:     func(_ context.Context, given string) (order.Key, error) { return order.Key(given), nil },
			Journal: j,
			Accept: func(_ context.Context, s Selection, a verify.Acceptance) (Answer, error) {
				if s.Cause == "unknown" {
					return Answer{}, Refuse(http.StatusNotFound, errors.New("nothing is open"))
				}
				return Answer{Answer: "accepted", DryRun: s.DryRun, Groups: []Answered{{Hop: "events->projection", Kind: "differs", Count: int64(len(s.Orders))}}, NotFound: []string{}, Acceptance: newAcceptance(&a)}, nil
			},
			Withdraw: func(context.Context, Selection) (Answer, error) {
				return Answer{}, errors.New("connection refused to 10.0.0.7")
			},
			Recheck: func(_ context.Context, key string) (Rechecked, error) {
				return Rechecked{OrderID: key, Divergences: []Divergence{}}, nil
			},
			Approve: func(_ context.Context, given gate.Approval, slice string) (gate.Approval, error) {
				if given.Decision != 0 && given.Decision != 7 {
					return gate.Approval{}, Refuse(http.StatusConflict, errors.New("another decision is on record since"))
				}
				if slice == "nonsense" {
					return gate.Approval{}, Refuse(http.StatusBadRequest, errors.New("a slice is written as COLUMN=VALUE"))
				}
				given.At, given.Decision = now, 7
				return given, nil
			},
		},
	}
}

// visitor is a user in front of one handler, with the cookies that it was given.
type visitor struct {
	t       *testing.T
	handler http.Handler
	name    string
	cookies []*http.Cookie
	token   string
}

func visit(t *testing.T, s *Server, name string) *visitor {
	t.Helper()
	return visitAt(t, s.handler(access{anyone: true, proxy: s.Proxy, roles: s.Roles}, nil), name)
}

func visitAt(t *testing.T, h http.Handler, name string) *visitor {
	t.Helper()
	v := &visitor{t: t, handler: h, name: name}
	w := v.do(http.MethodGet, "/api/v1/me", "", nil)
	var is me
	if err := json.Unmarshal(w.Body.Bytes(), &is); err != nil || w.Code != http.StatusOK || is.Name != name {
		t.Fatalf("%s is %s: %d %v", name, w.Body, w.Code, err)
	}
	v.token, v.cookies = is.Token, w.Result().Cookies()
	return v
}

func (v *visitor) do(method, path, text string, change func(*http.Request)) *httptest.ResponseRecorder {
	v.t.Helper()
	r := httptest.NewRequestWithContext(v.t.Context(), method, path, strings.NewReader(text))
	if v.name != "" {
		r.Header.Set("X-User", v.name)
	}
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", typeJSON)
		r.Header.Set(csrfHeader, v.token)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	return w
}

// wants fails if a request is not answered with the status and the text.
func (v *visitor) wants(code int, text string, w *httptest.ResponseRecorder) {
	v.t.Helper()
	if w.Code != code || !strings.Contains(w.Body.String(), text) {
		v.t.Errorf("%s got %d, want %d with %q:\n%s", v.name, w.Code, code, text, w.Body)
	}
}

const acceptance = `{"orders":["4711"],"why":"a test order","until":"2999-01-01"}`

func TestRolesSayWhoMayChangeWhat(t *testing.T) {
	for path, needs := range map[string]struct {
		body string
		role Role
	}{
		"/api/v1/acceptances":          {acceptance, Operator},
		"/api/v1/orders/a%2Fb/recheck": {``, Operator},
		"/api/v1/cutover/approvals":    {`{"ticket":"OPS-1"}`, Approver},
	} {
		for name, role := range map[string]Role{"": Nobody, "zoe": Viewer, "nobody-knows": Viewer, "wanda": Viewer, "olga": Operator, "anna": Approver} {
			j := &journal{}
			v := visit(t, proxied(j), name)
			w := v.do(http.MethodPost, path, needs.body, nil)
			switch {
			case role.may(needs.role):
				v.wants(http.StatusOK, "", w)
				if len(j.changes) != 1 || j.changes[0].Who != name || j.changes[0].Outcome != "done" || j.changes[0].Role != string(role) {
					t.Errorf("%s by %s is on record as %+v", path, name, j.changes)
				}
			case name == "":
				v.wants(http.StatusForbidden, "without a user's name", w)
			default:
				v.wants(http.StatusForbidden, "has the role viewer", visit(t, proxied(j), "wanda").do(http.MethodPost, path, needs.body, nil))
				v.wants(http.StatusForbidden, "this needs the role "+string(needs.role), w)
			}
			if !role.may(needs.role) && len(j.changes) > 0 {
				t.Errorf("%s by %s is on record", path, name)
			}
		}
	}
}

func TestNothingChangesWithoutUsers(t *testing.T) {
	server := proxied(&journal{})
	server.Proxy = Proxy{}
	v := &visitor{t: t, handler: server.Handler(), name: "olga"} // the header of a proxy that is not configured
	v.wants(http.StatusForbidden, "set web.auth with basic_auth_users, or web.proxy", v.do(http.MethodPost, "/api/v1/acceptances", acceptance, nil))
}

// TestAnotherSiteCannotMakeABrowserChangeAnything: the browser sends its login, and its cookie at worst.
func TestAnotherSiteCannotMakeABrowserChangeAnything(t *testing.T) {
	j := &journal{}
	server := proxied(j)
	v := visit(t, server, "olga")
	other := visitAt(t, v.handler, "anna")
	form := func(r *http.Request) {
		r.Header.Set("Content-Type", typeForm)
		r.Header.Del(csrfHeader)
	}
	const why = "no valid token"
	for name, change := range map[string]func(*http.Request){
		"no header":     func(r *http.Request) { r.Header.Del(csrfHeader) },
		"no cookie":     func(r *http.Request) { r.Header.Del("Cookie") },
		"another token": func(r *http.Request) { r.Header.Set(csrfHeader, other.token) },
		"another user's": func(r *http.Request) {
			r.Header.Set(csrfHeader, other.token)
			r.Header.Set("Cookie", csrfCookie+"="+other.token)
		},
		"both made up":           func(r *http.Request) { r.Header.Set(csrfHeader, "x"); r.Header.Set("Cookie", csrfCookie+"=x") },
		"a form without a token": form,
		"another site":           func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a sibling":              func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"another origin":         func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") },
		"no origin":              func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") },
	} {
		t.Run(name, func(t *testing.T) {
			v.wants(http.StatusForbidden, why, v.do(http.MethodPost, "/api/v1/acceptances", acceptance, change))
		})
	}
	v.wants(http.StatusUnsupportedMediaType, "the body must be", v.do(http.MethodPost, "/api/v1/acceptances", acceptance, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }))
	if len(j.changes) != 0 {
		t.Errorf("on record are %+v", j.changes)
	}
	if w := v.do(http.MethodGet, "/api/v1/acceptances/withdraw", "", nil); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("a link got %d", w.Code)
	}
	for name, change := range map[string]func(*http.Request){
		"curl": func(r *http.Request) { r.Header.Del("Sec-Fetch-Site") },
		"this site, of an older browser": func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "http://example.com")
		},
	} {
		t.Run(name, func(t *testing.T) {
			v.wants(http.StatusOK, `"answer":"accepted"`, v.do(http.MethodPost, "/api/v1/acceptances", acceptance, change))
		})
	}
}

func TestTokensEnd(t *testing.T) {
	at, key, other := now, random(keyLength), random(keyLength)
	of := newTokens(func() time.Time { return at }, nil)
	token := of.make(key, "alice")
	if !of.valid(key, "alice", token) || of.valid(key, "bob", token) || of.valid(key, "alice", token[1:]) || of.valid(other, "alice", token) {
		t.Error("a token is not that of its user, whole, of who has the key alone")
	}
	if at = now.Add(csrfFor); of.valid(key, "alice", token) {
		t.Error("a token does not end")
	}
}

// TestServersBehindOneAddressKnowEachOthersForms by a key that they share. Without it, each knows its own.
func TestServersBehindOneAddressKnowEachOthersForms(t *testing.T) {
	var broken error
	shared := func(context.Context) ([]byte, error) { return []byte(strings.Repeat("k", keyLength)), broken }
	for name, c := range map[string]struct {
		key  func(context.Context) ([]byte, error)
		code int
	}{"shared": {shared, http.StatusOK}, "their own": {nil, http.StatusForbidden}} {
		one, other := proxied(&journal{}), proxied(&journal{})
		one.FormKey, other.FormKey = c.key, c.key
		v := visit(t, one, "olga")
		v.handler = other.handler(access{anyone: true, proxy: other.Proxy, roles: other.Roles}, nil)
		if w := v.do(http.MethodPost, "/api/v1/acceptances", acceptance, nil); w.Code != c.code {
			t.Errorf("with a key that is %s: %d %s", name, w.Code, w.Body)
		}
	}
	for _, key := range []func(context.Context) ([]byte, error){
		func(context.Context) ([]byte, error) { return nil, errors.New("away") }, func(context.Context) ([]byte, error) { return []byte("short"), nil },
	} {
		s := proxied(&journal{})
		s.FormKey = key
		h := s.handler(access{anyone: true, proxy: s.Proxy, roles: s.Roles}, nil)
		v := &visitor{t: t, handler: h, name: "olga"}
		v.wants(http.StatusServiceUnavailable, unreadable, v.do(http.MethodGet, "/api/v1/me", "", nil))
	}
}

// TestTheProxyAloneNamesUsers: anybody can send its header.
func TestTheProxyAloneNamesUsers(t *testing.T) {
	p := proxied(nil).Proxy
	for name, c := range map[string]struct {
		remote string
		names  []string
		want   string
	}{
		"the proxy":         {"192.0.2.77:4711", []string{"alice"}, "alice"},
		"mapped":            {"[::ffff:192.0.2.77]:4711", []string{" alice "}, "alice"},
		"somebody else":     {"198.51.100.1:4711", []string{"alice"}, ""},
		"no address":        {"@", []string{"alice"}, ""},
		"two names":         {"192.0.2.77:4711", []string{"alice", "anna"}, ""},
		"no name":           {"192.0.2.77:4711", nil, ""},
		"an empty one":      {"192.0.2.77:4711", []string{""}, ""},
		"control character": {"192.0.2.77:4711", []string{"al\x01ice"}, ""},
		"too long":          {"192.0.2.77:4711", []string{strings.Repeat("a", 201)}, ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr, r.Header["X-User"] = c.remote, c.names
		if got := p.user(r); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	closed := access{proxy: p}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if closed.sees(r) {
		t.Error("a page that is closed is shown to nobody in particular")
	}
	if r.Header.Set("X-User", "alice"); !closed.sees(r) {
		t.Error("the proxy's user does not see the page")
	}
}

// TestALoginIsTheUser: the toolkit checks the password, so a name without users in the file says nothing.
func TestALoginIsTheUser(t *testing.T) {
	server := Server{Auth: webFile(t, alice), Roles: map[string]Role{"alice": Operator}}
	port, _ := serving(t, "127.0.0.1:0", server)
	if code, text := ask(t, "http://127.0.0.1:"+port+"/api/v1/me", "alice"); code != 200 || !strings.Contains(text, `"user":"alice","role":"operator","csrf_token":"`) {
		t.Errorf("alice is %d %s", code, text)
	}
	server.Auth = webFile(t, "basic_auth_users: {}")
	port, _ = serving(t, "127.0.0.1:0", server)
	if code, text := ask(t, "http://127.0.0.1:"+port+"/api/v1/me", "alice"); code != 200 || text != `{"user":"","role":""}`+"\n" {
		t.Errorf("somebody who says to be alice is %d %s", code, text)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	j := &journal{}
	v := visit(t, proxied(j), "anna")
	for body, want := range map[string]string{
		`{"orders":["1"],"until":"2999-01-01"}`:                                     "why is missing",
		`{"orders":["1"],"why":" ","until":"2999-01-01"}`:                           "why is missing",
		`{"orders":["1"],"why":"x","until":"2020-01-01"}`:                           "until must be a time in the future",
		`{"orders":["1"],"why":"x"}`:                                                "until must be a time in the future",
		`{"why":"x","until":"2999-01-01"}`:                                          "nothing is selected",
		`{"hop":"a->b","why":"x","until":"2999-01-01"}`:                             "hop must be one of",
		`{"order":["1"],"why":"x","until":"2999-01-01"}`:                            "unknown field",
		acceptance + acceptance:                                                     "more than one JSON object",
		`{"hop":"legacy->events","kind":"overfill","why":"x","until":"2999-01-01"}`: "give no kind with them",
	} {
		v.wants(http.StatusBadRequest, want, v.do(http.MethodPost, "/api/v1/acceptances", body, nil))
	}
	v.wants(http.StatusBadRequest, "ticket is missing", v.do(http.MethodPost, "/api/v1/cutover/approvals", `{}`, nil))
	v.wants(http.StatusBadRequest, "cannot be read", v.do(http.MethodPost, "/api/v1/acceptances", strings.Repeat(" ", maxBody)+acceptance, nil))
	if len(j.changes) != 0 {
		t.Errorf("on record are %+v", j.changes)
	}
	// What was asked for and not done is on record, with the reason if it is for people.
	v.wants(http.StatusNotFound, "nothing is open", v.do(http.MethodPost, "/api/v1/acceptances", `{"cause":"unknown","why":"x","until":"2999-01-01"}`, nil))
	w := v.do(http.MethodPost, "/api/v1/acceptances/withdraw", `{"orders":["1"]}`, nil)
	v.wants(http.StatusServiceUnavailable, "The log of crosscheck says why", w)
	if strings.Contains(w.Body.String(), "10.0.0.7") {
		t.Errorf("the answer quotes an error: %s", w.Body)
	}
	var outcomes []string
	for _, c := range j.changes {
		outcomes = append(outcomes, c.Action+" "+c.Outcome)
	}
	if want := []string{"accept refused: nothing is open", "withdraw failed; the log says why"}; !slices.Equal(outcomes, want) {
		t.Errorf("on record are %q, want %q", outcomes, want)
	}
	j.broken = errors.New("the ledger is away")
	v.wants(http.StatusServiceUnavailable, unreadable, v.do(http.MethodPost, "/api/v1/acceptances", acceptance, nil))
}

// TestAFormGoesBackToItsPage and to no other site.
func TestAFormGoesBackToItsPage(t *testing.T) {
	j := &journal{}
	v := visit(t, proxied(j), "olga")
	send := func(fields string) *httptest.ResponseRecorder {
		return v.do(http.MethodPost, "/api/v1/acceptances", fields+"&csrf_token="+v.token, func(r *http.Request) {
			r.Header.Set("Content-Type", typeForm)
			r.Header.Del(csrfHeader)
		})
	}
	w := send("orders=1&orders=2&why=a+test&until=2999-01-01T08:00&return=/orders/1%3Fx%3Dy")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/orders/1?x=y" {
		t.Errorf("got %d to %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	if got := string(j.changes[0].Request); got != `{"orders":["1","2"],"why":"a test","until":"2999-01-01T08:00"}` {
		t.Errorf("on record is %s", got)
	}
	for _, path := range []string{"//evil.example/", "https://evil.example/", `/\evil.example`, ""} {
		if w := send("orders=1&why=a+test&until=2999-01-01&return=" + path); w.Code != http.StatusOK {
			t.Errorf("back to %q: %d to %q", path, w.Code, w.Header().Get("Location"))
		}
	}
}
