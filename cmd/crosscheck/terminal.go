package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Text from a database must not control the terminal, and must not look like something else: a line of crosscheck,
// NULL, or nothing.

// printable escapes control characters in a sentence that may quote a database. It keeps line breaks.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// writeObject writes one JSON object on its own line. JSON does not escape some control characters (DEL, the second
// control set, and those that change the direction of text), so writeObject does.
func writeObject(w io.Writer, v any) error {
	var object bytes.Buffer
	e := json.NewEncoder(&object)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encoding the report: %w", err)
	}
	var out bytes.Buffer
	for _, r := range object.String() {
		if r == '\n' || !unicode.In(r, unicode.Cc, unicode.Cf) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}
