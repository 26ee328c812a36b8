package main

import (
	"fmt"
	"net/http"
	"strings"
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

// hashed is the bcrypt hash of the password "secret", at the lowest cost.
const hashed = `"$2a$04$Zoxf1lHc28Q093pVGEbVNuUFgS4yYYpFwKzXhI.PvUMwetG0wxcPe"`

// TestThePagesInABrowser looks at a sidecar as people do: they log in, the decision turns while they watch, links lead on, who has the
// role accepts, and each page can be read and used by everybody.
func TestThePagesInABrowser(t *testing.T) {
	t.Parallel()
	address, users := freeAddress(t), writeConfig(t, "web", `basic_auth_users: {`+"olga: "+hashed+", vera: "+hashed+"}")
	s := newCutLab(t, lab.Options{}, 30*time.Second, `
history: {audit_log: public.audit_log, trades: public.trades}
sampler: {schedule: "0 0 31 12 *", full: "*/5 * * * * *"}
web: {listen: "`+address+`", auth: "`+users+`", roles: {olga: operator}}`)
	s.does(exitAgrees, "cutover", "rehearse")
	s.rest()
	sidecar := &sidecarProcess{start(t, "run", "--config", s.file), "http://olga:secret@" + address}
	sidecar.shows("/api/status", http.StatusOK, `"pass":"full","state":"done","verdict":"match"`)
	anyone := browsertest.Start(t, "http://"+address)
	page := anyone.As(t, "olga", "secret").Open(t, "/")
	page.Eventually(`document.querySelector("#decision h1").innerText !== "NO-GO"`)
	if size := browsertest.Value[float64](page, `parseFloat(getComputedStyle(document.querySelector("#decision h1")).fontSize)`); size < 40 {
		t.Errorf("the decision is written in %g px", size)
	}
	page.Shots("clean")
	page.Look(browsertest.Desk, browsertest.Light)
	browsertest.Value[bool](page, `window.neverReloaded = true`)
	planted, err := s.Plant(deadline(t), "swapped_status", 2)
	if err != nil {
		t.Fatal(err)
	}
	page.Eventually(`document.querySelector("#decision h1").innerText === "NO-GO" && document.querySelector("#chip").innerText === "NO-GO" && document.title.startsWith("NO-GO")`)
	page.Eventually(`document.querySelector("#flow a .tag.bad") !== null`)
	page.Eventually(`document.querySelector("#announced[role=status]").innerText === "The decision is now NO-GO."`)
	if !browsertest.Value[bool](page, `window.neverReloaded === true`) {
		t.Error("the page was loaded again")
	}
	page.Click(`#flow a:has(.tag.bad)`)
	page.Eventually(`document.querySelectorAll("#list tbody tr").length === 2`)
	accepted, order := fmt.Sprintf("/orders/%d", planted[0].OrderID), fmt.Sprintf("/orders/%d", planted[1].OrderID)
	page.Click(fmt.Sprintf("#list a[href=%q]", accepted))
	page.Type(`#answer textarea`, "a test order")
	page.Click(`#answer button[value="accept"]`)
	page.Eventually(`document.querySelector("main [role=status]").innerText.startsWith("Accepted 1 divergence at events->projection, until ")`)
	page.Eventually(`document.querySelector("#changes tbody tr").innerText.match(/^olga\s+accept until \S+\s+a test order\s+done/) !== null`)
	page.Eventually(`document.querySelector("#sightings").innerText.includes("by olga on")`)
	page.Click(`main a[href^="/docs/causes/"]`)
	page.Eventually(`document.querySelector("article h1") !== null`)
	page.Quiet()

	page.Go("/cutover")
	page.Eventually(`document.querySelectorAll("#guardrails li.good").length > 3 && document.querySelectorAll("#run tbody tr").length > 5`)
	page.Click(`#runs a[href^="/cutover/report"]`)
	page.Quiet()
	page.Go("/decisions")
	page.Eventually(`document.querySelectorAll("#list .tag.good").length > 0 && document.querySelectorAll("#broken").length === 0`)
	page.Click(`#list tbody tr:first-child a[href$="/report"]`)
	page.Quiet()

	viewer := anyone.As(t, "vera", "secret").Open(t, order)
	if said := browsertest.Value[string](viewer, `document.querySelector("#answer").innerText`); !strings.Contains(said, "The user vera has the role viewer") {
		t.Errorf("a viewer reads %q", said)
	}
	if forms := browsertest.Value[int](viewer, `document.querySelectorAll("form[method=post]").length`); forms > 0 {
		t.Errorf("a viewer has %d forms", forms)
	}
	viewer.Quiet()
	if status := browsertest.Value[int](viewer, `fetch(location.href, {method: "POST", body: new URLSearchParams("action=recheck")}).then((answer) => answer.status)`); status != http.StatusForbidden {
		t.Errorf("a viewer who posts a form has status %d", status)
	}

	for _, of := range append(lookedAt, looked{"order", order, fmt.Sprint("Order ", planted[1].OrderID)}) {
		t.Run(of.name, func(t *testing.T) {
			page := page.In(t)
			page.Go(of.path)
			everybodyCanUse(page, of)
		})
	}
	sidecar.drains()
	t.Run("pairs", func(t *testing.T) { pagesOfPairs(t, anyone, users) })
}

// everybodyCanUse checks the page that is open in each look.
func everybodyCanUse(page *browsertest.Page, of looked) {
	page.Look(browsertest.Desk, browsertest.Light)
	page.Shows(of.heading)
	page.FitsTheWindow()
	page.UsableByKeyboard()
	page.Accessible()
	page.Look(browsertest.Phone, browsertest.Dark)
	page.FitsTheWindow()
	page.Accessible("color-contrast", "target-size", "scrollable-region-focusable")
	page.Shots(of.name)
	page.Quiet()
}
