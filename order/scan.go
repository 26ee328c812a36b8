package order

import (
	"bytes"
	"unicode/utf8"
)

// scanner reads JSON. No other code in this package does. It accepts what encoding/json accepts, except for text that a
// database cannot hold and for values that are nested too deep. It trusts nothing about its data, and takes time in
// proportion to its length. encoding/json is not suitable: it silently takes the last of two equal keys. It also passes
// numbers through a float, or else through a stream of tokens that costs several times as much.
type scanner struct {
	data  []byte
	at    int
	fault fault // why the scanner stopped
}

// token is a JSON value. Its text is lent.
type token struct {
	kind  tokenKind // 0 if there is no value
	plain bool      // a number that plainNumber accepts
	text  []byte    // content of a string; text of a number or a boolean; empty for other kinds
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

// next skips white space and returns the byte after it; 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.data); s.at++ {
		if c := s.data[s.at]; c > ' ' || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
	}
	return 0
}

// take skips white space, and then the byte if it is the next one. The byte must not be 0.
func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}

// ended is true if only white space is left.
func (s *scanner) ended() bool {
	s.next()
	return s.at == len(s.data)
}

// object calls member with each name. member reads the value, or returns false to stop.
func (s *scanner) object(member func(name []byte) bool) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		name, ok := s.text()
		if !ok || !s.take(':') || !member(name) {
			return false
		}
		if !s.take(',') {
			return s.take('}')
		}
	}
}

// text reads a string. The result is a part of the data, or a copy if the string holds escapes.
func (s *scanner) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	from, end := s.at, s.at
	for end < len(s.data) && asIs[s.data[end]] {
		end++
	}
	if end < len(s.data) && s.data[end] == '"' {
		s.at = end + 1
		return s.data[from:end], true
	}
	return s.oddText()
}

// asIs are the bytes of a text that stand for themselves, and that need no other byte beside them.
var asIs = func() (table [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// oddText reads a text from behind its first quote, whatever it holds.
func (s *scanner) oddText() ([]byte, bool) {
	from, beyondASCII, escapes := s.at, false, false
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; {
		case c == '"':
			text := s.data[from:s.at]
			s.at++
			if beyondASCII && !utf8.Valid(text) {
				s.fault = badText
				return nil, false
			}
			if escapes {
				return s.unescaped(text)
			}
			return text, true
		case c < ' ':
			return nil, false
		case c == '\\':
			escapes = true
			s.at++ // whatever the next byte is, the string does not end with it
		case c >= utf8.RuneSelf:
			beyondASCII = true
		}
	}
	return nil, false
}

func (s *scanner) unescaped(text []byte) ([]byte, bool) {
	out, ok := unescaped(text)
	if !ok && wellFormed(text) {
		s.fault = badText
	}
	return out, ok
}

// scalar reads a string, a number, or null.
func (s *scanner) scalar() (token, bool) {
	switch s.next() {
	case '"':
		text, ok := s.text()
		return token{kind: jsonString, text: text}, ok
	case 'n':
		return token{kind: jsonNull}, s.literal("null")
	}
	from := s.at
	for s.at < len(s.data) && inNumber(s.data[s.at]) {
		s.at++
	}
	text := s.data[from:s.at]
	plain := plainNumber(text)
	return token{jsonNumber, plain, text}, plain || isNumber(text)
}

// value reads any value. For an object or array it returns only the kind.
func (s *scanner) value(depth int) (t token, ok bool) {
	switch s.next() {
	case '{':
		return token{kind: jsonObject}, s.skip(depth)
	case '[':
		return token{kind: jsonArray}, s.skip(depth)
	case 't', 'f':
		from := s.at
		ok = s.skip(depth)
		return token{kind: jsonBoolean, text: s.data[from:s.at]}, ok
	}
	return s.scalar()
}

func (s *scanner) literal(word string) bool {
	if !bytes.HasPrefix(s.data[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

// skip skips any value. Texts within objects and arrays may be invalid for a database, because they are not used.
func (s *scanner) skip(depth int) bool {
	switch s.next() {
	case '{':
		return s.skipNested('}', depth)
	case '[':
		return s.skipNested(']', depth)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	}
	_, ok := s.scalar()
	return ok
}

func (s *scanner) skipNested(end byte, depth int) bool {
	if depth--; depth == 0 {
		s.fault = tooDeep
		return false
	}
	s.at++
	if s.take(end) {
		return true
	}
	for {
		if end == '}' && (!s.skipText() || !s.take(':')) {
			return false
		}
		if s.next() == '"' {
			if !s.skipText() {
				return false
			}
		} else if !s.skip(depth) {
			return false
		}
		if !s.take(',') {
			return s.take(end)
		}
	}
}

// skipText skips a string, whatever it holds.
func (s *scanner) skipText() bool {
	if !s.take('"') {
		return false
	}
	text, escapes := s.data[s.at:], false
	for i := 0; i < len(text) && text[i] >= ' '; i++ {
		switch text[i] {
		case '"':
			s.at += i + 1
			return !escapes || wellFormed(text[:i])
		case '\\':
			escapes = true
			i++
		}
	}
	return false
}
