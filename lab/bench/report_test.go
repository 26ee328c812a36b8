package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSample(t *testing.T) {
	for name, c := range map[string]struct {
		of           sample
		median, best time.Duration
	}{
		"none": {},
		"one":  {sample{7}, 7, 7},
		"odd":  {sample{9, 1, 5}, 5, 1},
		"even": {sample{9, 1, 5, 3}, 4, 1},
	} {
		if c.of.median() != c.median || c.of.best() != c.best {
			t.Errorf("%s: median %d and best %d, want %d and %d", name, c.of.median(), c.of.best(), c.median, c.best)
		}
	}
}

func TestReport(t *testing.T) {
	r := &Report{Heading: []string{"a machine"}}
	r.add("`verify`", sample{2 * time.Second})
	r.against("bare", sample{time.Second}, "verify / it", sample{2 * time.Second}, sample{time.Second}, ofDigests)
	r.against("join", sample{8 * time.Second}, "verify / it", sample{2 * time.Second}, sample{8 * time.Second}, 0.5)
	r.many(1_000_000, &pass{wall: 30 * time.Second, work: 21 * time.Second, memory: 100 << 20})
	text := `a machine
what                                      median s  best s  ratio             of medians  of bests    limit
verify                                        2.00    2.00
bare                                          1.00    1.00  verify / it                2         2     1.25  missed
join                                          8.00    8.00  verify / it             0.25      0.25      0.5  held
verify, 1000000 orders differ, all found     30.00   30.00  resident memory      100 MiB            256 MiB  held
verify, 1000000 orders differ, all found     30.00   30.00  for each of them     30.0 µs              60 µs  held
its processor time, without the server       21.00   21.00  for each of them     21.0 µs              20 µs  missed
`
	if diff := cmp.Diff(text, r.Text()); diff != "" {
		t.Error(diff)
	}
	markdown := r.Markdown()
	for _, line := range []string{"- a machine", "| `verify` | 2.00 | 2.00 |  |  |  |  |  |", "| join | 8.00 | 8.00 | verify / it | 0.25 | 0.25 | 0.5 | held |"} {
		if !strings.Contains(markdown, line+"\n") {
			t.Errorf("%q is not in\n%s", line, markdown)
		}
	}
}
