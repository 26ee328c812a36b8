package incident

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Plan returns what to store and what to tell. known must hold all open incidents and the newest one about the gate.
// Plan returns nothing if nothing has changed.
func Plan(known []Incident, f Facts, p Policy, now time.Time) []Change {
	open := map[Key]Incident{}
	for _, i := range known {
		if i.Open && i.Kind != GateFlip {
			open[i.Key] = i
		}
	}
	var changes []Change
	holds := map[Key]bool{}
	for _, c := range conditions(f, p) {
		holds[c.Key] = true
		if i, ok := open[c.Key]; ok {
			changes = append(changes, renew(i, c, p, now)...)
			continue
		}
		changes = append(changes, begin(c, p, now))
	}
	for _, i := range known { // in the order of known, so that the outbox does not depend on a map's order
		if i.Open && i.Kind != GateFlip && !holds[i.Key] {
			if e := over(i, f); e.said != "" {
				changes = append(changes, resolve(i, e, p, now))
			}
		}
	}
	return append(changes, flip(known, f, p, now)...)
}

// ending is how an incident ends: a mark for its headline, and the start of a sentence that goes on with the duration.
type ending struct{ mark, said string }

// over says why an incident without a condition has ended; empty if the facts do not tell.
func over(i Incident, f Facts) ending {
	if i.Fingerprint == "" {
		return ending{"Resolved", "Resolved"}
	}
	switch f.Fingerprint {
	case "":
		return ending{}
	case i.Fingerprint:
		return gone(i, f)
	}
	said := "Closed because the comparison has changed"
	if f.Changed != "" {
		said += " (" + f.Changed + ")"
	}
	return ending{"Closed", said}
}

func begin(c condition, p Policy, now time.Time) Change {
	i := Incident{
		Key: c.Key, Severity: c.severity, Open: true, OpenedAt: now, ToldAt: now,
		Count: c.count, Peak: c.count, Told: c.state, Body: c.body(p),
	}
	return Change{i, []Message{p.message(Parent, i, i.Body, now)}}
}

// renew keeps the parent current and tells the thread what has changed, but not more often than the policy allows. What
// it may not tell now it tells later, if it is still true.
func renew(i Incident, c condition, p Policy, now time.Time) []Change {
	var messages []Message
	i.Count, i.Peak = c.count, max(i.Peak, c.count)
	i.Severity = c.severity
	if body := c.body(p); !reflect.DeepEqual(body, i.Body) && (!c.steady || c.state != i.Told) {
		i.Body = body
		messages = append(messages, p.message(Edit, i, body, now))
	}
	if c.state != i.Told && (c.steady || !now.Before(i.ToldAt.Add(p.UpdateEvery))) {
		i.Told, i.ToldAt = c.state, now
		messages = append(messages, p.message(Reply, i, Body{Headline: c.said}, now))
	}
	if len(messages) == 0 {
		return nil
	}
	return []Change{{i, messages}}
}

func resolve(i Incident, e ending, p Policy, now time.Time) Change {
	said := fmt.Sprintf("%s after %s", e.said, now.Sub(i.OpenedAt).Round(time.Second))
	if i.Peak > 0 {
		said += fmt.Sprintf("; at most %s", orders(i.Peak))
	}
	i.Open, i.ResolvedAt, i.ToldAt, i.Count = false, now, now, 0
	i.Body.Headline = e.mark + ": " + i.Body.Headline
	i.Body.Lines = append([]string{said + "."}, i.Body.Lines...)
	return Change{i, []Message{
		p.message(Edit, i, i.Body, now),
		p.message(Reply, i, Body{Headline: said + "."}, now),
	}}
}

// maxCriteria is how many criteria that do not pass lead to their pages.
const maxCriteria = 5

// flip tells that the decision has changed since the last message. GO ends the incident. INCONCLUSIVE raises no
// incident until the gate has once decided otherwise, because every migration begins there.
func flip(known []Incident, f Facts, p Policy, now time.Time) []Change {
	const undecided, goes = "INCONCLUSIVE", "GO"
	if f.Fingerprint == "" || f.Decision == "" {
		return nil
	}
	var last Incident // the newest one about the gate
	for _, i := range known {
		if i.Kind == GateFlip && i.OpenedAt.After(last.OpenedAt) {
			last = i
		}
	}
	told, _, _ := strings.Cut(last.Told, ":")
	state := f.Decision + ": " + strings.Join(f.Failing, ", ")
	c := condition{
		Key: Key{GateFlip, "gate", ""}, severity: Critical,
		headline: "The gate says " + f.Decision, lines: f.Reasons,
		context: []string{"docs/runbooks/CrosscheckGateFlipped.md"}, page: "/decisions",
		state: state, said: strings.TrimSuffix("The gate says "+state, ": ") + ".", steady: true,
	}
	for _, name := range f.Failing[:min(len(f.Failing), maxCriteria)] {
		c.context = append(c.context, "docs/criteria/"+name+".md")
	}
	if f.Decision != "NO-GO" {
		c.severity = Warning
	}
	if last.Open && f.Decision == undecided && strings.Contains(last.Body.Headline, "NO-GO") {
		c.headline = "The gate says INCONCLUSIVE, was NO-GO" // a NO-GO that is no longer known is not over
	}
	switch {
	case last.Open && f.Decision == goes:
		last.Told = state
		return []Change{resolve(last, ending{"Resolved", "The gate says GO"}, p, now)}
	case last.Open:
		return renew(last, c, p, now)
	case f.Decision == told, told == "" && f.Decision == undecided:
		return nil
	}
	changed := begin(c, p, now)
	if f.Decision == goes { // good news is a message that needs no open incident
		changed.Incident.Open, changed.Incident.ResolvedAt = false, now
	}
	return []Change{changed}
}

func (c condition) body(p Policy) Body {
	return Body{Headline: c.headline, Lines: c.lines, Context: c.context, Link: p.Link, Page: c.page, Orders: c.orders, Docs: p.Docs}
}

// message delays a message that is not critical until the quiet hours are over.
func (p Policy) message(op Op, i Incident, b Body, now time.Time) Message {
	b.System = p.System
	m := Message{Op: op, Body: b}
	if i.Severity != Critical {
		m.NotBefore = p.Quiet.Until(now)
	}
	return m
}
