package propose

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Paths collects the paths of payloads. The zero value is ready.
type Paths struct {
	payloads int
	seen     map[string]*Path
	examples []Example
}

const (
	mostPaths   = 200
	deepest     = 6
	exampleLong = 40
)

// plainKey is a key that a path of fold rules can name.
var plainKey = regexp.MustCompile(`^[^.\s\[\]*"'\p{C}]+$`)

// Add looks into a payload of an order; false if it is no JSON object.
func (p *Paths) Add(key string, payload []byte) bool {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil || object == nil {
		return false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return false
	}
	p.payloads++
	p.examples = append(p.examples, Example{key, map[string]string{}})
	p.walk("$", object, 1)
	return true
}

// Describe tells a type what its payloads have. Paths are in the order of their names.
func (p *Paths) Describe(t *EventType) {
	out := make([]Path, 0, len(p.seen))
	for _, name := range slices.Sorted(maps.Keys(p.seen)) {
		path := *p.seen[name]
		path.of, path.partial = p.payloads, path.Count < p.payloads
		out = append(out, path)
	}
	t.Payloads, t.Paths, t.Examples = p.payloads, out, p.examples
}

func (p *Paths) walk(at string, object map[string]any, depth int) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if !plainKey.MatchString(key) {
			continue
		}
		path := at + "." + key
		if child, ok := object[key].(map[string]any); ok && depth < deepest {
			p.walk(path, child, depth+1)
			continue
		}
		p.add(path, object[key])
	}
}

func (p *Paths) add(path string, value any) {
	if p.seen == nil {
		p.seen = map[string]*Path{}
	}
	known := p.seen[path]
	if known == nil {
		if len(p.seen) == mostPaths {
			return
		}
		known = &Path{Path: path}
		p.seen[path] = known
	}
	known.Count++
	switch v := value.(type) {
	case string:
		p.examples[len(p.examples)-1].Values[path] = v
	case json.Number:
		p.examples[len(p.examples)-1].Values[path] = v.String()
	}
	kind := kindOfJSON(value)
	if !slices.Contains(known.Kinds, kind) {
		known.Kinds = append(known.Kinds, kind)
		slices.Sort(known.Kinds)
	}
	if known.Example == "" && value != nil {
		text, err := json.Marshal(value)
		if err == nil {
			known.Example = inComment(string(text), exampleLong)
		}
	}
}

func kindOfJSON(value any) JSONKind {
	switch v := value.(type) {
	case nil:
		return JSONNull
	case bool:
		return JSONBoolean
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return JSONNumber
		}
		return JSONWhole
	case string:
		return JSONText
	}
	return JSONList
}

// is says whether a path has only these kinds, null aside.
func (p Path) is(kinds ...JSONKind) bool {
	for _, k := range p.Kinds {
		if k != JSONNull && !slices.Contains(kinds, k) {
			return false
		}
	}
	return len(p.Kinds) > 0
}

// null says whether null was seen.
func (p Path) null() bool { return slices.Contains(p.Kinds, JSONNull) }
