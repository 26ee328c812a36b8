package session

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Encoding is how a database stores text. crosscheck reads the stored bytes and decodes them itself, because a server
// refuses a whole query for one byte that it cannot convert.
type Encoding struct {
	name string
	of   encoding.Encoding // nil if text is read as UTF-8
}

// errLacking is returned for a character that an encoding lacks.
var errLacking = errors.New("no such character in the encoding")

// encodings by PostgreSQL's names, except UTF8 and SQL_ASCII. For an unknown encoding, everything beyond ASCII is
// bytes.
var encodings = map[string]encoding.Encoding{
	"LATIN1": charmap.ISO8859_1, "LATIN2": charmap.ISO8859_2, "LATIN3": charmap.ISO8859_3, "LATIN4": charmap.ISO8859_4,
	"LATIN5": charmap.ISO8859_9, "LATIN6": charmap.ISO8859_10, "LATIN7": charmap.ISO8859_13, "LATIN8": charmap.ISO8859_14,
	"LATIN9": charmap.ISO8859_15, "LATIN10": charmap.ISO8859_16,
	"ISO_8859_5": charmap.ISO8859_5, "ISO_8859_6": charmap.ISO8859_6, "ISO_8859_7": charmap.ISO8859_7, "ISO_8859_8": charmap.ISO8859_8,
	"WIN866": charmap.CodePage866, "WIN874": charmap.Windows874, "WIN1250": charmap.Windows1250, "WIN1251": charmap.Windows1251,
	"WIN1252": charmap.Windows1252, "WIN1253": charmap.Windows1253, "WIN1254": charmap.Windows1254, "WIN1255": charmap.Windows1255,
	"WIN1256": charmap.Windows1256, "WIN1257": charmap.Windows1257, "WIN1258": charmap.Windows1258,
	"KOI8R": charmap.KOI8R, "KOI8U": charmap.KOI8U,
	"EUC_JP": japanese.EUCJP, "EUC_KR": korean.EUCKR, "EUC_CN": simplifiedchinese.GBK,
}

// encodingOf returns the encoding with that name; UTF8 if the server gave none.
func encodingOf(name string) Encoding { return Encoding{name: name, of: encodings[name]} }

// rawByte is the first of 256 private-use characters for bytes that are not text. They keep different bytes different,
// and unlike the bytes they can be printed and stored.
const rawByte = 0xEF00

// Orders returns true if texts in the encoding sort by bytes as they do in UTF-8.
func (e Encoding) Orders() bool { return e.name == "" || e.name == "UTF8" || e.name == "LATIN1" }

// Bytes returns true if the server does not know what its bytes mean.
func (e Encoding) Bytes() bool { return e.name == "SQL_ASCII" }

// unicode returns true if bytes beyond ASCII are read as UTF-8.
func (e Encoding) unicode() bool { return e.name == "" || e.name == "UTF8" || e.Bytes() }

// Decode returns a text as UTF-8, whatever its bytes are.
func (e Encoding) Decode(raw []byte) []byte {
	if e.unicode() && utf8.Valid(raw) || ascii(raw) {
		return raw
	}
	if e.of == nil {
		return e.escape(raw)
	}
	out, err := e.of.NewDecoder().Bytes(raw)
	if err != nil || bytes.ContainsRune(out, utf8.RuneError) {
		return e.escape(raw)
	}
	return out
}

// escape decodes byte by byte. In UTF-8, valid text stays as it is.
func (e Encoding) escape(raw []byte) []byte {
	var out []byte
	for len(raw) > 0 {
		r, size := rune(rawByte)+rune(raw[0]), 1
		if raw[0] < utf8.RuneSelf {
			r = rune(raw[0])
		} else if valid, n := utf8.DecodeRune(raw); n > 1 && e.unicode() {
			r, size = valid, n
		}
		out = utf8.AppendRune(out, r)
		raw = raw[size:]
	}
	return out
}

// Encode returns a text as the server stores it. A character that the encoding lacks becomes bytes that sort after all
// others.
func (e Encoding) Encode(text string) string {
	if e.name == "" || e.name == "UTF8" || ascii(text) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		switch raw, err := e.encode(r); {
		case r >= rawByte+utf8.RuneSelf && r <= rawByte+0xFF:
			out.WriteByte(byte(r - rawByte))
		case err == nil:
			out.WriteString(raw)
		case strings.HasPrefix(e.name, "EUC") || e.name == "MULE_INTERNAL": // other bytes alone would be refused
			out.WriteString("\x7f\x7f")
		default:
			out.WriteString("\xff\xff\xff\xff")
		}
	}
	return out.String()
}

func (e Encoding) encode(r rune) (string, error) {
	if r < utf8.RuneSelf || e.Bytes() {
		return string(r), nil
	}
	if e.of == nil {
		return "", errLacking
	}
	return e.of.NewEncoder().String(string(r))
}

func ascii[T string | []byte](text T) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// arguments returns a query's arguments in the server's encoding.
func (e Encoding) arguments(args []any) []any {
	if e.name == "" || e.name == "UTF8" {
		return args
	}
	out := make([]any, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			out[i] = e.Encode(arg)
		case []string:
			encoded := make([]string, len(arg))
			for j, text := range arg {
				encoded[j] = e.Encode(text)
			}
			out[i] = encoded
		default:
			out[i] = arg
		}
	}
	return out
}

// decodeInto decodes texts that were scanned.
func (e Encoding) decodeInto(dest []any) {
	for _, d := range dest {
		switch d := d.(type) {
		case *string:
			*d = string(e.Decode([]byte(*d)))
		case **string:
			if *d != nil {
				text := string(e.Decode([]byte(**d)))
				*d = &text
			}
		case *[]string:
			for i := range *d {
				(*d)[i] = string(e.Decode([]byte((*d)[i])))
			}
		default:
			e.decodeOther(reflect.ValueOf(d))
		}
	}
}

// decodeOther is for string types with another name, and for pgtype.Text.
func (e Encoding) decodeOther(v reflect.Value) {
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return
	}
	v = v.Elem()
	if v.Kind() == reflect.Struct {
		v = v.FieldByName("String")
	}
	if v.IsValid() && v.Kind() == reflect.String && v.CanSet() {
		v.SetString(string(e.Decode([]byte(v.String()))))
	}
}
