package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/web/browsertest"
)

// looked is a page as somebody opens it, and the heading that they see.
type looked struct{ name, path, heading string }

var lookedAt = []looked{
	{"overview", "/", "NO-GO"},
	{"divergences", "/divergences", "Divergences"},
	{"passes", "/passes", "Passes"},
	{"audit", "/audit", "Audit"},
	{"decisions", "/decisions", "Decisions"},
	{"cutover", "/cutover", "Cutover"},
	{"docs", "/docs/", "Docs"},
	{"doc", "/docs/causes/stale_projection", "stale_projection"},
}

// TestThePagesInABrowser looks at a sidecar as people do: the decision turns while they watch, links lead on, and each page can be
// read and used by everybody.
func TestThePagesInABrowser(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	s := newCutLab(t, lab.Options{}, 30*time.Second, `
history: {audit_log: public.audit_log, trades: public.trades}
sampler: {schedule: "0 0 31 12 *", full: "*/5 * * * * *"}
web: {listen: "`+address+`"}`)
	s.does(exitAgrees, "cutover", "rehearse")
	s.rest()
	sidecar := &sidecarProcess{start(t, "run", "--config", s.file), "http://" + address}
	sidecar.shows("/api/status", http.StatusOK, `"pass":"full","state":"done","verdict":"match"`)
	browser := browsertest.Start(t, sidecar.url)

	page := browser.Open(t, "/")
	page.Eventually(`document.querySelector("#decision h1").innerText !== "NO-GO"`)
	if size := browsertest.Value[float64](page, `parseFloat(getComputedStyle(document.querySelector("#decision h1")).fontSize)`); size < 40 {
		t.Errorf("the decision is written in %g px", size)
	}
	page.Shot("clean")
	browsertest.Value[bool](page, `window.neverReloaded = true`)
	planted, err := s.Plant(deadline(t), "swapped_status", 2)
	if err != nil {
		t.Fatal(err)
	}
	page.Eventually(`document.querySelector("#decision h1").innerText === "NO-GO" && document.querySelector("#chip").innerText === "NO-GO" && document.title.startsWith("NO-GO")`)
	page.Eventually(`document.querySelector("#flow a .tag.bad") !== null`)
	if !browsertest.Value[bool](page, `window.neverReloaded === true`) {
		t.Error("the page was loaded again")
	}
	page.Click(`#flow a:has(.tag.bad)`)
	page.Eventually(`document.querySelectorAll("#list tbody tr").length === 2`)
	order := fmt.Sprintf("/orders/%d", planted[0].OrderID)
	page.Click(fmt.Sprintf("#list a[href=%q]", order))
	page.Eventually(`document.querySelectorAll("main table").length > 0`)
	page.Click(`main a[href^="/docs/causes/"]`)
	page.Eventually(`document.querySelector("article h1") !== null`)
	page.Quiet()

	page = browser.Open(t, "/cutover")
	page.Eventually(`document.querySelectorAll("#guardrails li.good").length > 3 && document.querySelectorAll("#run tbody tr").length > 5`)
	page.Click(`#runs a[href^="/cutover/report"]`)
	page.Quiet()
	page = browser.Open(t, "/decisions")
	page.Eventually(`document.querySelectorAll("#list .tag.good").length > 0 && document.querySelectorAll("#broken").length === 0`)
	page.Click(`#list tbody tr:first-child a[href$="/report"]`)
	page.Quiet()

	for _, of := range append(lookedAt, looked{"order", order, fmt.Sprint("Order ", planted[0].OrderID)}) {
		t.Run(of.name, func(t *testing.T) {
			page := browser.Open(t, of.path)
			if got := browsertest.Value[string](page, `document.querySelector("h1").innerText`); got != of.heading {
				t.Errorf("heading %q, want %q", got, of.heading)
			}
			page.FitsTheWindow()
			page.Accessible()
			page.UsableByKeyboard()
			page.Shot(of.name)
			page.Look(browsertest.Desk, browsertest.Dark)
			page.Accessible("color-contrast")
			page.Shot(of.name)
			page.Look(browsertest.Phone, browsertest.Dark)
			page.FitsTheWindow()
			page.Shot(of.name)
			page.Look(browsertest.Phone, browsertest.Light)
			page.Accessible("color-contrast", "target-size", "scrollable-region-focusable")
			page.Shot(of.name)
			page.Quiet()
		})
	}
	sidecar.drains()
}
