package main

import (
	"cmp"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/vbauerster/mpb/v8/cwriter"
)

// Widths of text in columns.
const (
	leastColumns = 40
	narrowest    = 60
	usual        = 80
	widest       = 120
)

// columns is how many columns tables may have: COLUMNS, or those of the terminal; 0 if there is no limit.
func (p *program) columns() int {
	columns := 0
	if f, ok := p.stdout.(*os.File); ok && isTerminal(f) {
		if size, _, err := cwriter.New(f).GetTermSize(); err == nil && size > 0 {
			columns = max(size, leastColumns)
		}
	}
	if given, ok := p.getenv("COLUMNS"); ok {
		if n, err := strconv.Atoi(given); err == nil && n > 0 {
			columns = max(n, leastColumns)
		}
	}
	return columns
}

// width is that of sentences.
func (p *program) width() int { return min(max(cmp.Or(p.columns(), usual), narrowest), widest) }

// columnsOf is how many columns a text takes on a terminal.
func columnsOf(s string) (n int) {
	for _, r := range s {
		n += columnsOfRune(r)
	}
	return n
}

func columnsOfRune(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana, wide):
		return 2
	}
	return 1
}

// wide has what takes two columns beside the scripts of East Asia: their punctuation, full-width forms, and emoji.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{{0x3001, 0x303e, 1}, {0xff01, 0xff60, 1}, {0xffe0, 0xffe6, 1}},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1faff, 1}},
}

// clipped leaves out the middle of a text that takes more columns than it may: both ends of a key or a value tell it from others.
func clipped(s string, most int) string {
	if columnsOf(s) <= most {
		return s
	}
	runes := []rune(s)
	end, begin, used := len(runes), 0, 1 // the ellipsis
	for used < most {
		// A third of it is the end.
		if r := runes[end-1]; (most-used)%3 == 0 && used+columnsOfRune(r) <= most {
			end, used = end-1, used+columnsOfRune(r)
			continue
		}
		if used += columnsOfRune(runes[begin]); used > most {
			break
		}
		begin++
	}
	return string(runes[:begin]) + "…" + string(runes[end:])
}

// say writes a text for people, with verdicts in colour on a terminal, unless NO_COLOR is set.
func (p *program) say(text string) error {
	f, ok := p.stdout.(*os.File)
	no, _ := p.getenv("NO_COLOR")
	term, _ := p.getenv("TERM")
	if ok && isTerminal(f) && no == "" && term != "dumb" {
		text = coloured(text)
	}
	_, err := io.WriteString(p.stdout, text)
	return err
}

var (
	verdictWords = regexp.MustCompile(`(?m)^(?:  )?(NO-GO|GO|INCONCLUSIVE|MATCH|DIVERGED|ACCEPTED|LAGGING|UNVERIFIED|PASS|FAIL|ERROR)\b`)
	colours      = map[string]string{"GO": "32", "MATCH": "32", "ACCEPTED": "32", "PASS": "32", "NO-GO": "31", "DIVERGED": "31", "FAIL": "31", "ERROR": "31"}
)

// coloured makes verdicts at the beginning of lines green, red or, where nothing is known, yellow.
func coloured(text string) string {
	return verdictWords.ReplaceAllStringFunc(text, func(found string) string {
		word := strings.TrimSpace(found)
		return strings.TrimSuffix(found, word) + "\x1b[1;" + cmp.Or(colours[word], "33") + "m" + word + "\x1b[0m"
	})
}
