package config

import (
	"bytes"
	"errors"
	"strings"

	"go.yaml.in/yaml/v4"
)

// syntaxError turns an error of the YAML library into one of ours. It drops the library's message if that could quote a
// value.
func syntaxError(src []byte, err error) *Error {
	e := &Error{Line: 1, Column: 1, Message: "is not valid YAML"}
	loadError, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return e
	}
	e.Line, e.Column = loadError.Mark.Line, loadError.Mark.Column
	if e.Line == 0 {
		e.Line, e.Column = position(src, loadError.Mark.Index)
	}
	e.Column = max(e.Column, 1)
	switch message := loadError.Message; {
	case loadError.Stage == yaml.ReaderStage:
		e.Message = "is not valid YAML: not plain text in UTF-8"
	case loadError.Stage == yaml.ComposerStage && strings.Contains(message, "anchor"):
		e.Message = "is not valid YAML: the anchor that this * refers to is not defined"
		e.Hint = "put a value that begins with * in double quotes"
	default:
		e.Message = "is not valid YAML: " + message
	}
	if hint := syntaxHint(line(src, e.Line), e.Column); hint != "" {
		e.Hint = hint
	}
	return e
}

// syntaxHint knows the most frequent mistakes.
func syntaxHint(text string, column int) string {
	before := text[:min(max(column-1, 0), len(text))]
	switch {
	case strings.Contains(text, "\t") && strings.TrimLeft(before, " \t") == "":
		return "indent with spaces, not with tabs"
	case strings.Contains(text, "${") && !strings.Contains(text, `"${`) && !strings.Contains(text, `'${`):
		return "put a value with ${…} in double quotes"
	case strings.Contains(text, ": *"):
		return "put a value that begins with * in double quotes"
	default:
		return ""
	}
}

// line returns the line of the text with the given number, counted from 1, without its end.
func line(src []byte, number int) string {
	for i, l := range bytes.Split(src, []byte("\n")) {
		if i == number-1 {
			return strings.TrimSuffix(string(l), "\r")
		}
	}
	return ""
}

// position returns line and column of a byte offset.
func position(src []byte, offset int) (line, column int) {
	before := src[:min(max(offset, 0), len(src))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}
