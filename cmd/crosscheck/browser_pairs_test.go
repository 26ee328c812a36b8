package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/web/browsertest"
)

// pagesOfPairs looks at a sidecar of two pairs of tables, in the browser that is there: from the page of all pairs to the pair that has a fault,
// to what differs in it, and back, with every link within the pair.
func pagesOfPairs(t *testing.T, anyone *browsertest.Browser, users string) {
	address := freeAddress(t)
	config, _, _ := ofTwoPairs(t, address, `, auth: "`+users+`", roles: {olga: operator}`)
	sidecar := &sidecarProcess{start(t, "run", "--config", config), "http://olga:secret@" + address}
	sidecar.shows("/", http.StatusOK, "1 of 2 pairs of tables is NO-GO.")
	page := anyone.At(t, "http://"+address).As(t, "olga", "secret").Open(t, "/")
	everybodyCanUse(page, looked{name: "pairs", heading: "NO-GO"})
	page.Look(browsertest.Desk, browsertest.Light)
	if rows := browsertest.Value[string](page, `document.querySelector("#pairs tbody").innerText`); strings.Count(rows, "NO-GO") != 1 || strings.Count(rows, "positions") != 1 {
		t.Errorf("the pairs are\n%s", rows)
	}

	page.Click(`#pairs a[href="/pairs/positions/"]`)
	page.Shows("NO-GO")
	page.Accessible()
	page.Shots("pair")
	page.Look(browsertest.Phone, browsertest.Light)
	page.FitsTheWindow()
	within := []string{"/pairs/positions/", "/pairs/", "/docs/", "/metrics"}
	page.LeadsWithin(within...)
	page.Look(browsertest.Desk, browsertest.Light)
	page.Click(`#flow a:has(.tag.bad)`)
	everybodyCanUse(page, looked{name: "pair-divergences", heading: "Divergences"})
	page.LeadsWithin(within...)

	page.Look(browsertest.Desk, browsertest.Light)
	browsertest.Value[bool](page, `(document.querySelector("#list input[name=ticks]").click(), true)`)
	page.Type(`#answer textarea`, "a test position")
	page.Click(`#answer button[value="accept"]`)
	page.Eventually(`document.querySelector("main [role=status]").innerText.startsWith("Accepted 1 divergence at legacy->projection, until ")`)
	if at := page.Path(); !strings.HasPrefix(at, "/pairs/positions/divergences") {
		t.Errorf("the form leads to %s", at)
	}
	page.Go("/pairs/positions/orders/7")
	page.Eventually(`document.querySelector("#sightings").innerText.includes("by olga on")`)
	page.LeadsWithin(within...)
	page.Quiet()
	page.Click(`nav a[href="/pairs/"]`)
	page.Eventually(`document.querySelector("#pairs tbody tr:nth-child(2)").innerText.match(/positions[^]*\s0\s+1\s/) !== null`)
	page.Quiet()
	sidecar.drains()
}
