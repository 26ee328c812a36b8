package human

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Shown writes a text from a database as people see it: as it is, or quoted and escaped where that would mislead.
func Shown(s string) string {
	misleading := s == "" || s == null || s[0] == '"' || s != strings.TrimSpace(s)
	for _, r := range s {
		misleading = misleading || !unicode.IsPrint(r)
	}
	if misleading {
		return strconv.Quote(s)
	}
	return s
}

// Clipped cuts a text of more than so many bytes, and adds its length and a hash, by which two texts that differ after the cut
// can be told apart.
func Clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	kept := strings.ToValidUTF8(s[:most], "") // the cut may have split a character
	sum := sha256.Sum256([]byte(s))
	return fmt.Sprintf("%s… (%s bytes, SHA-256 %x…)", kept, Number(int64(len(s))), sum[:4])
}

// InColumn writes a text as [Shown] does, for a column of a table: of a long one only the beginning, the end, and how much
// is left out between them.
func InColumn(s string) string {
	const begin, end = 40, 20
	runes := []rune(Shown(s))
	rest := len(runes) - begin - end
	if rest <= end {
		return string(runes)
	}
	return fmt.Sprintf("%s…%s more…%s", string(runes[:begin]), Number(int64(rest)), string(runes[begin+rest:]))
}

// null is how NULL is shown; a text of these letters is quoted.
const null = "NULL"

// ShownValue writes a value of a database; nil is NULL.
func ShownValue(v *string) string {
	if v == nil {
		return null
	}
	return Shown(*v)
}
