package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/gate"
)

// Fingerprint names everything in the configuration that evidence depends on: tables, keys, fields, their expressions
// and tolerances, the grouping, and the settle rules. It also covers the event store's table and mapping, the tables of
// legacy's own record, and the topic with its brokers. Secrets, schedules, criteria and the web endpoint are not in it.
// The order of fields, brokers and ignored keys does not matter. Evidence with another fingerprint is void.
func (c *Config) Fingerprint() string {
	text, _ := c.Basis()
	return text
}

// Basis returns the fingerprint and the parts that it is made of.
func (c *Config) Basis() (fingerprint string, parts []gate.Part) {
	h := &summed{Hash: sha256.New()}
	h.add("config.yaml", "config", "1") // the version of this list
	h.add("legacy", "side", c.Legacy.Table, c.Legacy.Key, c.Legacy.ChangedAt)
	h.add("projection", "side", c.Projection.Table, c.Projection.Key, c.Projection.ChangedAt)
	for _, slice := range [][2]string{{"legacy", c.Legacy.Where}, {"projection", c.Projection.Where}} {
		if slice[1] != "" { // without one, a system keeps its fingerprint
			h.add(slice[0]+".where", slice[0]+" where", slice[1])
		}
	}
	fields := slices.Clone(c.Compare.Fields)
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range fields {
		h.add("compare.fields."+f.Name, "field", f.Name, string(f.Type), exact(f.Tolerance), f.Legacy, f.Projection)
	}
	s := c.Compare.Settle
	h.add("compare.settle", "settle", s.Window.String(), fmt.Sprint(s.Rechecks), s.MaxLag.String())
	h.add("compare.group_by", "group_by", c.Compare.GroupBy)
	c.addEvents(h)
	return hex.EncodeToString(h.Sum(nil)), h.parts
}

// addEvents adds the representations that only some systems have. A system without them keeps its fingerprint.
func (c *Config) addEvents(h *summed) {
	if e := c.Events; e.Given() {
		h.add("events", "events", e.Table, e.Position, e.Key, e.Type, e.At, e.Payload)
		for _, more := range [][2]string{{"position.per", map[bool]string{true: "order"}[e.PerOrder]}, {"id", e.ID}, {"where", e.Where}, {"key.strip", e.Strip}, {"at.zone", e.Zone}, {"at.unit", e.Unit}, {"at.path", e.AtPath.String()}} {
			if more[1] != "" {
				h.add("events."+more[0], "events "+more[0], more[1])
			}
		}
		for _, part := range e.Fold.Parts() {
			h.add("events.fold."+part[0], append([]string{"fold"}, part...)...)
		}
		if e.Archived != "" {
			h.add("events.archived", "archived", e.Archived)
		}
	}
	if c.History.Given() {
		h.add("history", "history", c.History.AuditLog, c.History.Trades)
		if c.History.Actor != "" {
			h.add("history.actor", "history actor", c.History.Actor)
		}
		if c.History.CreatedAt != "" {
			h.add("history.created_at", "history created_at", c.History.CreatedAt)
		}
	}
	if c.Stream.Given() {
		// The cluster's own id would be better, but it is not available while the brokers are down, and the gate must
		// answer then.
		h.add("stream", append([]string{"stream", c.Stream.Topic}, distinct(c.Stream.Brokers)...)...)
		if c.Stream.Registry.URL != "" {
			form := "registry-json"
			if c.Stream.Registry.Avro {
				form = "registry-avro"
			}
			h.add("stream.value", "stream value", form)
		}
		if e := c.Stream.Envelope; !e.Usual() {
			h.add("stream.envelope", "stream envelope", e.String())
		}
		if types := c.Stream.IgnoreTypes; len(types) > 0 {
			h.add("stream.ignore_types", append([]string{"stream ignore_types"}, distinct(types)...)...)
		}
		if types := c.Stream.Types; len(types) > 0 {
			h.add("stream.types", append([]string{"stream types"}, distinct(types)...)...)
		}
	}
}

// distinct returns the different entries of the list, in a fixed order.
func distinct(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

// summed is a hash that remembers what went into it, for people.
type summed struct {
	hash.Hash
	parts []gate.Part
}

// add writes each text with its length before it, so that two different lists never give the same hash. The first text
// says what the others are. The name says it to people.
func (h *summed) add(name string, texts ...string) {
	fmt.Fprintf(h, "%d;", len(texts))
	for _, t := range texts {
		fmt.Fprintf(h, "%d:%s;", len(t), t)
	}
	shown := texts[1:]
	if len(shown) > 1 && strings.HasSuffix(name, "."+shown[0]) { // the name says it
		shown = shown[1:]
	}
	h.parts = append(h.parts, gate.Part{Name: name, Text: strings.Join(shown, ", ")})
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
