package main

import (
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/verify"
)

func TestAPassWithoutProgressSaysThatItGoesOn(t *testing.T) {
	var out strings.Builder
	p := newProgress(&out)
	began := p.lastShown
	for s := range 25 {
		p.goesOn(began.Add(time.Duration(s)*time.Second), time.Duration(s)*time.Second, 80*time.Second)
	}
	want := "crosscheck: still reading, 10s so far; a view or a query tells nothing before its end; the last such pass took 1m 20s\n"
	if got := out.String(); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 2 {
		t.Errorf("in 25 s it said %q", got)
	}
	out.Reset()
	p.goesOn(p.lastShown.Add(quietFor), time.Minute, 0)
	if got := out.String(); !strings.HasSuffix(got, "before its end\n") {
		t.Errorf("without a pass before it said %q", got)
	}
	out.Reset()
	p.show(verify.Progress{Stage: "settle", Total: 100})
	p.goesOn(p.lastShown.Add(quietFor), time.Minute, 0)
	if out.Len() > 0 {
		t.Errorf("beside progress it said %q", out.String())
	}
	stop := p.keepSaying(0)
	stop()
}
