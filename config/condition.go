package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// condition reads an SQL condition for rows. Whether it is one is known when the database is asked; here only what would
// end the condition, or the statement around it, is refused.
func (o *object) condition(key string, into *string) {
	o.sql(key, into)
	n := o.values[key]
	if n == nil || *into == "" {
		return
	}
	n, path := target(n), join(o.path, key)
	if o.conditions == nil {
		o.conditions = map[string]*yaml.Node{}
	}
	o.conditions[path] = n
	if message := unclosed(*into); message != "" {
		o.at(n, path, message, "write one condition as after WHERE, such as \"trader = 'T7' AND region = 'EU'\"")
	}
}

// place is where a condition is in the file, as an error without a message; nil if it is not there.
func (r *reader) place(path string) *Error {
	n := r.conditions[path]
	if n == nil {
		return nil
	}
	return &Error{File: r.file, Line: n.Line, Column: n.Column, Path: r.within.path(path)}
}

// Misplaced gives an error about a condition its place in the file. The error is an [Errors] if the place is known.
func (c *Config) Misplaced(path, message, hint string, cause error) error {
	if c == nil || c.place == nil {
		return cause
	}
	e := c.place(path)
	if e == nil {
		return cause
	}
	e.Message, e.Hint, e.cause = strings.TrimPrefix(message, path+" "), hint, cause
	return Errors{e}
}

// part is a part of SQL that is read as a whole: a quoted text or name, a text in dollars without its end, a comment, or a
// single character that means something here.
var part = regexp.MustCompile(`(?s)\b[eE]'(?:[^'\\]|\\.|'')*'?|'[^']*'?|"[^"]*"?|\$(?:[A-Za-z_][A-Za-z_0-9]*)?\$|--[^\n]*|/\*|[();]`)

// unclosed says what ends a condition too early or leaves it open; empty if nothing does.
func unclosed(sql string) string {
	depth := 0
	for sql != "" {
		at := part.FindStringIndex(sql)
		if at == nil {
			break
		}
		found := sql[at[0]:at[1]]
		sql = sql[at[1]:]
		switch {
		case found == ";":
			return "has a semicolon, and is no single condition"
		case found == "(":
			depth++
		case found == ")":
			if depth--; depth < 0 {
				return "closes a parenthesis that it does not open"
			}
		case found[0] == '$' || found == "/*":
			end := found
			if found == "/*" {
				end = "*/"
			}
			_, rest, ok := strings.Cut(sql, end)
			if !ok {
				return "does not end what " + found + " begins"
			}
			sql = rest
		case strings.HasPrefix(found, "--"):
		default:
			if quote := strings.TrimLeft(found, "eE"); len(quote) < 2 || quote[len(quote)-1] != quote[0] {
				return "does not close a quote"
			}
		}
	}
	if depth > 0 {
		return "does not close a parenthesis"
	}
	return ""
}

// Warnings are what may be a mistake, in the order of the file.
func (c *Config) Warnings() Errors { return c.warnings }

// warnOfSlices finds representations that are not restricted where others are: each order outside of the slice would count
// as one that they have too much. A subquery may have its own condition.
func (c *Config) warnOfSlices(o *object) {
	sliced, other := c.Legacy.Where, "legacy.where"
	if sliced == "" {
		sliced, other = c.Projection.Where, "projection.where"
	}
	if sliced == "" {
		return
	}
	for _, s := range []struct{ section, table, where string }{
		{"legacy", c.Legacy.Table, c.Legacy.Where}, {"projection", c.Projection.Table, c.Projection.Where}, {"events", c.Events.Table, c.Events.Where},
	} {
		n := o.values[s.section]
		if n == nil || s.where != "" || strings.HasPrefix(s.table, "(") {
			continue
		}
		n = target(n)
		o.warnings = append(o.warnings, &Error{
			File: o.file, Line: n.Line, Column: n.Column, Path: s.section,
			Message: "has no where, and " + other + " restricts the comparison to a slice: what is outside of it counts as too much here",
			Hint:    "write " + s.section + ".where for the same orders",
		})
	}
}
