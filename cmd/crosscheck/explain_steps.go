package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

const stepTime = "2006-01-02 15:04:05.000000"

// writeSteps tells the order event by event.
func (r explained) writeSteps(b *strings.Builder) {
	for i, s := range r.Steps {
		title := fmt.Sprintf("step %d: %s, ", i+1, s.At.Format(stepTime))
		if s.Event == "" {
			title += "no event"
		} else {
			title += fmt.Sprintf("%s, event %s", s.Type, eventName(explain.Moment{Event: s.Event, ID: s.ID}))
		}
		b.WriteString("\n")
		r.wrapped(b, "  ", "  ", title)
		r.step(b, s)
	}
	b.WriteString("\n")
	if r.Unrecorded {
		r.wrapped(b, "  ", "  ", "Legacy's own record of the order is not known: no history is configured, or it could not be read, or it changed meanwhile.")
	}
	for _, f := range r.Faults {
		r.labelled(b, "legacy", fmt.Sprintf("contradicts itself (%s): %s", f.Kind, f.Detail))
	}
	for _, name := range []order.Representation{order.Legacy, order.Projection} {
		r.labelled(b, string(name), "the row is "+r.shownAt(name))
	}
}

// step is what is told below the title of a step.
func (r explained) step(b *strings.Builder, s explain.Step) {
	list := func(label string, parts []string, before string) {
		if len(parts) > 0 {
			r.labelled(b, label, before+strings.Join(parts, ", "))
		}
	}
	var says, changes []string
	for _, v := range s.Says {
		says = append(says, v.Path+" "+shownClipped(v.Value))
	}
	for _, c := range s.Changes {
		if c.From == nil && len(s.Changes) == len(s.After) { // the creation
			changes = append(changes, c.Field+" "+shownClipped(c.To))
			continue
		}
		changes = append(changes, fmt.Sprintf("%s %s -> %s", c.Field, shownClipped(c.From), shownClipped(c.To)))
	}
	list("says", says, "")
	list("changes", changes, "")
	if s.Event != "" && len(s.Changes) == 0 {
		r.labelled(b, "changes", "nothing that is compared")
	}
	list("odd", s.Problems, "")
	for _, t := range s.Records {
		text := strings.TrimSpace(t.Source+" "+t.Key) + ": " + t.What
		if !t.At.Equal(s.At) {
			text += ", at " + t.At.Format(stepTime)
		}
		r.labelled(b, "legacy", text)
	}
	for _, p := range s.Parts {
		r.labelled(b, "> parts", p)
	}
}

// shownAt names the last step whose state a row has.
func (r explained) shownAt(name order.Representation) string {
	if r.Representations[name] == nil {
		return "not there"
	}
	for i, s := range slices.Backward(r.Steps) {
		if slices.Contains(s.Shows, name) {
			return fmt.Sprintf("as after step %d", i+1)
		}
	}
	return "as after none of the steps"
}

// writeAsOf shows the order at a time.
func (r explained) writeAsOf(b *strings.Builder) {
	a := r.AsOf
	title := fmt.Sprintf("as of %s: %s", a.At.Format(stepTime), human.Quantity(int64(a.Events), "event", "events"))
	if a.Event != "" {
		title += ", the last is event " + a.Event
	}
	b.WriteString("\n")
	r.wrapped(b, "  ", "  ", title)
	t := &table{header: []string{"", "", "events", "legacy", "told by"}, firm: map[int]bool{0: true, 1: true}}
	for _, f := range r.Fields {
		mark := " "
		if slices.Contains(a.Differ, f) {
			mark = "*"
		}
		by := a.By[f]
		if by == "" {
			by = "-"
		}
		t.add(mark, f, cell(a.Values, f), cell(a.Legacy, f), by)
	}
	t.write(b, r.most)
}

func shownClipped(v *string) string {
	if v == nil {
		return human.ShownValue(nil)
	}
	return human.Shown(human.Clipped(*v, widestCell))
}

func (r explained) labelled(b *strings.Builder, label, text string) {
	r.wrapped(b, fmt.Sprintf("    %-10s  ", label), strings.Repeat(" ", 16), text)
}

// wrapped writes text in lines of the width. The lines after the first one are indented.
func (r explained) wrapped(b *strings.Builder, first, indent, text string) {
	line := first
	used := false
	for word := range strings.FieldsSeq(printable(text)) {
		space := 1
		if !used {
			space = 0
		}
		if used && columns(line)+space+columns(word) > r.width {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line, space = indent, 0
		}
		line += strings.Repeat(" ", space) + word
		used = true
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

func columns(s string) int { return utf8.RuneCountInString(s) }

// asOfTime reads the time of --as-of, in the forms that crosscheck prints too.
func asOfTime(given string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05 UTC", time.DateTime, time.DateOnly} {
		at, err := time.Parse(layout, given)
		if err == nil && at.After(now) {
			return at, withHint(fmt.Errorf("%w: %q is in the future", errAsOf, given), "give a time that has passed")
		}
		if err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, withHint(fmt.Errorf("%w: %q", errAsOf, given), "such as 2025-03-01T09:30:00Z, 2025-03-01 09:30:00.123456 (in UTC) or 2025-03-01")
}
