package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// auditReport is what audit prints. Other programs read its fields.
type auditReport struct {
	ID        int64               `json:"id,omitempty"`
	Pass      string              `json:"pass"`
	Verdict   string              `json:"verdict"`
	Reason    string              `json:"reason,omitempty"`
	Created   *verify.Span        `json:"created,omitempty"` // the orders that were audited; all if it is not there
	Coverage  float64             `json:"coverage"`
	Duration  float64             `json:"duration_seconds"`
	Orders    int64               `json:"orders_with_findings"`
	Unaudited int64               `json:"unaudited"`
	Counted   verify.AuditCounts  `json:"counted"` // by legacy's server
	Numbers   []auditNumber       `json:"numbers"`
	Found     []verify.AuditFound `json:"found"`
	Unlisted  int64               `json:"unlisted,omitempty"` // findings that were counted and are not in the ledger
	Written   int64               `json:"written,omitempty"`  // findings, to the file
	File      string              `json:"file,omitempty"`

	// Examples are the first findings of each kind, for people.
	Examples map[string][]auditLine `json:"-"`
}

type auditNumber struct {
	verify.AuditNumber

	Share float64 `json:"share"`
}

func newAuditReport(p verify.Pass) auditReport {
	r := auditReport{
		ID: int64(p.ID), Pass: string(p.Kind), Verdict: string(p.Result.Verdict), Reason: p.Result.Reason, Coverage: p.Scan.Coverage,
		Orders: p.Result.Diverged, Found: []verify.AuditFound{},
	}
	if !p.FinishedAt.IsZero() {
		r.Duration = p.FinishedAt.Sub(p.StartedAt).Seconds()
	}
	f, ok := p.Scan.Facts.(verify.AuditFacts)
	if !ok {
		return r
	}
	if !f.Created.Whole() {
		r.Created = &f.Created
	}
	r.Counted, r.Unaudited, r.Unlisted = f.Counted, f.Unaudited, f.Unlisted
	r.Found = append(r.Found, f.Found...)
	for _, n := range f.Numbers() {
		r.Numbers = append(r.Numbers, auditNumber{n, n.Share()})
	}
	return r
}

func knownPosition(f verify.AuditFinding) *order.Position { return order.Known(f.Position) }

// examplesShown is how many findings of each kind and cause the text shows.
const examplesShown = 3

func (r *auditReport) example(f verify.AuditFinding) {
	of := string(f.Part) + f.Kind + f.Cause
	if len(r.Examples[of]) < examplesShown {
		r.Examples[of] = append(r.Examples[of], newAuditLine(f))
	}
}

func (r auditReport) writeText(w io.Writer, most int) error {
	var b strings.Builder
	beside(&b, strings.ToUpper(r.Verdict)+"  ", fmt.Sprintf("audit of %s in %.1fs (%s, %s of the audit log, coverage %.4g %%)", human.Quantity(r.Counted.Orders, "order", "orders"),
		r.Duration, human.Quantity(r.Counted.Trades, "trade", "trades"), human.Quantity(r.Counted.Lines, "line", "lines"), 100*r.Coverage), most)
	if r.Reason != "" {
		beside(&b, "  ", printable(r.Reason), most)
	}
	if r.Created != nil {
		fmt.Fprintf(&b, "  only orders created %s\n", spanned(*r.Created))
	}
	if n := r.Counted.Undated; n > 0 && r.Created != nil {
		fmt.Fprintf(&b, "  %s excluded: no time of creation\n", human.Quantity(n, "order is", "orders are"))
	}
	if r.Unaudited > 0 {
		beside(&b, "  ", human.Quantity(r.Unaudited, "order could", "orders could")+" not be audited, and count as not accurate; numbers of events and evidence say nothing of them", most)
	}
	r.writeNumbers(&b, most)
	r.writeFound(&b, most)
	if r.File != "" {
		fmt.Fprintf(&b, "\n  %s written to %s\n", human.Quantity(r.Written, "finding was", "findings were"), printable(r.File))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func spanned(s verify.Span) string {
	var parts []string
	if !s.From.IsZero() {
		parts = append(parts, "from "+s.From.UTC().Format(time.RFC3339))
	}
	if !s.Until.IsZero() {
		parts = append(parts, "before "+s.Until.UTC().Format(time.RFC3339))
	}
	return strings.Join(parts, " and ")
}

func (r auditReport) writeNumbers(b *strings.Builder, most int) {
	if len(r.Numbers) == 0 {
		return
	}
	b.WriteString("\n")
	t := &table{header: []string{"number", "share", "of", "all", "excluded", "counts"}, prose: true}
	for _, n := range r.Numbers {
		t.add(n.Name, percent(n), human.Number(n.Of), human.Number(n.All), human.Number(n.Excluded), n.Meaning)
	}
	t.write(b, most)
}

// percent never rounds to all or to nothing.
func percent(n auditNumber) string {
	text := fmt.Sprintf("%.4f %%", 100*n.Share)
	switch {
	case n.Of < n.All && text == "100.0000 %":
		return "> 99.9999 %"
	case n.Of > 0 && text == "0.0000 %":
		return "< 0.0001 %"
	}
	return text
}

func (r auditReport) writeFound(b *strings.Builder, most int) {
	if len(r.Found) == 0 {
		return
	}
	b.WriteString("\n")
	t := &table{header: []string{"part", "kind", "cause", "findings", "orders"}, firm: map[int]bool{3: true, 4: true}}
	for _, f := range r.Found {
		t.add(string(f.Part), f.Kind, cmp.Or(f.Cause, "-"), human.Number(f.Findings), human.Number(f.Orders))
	}
	t.write(b, most)
	if r.Unlisted > 0 {
		fmt.Fprintf(b, "  and %s of these kinds, which the ledger does not list\n", human.Quantity(r.Unlisted, "finding", "findings"))
	}
	b.WriteString("\n")
	for _, f := range r.Found {
		for _, l := range r.Examples[string(f.Part)+f.Kind+f.Cause] {
			beside(b, fmt.Sprintf("  order %s  ", human.InColumn(l.OrderID)), l.Kind+": "+printable(l.Detail), most)
		}
	}
}
