package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// sqlText tells an SQL expression, in which every dollar is SQL, from the name of a table or a column.
var sqlText = regexp.MustCompile(`[\s"'(]|::`)

// expand replaces ${NAME} in a value with the variable's value, and $$ with one dollar. Any other dollar stays as it
// is, so that SQL expressions need no escapes. The second result reports whether a variable was used.
func expand(text string, getenv func(string) (string, bool)) (string, bool, error) {
	var out strings.Builder
	var errs []error
	used := false
	for {
		at := strings.IndexByte(text, '$')
		if at < 0 || at == len(text)-1 {
			out.WriteString(text)
			return out.String(), used, errors.Join(errs...)
		}
		out.WriteString(text[:at])
		switch text[at+1] {
		case '$':
			out.WriteByte('$')
			text = text[at+2:]
		case '{':
			name, rest, closed := strings.Cut(text[at+2:], "}")
			if !closed {
				errs = append(errs, errors.New("${ without a closing }"))
				return "", true, errors.Join(errs...)
			}
			value, err := lookup(name, getenv)
			if err != nil {
				errs = append(errs, err)
			}
			used = true
			out.WriteString(value)
			text = rest
		default:
			out.WriteByte('$')
			text = text[at+1:]
		}
	}
}

func lookup(name string, getenv func(string) (string, bool)) (string, error) {
	if !variableName.MatchString(name) {
		// The text may be a default for another tool, or a secret, so it is not shown.
		return "", errors.New("${…} must hold only the name of an environment variable")
	}
	value, ok := getenv(name)
	if !ok {
		return "", fmt.Errorf("environment variable %s is not set", name)
	}
	return value, nil
}
