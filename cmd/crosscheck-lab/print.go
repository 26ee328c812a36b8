package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// printer writes text for people. It uses colours only on a terminal, and not if NO_COLOR is set.
type printer struct {
	w                io.Writer
	colour, terminal bool
}

func newPrinter(w io.Writer) *printer {
	terminal := isTerminal(w)
	return &printer{w: w, terminal: terminal, colour: terminal && os.Getenv("NO_COLOR") == ""}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// The styles, as the numbers of ANSI terminals.
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
	amber = "33"
	cyan  = "36"
)

func (p *printer) paint(style, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// title begins a part of the story.
func (p *printer) title(s string) {
	p.line("")
	for _, l := range wrap(s, widest) {
		p.line("%s", p.paint(bold, l))
	}
}

// command shows a command that is run.
func (p *printer) command(s string) { p.line("  %s", p.paint(cyan, "$ "+s)) }

// note prints a side remark.
func (p *printer) note(format string, args ...any) {
	p.line("  %s", p.paint(dim, fmt.Sprintf(format, args...)))
}

// verdict prints a line with a tick or a cross.
func (p *printer) verdict(good bool, format string, args ...any) {
	mark := p.paint(green, "✓")
	if !good {
		mark = p.paint(red, "✗")
	}
	p.fitted("  "+mark+" ", 4, fmt.Sprintf(format, args...))
}

// decision colours the gate's answer.
func (p *printer) decision(d string) string {
	switch d {
	case "GO":
		return p.paint(green, d)
	case "NO-GO":
		return p.paint(red, d)
	default:
		return p.paint(amber, d)
	}
}

// widest is how many columns a line may have.
const widest = 80

// fitted prints text after a lead, and goes on below it where a line would be too wide. The lead may have colours, and
// is so many columns wide.
func (p *printer) fitted(lead string, width int, text string) {
	for i, l := range wrap(text, widest-width) {
		if i > 0 {
			lead = strings.Repeat(" ", min(width, max(0, widest-utf8.RuneCountInString(l)))) // a long word may need more room
		}
		p.line("%s%s", lead, l)
	}
}

// narrowed leaves two blanks where all lines have more.
func narrowed(lines []string) []string {
	out, blanks := make([]string, len(lines)), 0
	rest := make([][]rune, len(lines))
	for i, l := range lines {
		rest[i] = []rune(l)
	}
	for slices.ContainsFunc(rest, func(l []rune) bool { return len(l) > 0 }) {
		blanks++
		if slices.ContainsFunc(rest, func(l []rune) bool { return len(l) > 0 && l[0] != ' ' }) {
			blanks = 0
		}
		for i, l := range rest {
			if len(l) == 0 {
				continue
			}
			if rest[i] = l[1:]; blanks <= 2 {
				out[i] += string(l[0])
			}
		}
	}
	return out
}

// wrap breaks a text into lines of at most the given number of characters, if its words allow that. It keeps the blanks
// between words that stay on one line, because they may be columns.
func wrap(s string, width int) (lines []string) {
	rest := []rune(strings.TrimRight(s, " \n"))
	for len(rest) > width {
		cut := width
		for cut > 0 && rest[cut] != ' ' {
			cut--
		}
		if strings.TrimSpace(string(rest[:cut])) == "" { // one word fills the line
			next := slices.Index(rest[width:], ' ')
			if next < 0 {
				break
			}
			cut = width + next
		}
		lines = append(lines, strings.TrimRight(string(rest[:cut]), " "))
		rest = []rune(strings.TrimLeft(string(rest[cut:]), " "))
	}
	if len(rest) > 0 {
		lines = append(lines, string(rest))
	}
	return lines
}
