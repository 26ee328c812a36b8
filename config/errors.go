package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in the configuration, with its place.
type Error struct {
	// File is the name that was given to Load or Parse.
	File string
	// Line and Column count from 1. They are 0 if the mistake has no place, such as a file that cannot be read.
	Line, Column int
	// Path is the key path, such as compare.fields[2].type; "" if the mistake is about the whole file.
	Path string
	// Message says what is wrong. It never holds the value of a secret or of an environment variable.
	Message string
	// Hint says how to correct it; may be "".
	Hint string

	cause error
}

// Error returns file:line:column: path: message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// Unwrap returns the cause, if there is one.
func (e *Error) Unwrap() error { return e.cause }

// Errors holds all mistakes of one file, in the order of the file. It is never empty when it is returned as an error.
type Errors []*Error

// Error returns one line for each mistake.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the mistakes one by one.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// sorted returns the errors by place, without repetitions, because an alias is read once for each use.
func (es Errors) sorted() Errors {
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.CompactFunc(es, func(a, b *Error) bool { return a.Error() == b.Error() })
}
