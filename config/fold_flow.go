package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/order"
)

// flow is a mapping that is written in one line.
type flow []string

func (f *flow) put(key, value string) {
	if value != "" {
		*f = append(*f, FlowText(key)+": "+value)
	}
}

func (f flow) String() string { return "{" + strings.Join(f, ", ") + "}" }

// flowRule writes a rule as a configuration has it, in one line.
func flowRule(e order.EventRule) string {
	if e.Ignore {
		return "ignore"
	}
	var out flow
	out.put("create", map[order.Creation]string{order.Creates: "true", order.CreatesIfAbsent: "if_absent"}[e.Create])
	out.put("set", flowOf(e.Set, FlowSource))
	if n := e.SetNamed; n != nil {
		named := flow{"field: " + FlowSource(n.Field), "to: " + FlowSource(n.To)}
		if n.Was != nil {
			named.put("was", FlowSource(*n.Was))
		}
		named.put("only", flowList(n.Only))
		if len(n.Null) > 0 {
			named = append(named, "null: "+flowList(n.Null))
		}
		named.put("names", flowOf(n.Names, FlowText))
		out.put("set_named", named.String())
	}
	product := func(p [2]order.Source) string { return "[" + FlowSource(p[0]) + ", " + FlowSource(p[1]) + "]" }
	out.put("add", flowOf(e.Add, FlowSource))
	out.put("subtract", flowOf(e.Subtract, FlowSource))
	out.put("add_product", flowOf(e.AddProduct, product))
	out.put("subtract_product", flowOf(e.SubtractProduct, product))
	if e.Remaining != nil {
		out.put("remaining", FlowSource(*e.Remaining))
	}
	out.put("keys", flowList(e.Keys))
	return out.String()
}

// FlowSource writes where a value comes from as a configuration has it, in one line.
func FlowSource(s order.Source) string {
	var out flow
	if s.Path != "" {
		out.put("path", FlowText(s.Path))
	}
	if s.Text != nil {
		out.put("text", FlowText(*s.Text))
	}
	out.put("event", string(s.Of))
	if s.Scale != 0 {
		out.put("scale", fmt.Sprint(s.Scale))
	}
	out.put("unit", s.Unit)
	out.put("map", flowOf(s.Map, FlowText))
	if s.Null {
		out = append(out, "null: true")
	}
	if s.Optional {
		out = append(out, "optional: true")
	}
	if path, only := strings.CutPrefix(out[0], "path: "); only && len(out) == 1 {
		return path
	}
	return out.String()
}

// flowOf writes a mapping; "" if it is empty.
func flowOf[V any](m map[string]V, value func(V) string) string {
	var out flow
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out.put(key, value(m[key]))
	}
	if len(out) == 0 {
		return ""
	}
	return out.String()
}

// flowList writes a list; "" if it is empty.
func flowList(list []string) string {
	if len(list) == 0 {
		return ""
	}
	var out []string
	for _, text := range list {
		out = append(out, FlowText(text))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// plainText are texts that YAML reads as they are, except for its own words.
var (
	plainText = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_.$-]*$`)
	yamlWord  = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null)$`)
)

// FlowText writes a text as a configuration has it.
func FlowText(text string) string {
	if plainText.MatchString(text) && !yamlWord.MatchString(text) {
		return text
	}
	return strconv.Quote(text)
}
