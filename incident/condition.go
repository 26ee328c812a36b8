package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// condition is something that is wrong now. If it lasts, it is an incident.
type condition struct {
	Key
	severity Severity
	count    int64
	headline string
	lines    []string
	context  []string
	page     string   // of the status page that shows more
	orders   []string // keys of those that have pages
	// state is what a thread is told about when it changes. said is the same as a sentence.
	state, said string
	// steady is set if the state changes seldom and the lines hold ages. Then every change of the state is told at
	// once, and a change of the lines alone is not told.
	steady bool
}

// conditions derives everything that is wrong from the facts, except for the gate.
func conditions(f Facts, p Policy) []condition {
	var found []condition
	if f.Fingerprint != "" {
		for _, g := range f.Open {
			found = append(found, diverged(g, f.Fingerprint).widespread(f.Passes))
		}
		if !f.StreamStopped.IsZero() {
			found = append(found, stopped(f))
		}
		if f.Audit != nil && len(f.Audit.Open) > 0 {
			found = append(found, inconsistent(*f.Audit, f.Fingerprint))
		}
	}
	if f.Cutover != nil {
		found = append(found, abandoned(*f.Cutover))
	}
	for _, pass := range f.Passes {
		switch {
		case pass.ID == 0: // Overdue covers a kind that has never run
		case pass.Widespread != "" && len(f.Open) > 0: // the alert about its examples says so
		case pass.Coverage < p.MinCoverage:
			found = append(found, uncovered(pass, p.MinCoverage))
		case pass.Unverified:
			found = append(found, unverified(pass))
		}
		if pass.Overdue {
			found = append(found, late(pass))
		}
	}
	return found
}

// subject is what an incident about divergences is about.
func subject(hop order.Hop, cause string) string { return string(hop) + "/" + cause }

func diverged(g Group, fingerprint string) condition {
	cause := g.Cause
	if cause == "" {
		cause = "unknown cause"
	}
	c := condition{
		Key:      Key{Divergence, subject(g.Hop, g.Cause), fingerprint},
		severity: Critical, count: g.Count,
		headline: fmt.Sprintf("%s diverged: %s", orders(g.Count), cause),
		lines:    []string{fmt.Sprintf("Hop %s, cause %s, first seen %s.", g.Hop, cause, human.Instant(g.Oldest))},
		context:  []string{"docs/runbooks/CrosscheckOpenDivergences.md"},
		state:    fmt.Sprint(g.Count),
		said:     fmt.Sprintf("Now %s.", orders(g.Count)),
	}
	if g.Cause != "" {
		c.context = append(c.context, "docs/causes/"+g.Cause+".md")
	}
	c.page = "/divergences?cause=" + cmp.Or(g.Cause, "none") + "&hop=" + strings.ReplaceAll(string(g.Hop), ">", "%3E")
	if g.Hop == order.EventsToStream && g.Cause == "retention_gap" {
		c.Kind, c.headline = StreamHole, "The stream has a hole: retention_gap"
		c.lines[0] = fmt.Sprintf("Messages were deleted before they were read, first seen %s: %s.", human.Instant(g.Oldest), orders(g.Count))
		c.context[0] = "docs/runbooks/CrosscheckStreamStopped.md"
	}
	return c.examples(g)
}

func (c condition) examples(g Group) condition {
	for i, e := range g.Examples {
		if i == MaxExamples {
			break
		}
		c.lines, c.orders = append(c.lines, fmt.Sprintf("• order %s: %s", human.InColumn(e.OrderID), e.Kind)), append(c.orders, e.OrderID)
		for _, v := range e.Values {
			c.lines = append(c.lines, "    "+v)
		}
	}
	if more := g.Count - int64(min(len(g.Examples), MaxExamples)); more > 0 && len(g.Examples) > 0 {
		c.lines = append(c.lines, fmt.Sprintf("and %d more", more))
	}
	return c
}

// widespread also says what most orders have, because the divergences are only examples of it.
func (c condition) widespread(passes []Pass) condition {
	var said []string
	for _, p := range passes {
		if p.Widespread != "" && !slices.Contains(said, p.Widespread) {
			said = append(said, p.Widespread)
		}
	}
	if len(said) > 0 {
		c.headline += ": " + strings.Join(said, " ")
		c.lines = append([]string{"Only examples of it are recorded."}, c.lines...)
	}
	return c
}

