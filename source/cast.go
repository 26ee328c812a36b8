package source

import (
	"regexp"
	"strings"
)

var (
	castSuffix  = regexp.MustCompile(`(?is)^(.*?)\s*::\s*([a-z0-9]+)$`)
	castCall    = regexp.MustCompile(`(?is)^cast\s*\((.*)\s+as\s+([a-z0-9]+)\s*\)$`)
	callHead    = regexp.MustCompile(`(?i)^([a-z_][a-z0-9_.]*\s*)?\(`)
	integerType = regexp.MustCompile(`^(bigint|int8|integer|int|int4|smallint|int2)$`)
)

// castOf splits an expression that is nothing but a cast into what is cast and the type, in lower case. It is false for
// every other expression.
func castOf(expr string) (of, to string, ok bool) {
	expr = strings.TrimSpace(expr)
	for strings.HasPrefix(expr, "(") && closing(expr) == len(expr)-1 {
		expr = strings.TrimSpace(expr[1 : len(expr)-1])
	}
	if m := castCall.FindStringSubmatch(expr); m != nil && closing(expr) == len(expr)-1 {
		return strings.TrimSpace(m[1]), strings.ToLower(m[2]), true
	}
	m := castSuffix.FindStringSubmatch(expr)
	if m == nil {
		return "", "", false
	}
	// A cast binds more tightly than any operator, so only a column, a call or parentheses are all that is cast.
	of = m[1]
	whole := plainColumn.MatchString(of) || callHead.MatchString(of) && closing(of) == len(of)-1
	return of, strings.ToLower(m[2]), whole
}

// closing returns the index of the parenthesis that closes the first one; -1 if there is none.
func closing(expr string) int {
	depth := 0
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; c {
		case '\'', '"':
			end := strings.IndexByte(expr[i+1:], c)
			if end < 0 {
				return -1
			}
			i += end + 1
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// cautious returns a key expression that is NULL for rows for which its cast fails, so that these count as rows without a
// key and the others can be read. Other expressions stay as they are.
func cautious(key string) string {
	of, to, ok := castOf(key)
	switch {
	case !ok:
		return key
	case integerType.MatchString(to):
		limits := map[string]string{"bigint": "9223372036854775807", "int8": "9223372036854775807", "smallint": "32767", "int2": "32767"}
		most := "2147483647"
		if m, ok := limits[to]; ok {
			most = m
		}
		return "CASE WHEN (" + of + `)::text ~ '^\s*[+-]?[0-9]{1,40}\s*$' THEN CASE WHEN (` + of + ")::text::numeric BETWEEN -" + most + " - 1 AND " + most +
			" THEN (" + of + ")::" + to + " END END"
	case to == "uuid":
		return "CASE WHEN (" + of + `)::text ~* '^(([0-9a-f]{4}-?){7}[0-9a-f]{4}|\{([0-9a-f]{4}-?){7}[0-9a-f]{4}\})$' THEN (` + of + ")::uuid END"
	}
	return key
}
