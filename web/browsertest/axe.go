package browsertest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// The version of axe-core and the checksum of its file, which scripts/browser reads too.
const (
	axeVersion = "4.14.1"
	axeSum     = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
)

func axeSource(t testing.TB) string {
	t.Helper()
	file := os.Getenv("CROSSCHECK_AXE")
	if file == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		file = filepath.Join(cache, "crosscheck-lab", "axe-"+axeVersion+".js")
	}
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("axe-core is not on this machine, scripts/browser gets it: %v", err)
	}
	if sum := sha256.Sum256(source); hex.EncodeToString(sum[:]) != axeSum {
		t.Fatalf("%s is not axe-core %s", file, axeVersion)
	}
	return string(source)
}

// Accessible lets axe-core look at the page as it is now. Without rules it has all of them that are about WCAG 2.2 A and AA, and
// its best practices.
func (p *Page) Accessible(rules ...string) {
	p.t.Helper()
	only := `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`
	if len(rules) > 0 {
		only = fmt.Sprintf(`{type: "rule", values: %s}`, quoted(rules))
	}
	if !Value[bool](p, `typeof axe === "object"`) {
		Value[chromedp.Void](p, p.browser.axe)
	}
	type violation struct {
		ID, Help string
		Nodes    []struct{ HTML, FailureSummary string }
	}
	violations := Value[[]violation](p, `axe.run(document, {resultTypes: ["violations"], runOnly: `+only+`}).then((found) => found.violations
		.map((v) => ({ID: v.id, Help: v.help, Nodes: v.nodes.map((n) => ({HTML: n.html, FailureSummary: n.failureSummary}))})))`)
	for _, v := range violations {
		for _, n := range v.Nodes {
			p.t.Errorf("%s, %s: axe-core says %s (%s): %.300s\n%s", p.path, p.look, v.ID, v.Help, n.HTML, n.FailureSummary)
		}
	}
}
