package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// wait says what a demonstration waits for, and that it still does, until the returned function is called. Nothing else
// may be printed meanwhile.
func (p *printer) wait(what string) (end func()) {
	began := time.Now()
	ticker := time.NewTicker(time.Second)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		p.beat(what, began, ticker.C, stop)
	}()
	return func() {
		ticker.Stop()
		close(stop)
		<-done
	}
}

// during waits for a call.
func (p *printer) during(what string, call func() error) error {
	end := p.wait(what)
	defer end()
	return call()
}

// beat says something at each tick: on a terminal it rewrites one line, and takes it away at the end; elsewhere it adds a dot.
func (p *printer) beat(what string, began time.Time, ticks <-chan time.Time, stop <-chan struct{}) {
	lead := "  … " + what + " "
	column, longest := 0, widest-1 // a full line would wrap
	for {
		select {
		case <-stop:
			switch {
			case column == 0:
			case p.terminal:
				fmt.Fprint(p.w, "\r\x1b[K")
			default:
				fmt.Fprintln(p.w)
			}
			return
		case at := <-ticks:
			line := []rune(fmt.Sprintf("%s(%d s)", lead, int(at.Sub(began).Seconds())))
			switch {
			case p.terminal:
				fmt.Fprint(p.w, "\r\x1b[K"+p.paint(dim, string(line[:min(len(line), longest)])))
				column = 1
			case column == 0:
				fmt.Fprint(p.w, lead+".")
				column = utf8.RuneCountInString(lead) + 1
			case column >= longest:
				fmt.Fprint(p.w, "\n"+strings.Repeat(" ", 4)+".")
				column = 5
			default:
				fmt.Fprint(p.w, ".")
				column++
			}
		}
	}
}

// next ends a demonstration: what a reader may do now, in pairs of what to type or read, and why.
func (p *printer) next(steps ...[2]string) {
	p.title("Next")
	for _, s := range steps {
		if len(s[0]) > 34 { // programs in a folder far away
			p.line("  %s\n    %s", p.paint(cyan, s[0]), s[1])
			continue
		}
		p.line("  %s  %s", p.paint(cyan, fmt.Sprintf("%-34s", s[0])), s[1])
	}
}
