package config_test

import (
	"fmt"
	"strings"
	"testing"
)

const sliced = `legacy: {dsn: "postgres://x"%s}
projection: {dsn: "postgres://x"%s}
ledger: {dsn: "postgres://x"}
compare: {fields: [{name: status, type: text}]}
events: {dsn: "postgres://x"%s}
`

// TestASliceIsReadAndEvidenceDependsOnIt, on each representation by itself.
func TestASliceIsReadAndEvidenceDependsOnIt(t *testing.T) {
	const where = `, where: "trader = '${T7}' -- mine"`
	known := map[string]bool{}
	for _, at := range [][3]any{{"", "", ""}, {where, "", ""}, {"", where, ""}, {"", "", where}, {where, where, where}} {
		c, err := parse(t, fmt.Sprintf(sliced, at[0], at[1], at[2]))
		if err != nil || known[c.Fingerprint()] {
			t.Fatalf("%v: %v", at, err)
		}
		known[c.Fingerprint()] = true
		if at[0] != "" && c.Legacy.Where != "trader = '${T7}' -- mine" || (at[1] != "") != (c.Projection.Where != "") {
			t.Errorf("%v is read as %q and %q", at, c.Legacy.Where, c.Projection.Where)
		}
	}
}

// TestASliceOfSomeRepresentationsOnlyIsWarnedOf, if the other may have more rows.
func TestASliceOfSomeRepresentationsOnlyIsWarnedOf(t *testing.T) {
	const where = `, where: a = 1`
	for _, test := range []struct{ legacy, projection, events, want string }{
		{"", "", "", ""},
		{where, where, where, ""},
		{"", "", where, ""}, // a category of events
		{where, "", where, "config.yaml:2:13: projection: has no where, and legacy.where restricts"},
		{"", where, "", "config.yaml:1:9: legacy: has no where, and projection.where restricts | config.yaml:5:9: events: has no where"},
		{where, `, table: "(select * from o where a = 1)"`, where, ""},
	} {
		c, err := parse(t, fmt.Sprintf(sliced, test.legacy, test.projection, test.events))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range c.Warnings() {
			got = append(got, w.Error())
		}
		wants := strings.Split(test.want, " | ")
		if test.want == "" {
			wants = nil
		}
		if len(got) != len(wants) {
			t.Errorf("%+v: %q", test, got)
			continue
		}
		for i, want := range wants {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%+v: %q", test, got[i])
			}
		}
	}
}

// TestAConditionEndsWhereItsTextEnds: what would end it, or the statement around it, is refused with its place.
func TestAConditionEndsWhereItsTextEnds(t *testing.T) {
	for where, want := range map[string]string{
		"a = 1": "", "(a = 1) and (b = ')' or c = \"x;)\")": "", "a = 1 -- b;": "", "a = $$;)$$ /* ( */": "", "a = e'\\')' and b": "", "a = 'it''s'": "", "a = $x$ $$ ( $x$": "",
		"a = 1;":           "has a semicolon",
		"a = 1; drop x":    "has a semicolon",
		"a = 1) or (b = 2": "closes a parenthesis",
		"(a = 1":           "does not close a parenthesis",
		"a = 'x":           "does not close a quote",
		"a = \"x":          "does not close a quote",
		"a = 1 /* b":       "does not end what /* begins",
		"a = $x$ b":        "does not end what $x$ begins",
	} {
		text := strings.Replace(sliced, `legacy: {dsn: "postgres://x"%s}`, "legacy:\n  dsn: postgres://x\n  where: |-\n    "+where, 1)
		c, err := parse(t, strings.ReplaceAll(text, "%s", ""))
		switch {
		case want == "" && (err != nil || c.Legacy.Where != where):
			t.Errorf("%s: %v", where, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), "config.yaml:3:10: legacy.where: "+want)):
			t.Errorf("%s: %v", where, err)
		}
	}
}

// TestAConditionThatTheDatabaseRefusesHasItsPlace.
func TestAConditionThatTheDatabaseRefusesHasItsPlace(t *testing.T) {
	c, err := parse(t, fmt.Sprintf(sliced, `, where: b`, `, where: b`, `, where: b`))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Misplaced("projection.where", "projection.where b is integer, not a condition", "", nil); got == nil ||
		got.Error() != "config.yaml:2:42: projection.where: b is integer, not a condition" {
		t.Errorf("%v", got)
	}
	if got := c.Misplaced("nowhere.where", "x", "", nil); got != nil {
		t.Errorf("%v", got)
	}
}
