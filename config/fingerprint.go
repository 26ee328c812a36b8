package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Fingerprint names everything in the configuration that evidence depends on: tables, keys, fields, their expressions
// and tolerances, the grouping, and the settle rules. It also covers the event store's table and mapping, the tables of
// legacy's own record, and the topic with its brokers. Secrets, schedules, criteria and the web endpoint are not in it.
// The order of fields, brokers and ignored keys does not matter. Evidence with another fingerprint is void.
func (c *Config) Fingerprint() string {
	h := sha256.New()
	add(h, "config", "1") // the version of this list
	for _, side := range []Side{c.Legacy, c.Projection} {
		add(h, "side", side.Table, side.Key, side.ChangedAt)
	}
	fields := slices.Clone(c.Compare.Fields)
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range fields {
		add(h, "field", f.Name, string(f.Type), exact(f.Tolerance), f.Legacy, f.Projection)
	}
	s := c.Compare.Settle
	add(h, "settle", s.Window.String(), fmt.Sprint(s.Rechecks), s.MaxLag.String())
	add(h, "group_by", c.Compare.GroupBy)
	c.addEvents(h)
	return hex.EncodeToString(h.Sum(nil))
}

// addEvents adds the representations that only some systems have. A system without them keeps its fingerprint.
func (c *Config) addEvents(h hash.Hash) {
	if e := c.Events; e.Given() {
		add(h, "events", e.Table, e.Position, e.Key, e.Type, e.At, e.Payload)
		for _, names := range []struct {
			what string
			own  map[string]string
		}{{"type", e.Types}, {"payload key", e.Keys}} {
			for _, ours := range slices.Sorted(maps.Keys(names.own)) {
				add(h, names.what, ours, names.own[ours])
			}
		}
		add(h, append([]string{"ignore"}, distinct(e.Ignore)...)...)
		if len(e.IgnoreTypes) > 0 {
			add(h, append([]string{"ignore_types"}, distinct(e.IgnoreTypes)...)...)
		}
	}
	if c.History.Given() {
		add(h, "history", c.History.AuditLog, c.History.Trades)
	}
	if c.Stream.Given() {
		// The cluster's own id would be better, but it is not available while the brokers are down, and the gate must
		// answer then.
		add(h, append([]string{"stream", c.Stream.Topic}, distinct(c.Stream.Brokers)...)...)
		if types := c.Stream.IgnoreTypes; len(types) > 0 {
			add(h, append([]string{"stream ignore_types"}, distinct(types)...)...)
		}
	}
}

// distinct returns the different entries of the list, in a fixed order.
func distinct(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

// add writes each part with its length before it, so that two different lists of parts never give the same text.
func add(h hash.Hash, parts ...string) {
	fmt.Fprintf(h, "%d;", len(parts))
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s;", len(p), p)
	}
}

// exact returns the decimal's value as text: 0.50 and 0.5 are the same, nil is 0.
func exact(d *apd.Decimal) string {
	if d == nil {
		return "0"
	}
	var reduced apd.Decimal
	reduced.Reduce(d)
	return reduced.Text('G')
}
