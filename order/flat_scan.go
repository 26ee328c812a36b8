package order

import (
	"bytes"
	"unicode/utf8"
)

// flatScanner reads JSON as strictly as encoding/json, and gives up at everything that is not plain: escapes, exponents, booleans, arrays, objects within objects. Unlike [scanner] it trusts nothing about its data.
type flatScanner struct {
	data []byte
	at   int
}

// take passes over white space and the byte, if it comes next.
func (s *flatScanner) take(c byte) bool {
	s.space()
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *flatScanner) space() {
	for s.at < len(s.data) && (s.data[s.at] == ' ' || s.data[s.at] == '\t' || s.data[s.at] == '\n' || s.data[s.at] == '\r') {
		s.at++
	}
}

// ended is true if only white space is left.
func (s *flatScanner) ended() bool {
	s.space()
	return s.at == len(s.data)
}

// object calls member with each name; member reads the value, and is false to give up.
func (s *flatScanner) object(member func(name []byte) bool) bool {
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

// text reads a string without escapes.
func (s *flatScanner) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	from, beyondASCII := s.at, false
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; {
		case c == '"':
			text := s.data[from:s.at]
			s.at++
			return text, !beyondASCII || utf8.Valid(text)
		case c < ' ' || c == '\\':
			return nil, false
		case c >= utf8.RuneSelf:
			beyondASCII = true
		}
	}
	return nil, false
}

// scalar reads a string, a plain number, or null.
func (s *flatScanner) scalar() (flatValue, bool) {
	s.space()
	if s.at == len(s.data) {
		return flatValue{}, false
	}
	switch s.data[s.at] {
	case '"':
		text, ok := s.text()
		return flatValue{jsonString, text}, ok
	case 'n':
		const null = "null"
		if len(s.data)-s.at < len(null) || string(s.data[s.at:s.at+len(null)]) != null {
			return flatValue{}, false
		}
		s.at += len(null)
		return flatValue{kind: jsonNull}, true
	}
	from := s.at
	for s.at < len(s.data) && (s.data[s.at] >= '0' && s.data[s.at] <= '9' || s.data[s.at] == '.' || s.data[s.at] == '-') {
		s.at++
	}
	text := s.data[from:s.at]
	return flatValue{jsonNumber, text}, plainNumber(text)
}

// braces passes over an object, and returns it unread. An object that holds others, or a brace in a text, comes out too
// short, and then is none. Nil is no object.
func (s *flatScanner) braces() []byte {
	s.space()
	from := s.at
	if from == len(s.data) || s.data[from] != '{' {
		return nil
	}
	length := bytes.IndexByte(s.data[from:], '}') + 1
	if length == 0 {
		return nil
	}
	s.at += length
	return s.data[from:s.at]
}

// maxPlain is the length of a number that is plain: far within maxDigits, on both sides of the point.
const maxPlain = 40

// plainNumber is true for a JSON number without an exponent, of a length that anybody uses.
func plainNumber(text []byte) bool {
	if len(text) > maxPlain {
		return false
	}
	if len(text) > 0 && text[0] == '-' {
		text = text[1:]
	}
	whole := leadingDigits(text)
	if whole == 0 || whole > 1 && text[0] == '0' {
		return false
	}
	text = text[whole:]
	return len(text) == 0 || text[0] == '.' && len(text) > 1 && leadingDigits(text[1:]) == len(text)-1
}

func leadingDigits(text []byte) int {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n
}

// samePlain is true if two plain numbers differ in no more than the zeros at their end.
func samePlain(a, b []byte) bool { return bytes.Equal(withoutZeros(a), withoutZeros(b)) }

func withoutZeros(text []byte) []byte {
	if bytes.IndexByte(text, '.') < 0 {
		return text
	}
	return bytes.TrimSuffix(bytes.TrimRight(text, "0"), []byte("."))
}
