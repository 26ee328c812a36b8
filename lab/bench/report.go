package bench

import (
	"fmt"
	"strings"
	"time"
)

// Report is the table.
type Report struct {
	Heading []string // machine, versions, sizes: one sentence each
	Rows    []Row
}

// Row is one line: what was measured, and its ratio to another row.
type Row struct {
	What         string
	Median, Best string
	// Ratio names the two parts of the ratio, by medians and by best runs; empty if there is none.
	Ratio, OfMedians, OfBests string
	Limit                     string // empty if there is no limit
	Held                      bool
}

// limits of the ratios: the most that verify may take compared with each rival, and so on.
const (
	ofDigests     = 1.25
	ofMD5Three    = 1.0 / 6
	ofMD5All      = 1.0 / 10
	ofReads       = 2.0
	ofSmallSample = 1.5
	ofDefault     = 1.5
)

// verify adds the samples in the order of bench.verify.
func (r *Report) verify(f fields, s []sample, inside sample, n *number) {
	verify, digests, join, md5, count := s[0], s[1], s[2], s[3], s[4]
	md5Limit := ofMD5All
	if f.name == threeFields.name {
		md5Limit = ofMD5Three
	}
	r.add(f.name+": `crosscheck verify`, whole process", verify)
	r.add("the pass in it, as it reports itself", inside)
	r.against("the two bare bucketed digests at once", digests, "verify / this", verify, digests, ofDigests)
	r.against("data-diff's md5 of both sides, first level", md5, "verify / this", verify, md5, md5Limit)
	r.against("`count(*)` of both sides at once", count, "verify / this", verify, count, 0)
	r.number(f, verify, join, s[5:], n.earlier)
	r.against("the pass in it by buckets", n.inside, "pass of verify / this", inside, n.inside, 0)
}

// sample adds the samples in the order of bench.sample. Each limit applies to the whole process and to the pass in it.
func (r *Report) sample(large, small *dataset, s, inside []sample) {
	for i, d := range []*dataset{large, small} {
		whole, reads, limit := s[2*i], s[2*i+1], ofReads
		if d == small { // there is no limit for it
			limit = 0
		}
		r.add(fmt.Sprintf("bare reads of %d keys in %s, both sides at once", sampleSize, millions(d.orders)), reads)
		r.against(fmt.Sprintf("`crosscheck sample` of %d in %s, whole process", sampleSize, millions(d.orders)), whole, "this / bare reads", whole, reads, limit)
		r.against("the pass in it", inside[i], "this / bare reads", inside[i], reads, limit)
	}
	versus := fmt.Sprintf("in %s / in %s", millions(large.orders), millions(small.orders))
	r.against("whole process", s[0], versus, s[0], s[2], ofSmallSample)
	r.against("the pass in it", inside[0], versus, inside[0], inside[1], ofSmallSample)
	r.against("bare reads, for comparison", s[1], versus, s[1], s[3], 0)
}

// stores adds the samples in the order of eventStores. The limit is for libraries, against the default schema.
func (r *Report) stores(events int64, s, work []sample) {
	for i, store := range eventStores {
		what := fmt.Sprintf("`crosscheck verify` with %d events in %s", events, store.title)
		limit := ofDefault
		switch i {
		case 0:
			r.add(what, s[i])
			r.add("its processor time, of the server too", work[i])
			continue
		case 1:
			limit = 0
		}
		r.against(what, s[i], "this / default", s[i], s[0], limit)
		r.against("its processor time, of the server too", work[i], "this / default", work[i], work[0], 0)
	}
}

func (r *Report) add(what string, s sample) {
	r.Rows = append(r.Rows, Row{What: what, Median: seconds(s.median()), Best: seconds(s.best())})
}

// against adds a sample with a ratio; a limit of 0 means none.
func (r *Report) against(what string, s sample, ratio string, over, under sample, limit float64) {
	ofMedians := over.median().Seconds() / under.median().Seconds()
	row := Row{
		What: what, Median: seconds(s.median()), Best: seconds(s.best()), Ratio: ratio,
		OfMedians: fmt.Sprintf("%.3g", ofMedians),
		OfBests:   fmt.Sprintf("%.3g", over.best().Seconds()/under.best().Seconds()),
	}
	if limit > 0 {
		row.Limit, row.Held = fmt.Sprintf("%.3g", limit), ofMedians <= limit
	}
	r.Rows = append(r.Rows, row)
}

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.3f", d.Seconds())
	}
	return fmt.Sprintf("%.2f", d.Seconds())
}

func millions(n int64) string {
	if n < 100_000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%.1fM", float64(n)/1e6)
}

// verdict is the last word of a row.
func (r Row) verdict() string {
	switch {
	case r.Limit == "":
		return ""
	case r.Held:
		return "held"
	default:
		return "missed"
	}
}

var columnNames = []string{"what", "median s", "best s", "ratio", "of medians", "of bests", "limit", ""}

func (r Row) cells() []string {
	return []string{r.What, r.Median, r.Best, r.Ratio, r.OfMedians, r.OfBests, r.Limit, r.verdict()}
}

// Text is the table for a terminal.
func (r *Report) Text() string {
	rows := [][]string{columnNames}
	for _, row := range r.Rows {
		rows = append(rows, row.cells())
	}
	widths := make([]int, len(columnNames))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(plain(cell))))
		}
	}
	var b strings.Builder
	for _, line := range r.Heading {
		fmt.Fprintf(&b, "%s\n", line)
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-len([]rune(plain(cell))))
			if i == 0 || i == 3 || i == len(row)-1 {
				fmt.Fprintf(&line, "%s%s  ", plain(cell), pad)
			} else {
				fmt.Fprintf(&line, "%s%s  ", pad, plain(cell))
			}
		}
		fmt.Fprintf(&b, "%s\n", strings.TrimRight(line.String(), " "))
	}
	return b.String()
}

// plain removes Markdown's marks.
func plain(cell string) string { return strings.ReplaceAll(cell, "`", "") }

// Markdown is the table for a page.
func (r *Report) Markdown() string {
	var b strings.Builder
	for _, line := range r.Heading {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	fmt.Fprintf(&b, "\n| %s |\n|---|---:|---:|---|---:|---:|---:|---|\n", strings.Join(columnNames, " | "))
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row.cells(), " | "))
	}
	return b.String()
}
