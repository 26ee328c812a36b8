package order

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// member is one name and value of a JSON object.
type member struct {
	name  string
	value token
}

// token is a JSON value, not decoded further.
type token struct {
	kind tokenKind
	text string // of a string what it says, of a number how it is written
	raw  []byte // as it stands
}

type tokenKind byte

const (
	jsonString  tokenKind = 's'
	jsonNumber  tokenKind = 'n'
	jsonNull    tokenKind = '0'
	jsonBoolean tokenKind = 'b'
	jsonObject  tokenKind = 'o'
	jsonArray   tokenKind = 'a'
)

func (k tokenKind) String() string {
	switch k {
	case jsonString:
		return "a string"
	case jsonNumber:
		return "a number"
	case jsonNull:
		return "null"
	case jsonBoolean:
		return "a boolean"
	case jsonObject:
		return "an object"
	default:
		return "an array"
	}
}

// scanner walks over JSON that is known to be valid, so that it never has to look for errors of syntax. It exists
// because encoding/json takes the last of two equal keys in silence, and passes numbers through a float or a token
// stream that costs several times as much.
type scanner struct {
	data []byte
	at   int
}

// usualMembers is how many members most objects have at most.
const usualMembers = 8

// object returns the members of a JSON object in their order, equal names included. The finding says why not.
func object(data []byte, valid bool) ([]member, *SchemaError) {
	if !valid {
		return nil, &SchemaError{Kind: BadJSON, Detail: "not valid JSON"}
	}
	s := &scanner{data: data}
	if kind := s.kind(); kind != jsonObject {
		return nil, &SchemaError{Kind: WrongType, Detail: kind.String() + " where an object should be"}
	}
	s.at++
	out := make([]member, 0, usualMembers)
	for s.next() != '}' {
		if s.data[s.at] == ',' {
			s.at++
		}
		name, ok := s.text()
		if !ok {
			return nil, badText("")
		}
		s.next() // the colon
		s.at++
		value, ok := s.value()
		if !ok {
			return nil, badText(name)
		}
		out = append(out, member{name, value})
	}
	return out, nil
}

func badText(name string) *SchemaError {
	return &SchemaError{Kind: BadJSON, Name: name, Detail: strings.TrimSpace(name + " holds text that is no valid UTF-8, or a zero character")}
}

// next passes over white space and returns the byte that follows.
func (s *scanner) next() byte {
	for s.data[s.at] == ' ' || s.data[s.at] == '\t' || s.data[s.at] == '\n' || s.data[s.at] == '\r' {
		s.at++
	}
	return s.data[s.at]
}

func (s *scanner) kind() tokenKind {
	switch s.next() {
	case '"':
		return jsonString
	case '{':
		return jsonObject
	case '[':
		return jsonArray
	case 't', 'f':
		return jsonBoolean
	case 'n':
		return jsonNull
	default:
		return jsonNumber
	}
}

func (s *scanner) value() (token, bool) {
	kind, from := s.kind(), s.at
	switch kind {
	case jsonString:
		text, ok := s.text()
		return token{kind, text, s.data[from:s.at]}, ok
	case jsonObject, jsonArray:
		s.skipNested()
	default:
		for s.at < len(s.data) && !strings.ContainsRune(",]} \t\r\n", rune(s.data[s.at])) {
			s.at++
		}
	}
	raw := s.data[from:s.at]
	t := token{kind: kind, raw: raw}
	if kind == jsonNumber || kind == jsonBoolean {
		t.text = string(raw)
	}
	return t, true
}

// skipNested passes over an object or array.
func (s *scanner) skipNested() {
	for depth := 0; ; {
		switch s.data[s.at] {
		case '"':
			s.skipText()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		s.at++
		if depth == 0 {
			return
		}
	}
}

// skipText passes over a string; it returns whether it holds escapes.
func (s *scanner) skipText() (escapes bool) {
	for s.at++; s.data[s.at] != '"'; s.at++ {
		if s.data[s.at] == '\\' {
			escapes = true
			s.at++
		}
	}
	s.at++
	return escapes
}

// text reads a string. False is text that PostgreSQL could not hold, so that no row could ever agree with it.
func (s *scanner) text() (string, bool) {
	s.next()
	from := s.at
	escapes := s.skipText()
	raw := s.data[from:s.at]
	if !utf8.Valid(raw) {
		return "", false
	}
	if !escapes {
		return string(raw[1 : len(raw)-1]), true
	}
	var out string
	if err := json.Unmarshal(raw, &out); err != nil || strings.ContainsRune(out, 0) {
		return "", false
	}
	// A lone surrogate is silently replaced; the replacement character is fine only if it was meant.
	meant := bytes.ContainsRune(raw, utf8.RuneError) || bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`))
	return out, meant || !strings.ContainsRune(out, utf8.RuneError)
}
