package config_test

import (
	"strings"
	"testing"
)

// TestAuditsNeedARecordAndEvents: a criterion that can never be judged is warned of; one that is off is not.
func TestAuditsNeedARecordAndEvents(t *testing.T) {
	const sides = `
legacy: {dsn: "postgres://a/b"}
projection: {dsn: "postgres://a/b"}
ledger: {dsn: "postgres://a/b"}
compare: {fields: [{name: status, type: text}]}
gate: {criteria: {history_accuracy: `
	const warning = "config.yaml:6:37: gate.criteria.history_accuracy: there can be no audit without the sections events and history"
	for _, test := range []struct{ text, want string }{
		{"{}}}", warning},
		{"{max_error_rate: 0.003}}}\nhistory: {}", warning},
		{"{enabled: false}}}", ""},
		{"{}}}\nevents: {dsn: \"postgres://a/b\"}", warning},
		{"{min_evidence: 0, max_error_rate: 0}}}\nhistory: {}\nevents: {dsn: \"postgres://a/b\"}", ""},
	} {
		text, want := test.text, test.want
		c, err := parse(t, sides+text)
		switch {
		case err != nil:
			t.Errorf("%s: %v", text, err)
		case want == "" && len(c.Warnings()) > 0 || want != "" && (len(c.Warnings()) != 1 || !strings.HasPrefix(c.Warnings()[0].Error(), want)):
			t.Errorf("%s: %v, want %q", text, c.Warnings(), want)
		}
	}
	for text, want := range map[string]string{
		"{min: 1.0}}}":                     `gate.criteria.history_accuracy.min: unknown key`,
		"{max_error_rate: 1}}}":            "must be at least 0 and below 1",
		"{min_linkage: 0}}}":               "must be above 0 and at most 1",
		"{max_age: 0s, min_coverage: 2}}}": "must be 1s or more",
	} {
		if _, err := parse(t, sides+text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
