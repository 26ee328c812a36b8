package ledger

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// TestMismatchesAreReadAsByTheLibrary: the fast reading says the same as encoding/json, or that it does not understand.
func TestMismatchesAreReadAsByTheLibrary(t *testing.T) {
	value := func(s string) *order.Value { return &order.Value{Text: s} }
	null := order.Null
	for i, m := range []compare.Mismatch{
		{},
		{Kind: compare.Missing, Hop: order.LegacyToProjection, LegacyCopies: 1},
		{Kind: compare.Duplicate, Cause: "a cause", LegacyCopies: 12, ProjectionCopies: 3},
		{Kind: compare.Differs, Fields: []compare.FieldDifference{{Name: "a", Legacy: value("1.0"), Projection: &null}, {Name: "b", Events: value("")}}},
		{Kind: compare.Differs, Fields: []compare.FieldDifference{{Name: "null", Legacy: value("null"), Events: value(`"`), Projection: value(`\`)}}},
		{Kind: compare.Differs, Fields: []compare.FieldDifference{{Name: "é", Legacy: value("日本\u2028<&>"), Projection: value("},{ : [ ")}}},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			text := encodeMismatches([]compare.Mismatch{m, m})
			m.Key = "7"
			var indented json.RawMessage
			if err := json.Unmarshal([]byte(text), &indented); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			for _, form := range []string{text, " " + text + " "} {
				found, err := decodeMismatches("7", []byte(form))
				if diff := cmp.Diff([]compare.Mismatch{m, m}, found); err != nil || diff != "" {
					t.Errorf("%s: %v %s", form, err, diff)
				}
			}
		})
	}
	for _, odd := range []string{"", "[", "[{]", `[{"kind": 1}]`, `[{"legacy_copies": -1}]`, `[{"kind": "a"} {"kind": "b"}]`, `[{"kind": "a"`, `[] []`, `[{"fields": null}]`, `[{"later": 1}]`} {
		if _, ok := readMismatches("7", []byte(odd)); ok {
			t.Errorf("%s was understood", odd)
		}
	}
}
