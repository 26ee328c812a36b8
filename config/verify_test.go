package config_test

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/config"
)

// TestMaxSnapshot has values that no range of keys can keep, and a setting that is not used beside it.
func TestMaxSnapshot(t *testing.T) {
	const minimal = `
legacy: {dsn: "postgres://a/b"}
projection: {dsn: "postgres://a/b"}
ledger: {dsn: "postgres://a/b"}
compare: {fields: [{name: status, type: text}]}
verify: `
	for text, want := range map[string]string{
		"{max_snapshot: 50ms}":               "must be 0s or at least 100ms",
		"{max_snapshot: -1s}":                "must be 0s or more",
		"{max_snapshot: 30}":                 "must be a duration with a unit",
		"{max_snapshot: 30s}":                "",
		"{max_snapshot: 30s, shared: true}":  "",
		"{shared: false}":                    "",
		"{shared: true}":                     "needs verify.max_snapshot",
		"{max_snapshot: 0s, shared: true}":   "needs verify.max_snapshot",
		"{max_snapshot: 30s, shared: 1}":     "must be true or false",
		"{max_snapshot: 0s, connections: 2}": "",
	} {
		c, err := config.Parse("config.yaml", []byte(minimal+text), func(string) (string, bool) { return "", false })
		if want == "" && (err != nil || len(c.Warnings()) > 0) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
	c, err := config.Parse("config.yaml", []byte(minimal+"{max_snapshot: 30s, connections: 2}"), func(string) (string, bool) { return "", false })
	if err != nil || len(c.Warnings()) != 1 || !strings.Contains(c.Warnings()[0].Message, "is not used with max_snapshot") {
		t.Errorf("%v, %v", err, c.Warnings())
	}
}
