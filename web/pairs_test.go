package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/gate"
)

// twoPairs is a server of the pairs orders, which has divergences, and positions.
func twoPairs(positions *fake) *Server {
	orders := whole(&stored{})
	orders.API.Look = func(_ context.Context, key string) (explain.Report, error) { return stale(key), nil }
	server := &Server{Roles: orders.Roles, Proxy: orders.Proxy, Now: orders.Now, Pairs: []Pair{{"orders", orders}, {"positions", &Server{Source: positions, Now: orders.Now}}}}
	return server
}

func clean() *fake {
	s := noGo()
	s.Decision = gate.Decision{Decision: gate.Go, At: now, Fingerprint: "f", Criteria: []gate.Result{{Name: "counts", Verdict: gate.Passes, Reason: "Equal."}}}
	s.Open, s.Divergences = 0, nil
	return &fake{status: s}
}

// TestPairsHaveOnePageAndOneDecision at the address of the server, and the same in the API.
func TestPairsHaveOnePageAndOneDecision(t *testing.T) {
	h := twoPairs(clean()).Handler()
	for _, path := range []string{"/", "/pairs/"} {
		page := get(t, h, path)
		for _, want := range []string{"<h1>NO-GO</h1>", "1 of 2 pairs of tables is NO-GO.", `<a href="/pairs/orders/">orders</a>`, `<a href="/pairs/orders/divergences"`, `<span class="tag good">GO</span>`, `href="/api/v1/pairs"`} {
			if !strings.Contains(page.Body.String(), want) {
				t.Errorf("%s has no %s:\n%s", path, want, page.Body)
			}
		}
	}
	var all Pairs
	if err := json.Unmarshal(get(t, h, "/api/v1/pairs").Body.Bytes(), &all); err != nil || all.Decision != gate.NoGo || len(all.Pairs) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if p := all.Pairs[0]; p.Name != "orders" || p.Path != "/pairs/orders/" || p.Open != 3 || p.Decision != gate.NoGo || p.VerifiedThrough == nil {
		t.Errorf("orders: %+v", p)
	}
	if p := all.Pairs[1]; p.Summary != "The only enabled criterion passes." || p.Decision != gate.Go {
		t.Errorf("positions: %+v", p)
	}
	var d gate.Decision
	if err := json.Unmarshal(get(t, h, "/api/v1/decision").Body.Bytes(), &d); err != nil || d.Decision != gate.NoGo || len(d.Pairs) != 2 || d.Criteria[0].Name != "orders/open_divergences" {
		t.Errorf("%+v, %v", d, err)
	}
	if w := get(t, h, "/api/v1/divergences"); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "ask /pairs/NAME/api/v1/divergences") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(t, h, "/pairs/accounts/"); w.Code != http.StatusNotFound {
		t.Errorf("a pair that is not there: %d", w.Code)
	}
}

// TestAPairThatCannotBeReadIsUndecided and the others are shown all the same.
func TestAPairThatCannotBeReadIsUndecided(t *testing.T) {
	server := twoPairs(&fake{err: errors.New("the ledger is away")})
	server.Pairs[0] = Pair{"orders", &Server{Source: clean()}}
	h := server.Handler()
	if page := get(t, h, "/").Body.String(); !strings.Contains(page, "<h1>INCONCLUSIVE</h1>") || !strings.Contains(page, "1 of 2 lacks evidence") || !strings.Contains(page, unreadable) || strings.Contains(page, "is away") {
		t.Errorf("the page is\n%s", page)
	}
	if w := get(t, h, "/pairs/orders/"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<h1>GO</h1>") {
		t.Errorf("orders: %d %s", w.Code, w.Body)
	}
	if w := get(t, h, "/pairs/positions/"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("positions: %d", w.Code)
	}
}

