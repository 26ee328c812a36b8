package order

import (
	"fmt"
	"strings"
)

// Limits of what is decoded. They are far beyond any event of an order. They stop a mistake, or a message of another
// system, from taking much time and memory. Anything beyond them is a finding about that event. maxDigits is one of
// these limits.
const (
	// MaxPayload is how many bytes of text a payload may have.
	MaxPayload = 1 << 20
	// maxMembers is how many keys a payload, or a message, may have at its top level.
	maxMembers = 1000
	// maxDepth is how deep a payload's values may be nested.
	maxDepth = 100
)

// fault says why the scanner stopped, other than for invalid JSON.
type fault byte

const (
	noJSON fault = iota
	badText
	tooDeep
	tooMany
)

func (f fault) finding(name string) *SchemaError {
	switch f {
	case badText:
		return &SchemaError{Kind: BadJSON, Name: name, Detail: strings.TrimSpace(fmt.Sprintf("%.60s holds text that is not valid UTF-8, or a zero character", name))}
	case tooDeep:
		return &SchemaError{Kind: TooLarge, Name: name, Detail: fmt.Sprintf("%.60s is nested deeper than %d levels", name, maxDepth)}
	case tooMany:
		return &SchemaError{Kind: TooLarge, Detail: fmt.Sprintf("more than %d keys", maxMembers)}
	default:
		return &SchemaError{Kind: BadJSON, Detail: "not valid JSON"}
	}
}

// member is one name and value of a JSON object.
type member struct {
	name string
	token
	raw []byte // the value as it is written
}

// usualMembers is how many members an object usually has at most.
const usualMembers = 8

// object returns the members of a JSON object in order, including repeated names. The finding says what is wrong. For
// an object that is too large, the first members are returned with it.
func object(data []byte, depth int) ([]member, *SchemaError) {
	s := scanner{data: data}
	if s.next() != '{' {
		t, ok := s.value(depth)
		if !ok || !s.ended() {
			return nil, s.fault.finding("")
		}
		return nil, &SchemaError{Kind: WrongType, Detail: t.kind.String() + " instead of an object"}
	}
	out := make([]member, 0, usualMembers)
	wrong := "" // the member whose value cannot be read
	ok := s.object(func(name []byte) (ok bool) {
		if len(out) == maxMembers {
			s.fault = tooMany
			return false
		}
		m := member{name: string(name)}
		s.next()
		from := s.at
		m.token, ok = s.value(depth)
		m.raw = data[from:s.at]
		out = append(out, m)
		if !ok {
			wrong = m.name
		}
		return ok
	})
	if ok && s.ended() {
		return out, nil
	}
	return out, s.fault.finding(wrong)
}

// twice returns a name that two of the members have.
func twice(members []member) (name string, found bool) {
	if len(members) <= usualMembers {
		for i, m := range members {
			for _, earlier := range members[:i] {
				if earlier.name == m.name {
					return m.name, true
				}
			}
		}
		return "", false
	}
	seen := make(map[string]bool, len(members))
	for _, m := range members {
		if seen[m.name] {
			return m.name, true
		}
		seen[m.name] = true
	}
	return "", false
}
