package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Fingerprint names everything in the configuration that evidence depends on: tables, keys, fields, their
// expressions and tolerances, the grouping, the settle rules and the topic. Secrets, schedules, criteria and the web
// endpoint are not in it, nor is the order of the fields. Evidence of another fingerprint is void.
func (c *Config) Fingerprint() string {
	h := sha256.New()
	add(h, "config", "1") // the version of this list
	for _, side := range []Side{c.Legacy, c.Projection} {
		add(h, "side", side.Table, side.Key, side.ChangedAt)
	}
	fields := slices.Clone(c.Compare.Fields)
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range fields {
		add(h, "field", f.Name, f.Type, exact(f.Tolerance), f.Legacy, f.Projection)
	}
	s := c.Compare.Settle
	add(h, "settle", s.Window.String(), fmt.Sprint(s.Rechecks), s.MaxLag.String())
	add(h, "group_by", c.Compare.GroupBy)
	if c.Stream.Given() {
		add(h, "stream", c.Stream.Topic)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// add writes each part with its length before it, so that no two lists of parts read the same.
func add(h hash.Hash, parts ...string) {
	fmt.Fprintf(h, "%d;", len(parts))
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s;", len(p), p)
	}
}

// exact is the decimal's value as text: 0.50 and 0.5 are the same, nil is 0.
func exact(d *apd.Decimal) string {
	if d == nil {
		return "0"
	}
	var reduced apd.Decimal
	reduced.Reduce(d)
	return reduced.Text('G')
}
