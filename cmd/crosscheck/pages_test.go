package main

import (
	"testing"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/order"
)

func TestNamesOfPagesAreAddressesWhereOneIsKnown(t *testing.T) {
	const said = "see docs/causes/lost_publish.md, docs/runbooks/CrosscheckGateFlipped.md and docs/gate.md; not mydocs/gate.md or docs/x.yaml"
	for docs, want := range map[string]string{
		"":               said,
		"https://x/docs": "see https://x/docs/causes/lost_publish, https://x/docs/runbooks/CrosscheckGateFlipped and https://x/docs/gate; not mydocs/gate.md or docs/x.yaml",
	} {
		if got := withPages(said, docs); got != want {
			t.Errorf("%q: %s", docs, got)
		}
	}
	d := gate.Decision{Fingerprint: "f", Criteria: []gate.Result{{Name: "counts", Verdict: gate.Passes}, {Name: "coverage", Verdict: gate.Fails}}}
	if got := criteriaPages(d, "https://x/docs"); got != "\nAbout what does not pass:\n  https://x/docs/criteria/coverage\n" {
		t.Error(got)
	}
	if d.Criteria = d.Criteria[:1]; criteriaPages(d, "https://x/docs") != "" {
		t.Error("what passes has a page to read")
	}
	for from, want := range map[string]string{"https://alice:secret@x:8080/": "https://x:8080/docs", "http://127.0.0.1:8080": "http://127.0.0.1:8080/docs", "%": ""} {
		if got := docsAt(from); got != want {
			t.Errorf("%s: %s", from, got)
		}
	}
	c := &config.Config{}
	if orderPage(c, "1") != "" || c.DocsURL() != "" {
		t.Error("pages without an address")
	}
	c.Web.URL = "https://x/"
	if got := orderPage(c, order.Key("a/b c")); got != "https://x/orders/a%2Fb%20c" || c.DocsURL() != "https://x/docs" {
		t.Errorf("%s, %s", got, c.DocsURL())
	}
	if c.Docs.URL = "https://docs.example.com/"; c.DocsURL() != "https://docs.example.com" {
		t.Error(c.DocsURL())
	}
}
