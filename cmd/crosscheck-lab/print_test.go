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

func TestWrapKeepsColumnsAndFitsLongWords(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"a  b   c", 20, []string{"a  b   c"}},
		{"one   two three", 9, []string{"one   two", "three"}},
		{"one two", 3, []string{"one", "two"}},
		{"abcdefgh ij", 4, []string{"abcdefgh", "ij"}},
		{"ä ö ü ß", 3, []string{"ä ö", "ü ß"}},
		{"", 4, nil},
	} {
		if got := wrap(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%q in %d columns is %q, want %q", c.text, c.width, got, c.want)
		}
	}
	joined := paragraphs("a\n" + strings.Repeat(" ", 18) + "one\n" + strings.Repeat(" ", 18) + "two\n\n  b\n  c\n")
	if want := []string{"a", strings.Repeat(" ", 18) + "one two", "", "  b", "  c"}; !slices.Equal(joined, want) {
		t.Errorf("joined %q, want %q", joined, want)
	}
}
