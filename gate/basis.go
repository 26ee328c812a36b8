package gate

import (
	"fmt"
	"strings"
)

// Basis is what evidence rests on: a fingerprint, and the parts that it is made of. No part holds a secret.
type Basis struct {
	Fingerprint string
	Parts       []Part
}

// Part is one part of a basis: a setting, the version of the comparator, or where a side is read from.
type Part struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Limits of a list of changes. It is read by people, on a phone too.
const (
	maxChanges    = 5
	maxChangeText = 80
)

// Changes says in words which parts differ, and how; empty if none does or one of the bases is not known.
func Changes(old, now []Part) string {
	if len(old) == 0 || len(now) == 0 {
		return ""
	}
	was, is := byName(old), byName(now)
	var said []string
	for _, p := range now {
		before, known := was[p.Name]
		switch {
		case !known && withSection(p.Name, is, was):
		case !known:
			said = append(said, fmt.Sprintf("%s is new (%s)", p.Name, partText(p.Text)))
		case before != p.Text:
			before, after := apart(before, p.Text)
			said = append(said, fmt.Sprintf("%s %s -> %s", p.Name, before, after))
		}
	}
	for _, p := range old {
		if _, still := is[p.Name]; !still && !withSection(p.Name, was, is) {
			said = append(said, fmt.Sprintf("%s is gone (%s)", p.Name, partText(p.Text)))
		}
	}
	if more := len(said) - maxChanges; more > 0 {
		said = append(said[:maxChanges], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(said, "; ")
}

func byName(parts []Part) map[string]string {
	out := map[string]string{}
	for _, p := range parts {
		out[p.Name] = p.Text
	}
	return out
}

// withSection is true of a part whose section is among some parts and not among others: it came or went with the section,
// which says so for all its parts.
func withSection(name string, among, notAmong map[string]string) bool {
	for i := strings.LastIndexByte(name, '.'); i >= 0; i = strings.LastIndexByte(name, '.') {
		name = name[:i]
		_, has := among[name]
		if _, other := notAmong[name]; has && !other {
			return true
		}
	}
	return false
}

// apart shortens two long texts to the place where they part.
func apart(a, b string) (string, string) {
	const shared = 20 // characters before that place
	from := 0
	for from < len(a) && from < len(b) && a[from] == b[from] {
		from++
	}
	if from -= shared; from <= 0 || max(len(a), len(b)) <= maxChangeText {
		return partText(a), partText(b)
	}
	rest := func(text string) string { return "…" + partText(strings.ToValidUTF8(text[from:], "")) }
	return rest(a), rest(b)
}

func partText(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > maxChangeText {
		text = string(r[:maxChangeText]) + "…"
	}
	if text == "" {
		return "nothing"
	}
	return text
}
