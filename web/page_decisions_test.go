package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/gate"
)

// chained are links of a chain, newest first, of which one was changed.
type chained struct {
	stored
	links []board.Link
	asked int
}

func (c *chained) ListDecisions(_ context.Context, before int64, limit int) (found []board.Link, err error) {
	c.asked++
	for _, l := range c.links {
		if (before == 0 || l.Seq < before) && len(found) < limit {
			found = append(found, l)
		}
	}
	return found, c.err
}

func aChain(length int64) *chained {
	c := &chained{}
	for seq := length; seq > 0; seq-- {
		d := noGo().Decision
		d.Criteria[0].Waiver = &gate.Waiver{Who: "<b>wim</b>", Why: "ticket 7", Until: now}
		text, _ := json.Marshal(d)
		c.links = append(c.links, board.Link{Seq: seq, At: now, Who: "crosscheck run, <i>host</i>", Answer: "NO-GO", Fingerprint: "5f2a9c0d77e1beef", Hash: "cafe0123456789abcdef", Decision: text})
	}
	return c
}

func TestTheChainIsShown(t *testing.T) {
	c := aChain(3)
	c.links[0] = board.Link{Seq: 3, At: now, Who: "anna", Answer: approvalAnswer, Hash: "c", Evidence: json.RawMessage(`{"decision":2,"who":"anna","ticket":"OPS-1","until":"2026-11-22T00:00:00Z"}`)}
	c.links[2].Flaw = "it was changed: its hash is not that of its content"
	server := whole(&c.stored)
	server.API.Logged = c
	h := server.Handler()
	page := shows(t, h, "/decisions", http.StatusOK,
		`<a href="#link-2">decision 2</a>, ticket OPS-1, <span class="quiet">ended 2026-11-22 00:00:00 UTC</span>`, `href="/decisions/2/report"`,
		`<a href="/docs/criteria/open_divergences">open_divergences</a>`, "waived by <b>wim</b>", "advisory", "crosscheck run, <i>host</i>",
		"The chain is broken. Decision 1: it was changed", "crosscheck gate --verify-chain", `<span class="tag good">intact</span>`, `<span class="tag bad">broken</span>`, `<code title="cafe0123456789abcdef">cafe01234567</code>`)
	if strings.Contains(page, "/decisions/3/report") || strings.Contains(page, "?before=") {
		t.Error("an approval has a report, or a short chain has a second page")
	}
	if raw := get(t, h, "/decisions").Body.String(); strings.Contains(raw, "<b>wim") || strings.Contains(raw, "<i>host") {
		t.Error("a text from the ledger is markup")
	}
	if c.asked != 1 {
		t.Errorf("two viewers asked the ledger %d times", c.asked)
	}
}

func TestALongChainHasPages(t *testing.T) {
	c := aChain(shownDecisions + 1)
	server := whole(&c.stored)
	server.API.Logged = c
	h := server.Handler()
	if page := shows(t, h, "/decisions", http.StatusOK, `<a href="/decisions?before=2">Older</a>`); strings.Contains(page, "Newest") {
		t.Error("the newest page leads to itself")
	}
	shows(t, h, "/decisions?before=2", http.StatusOK, `id="link-1"`, `<a href="/decisions">Newest</a>`)
	shows(t, h, "/decisions?before=1", http.StatusOK, "There are no older decisions.")
	shows(t, h, "/decisions?before=x", http.StatusBadRequest, `before must be the number of a decision, found "x"`)
	c.err = errors.New("password=hunter2")
	if page := shows(t, h, "/decisions?before=9", http.StatusServiceUnavailable, "ledger cannot be read"); strings.Contains(page, "hunter2") {
		t.Error("the page says too much")
	}
	c.err = board.ErrNotMigrated
	shows(t, h, "/decisions?before=8", http.StatusOK)
	shows(t, handler(&fake{status: goes()}), "/decisions", http.StatusOK, "No decision is on record yet.", "crosscheck gate")
}

func TestADecisionHasItsReport(t *testing.T) {
	server := whole(&stored{})
	server.API.DecisionReport = func(_ context.Context, l board.Link) (Report, error) {
		d := noGo().Decision
		d.Record = &gate.Record{Seq: l.Seq, Hash: l.Hash}
		return Report{Decision: d, Version: "0.2.0", Limits: []string{"<b>limit</b>"}}, nil
	}
	h := server.Handler()
	w := get(t, h, "/decisions/2/report")
	_, style, _ := strings.Cut(w.Body.String(), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	if policy := w.Header().Get("Content-Security-Policy"); w.Code != http.StatusOK || !strings.Contains(policy, "style-src '"+hashOf(style)+"';") {
		t.Errorf("%d under %q", w.Code, policy)
	}
	if !strings.Contains(w.Body.String(), "decision 2, head of the chain") || strings.Contains(w.Body.String(), "<b>limit") {
		t.Errorf("no report of decision 2:\n%s", w.Body)
	}
	for path, said := range map[string]string{"/decisions/3/report": "3 is an approval", "/decisions/9/report": "there is no decision", "/decisions/x/report": "there is no decision", "/decisions/-1/report": "there is no decision"} {
		if w := get(t, h, path); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), said) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
