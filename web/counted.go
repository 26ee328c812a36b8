package web

import (
	"fmt"
	"strings"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/verify"
)

// # What a pass counts
//
// Most passes count orders, but not all do, so a number of a pass is shown with the name of what it counts.

// comparedOf says how much a pass compared.
func comparedOf(p Pass) string {
	if verify.PassKind(p.Pass) == verify.Frozen {
		return human.Quantity(p.Compared, "row", "rows")
	}
	return human.Quantity(p.Compared, "order", "orders")
}

// foundWords are those of passes that find something else than diverged orders: for one, and for more. A pass without words says itself what
// it found.
var foundWords = map[verify.PassKind][2]string{
	verify.Reads:  {"answer differs.", "answers differ."},
	verify.Audit:  {"order has findings.", "orders have findings."},
	verify.Frozen: {},
}

// foundBy says in a sentence what a pass found; empty if that is nothing, or if its reason says so.
func foundBy(p Pass) string {
	words, known := foundWords[verify.PassKind(p.Pass)]
	if !known {
		words = [2]string{"order diverged.", "orders diverged."}
	}
	if p.Diverged == 0 || words[0] == "" || strings.HasPrefix(p.Reason, fmt.Sprintf("%d ", p.Diverged)) { // the reason says it
		return ""
	}
	return human.Quantity(p.Diverged, words[0], words[1])
}

// unitOf names what a stage of a running pass counts; empty where it differs.
func unitOf(stage string) string {
	return map[string]string{"reads": " questions", "audit": " orders", "changed orders": " orders", "settle": " suspects"}[stage]
}
