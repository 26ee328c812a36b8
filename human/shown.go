package human

import (
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

// null is how NULL is shown; a text of these letters is quoted.
const null = "NULL"

// ShownValue writes a value of a database; nil is NULL.
func ShownValue(v *string) string {
	if v == nil {
		return null
	}
	return Shown(*v)
}
