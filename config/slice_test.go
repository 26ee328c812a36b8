package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/config"
)

// cutBySlice is a configuration with a cutover, whose section is to be completed.
func cutBySlice(fence, slice string) string {
	return `
legacy: {dsn: "postgres://l", where: "region = 'EU' -- only"}
projection: {dsn: "postgres://p"}
events: {dsn: "postgres://p"}
ledger: {dsn: "postgres://p"}
compare: {fields: [{name: status, type: text}]}
cutover:
  name: a
  fence: {dsn: "postgres://l"` + fence + `}
  switch: {reads: {exec: {do: [a], undo: [a], check: [a]}}, writes: {exec: {do: [a], undo: [a], check: [a]}}}
` + slice
}

func TestASliceRestrictsAllSides(t *testing.T) {
	c, err := config.Parse("c.yaml", []byte(cutBySlice(`, slice: 'a "b'`, `  slice: {events: "t.payload->>'symbol'"}`)), nothing)
	if err != nil {
		t.Fatal(err)
	}
	value, err := c.SliceValue(`a "b=O'Brien \ =`)
	if err != nil || value != `O'Brien \ =` || c.SliceName(value) != `a "b=O'Brien \ =` {
		t.Fatalf("%q, %v", value, err)
	}
	only, rest := c.Only(value), c.Without([]string{"B", "A"})
	const is = ` = E'O''Brien \\ ='`
	for _, each := range [][2]string{
		{only.Legacy.Where, "(\nregion = 'EU' -- only\n) AND coalesce((\n\"a \"\"b\"\n)::text, '')" + is},
		{only.Projection.Where, "coalesce((\n\"a \"\"b\"\n)::text, '')" + is},
		{only.Events.Where, "coalesce((\nt.payload->>'symbol'\n)::text, '')" + is},
		{rest.Events.Where, "coalesce((\nt.payload->>'symbol'\n)::text, '') NOT IN ('A', 'B')"},
		{c.OfLegacy(""), "coalesce((\n\"a \"\"b\"\n)::text, '') = ''"},
		{c.MayBeOfOthers([]string{"A", value}), "((\nt.payload->>'symbol'\n)::text IN ('A', E'O''Brien \\\\ =')) IS NOT TRUE"},
		{c.OfOtherProjections([]string{"A"}), "coalesce((\n\"a \"\"b\"\n)::text, '') NOT IN ('A')"},
		{c.MayBeOf("A"), "coalesce((\nt.payload->>'symbol'\n)::text, 'A') = 'A'"},
	} {
		if each[0] != each[1] {
			t.Errorf("%s\nand not\n%s", each[0], each[1])
		}
	}
	if c.Without(nil) != c || c.Fingerprint() == only.Fingerprint() || only.Fingerprint() == rest.Fingerprint() || rest.Fingerprint() != c.Without([]string{"A", "B"}).Fingerprint() {
		t.Error("evidence of one part of the orders counts for another")
	}
	if c.ApprovalOf("") != c.Cutover.Digest() || c.ApprovalOf("a=1") == c.ApprovalOf("a=2") || c.ApprovalOf("a=1") == c.Cutover.Digest() {
		t.Error("an approval of one slice is one of another")
	}
}

func TestMistakesInSlices(t *testing.T) {
	for _, each := range []struct {
		fence, slice, text string
		want               error
	}{
		{"", "", "symbol=A", config.ErrNoSlices},
		{", slice: symbol", "", "symbol=A", config.ErrSliceless},
		{", slice: symbol", "", "A", config.ErrSlice},
		{", slice: symbol", "", "", config.ErrSlice},
		{", slice: symbol", "", "symbol=\x00", config.ErrSlice},
	} {
		c, err := config.Parse("c.yaml", []byte(cutBySlice(each.fence, each.slice)), nothing)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.SliceValue(each.text); !errors.Is(err, each.want) {
			t.Errorf("%q: %v, want %v", each.text, err, each.want)
		}
	}
	for _, each := range [][3]string{
		{"", "  slice: {events: a}", "cutover.slice: needs cutover.fence.slice"},
		{", slice: symbol", "  slice: {events: \"a) OR (true\"}", "cutover.slice.events: closes a parenthesis"},
		{", slice: symbol", "  slice: {legacy: a}", "cutover.slice.legacy: unknown key"},
		{", slice: 'a=b'", "", "cutover.fence.slice: must be a column without ="},
	} {
		if _, err := config.Parse("c.yaml", []byte(cutBySlice(each[0], each[1])), nothing); err == nil || !strings.Contains(err.Error(), each[2]) {
			t.Errorf("%s%s: %v, want %s", each[0], each[1], err, each[2])
		}
	}
}

func nothing(string) (string, bool) { return "", false }
