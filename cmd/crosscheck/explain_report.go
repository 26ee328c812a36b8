package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/web"
)

// orderReport is what explain prints; others build on its fields.
type orderReport struct {
	OrderID    string `json:"order_id"`
	Verdict    string `json:"verdict"`
	Hop        string `json:"hop"`
	Cause      string `json:"cause"`
	Confidence string `json:"confidence,omitempty"`
	Reason     string `json:"reason,omitempty"`
	NextStep   string `json:"next_step,omitempty"`
	LagEvents  int    `json:"lag_events"` // events that the projection does not show
	// Representations has, by name, the values of the compared fields; null for a representation without the order.
	Representations map[order.Representation]map[string]*string `json:"representations"`
	Timeline        []moment                                    `json:"timeline"`
	PartsAt         string                                      `json:"parts_at"` // position of the first event at which they part
	// Stream is what the follower has found of the order and is still open; absent where that is nothing.
	Stream []streamFinding `json:"stream,omitempty"`
	// Topic is how much of the topic was read for representation stream; absent where no stream is configured.
	Topic *reading `json:"topic,omitempty"`

	fields []string
}

// moment is one thing that happened to the order, by whatever record of it.
type moment struct {
	At     time.Time `json:"at"`
	Source string    `json:"source"` // events, audit_log, trades, stream
	Event  string    `json:"event,omitempty"`
	What   string    `json:"what"`
	// After is the order as the events up to here make it; only for events.
	After map[string]*string `json:"after,omitempty"`
	Parts bool               `json:"parts,omitempty"` // the representations part here

	problems []string
}

func (x *explainer) report(key order.Key, l look, verdict compare.Verdict) orderReport {
	d := l.diagnosis
	r := orderReport{
		OrderID: string(key), Verdict: string(verdict), Hop: string(d.Hop), Cause: string(d.Cause), Confidence: string(d.Confidence),
		Reason: d.Reason, NextStep: nextStep(d), LagEvents: d.Behind, Representations: map[order.Representation]map[string]*string{},
		Timeline: []moment{}, Stream: l.stream,
	}
	if d.PartsAt != 0 {
		r.PartsAt = strconv.FormatInt(int64(d.PartsAt), 10)
	}
	for _, f := range x.oracle.Fields {
		r.fields = append(r.fields, f.Name)
	}
	r.Representations[order.Legacy] = x.rowValues(l.legacy.Rows)
	r.Representations[order.Projection] = x.rowValues(l.projection.Rows)
	if x.sides.events != nil {
		final, _ := order.Fold(l.events)
		r.Representations[order.Events] = x.stateValues(&final)
		r.Timeline = append(r.Timeline, x.eventMoments(l)...)
	}
	if l.topic != nil {
		r.Topic = l.topic.reading(l.stream)
		if values, ok := x.consumed(l.topic); ok {
			r.Representations[order.Stream] = values
		}
		r.Timeline = append(r.Timeline, l.topic.moments()...)
	}
	if h := l.legacy.History; h != nil {
		r.Timeline = append(r.Timeline, historyMoments(h)...)
	}
	slices.SortStableFunc(r.Timeline, func(a, b moment) int { return a.At.Compare(b.At) })
	return r
}

func (x *explainer) rowValues(rows []order.Row) map[string]*string {
	if len(rows) == 0 {
		return nil
	}
	out := map[string]*string{}
	for i, f := range x.oracle.Fields {
		out[f.Name] = web.ValueText(&rows[0].Values[i])
	}
	return out
}

// stateValues leaves out fields that events do not tell.
func (x *explainer) stateValues(s *order.State) map[string]*string {
	if !s.Exists() {
		return nil
	}
	out := map[string]*string{}
	for _, f := range x.oracle.Fields {
		if v, ok := s.Value(f.Name); ok {
			out[f.Name] = web.ValueText(&v)
		}
	}
	return out
}

func (x *explainer) eventMoments(l look) []moment {
	state := order.State{}
	var out []moment
	for _, e := range l.events {
		m := moment{
			At: e.At, Source: string(order.Events), Event: e.Position.String(), What: string(e.Type),
			Parts: l.diagnosis.PartsAt != 0 && e.Position == l.diagnosis.PartsAt,
		}
		for _, p := range state.Apply(e) {
			m.problems = append(m.problems, p.Detail)
		}
		if len(m.problems) > 0 {
			m.What += " (" + strings.Join(m.problems, "; ") + ")"
		}
		m.After = x.stateValues(&state)
		out = append(out, m)
	}
	return out
}

