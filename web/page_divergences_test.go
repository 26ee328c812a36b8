package web

import (
	"context"
	"errors"
	"html"
	"net/http"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// ListDivergences lists those of the status, whatever the filter is.
func (f *fake) ListDivergences(_ context.Context, _ board.Filter, _ board.Place, limit int) ([]verify.Divergence, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listed != nil {
		return f.listed, f.err
	}
	var out []verify.Divergence
	for _, d := range f.status.Divergences {
		shown := verify.Divergence{FirstSeen: d.FirstSeen, State: verify.DivergenceState(d.State)}
		shown.Mismatch = compare.Mismatch{Key: order.Key(d.OrderID), Kind: compare.Kind(d.Kind), Hop: d.Hop, Cause: compare.Cause(d.Cause)}
		for _, field := range d.Fields {
			shown.Mismatch.Fields = append(shown.Mismatch.Fields, compare.FieldDifference{Name: field.Name, Legacy: valueOf(field.Legacy), Projection: valueOf(field.Projection)})
		}
		out = append(out, shown)
	}
	return out[:min(len(out), limit)], f.err
}

func valueOf(text *string) *order.Value {
	if text == nil {
		return &order.Value{Null: true}
	}
	return &order.Value{Text: *text}
}

// CountDivergences counts as many as the status has.
func (f *fake) CountDivergences(context.Context, board.Filter) (board.Counts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return board.Counts{Groups: []gate.OpenDivergences{{Hop: order.LegacyToProjection, Kind: "differs", Count: f.status.Open}}}, f.err
}

// shows fails if a page is not as wanted.
func shows(t *testing.T, h http.Handler, path string, code int, wants ...string) string {
	t.Helper()
	w := get(t, h, path)
	page := html.UnescapeString(w.Body.String())
	if w.Code != code {
		t.Errorf("%s: %d, want %d", path, w.Code, code)
	}
	for _, want := range wants {
		if !strings.Contains(page, want) {
			t.Errorf("%s does not have %q:\n%s", path, want, page)
		}
	}
	return page
}

// TestTheFilterOfThePageIsThatOfTheAPI: its parameters, its errors and its pages.
func TestTheFilterOfThePageIsThatOfTheAPI(t *testing.T) {
	s := &stored{}
	h := whole(s).Handler()
	page := shows(t, h, "/divergences?state=accepted&hop=legacy-%3Eprojection&cause=none&field=status&min_age=1h&limit=1", http.StatusOK,
		"5 accepted divergences, 1 on this page, the oldest first", `<option value="1h" selected>`, `<option value="status" selected>`, `<a href="/orders/4711">4711</a>`,
		"by olga until", "a test", "overfill (audit, legacy)", `aria-current="true"`)
	if s.filter.Field != "status" || s.filter.Cause != board.NoCause || s.filter.State != verify.Accepted || s.filter.Before.IsZero() {
		t.Errorf("the filter is %+v", s.filter)
	}
	if !strings.Contains(page, "&cursor=") {
		t.Error("there is no next page")
	}
	// What is counted leads to it, what is chosen already can be taken back, and a list begins anew.
	shows(t, h, "/divergences?state=accepted&hop=legacy-%3Eprojection&cursor="+cursorOf(board.Place{FirstSeen: now, ID: 3}), http.StatusOK,
		`href="/divergences?field=status&hop=legacy->projection&state=accepted"`[:32], `href="/divergences?state=accepted" aria-label="any Hop">any</a>`, ">First page</a>")
	for query, want := range map[string]string{
		"hop=a": "hop must be one of", "min_age=x": "min_age must be a duration", "colour=red": `unknown parameter "colour"`, "state=odd": "state must be", "cursor=!": "the cursor is none", "limit=0": "limit must be",
	} {
		shows(t, h, "/divergences?"+query, http.StatusBadRequest, want, "<h1>Divergences</h1>")
	}
	s.err = errors.New("password=hunter2")
	if page := shows(t, h, "/divergences?field=other", http.StatusServiceUnavailable, unreadable); strings.Contains(page, "hunter2") {
		t.Error("the page quotes an error")
	}
}

func TestNothingFoundSaysSo(t *testing.T) {
	h := handler(&fake{status: goes()})
	shows(t, h, "/divergences", http.StatusOK, "No divergence is open.", "0 open divergences")
	shows(t, h, "/divergences?cause=direct_edit", http.StatusOK, "Nothing matches this filter.", `<a href="/divergences">Clear</a>`)
	shows(t, h, "/divergences?state=all", http.StatusOK, "No divergence has been found under this configuration.")
}
