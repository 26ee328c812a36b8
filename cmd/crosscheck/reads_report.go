package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/verify"
)

// readsReport is what reads prints. Other programs read its fields.
type readsReport struct {
	ID          int64               `json:"id,omitempty"` // none of a replay, which is not stored
	Pass        string              `json:"pass"`
	Verdict     string              `json:"verdict"`
	Reason      string              `json:"reason,omitempty"`
	Coverage    float64             `json:"coverage"`
	Duration    float64             `json:"duration_seconds"`
	Keys        int64               `json:"keys"`
	Refused     string              `json:"refused,omitempty"`
	Late        int64               `json:"late,omitempty"` // requests of a replay that began more than 100 ms late
	Queries     []verify.ReadQuery  `json:"queries"`
	Differences []verify.ReadAnswer `json:"differences"`
	Unlisted    int64               `json:"unlisted,omitempty"`
}

func newReadsReport(p verify.Pass) readsReport {
	r := readsReport{
		ID: int64(p.ID), Pass: string(p.Kind), Verdict: string(p.Result.Verdict), Reason: p.Result.Reason, Coverage: p.Scan.Coverage,
		Queries: []verify.ReadQuery{}, Differences: []verify.ReadAnswer{},
	}
	if !p.FinishedAt.IsZero() {
		r.Duration = p.FinishedAt.Sub(p.StartedAt).Seconds()
	}
	if f, ok := p.Scan.Facts.(verify.ReadsFacts); ok {
		r.Keys, r.Refused, r.Unlisted = f.Keys, f.Refused, f.Unlisted
		r.Queries, r.Differences = append(r.Queries, f.Queries...), append(r.Differences, f.Differences...)
	}
	return r
}

func (r readsReport) write(w io.Writer, json bool, most int) error {
	if json {
		return writeObject(w, r)
	}
	var b strings.Builder
	r.text(&b, most)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r readsReport) text(b *strings.Builder, most int) {
	var questions int64
	for _, q := range r.Queries {
		questions += q.Questions
	}
	beside(b, strings.ToUpper(r.Verdict)+"  ", fmt.Sprintf("reads: %s about %s in %.1fs (coverage %.4g %%)", human.Quantity(questions, "question", "questions"),
		human.Quantity(r.Keys, "order", "orders"), r.Duration, 100*r.Coverage), most)
	if r.Reason != "" {
		beside(b, "  ", printable(r.Reason), most)
	}
	if r.Refused != "" && r.Keys > 0 {
		beside(b, "  ", "fewer orders than asked for: "+printable(r.Refused), most)
	}
	if r.Late > 0 {
		fmt.Fprintf(b, "  %s more than 100 ms late: too many were open\n", human.Quantity(r.Late, "request began", "requests began"))
	}
	if len(r.Queries) > 0 {
		r.table(b, most)
	}
	r.differences(b, most)
}

// table is one table, or where that is too wide one of counts and one of latencies.
func (r readsReport) table(b *strings.Builder, most int) {
	counts := []string{"query", "asked", "agree", "later", "differ", "moving", "failed", "noise"}
	latencies := []string{"legacy P50", "P99", "projection P50", "P99", "P99 ratio"}
	all := &table{header: slices.Concat(counts, latencies)}
	counted, measured := &table{header: counts}, &table{header: append([]string{"query"}, latencies...), prose: true}
	for _, q := range r.Queries {
		count := []string{
			q.Name, human.Number(q.Questions - q.Unasked), human.Number(q.Agreed), human.Number(q.Later),
			human.Number(q.Differing), human.Number(q.Moving), human.Number(q.Failed), human.Number(q.Noise),
		}
		latency := []string{took(q, q.Legacy.P50), took(q, q.Legacy.P99), took(q, q.Projection.P50), took(q, q.Projection.P99), timesAs(q)}
		all.add(slices.Concat(count, latency)...)
		counted.add(count...)
		measured.add(append([]string{q.Name}, latency...)...)
	}
	tables := []*table{all}
	if _, total := all.widths(); most > 0 && total > most {
		tables = []*table{counted, measured}
	}
	for _, t := range tables {
		b.WriteString("\n")
		t.write(b, most)
	}
}

func took(q verify.ReadQuery, microseconds int64) string {
	if q.Measured == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g ms", float64(microseconds)/float64(time.Millisecond/time.Microsecond))
}

// timesAs is the ratio of the P99s with its interval.
func timesAs(q verify.ReadQuery) string {
	switch {
	case q.Measured == 0:
		return "-"
	case q.P99.High == 0:
		return fmt.Sprintf("%.2f (too few answers for an interval)", q.P99.Ratio)
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", q.P99.Ratio, q.P99.Low, q.P99.High)
}

func (r readsReport) differences(b *strings.Builder, most int) {
	if len(r.Differences) == 0 {
		return
	}
	b.WriteString("\n")
	for i, d := range r.Differences {
		if i == textDivergences {
			fmt.Fprintf(b, "  and more; --json has them\n")
			break
		}
		of := string(d.Key)
		if len(d.Params) > 0 {
			of = strings.Join(d.Params, ", ")
		}
		still := ""
		if d.Moving {
			still = " (never held still)"
		}
		fmt.Fprintf(b, "  %s %s%s\n", d.Query, printable(of), still)
		for _, at := range d.Found {
			beside(b, "    ", printable(fmt.Sprintf("%s: legacy %s, projection %s", at.Path, at.Legacy, at.Projection)), most)
		}
	}
	if r.Unlisted > 0 {
		fmt.Fprintf(b, "  and %s, which the ledger does not list\n", human.Quantity(r.Unlisted, "answer", "answers"))
	}
}