func historyMoments(h *compare.History) []moment {
	var out []moment
	for _, c := range h.Audit {
		out = append(out, moment{At: c.At.UTC(), Source: "audit_log", What: fmt.Sprintf("%s: %s -> %s", c.Field, valueShown(c.Old), valueShown(c.New))})
	}
	for _, t := range h.Trades {
		out = append(out, moment{At: t.At.UTC(), Source: "trades", What: fmt.Sprintf("%s at %s", t.Quantity.Text('f'), t.Price.Text('f'))})
	}
	return out
}

func valueShown(v order.Value) string {
	return shownValue(web.ValueText(&v))
}

// text is the same for people.
func (r orderReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  order %s\n", strings.ToUpper(r.Verdict), shown(r.OrderID))
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-10s  %s\n", label, printable(text))
		}
	}
	line("hop", r.Hop)
	line("cause", strings.TrimSpace(r.Cause+" "+inParentheses(r.Confidence, "confidence ")))
	line("because", r.Reason)
	line("next", r.NextStep)
	if r.LagEvents > 0 {
		line("behind", fmt.Sprintf("the projection by %d events", r.LagEvents))
	}
	for _, s := range r.Stream {
		line(string(order.Stream), fmt.Sprintf("%s (%s), first seen %s", s.Cause, s.Kind, s.FirstSeen.UTC().Format(time.DateTime)))
	}
	if r.Topic != nil {
		line("topic", r.Topic.text())
	}
	r.writeValues(&b)
	r.writeTimeline(&b)
	return b.String()
}

func inParentheses(text, before string) string {
	if text == "" {
		return ""
	}
	return "(" + before + text + ")"
}

func (r orderReport) writeValues(b *strings.Builder) {
	names := []order.Representation{order.Legacy, order.Events, order.Projection, order.Stream}
	names = slices.DeleteFunc(names, func(n order.Representation) bool { _, ok := r.Representations[n]; return !ok })
	b.WriteString("\n")
	t := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	titles := make([]string, len(names))
	for i, n := range names {
		titles[i] = string(n)
	}
	compared, last := names, len(names)-1
	if names[last] == order.Stream && !r.Topic.Complete { // what was not read does not differ
		compared, titles[last] = names[:last], titles[last]+" (incomplete)"
	}
	_, _ = fmt.Fprintf(t, "  \t\t%s\n", strings.Join(titles, "\t"))
	for _, f := range r.fields {
		cells := make([]string, len(names))
		for i, n := range names {
			cells[i] = cell(r.Representations[n], f)
		}
		mark := " "
		if r.differ(f, compared) {
			mark = "*"
		}
		_, _ = fmt.Fprintf(t, "  %s\t%s\t%s\n", mark, f, strings.Join(cells, "\t"))
	}
	_ = t.Flush()
}

// cell is a value, "-" where the representation has no such order or cannot tell.
func cell(values map[string]*string, field string) string {
	v, ok := values[field]
	if !ok {
		return "-"
	}
	return shownValue(v)
}

// differ compares what is shown. Numbers of another scale differ in text alone.
func (r orderReport) differ(field string, names []order.Representation) bool {
	var first *string
	seen := false
	for _, n := range names {
		values := r.Representations[n]
		if values == nil {
			return true
		}
		v, ok := values[field]
		if !ok {
			continue
		}
		if seen && !sameValue(first, v) {
			return true
		}
		first, seen = v, true
	}
	return false
}

func sameValue(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	field := order.Field{Type: order.Numeric}
	return *a == *b || compare.Equal(field, order.Value{Text: *a}, order.Value{Text: *b})
}

func (r orderReport) writeTimeline(b *strings.Builder) {
	if len(r.Timeline) == 0 {
		return
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "  \tat\tfrom\tevent\twhat\tstate after")
	for _, m := range r.Timeline {
		mark := " "
		if m.Parts {
			mark = ">"
		}
		_, _ = fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\n", mark, m.At.UTC().Format("2006-01-02 15:04:05.000000"), m.Source,
			cmp.Or(m.Event, "-"), printable(m.What), r.after(m))
	}
	_ = t.Flush()
	if r.PartsAt != "" {
		fmt.Fprintf(b, "\n  > here they part: event %s\n", r.PartsAt)
	}
}

// after shows the state only where the fields have room for it: status and what changes with trades.
func (r orderReport) after(m moment) string {
	if m.After == nil {
		return ""
	}
	var parts []string
	for _, f := range r.fields {
		if f == "status" || f == "filled_quantity" || f == "quantity" || f == "price" {
			parts = append(parts, f+" "+cell(m.After, f))
		}
	}
	return printable(strings.Join(parts, ", "))
}
