package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNoLineIsTooWide(t *testing.T) {
	var out bytes.Buffer
	p := newPrinter(&out)
	p.fitted("    pass         ", 17, strings.Repeat("open_divergences, ", 20))
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > widest || n < widest/2 && !strings.HasSuffix(out.String(), line) {
			t.Errorf("a line has %d columns: %s", n, line)
		}
	}
	got := narrowed([]string{"          legacy          events…", "  *  a    1.23            4"})
	if want := []string{"        legacy  events…", "  *  a  1.23    4"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
