package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/order"
)

// stale is an order whose projection has not got its last event.
func stale(key string) explain.Report {
	return explain.Report{
		OrderID: key, Verdict: compare.Diverged, Hop: order.EventsToProjection, Cause: compare.StaleProjection, Confidence: compare.High, Reason: "the row shows the first 1 of 2 events <b>",
		NextStep: "docs/causes/stale_projection.md says how to confirm and repair it", Fields: []string{"status", "quantity"}, PartsAt: "12",
		Further: []explain.AtHop{{Verdict: compare.Lagging, Hop: order.LegacyToEvents, Cause: compare.LostShadowWrite}},
		Representations: map[order.Representation]map[string]*string{
			order.Legacy: {"status": new("FILLED"), "quantity": new("10")}, order.Events: {"status": new("FILLED"), "quantity": new("10.0")}, order.Projection: {"status": new("OPEN"), "quantity": nil},
			order.Stream: {"status": new("FILLED")},
		},
		Topic:     &explain.TopicRead{Messages: 2, Read: 1234, Reason: "it was not read to its end"},
		ChangedAt: map[order.Representation]time.Time{order.Legacy: now.Add(-2 * time.Hour)},
		Timeline: []explain.Moment{
			{At: now.Add(-3 * time.Hour), Source: "events", Event: "11", What: "OrderCreated", After: map[string]*string{"status": new("OPEN")}},
			{At: now.Add(-2 * time.Hour), Source: "events", Event: "12", ID: "7f", What: "OrderFilled", After: map[string]*string{"status": new("FILLED")}, Parts: true},
			{At: now.Add(-2*time.Hour + 20*time.Millisecond), Source: "audit_log", What: "status to FILLED"},
		},
	}
}

func TestAnOrderIsShownSideBySide(t *testing.T) {
	server := whole(&stored{})
	server.API.Look = func(_ context.Context, key string) (explain.Report, error) { return stale(key), nil }
	page := shows(t, server.Handler(), "/orders/4711", http.StatusOK,
		"<h1 class=\"wrap\">Order 4711</h1>", `<a class="hopname" href="/docs/causes">events->projection</a></span> <a href="/docs/causes/stale_projection">stale_projection</a>`,
		`legacy->events</a></span> <a href="/docs/causes/lost_shadow_write">`, `<a href="/docs/causes/stale_projection">causes/stale_projection</a> says how to confirm`,
		`<td data-label="projection" class="mono off">OPEN</td>`, `<td data-label="events" class="mono">10.0</td>`, `<td data-label="projection" class="mono off">NULL</td>`, "not read completely", "changed 2026-11-23 06:00:00 UTC",
		"2 of 2 fields differ", "they part here", "1h later", `<span class="was">OPEN</span> → FILLED`, "first seen to differ: differs at legacy->projection", "accepted by olga: a test", "the row was last changed", "event 12 7f",
		"2 messages of the order, of 1,234 read from the topic. Not everything was read: it was not read to its end.")
	if strings.Contains(page, "events <b>") && !strings.Contains(get(t, server.Handler(), "/orders/4711").Body.String(), "&lt;b&gt;") {
		t.Error("a reason became markup")
	}
	if before, after := strings.Index(page, "OrderCreated"), strings.Index(page, "first seen to differ"); before < 0 || after < before {
		t.Error("the timeline is not in order")
	}
}

// TestEveryKeyHasItsPage whatever is in it.
func TestEveryKeyHasItsPage(t *testing.T) {
	server := whole(&stored{})
	var asked string
	server.API.Look = func(_ context.Context, key string) (explain.Report, error) { asked = key; return stale(key), nil }
	h := server.Handler()
	for _, key := range []string{"4711", "-5", "a/b", "/", "a b", " ", "ä/ö", "", ".", "..", "../x", "%2F", "a?b#c", "<b>", `"`, "a//b", strings.Repeat("k", 3000), "id=1", "a\nb"} {
		path := orderPath(key)
		if u, err := url.Parse(path); err != nil || u.Path != "/orders/" && !strings.HasPrefix(u.EscapedPath(), "/orders/") {
			t.Errorf("%q has the address %s: %v", key, path, err)
		}
		if w := get(t, h, path); w.Code != http.StatusOK || asked != key {
			t.Errorf("%q at %s: %d, asked for %q", key, path, w.Code, asked)
		}
	}
	for _, key := range []string{"\x00", "\xff"} {
		asked = ""
		shows(t, h, orderPath(key), http.StatusBadRequest, "no order can have this key")
		if asked != "" {
			t.Errorf("asked for %q", asked)
		}
		shows(t, h, "/divergences?field="+url.QueryEscape(key), http.StatusBadRequest, `the parameter "field" is no text`)
	}
	if w := get(t, h, "/orders/?id=a%2Fb"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/orders/a%2Fb" {
		t.Errorf("looking an order up: %d to %s", w.Code, w.Header().Get("Location"))
	}
}