// TestThePageOfAllPairsSaysWhereACutoverWaits as the pages of that pair do.
func TestThePageOfAllPairsSaysWhereACutoverWaits(t *testing.T) {
	waits := clean()
	waits.status.Cutover = &board.Cutover{Run: "positions-1", Abandoned: "switch-writes", Stranded: true, Since: now}
	h := twoPairs(waits).Handler()
	const said = "No side may take writes until cutover positions-1 is finished. It stands at switch-writes."
	for path, want := range map[string]string{
		"/": "Pair positions: " + said, "/docs/": "Pair positions: " + said, "/pairs/positions/": `<p class="handed" role="alert">` + said,
	} {
		if page := get(t, h, path).Body.String(); !strings.Contains(page, want+` <a href="/pairs/positions/cutover">Cutover</a>`) {
			t.Errorf("%s does not say %s:\n%s", path, want, page)
		}
	}
	if page := get(t, h, "/pairs/orders/").Body.String(); strings.Contains(page, said) {
		t.Error("the other pair says it too")
	}
}

var aLink = regexp.MustCompile(`(?:href|action|src|data-events)="([^"]*)"`)

// TestTheLinksOfAPairLeadToItsPages, or to what all pairs share: each address on its pages answers.
func TestTheLinksOfAPairLeadToItsPages(t *testing.T) {
	server := twoPairs(clean())
	v := visit(t, server, "anna")
	seen := map[string]bool{"/pairs/orders/api/v1/events": true, "/metrics": true}
	for queue := []string{"/pairs/orders/", "/pairs/orders/orders/4711"}; len(queue) > 0; queue = queue[1:] {
		w := v.do(http.MethodGet, queue[0], "", nil)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", queue[0], w.Code)
			continue
		}
		if !strings.HasPrefix(queue[0], "/pairs/orders/") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			continue
		}
		for _, m := range aLink.FindAllStringSubmatch(w.Body.String(), -1) {
			path, _, _ := strings.Cut(strings.NewReplacer("&amp;", "&", "&#43;", "+", "&gt;", ">").Replace(m[1]), "#")
			switch {
			case path == "" || seen[path] || strings.HasPrefix(path, "http") || strings.HasPrefix(path, "data:"):
			case strings.Contains(path, "/report"): // there is none in this test
				if !strings.HasPrefix(path, "/pairs/orders/") {
					t.Errorf("%s links to %s", queue[0], path)
				}
			case strings.HasPrefix(path, "/docs/") || strings.HasPrefix(path, "/static/") || strings.HasPrefix(path, "/pairs/"):
				queue = append(queue, path)
			default:
				t.Errorf("%s links to %s", queue[0], path)
			}
			seen[path] = true
		}
	}
	if !seen["/pairs/orders/divergences"] || !seen["/pairs/orders/cutover"] || !seen["/pairs/"] || len(seen) < 30 {
		t.Errorf("only these links were seen: %v", seen)
	}
}

// TestFormsOfAPairComeBackToIt after what they have done.
func TestFormsOfAPairComeBackToIt(t *testing.T) {
	v := visit(t, twoPairs(clean()), "olga")
	page := v.do(http.MethodGet, "/pairs/orders/orders/4711", "", nil).Body.String()
	if !strings.Contains(page, `action="/pairs/orders/orders/4711"`) {
		t.Fatalf("the page has no form of the pair:\n%s", page)
	}
	w := v.send("/pairs/orders/orders/4711", url.Values{"action": {"recheck"}})
	if at := w.Header().Get("Location"); w.Code != http.StatusSeeOther || at != "/pairs/orders/orders/4711" {
		t.Errorf("%d to %q: %s", w.Code, at, w.Body)
	}
	w = v.do(http.MethodGet, "/pairs/orders/orders/?id=12", "", nil)
	if at := w.Header().Get("Location"); at != "/pairs/orders/orders/12" {
		t.Errorf("looking for an order leads to %q", at)
	}
	if w := v.do(http.MethodGet, "/pairs/orders/api/v1/divergences", "", nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "4711") {
		t.Errorf("the API of the pair: %d %s", w.Code, w.Body)
	}
}
