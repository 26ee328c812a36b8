package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// beaten is what is printed in so many seconds of waiting.
func beaten(p *printer, what string, seconds int) string {
	var out bytes.Buffer
	p.w = &out
	began := time.Unix(0, 0)
	ticks, stop := make(chan time.Time), make(chan struct{})
	go func() {
		for i := range seconds {
			ticks <- began.Add(time.Duration(i+1) * time.Second)
		}
		close(stop)
	}()
	p.beat(what, began, ticks, stop)
	return out.String()
}

func TestWaitingSaysSomethingEachSecond(t *testing.T) {
	for seconds, want := range map[int]string{0: "", 1: "  … a pass .\n", 3: "  … a pass ...\n"} {
		if got := beaten(&printer{}, "a pass", seconds); got != want {
			t.Errorf("after %d s: %q, want %q", seconds, got, want)
		}
	}
	long := beaten(&printer{}, "a pass", 200)
	if strings.Count(long, ".") != 200 {
		t.Errorf("%d dots in 200 s", strings.Count(long, "."))
	}
	for line := range strings.Lines(long) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > widest {
			t.Errorf("a line has %d columns: %s", n, line)
		}
	}
	if got := beaten(&printer{terminal: true}, "a pass", 2); got != "\r\x1b[K  … a pass (1 s)\r\x1b[K  … a pass (2 s)\r\x1b[K" {
		t.Errorf("on a terminal: %q", got)
	}
	for part := range strings.SplitSeq(beaten(&printer{terminal: true}, strings.Repeat("long ", 40), 2), "\x1b[K") {
		if n := len([]rune(part)); n > widest {
			t.Errorf("on a terminal a line has %d columns", n)
		}
	}
}
