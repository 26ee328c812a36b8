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

// What a database holds must not steer the terminal on which it is shown, nor pass for something else: not for a
// line of ours, not for NULL, not for nothing.

// printable escapes what steers a terminal in a sentence that may quote a database; its lines stay.
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

// writeObject writes one JSON object on a line of its own. JSON leaves some control characters as they are (DEL, the
// second control set, those that turn the direction of text); they are escaped too.
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
