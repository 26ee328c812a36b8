package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// ofPair are the sections of an entry of pairs. All other sections are shared by all pairs.
var ofPair = []string{
	"legacy", "projection", "events", "stream", "history", "backfill", "repair", "compare", "sampler", "verify", "throttle", "gate", "reads", "cutover", "mode",
}

// forPairs are those of them that may stand outside of the list too, for all pairs that have none of their own.
var forPairs = []string{"sampler", "verify", "throttle", "gate"}

// pairName is part of a schema, of addresses and of labels.
var pairName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,29}$`)

// longestName is what PostgreSQL keeps of a name.
const longestName = 63

// LoadPairs is [Load] for a file that may have the list pairs: one configuration for each, in the order of the file. For a file without
// the list it is one, which has no name.
func LoadPairs(path string, getenv func(string) (string, bool)) ([]*Config, error) {
	src, err := readFile(path)
	if err != nil {
		return nil, Errors{unreadable(path, err)}
	}
	return ParsePairs(path, src, getenv)
}

// ParsePairs is to [LoadPairs] what [Parse] is to [Load].
func ParsePairs(name string, src []byte, getenv func(string) (string, bool)) ([]*Config, error) {
	r := &reader{file: name, getenv: getenv}
	root := r.document(src)
	if len(r.errs) > 0 {
		return nil, r.errs.sorted()
	}
	var all []*Config
	if top := r.root(root); top.child("pairs") != nil {
		all = top.eachPair()
	} else {
		c := defaults()
		readConfig(top, &c)
		all = []*Config{c.from(r)}
	}
	if len(r.errs) > 0 {
		return nil, r.errs.sorted()
	}
	found := r.expanded
	for _, c := range all {
		found = append(found, c.secrets()...)
	}
	mask := masking(found, getenv)
	for _, c := range all {
		c.mask = mask
	}
	return all, nil
}

// from keeps what the reader has to tell later.
func (c *Config) from(r *reader) *Config {
	c.checkDSNs, c.place, c.warnings = r.checkDSNs, r.place, r.warnings.sorted()
	for _, w := range c.warnings {
		w.Path = r.within.path(w.Path)
	}
	return c
}

// eachPair reads the list, and what its entries share.
func (o *object) eachPair() (all []*Config) {
	o.require("ledger", "the section is needed; see the config.yaml in the repository")
	var shared []*yaml.Node // keys
	for _, key := range o.keys {
		switch o.known[key.Value] = true; {
		case key.Value == "pairs":
		case slices.Contains(ofPair, key.Value) && !slices.Contains(forPairs, key.Value):
			o.at(key, key.Value, "cannot stand beside pairs: a file has either the list, or the sections of one pair", "move it into an entry of pairs")
		default:
			shared = append(shared, key)
		}
	}
	lines := map[string]int{} // name → line of its entry
	o.list("pairs", func(n *yaml.Node, path string) {
		entry := o.mapping(n, path)
		if entry == nil {
			return
		}
		name, named := entry.pairName(lines)
		c := entry.pair(o, shared)
		if c.Pair = name; !named || len(o.errs) > 0 {
			return
		}
		o.apart(entry, c, all)
		c.Ledger.Shared = c.Ledger.Schema
		if c.Ledger.Schema += "_" + name; len(c.Ledger.Schema) > longestName {
			o.at(target(entry.values["name"]), join(path, "name"), fmt.Sprintf("gives the ledger's schema a name of more than %d characters: %s", longestName, c.Ledger.Schema), "use a shorter name, or a shorter ledger.schema")
		}
		all = append(all, c)
	})
	return all
}

// pairName reads the name of an entry.
func (o *object) pairName(lines map[string]int) (name string, ok bool) {
	o.require("name", "such as name: orders")
	s, name, ok := o.filledScalar("name")
	if !ok {
		return "", false
	}
	if !pairName.MatchString(name) {
		o.wrong(s, "must be 1 to 30 of a-z, 0-9 and _, beginning with a letter, found "+s.shown(), "it is part of the ledger's schema and of addresses, such as orders")
		return "", false
	}
	n := target(o.values["name"])
	if first, twice := lines[name]; twice {
		o.at(n, join(o.path, "name"), fmt.Sprintf("pair %q appears twice; first on line %d", name, first), "give each pair a name of its own")
		return "", false
	}
	lines[name] = n.Line
	return name, true
}

// pair reads an entry as if its sections and those that it shares were a file.
func (o *object) pair(file *object, shared []*yaml.Node) *Config {
	r := &reader{file: o.file, getenv: o.getenv, within: placement{entry: o.path, own: map[string]bool{}}}
	whole := &object{reader: r, node: o.node, values: map[string]*yaml.Node{}, known: map[string]bool{}}
	add := func(from *object, key *yaml.Node) {
		whole.keys = append(whole.keys, key)
		whole.values[key.Value] = from.values[key.Value]
	}
	o.known["name"] = true
	for _, section := range ofPair {
		o.known[section] = true
		r.within.own[section] = true
	}
	for _, key := range o.keys {
		if key.Value != "name" && o.known[key.Value] {
			add(o, key)
		}
	}
	o.doneBut(func(key string) string {
		if slices.Contains([]string{"ledger", "web", "alerts", "docs", "environment"}, key) {
			return "it is shared by all pairs: write it beside pairs"
		}
		return o.suggest(key)
	})
	for _, key := range shared {
		if whole.values[key.Value] == nil {
			r.within.own[key.Value] = false
			add(file, key)
		}
	}
	c := defaults()
	readConfig(whole, &c)
	if file.values["ledger"] == nil { // said once, of the file
		r.errs = slices.DeleteFunc(r.errs, func(e *Error) bool { return e.Path == "ledger" })
	}
	o.errs = append(o.errs, r.errs...)
	o.expanded = append(o.expanded, r.expanded...)
	r.errs = nil
	return c.from(r)
}

// apart refuses what two pairs cannot share. Each would disturb the other, or one of them is a copy that was forgotten.
func (o *object) apart(entry *object, c *Config, before []*Config) {
	for _, other := range before {
		same := func(a, b Side) bool {
			return a.DSN.Reveal() == b.DSN.Reveal() && a.Table == b.Table && a.Where == b.Where
		}
		if same(c.Legacy, other.Legacy) && same(c.Projection, other.Projection) {
			o.at(entry.node, entry.path, fmt.Sprintf("compares the same tables as pair %q", other.Pair), "name the tables of this pair in legacy.table and projection.table")
		}
		if g := c.Stream.Group; g != "" && g == other.Stream.Group {
			o.at(target(entry.values["stream"]), join(entry.path, "stream.group"), fmt.Sprintf("is that of pair %q: Kafka would give each of them a part of the messages", other.Pair), "give each pair a group of its own")
		}
		if n := c.Cutover.Name; n != "" && n == other.Cutover.Name {
			o.at(target(entry.values["cutover"]), join(entry.path, "cutover.name"), fmt.Sprintf("is that of pair %q", other.Pair), "give each cutover a name of its own")
		}
	}
}

// placement says where in a file the sections are that a reader has; the zero value is at the top.
type placement struct {
	entry string          // the path of an entry of pairs
	own   map[string]bool // sections that stand in it, or are missing there
}

// path is a key path in the file.
func (w placement) path(path string) string {
	section := path
	if end := strings.IndexAny(path, ".["); end >= 0 {
		section = path[:end]
	}
	switch {
	case w.entry == "":
		return path
	case path == "":
		return w.entry
	case w.own[section]:
		return join(w.entry, path)
	}
	return path
}

// CheckPairs is [Config.CheckDSNs] of all configurations of a file.
func CheckPairs(all []*Config, fault func(dsn string) (message, hint string)) error {
	var found Errors
	for _, c := range all {
		if err := c.CheckDSNs(fault); err != nil {
			errs, _ := err.(Errors) //nolint:errorlint // nothing has wrapped it
			found = append(found, errs...)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found.sorted()
}
