package order

import (
	"bytes"
	"unicode/utf8"
)

// flatScanner reads JSON as strictly as encoding/json and [scanner] do together, and gives up where those would refuse the
// text. Unlike scanner it trusts nothing about its data.
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

// text reads a string. It is where the data has it, or a copy where it holds escapes.
func (s *flatScanner) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	from, beyondASCII, escapes := s.at, false, false
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; {
		case c == '"':
			text := s.data[from:s.at]
			s.at++
			if beyondASCII && !utf8.Valid(text) {
				return nil, false
			}
			if escapes {
				return unescaped(text)
			}
			return text, true
		case c < ' ':
			return nil, false
		case c == '\\':
			escapes = true
			s.at++ // whatever it is, the string does not end with it
		case c >= utf8.RuneSelf:
			beyondASCII = true
		}
	}
	return nil, false
}

// scalar reads a string, a number, or null.
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
		return flatValue{kind: jsonNull}, s.literal("null")
	}
	from := s.at
	for s.at < len(s.data) && inNumber(s.data[s.at]) {
		s.at++
	}
	text := s.data[from:s.at]
	return flatValue{jsonNumber, text}, plainNumber(text) || isNumber(string(text))
}

func inNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'
}

func (s *flatScanner) literal(word string) bool {
	if !bytes.HasPrefix(s.data[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

// maxDepth is how deep a value may be nested that nobody expects: far less than encoding/json bears.
const maxDepth = 32

// skip passes over any value.
func (s *flatScanner) skip(depth int) bool {
	s.space()
	if depth == 0 || s.at == len(s.data) {
		return false
	}
	switch s.data[s.at] {
	case '{':
		return s.object(func([]byte) bool { return s.skip(depth - 1) })
	case '[':
		return s.array(depth)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	default:
		_, ok := s.scalar()
		return ok
	}
}

func (s *flatScanner) array(depth int) bool {
	s.take('[')
	if s.take(']') {
		return true
	}
	for s.skip(depth - 1) {
		if !s.take(',') {
			return s.take(']')
		}
	}
	return false
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

// isDecimal is true for what parseDecimal reads.
func isDecimal(text []byte) bool {
	if plainNumber(text) {
		return true
	}
	_, ok := parseDecimal(string(text))
	return ok
}

// sameNumber is true if two numbers that parseDecimal reads have the same value.
func sameNumber(a, b []byte) bool {
	if plainNumber(a) && plainNumber(b) && samePlain(a, b) {
		return true
	}
	x, _ := parseDecimal(string(a))
	y, _ := parseDecimal(string(b))
	return x.Cmp(&y) == 0
}

// samePlain is true if two plain numbers differ in no more than the zeros at their end.
func samePlain(a, b []byte) bool { return bytes.Equal(withoutZeros(a), withoutZeros(b)) }

func withoutZeros(text []byte) []byte {
	if bytes.IndexByte(text, '.') < 0 {
		return text
	}
	return bytes.TrimSuffix(bytes.TrimRight(text, "0"), []byte("."))
}
