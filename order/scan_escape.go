package order

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unescaped returns the content of a string with escapes. It returns false for text that is not JSON, or that a
// database cannot hold: a zero character, half of a surrogate pair.
func unescaped(text []byte) ([]byte, bool) {
	out := make([]byte, 0, len(text)) // an escape is never shorter than its character
	for {
		plain := bytes.IndexByte(text, '\\')
		if plain < 0 {
			return append(out, text...), true
		}
		out, text = append(out, text[:plain]...), text[plain:]
		r, length := escape(text)
		if length == 0 {
			return nil, false
		}
		out, text = utf8.AppendRune(out, r), text[length:]
	}
}

// escape reads the escape that the text begins with. Length 0 means that it is not a valid escape.
func escape(text []byte) (r rune, length int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch text[1] {
	case '"', '\\', '/':
		return rune(text[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	const one = len(`\u0000`)
	r = codeUnit(text)
	if utf16.IsSurrogate(r) {
		if r = utf16.DecodeRune(r, codeUnit(text[one:])); r == utf8.RuneError {
			return 0, 0
		}
		return r, 2 * one
	}
	if r <= 0 {
		return 0, 0
	}
	return r, one
}

// wellFormed returns true if all escapes of the text are JSON escapes, whatever they mean.
func wellFormed(text []byte) bool {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return true
		}
		switch text = text[at:]; {
		case len(text) > 1 && bytes.IndexByte([]byte(`"\/bfnrt`), text[1]) >= 0:
			text = text[2:]
		case codeUnit(text) >= 0:
			text = text[len(`\u0000`):]
		default:
			return false
		}
	}
}

// codeUnit reads the four digits of an escape at the beginning of the text; -1 if they are not there.
func codeUnit(text []byte) rune {
	const prefix, length = `\u`, len(`\u0000`)
	if len(text) < length || string(text[:len(prefix)]) != prefix {
		return -1
	}
	n, err := strconv.ParseUint(string(text[len(prefix):length]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}