func TestWhatIsWrongWithAnOrderIsOnItsPage(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code int
		want string
	}{
		"a wrong key":   {Refuse(http.StatusBadRequest, errors.New("the key is of type integer")), http.StatusBadRequest, "the key is of type integer"},
		"a database":    {errors.New("dial 10.0.0.7: refused"), http.StatusServiceUnavailable, "A database cannot be read"},
		"no such order": {Refuse(http.StatusNotFound, explain.ErrNoSuchOrder), http.StatusNotFound, "No representation has this order. Check its key"},
	} {
		server := whole(&stored{})
		server.API.Listed = &fake{}
		server.API.Look = func(context.Context, string) (explain.Report, error) { return explain.Report{}, c.err }
		page := shows(t, server.Handler(), "/orders/1", c.code, c.want)
		if strings.Contains(page, "10.0.0.7") {
			t.Errorf("%s: the page quotes an error", name)
		}
	}
	// One that is gone has its history.
	server := whole(&stored{})
	server.API.Look = func(context.Context, string) (explain.Report, error) {
		return explain.Report{}, Refuse(http.StatusNotFound, explain.ErrNoSuchOrder)
	}
	shows(t, server.Handler(), "/orders/1", http.StatusOK, "No representation has this order.", "first seen to differ")
	// Without the ledger the order is looked at, and the page says what is not known.
	server = whole(&stored{err: errors.New("away")})
	server.API.Look = func(_ context.Context, key string) (explain.Report, error) { return stale(key), nil }
	shows(t, server.Handler(), "/orders/1", http.StatusServiceUnavailable, unreadable, "OPEN")
}

// TestADatabaseThatHangsDoesNotHangThePage: it is given up on after a while, and the rest is shown.
func TestADatabaseThatHangsDoesNotHangThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, start := whole(&stored{}), time.Now()
		server.API.Look = func(ctx context.Context, _ string) (explain.Report, error) {
			<-ctx.Done()
			return explain.Report{}, ctx.Err()
		}
		shows(t, server.Handler(), "/orders/1", http.StatusServiceUnavailable, "The databases did not answer within 8s", "first seen to differ")
		if took := time.Since(start); took != readTimeout {
			t.Errorf("took %s", took)
		}
	})
}

func TestViewersOfAnOrderShareALook(t *testing.T) {
	server, looks := whole(&stored{}), 0
	server.API.Look = func(_ context.Context, key string) (explain.Report, error) { looks++; return stale(key), nil }
	h := server.Handler()
	for range 5 {
		shows(t, h, "/orders/1", http.StatusOK)
		shows(t, h, "/orders/2", http.StatusOK)
	}
	if looks != 2 {
		t.Errorf("10 requests for 2 orders looked %d times", looks)
	}
}

func TestALongTimelineKeepsWhereItParts(t *testing.T) {
	r := stale("1")
	for i := range 1000 {
		r.Timeline = append(r.Timeline, explain.Moment{At: now.Add(time.Duration(i) * time.Millisecond), Source: "events", What: "OrderModified"})
	}
	var v orderView
	v.explain(r)
	v.settleTimeline()
	if len(v.Timeline) != shownMoments+1 || !v.Timeline[0].Parts || v.LeftOut != "853 earlier moments are left out: crosscheck explain prints them all." {
		t.Errorf("%d moments, the first %+v; %s", len(v.Timeline), v.Timeline[0], v.LeftOut)
	}
}

func TestWhatPeopleAskedForAnOrder(t *testing.T) {
	for request, want := range map[string]bool{`{"order_id":"7"}`: true, `{"orders":["1","7"],"why":"w","until":"2999-01-01"}`: true, `{"orders":["77"]}`: false, `{"cause":"7"}`: false, `{"orders":7}`: false, `[]`: false} {
		v, ok := changeOf(board.Change{Who: "olga", Action: "accept", Request: json.RawMessage(request)}, "7")
		if ok != want || ok && (v.Outcome != "not known" || v.Who != "olga") {
			t.Errorf("%s: %+v, %v", request, v, ok)
		}
	}
}

func TestSentences(t *testing.T) {
	for text, want := range map[string]string{"": "", "the row is old": "The row is old.", "ä.": "Ä.", "filled_quantity: 1": "filled_quantity: 1.", "status: OPEN": "status: OPEN."} {
		if got := sentence(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