func stopped(f Facts) condition {
	return condition{
		Key: Key{StreamHole, "stopped", f.Fingerprint}, severity: Critical,
		headline: "The stream is not being read",
		lines:    []string{fmt.Sprintf("The stream was last read at %s.", human.Instant(f.StreamStopped))},
		context:  []string{"docs/runbooks/CrosscheckStreamStopped.md"},
		state:    "stopped", said: "Still not being read.",
	}
}

// inconsistent is a warning, because the gate tells of the limits that a history does not keep.
func inconsistent(a Audited, fingerprint string) condition {
	of := func(migration bool) string {
		var said []string
		for _, f := range a.Open {
			if f.Migration == migration {
				said = append(said, fmt.Sprintf("%s %s", f.Kind, human.Number(f.Count)))
			}
		}
		return strings.Join(said, ", ")
	}
	c := condition{
		Key: Key{Audit, "audit", fingerprint}, severity: Warning, count: a.Orders,
		headline: fmt.Sprintf("The audit found %s with an inconsistent history", orders(a.Orders)),
		context:  []string{"docs/audit.md"}, page: "/audit",
		state: fmt.Sprintf("%s; %s", of(true), of(false)),
		said:  fmt.Sprintf("Now %s.", orders(a.Orders)),
	}
	for _, part := range []struct{ said, what string }{{"The events", of(true)}, {"Legacy's own records", of(false)}} {
		if part.what != "" {
			c.lines = append(c.lines, fmt.Sprintf("%s: %s.", part.said, part.what))
		}
	}
	c.lines = append(c.lines, fmt.Sprintf("Pass %d; crosscheck audit --findings FILE lists them.", a.Pass))
	return c
}

func abandoned(r AbandonedRun) condition {
	c := condition{
		Key: Key{Cutover, r.Run, ""}, severity: Critical,
		headline: fmt.Sprintf("Nobody drives the cutover %s", r.Run),
		lines:    []string{fmt.Sprintf("It stands at %s since %s. Run crosscheck cutover resume.", r.Step, human.Instant(r.Since))},
		context:  []string{"docs/runbooks/CrosscheckCutoverAbandoned.md"}, page: "/cutover",
		state: r.Step, said: fmt.Sprintf("It stands at %s now.", r.Step),
	}
	if r.Driven {
		c.headline = fmt.Sprintf("The cutover %s has not got on within its budget", r.Run)
		c.lines = []string{fmt.Sprintf("A process drives it. It stands at %s, and its fence was closed at %s.", r.Step, human.Instant(r.Since))}
	}
	if r.Stranded {
		c.headline += ", and no side may take writes"
	}
	return c
}

func unverified(p Pass) condition {
	return condition{
		Key: Key{PassFailed, p.Kind, ""}, severity: Warning,
		headline: fmt.Sprintf("The %s pass could not judge everything", p.Kind),
		lines:    []string{fmt.Sprintf("Pass %d is unverified%s", p.ID, p.why())},
		context:  []string{"docs/runbooks/CrosscheckPassFailing.md"}, page: "/passes",
		state: "unverified" + p.why(), said: "Still unverified" + p.why(),
	}
}

func uncovered(p Pass, limit float64) condition {
	what, did := "orders", fmt.Sprintf("compared %.4g of the orders that it had to compare", p.Coverage)
	if p.Kind == "reads" {
		what, did = "questions", fmt.Sprintf("judged %.4g of the questions that it had to ask", p.Coverage)
	}
	covered := fmt.Sprintf("Pass %d %s; the limit is %.4g%s", p.ID, did, limit, p.why())
	return condition{
		Key: Key{Coverage, p.Kind, ""}, severity: Warning,
		headline: fmt.Sprintf("The %s pass left %s out", p.Kind, what),
		lines:    []string{covered},
		context:  []string{"docs/runbooks/CrosscheckCoverageIncomplete.md"}, page: "/passes",
		state: fmt.Sprintf("%.4g", p.Coverage), said: covered,
	}
}

// why returns the end of a sentence about the pass.
func (p Pass) why() string {
	if p.Reason == "" {
		return ". The status page says why."
	}
	return ": " + p.Reason
}

func late(p Pass) condition {
	return condition{
		Key: Key{Overdue, p.Kind, ""}, severity: Warning,
		headline: fmt.Sprintf("The %s pass is overdue", p.Kind),
		lines:    []string{fmt.Sprintf("The run that was due at %s has not begun.", human.Instant(p.Due))},
		context:  []string{"docs/runbooks/CrosscheckPassOverdue.md"},
		state:    "overdue", said: "Still overdue.",
	}
}

func orders(n int64) string { return human.Quantity(n, "order", "orders") }
