package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// The marks between which docs/guarantees.md keeps the detection table.
const (
	detectionBegins = "<!-- begin detection -->\n"
	detectionEnds   = "<!-- end detection -->"
)

// table returns the results in Markdown.
func (t *trial) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| fault (the lab's name) | what happens | hop | cause | found by | found | hop and cause right | seconds |\n|---|---|---|---|---|---|---|---:|\n")
	for _, r := range t.results {
		by := slices.Sorted(maps.Keys(r.by))
		fmt.Fprintf(&b, "| `%s` | %s | %s | [%s](causes/%s.md) | %s | %d of %d | %d of %d | %.1f |\n",
			r.fault.Name, r.fault.About, r.fault.Hop, r.fault.Cause, r.fault.Cause, strings.Join(by, ", "),
			len(r.found), len(r.planted), len(r.right), len(r.planted), r.took.Seconds())
	}
	return b.String()
}

// writeBetween puts text between two marks of a page.
func writeBetween(file, begins, ends, text string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	before, rest, ok := strings.Cut(string(page), begins)
	_, after, closed := strings.Cut(rest, ends)
	if !ok || !closed {
		return fmt.Errorf("%s has no mark for the table: %q is missing", file, strings.TrimSpace(begins))
	}
	if err := os.WriteFile(file, []byte(before+begins+text+ends+after), 0o644); err != nil { //nolint:gosec // for everyone to read
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}
