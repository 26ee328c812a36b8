package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// explained is a report of explain, for people.
type explained struct {
	explain.Report

	width int // of the text of steps, in columns
	most  int // columns of everything else; zero is no limit
}

// text is the report for people.
func (r explained) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  order %s\n", strings.ToUpper(string(r.Verdict)), human.Shown(r.OrderID))
	line := func(label, text string) {
		if text != "" {
			beside(&b, fmt.Sprintf("  %-10s  ", label), printable(text), r.most)
		}
	}
	if r.Moved != nil {
		line("moved", r.Moved.String())
	}
	line("hop", string(r.Hop))
	line("cause", strings.TrimSpace(string(r.Cause)+" "+inParentheses(string(r.Confidence), "confidence ")))
	line("or", causeNames(r.Or))
	line("because", r.Reason)
	line("next", r.NextStep)
	for _, f := range r.Further {
		line("further", fmt.Sprintf("%s at %s", strings.ToUpper(string(f.Verdict)), f.Hop))
		line("cause", strings.TrimSpace(string(f.Cause)+" "+inParentheses(string(f.Confidence), "confidence ")))
		line("because", f.Reason)
		line("next", f.NextStep)
	}
	if r.LagEvents > 0 {
		line("behind", "the projection by "+human.Quantity(int64(r.LagEvents), "event", "events"))
	}
	for _, s := range r.Stream {
		line(string(order.Stream), fmt.Sprintf("%s (%s), first seen %s", s.Cause, s.Kind, s.FirstSeen.UTC().Format(time.DateTime)))
	}
	if r.Topic != nil {
		line("topic", topicText(*r.Topic))
	}
	r.writeValues(&b)
	if r.AsOf != nil {
		r.writeAsOf(&b)
	}
	if len(r.Steps) > 0 {
		r.writeSteps(&b)
	} else {
		r.writeTimeline(&b)
	}
	return b.String()
}

func causeNames(causes []compare.Cause) string {
	var names []string
	for _, c := range causes {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}

func inParentheses(text, before string) string {
	if text == "" {
		return ""
	}
	return "(" + before + text + ")"
}

func (r explained) writeValues(b *strings.Builder) {
	names := r.Shown()
	b.WriteString("\n")
	t := &table{header: []string{"", ""}, firm: map[int]bool{0: true, 1: true}}
	for _, n := range names {
		title := string(n)
		if r.Incomplete(n) {
			title += " (incomplete)"
		}
		t.header = append(t.header, title)
	}
	for _, f := range r.Fields {
		cells := []string{" ", f}
		for _, n := range names {
			cells = append(cells, cell(r.Representations[n], f))
		}
		if r.Differ(f) {
			cells[0] = "*"
		}
		t.add(cells...)
	}
	r.whole(t)
	t.write(b, r.most)
}

// whole puts values that differ below their field where they would be clipped beside it.
func (r explained) whole(t *table) {
	if _, total := t.widths(); r.most == 0 || total <= r.most {
		return
	}
	const sides = 2 // the first column with values
	field := 0
	for _, row := range t.rows {
		field = max(field, columnsOf(row.cells[1]))
	}
	room := (r.most-2*len(gutter)-1-field)/(len(t.header)-sides) - len(gutter)
	for i, row := range t.rows {
		fits := !slices.ContainsFunc(row.cells[sides:], func(v string) bool { return columnsOf(v) > room })
		if fits || row.cells[0] == " " {
			continue
		}
		for n, v := range row.cells[sides:] {
			var line strings.Builder
			beside(&line, fmt.Sprintf("      %-10s  ", t.header[sides+n]), v, r.most)
			t.rows[i].below = append(t.rows[i].below, strings.TrimSuffix(line.String(), "\n"))
		}
		t.rows[i].cells = row.cells[:sides]
	}
}

// cell returns a value, or "-" if the representation does not have the order or does not tell the field.
func cell(values map[string]*string, field string) string {
	v, ok := values[field]
	if !ok {
		return "-"
	}
	if v == nil {
		return human.ShownValue(nil)
	}
	return human.Shown(human.Clipped(*v, widestCell))
}

// widestCell is how many bytes of a value the table shows.
const widestCell = 120

func (r explained) writeTimeline(b *strings.Builder) {
	if len(r.Timeline) == 0 {
		return
	}
	b.WriteString("\n")
	t := &table{header: []string{"", "at", "from", "event", "what", "state after"}}
	narrow := &table{header: []string{"", "at", "from", "event", "what"}, prose: true}
	for _, m := range r.Timeline {
		mark := " "
		if m.Parts {
			mark = ">"
		}
		cells := []string{mark, m.At.UTC().Format(stepTime), m.Source, eventName(m), printable(m.What)}
		after := r.after(m)
		t.add(append(slices.Clone(cells), after)...)
		if after != "" {
			cells[4] += "; after it " + after
		}
		narrow.add(cells...)
	}
	if _, total := t.widths(); r.most > 0 && total > r.most {
		t = narrow
	}
	t.write(b, r.most)
	if r.PartsAt != "" {
		fmt.Fprintf(b, "\n  > they part here: event %s\n", r.PartsAt)
	}
}

// eventName is the event's position, and its id if it has one.
func eventName(m explain.Moment) string {
	if m.ID != "" {
		return printable(m.Event + " (id " + human.Clipped(m.ID, widestCell) + ")")
	}
	return cmp.Or(m.Event, "-")
}

// after shows the state if the fields have room for it: status and what changes with trades.
func (r explained) after(m explain.Moment) string {
	if m.After == nil {
		return ""
	}
	var parts []string
	for _, f := range r.Fields {
		if f == "status" || f == "filled_quantity" || f == "quantity" || f == "price" {
			parts = append(parts, f+" "+cell(m.After, f))
		}
	}
	return printable(strings.Join(parts, ", "))
}

// topicText says how much of the topic was read.
func topicText(r explain.TopicRead) string {
	text := fmt.Sprintf("%s of the order, of %s read", human.Quantity(int64(r.Messages), "message", "messages"), human.Number(r.Read))
	if r.Read < r.Held {
		text += " of the topic's " + human.Number(r.Held)
	}
	if r.Reason != "" {
		text += "; " + r.Reason
	}
	if !r.Complete {
		text = "incomplete: " + text
	}
	return text
}
