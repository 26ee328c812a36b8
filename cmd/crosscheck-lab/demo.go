package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/lab"
)

type demoCmd struct {
	trialFlags
}

// shown are the faults that the demonstration plants, in the order in which data flows: one at each hop, and one in
// legacy.
func shown() []lab.Fault {
	var faults []lab.Fault
	for _, name := range []string{"lost_update", "lost_event", "lost_publish", "same_timestamp_skip"} {
		for _, f := range lab.AllFaults() {
			if f.Name == name {
				faults = append(faults, f)
			}
		}
	}
	return faults
}

// Run tells the story.
func (c *demoCmd) Run(s *session) (err error) {
	s.out.title("A trading system in mid-migration: an order has four representations")
	defer func() {
		if err == nil {
			s.out.next([2]string{program("crosscheck-lab") + " up", "keep such a system, and break it yourself"},
				[2]string{program("crosscheck") + " config init > my.yaml", "a configuration for your own databases"},
				[2]string{"README.md", "three paths to a verdict, by what you have"})
		}
	}()
	var log bytes.Buffer // the sidecar's log; read after it has ended
	defer func() {
		if err != nil {
			_, _ = log.WriteTo(s.errs)
		}
	}()
	t, err := c.begin(s, lively, &log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.out.during("shutting down: the desk finishes its deals", t.close)) }()
	s.out.line("  legacy      a row of a table, changed in place")
	s.out.line("  events      all that happened to it, in an event store in another database")
	s.out.line("  stream      the same events, as a Kafka topic has them")
	s.out.line("  projection  a row made from the events every %s, so always a little behind", c.Refresh)
	s.out.line("  The desk makes %g deals per second all the time. Beside it runs", c.Rate)
	s.out.command("crosscheck run")
	return (&story{trial: t}).tell()
}

// story is a running demonstration.
type story struct {
	*trial

	wrongs []string // what crosscheck got wrong, in words, in addition to what the trial notes
}

func (st *story) tell() error {
	st.out.title("1  Nothing is wrong, and crosscheck reports nothing: lag is not divergence")
	if err := st.silent(); err != nil {
		return err
	}
	st.out.title(fmt.Sprintf("2  Four things go wrong, in %d orders each", st.orders))
	if err := st.plant(shown()); err != nil {
		return err
	}
	for _, r := range st.results {
		st.out.fitted(fmt.Sprintf("  %-20s ", r.fault.Name), 23, r.fault.About)
	}
	st.out.title("3  crosscheck says which orders, at which hop, and why")
	if err := st.await(st.results); err != nil {
		return err
	}
	st.tellFound()
	st.out.title("4  One of them, in all four representations (* differs)")
	if err := st.explain(st.results[len(st.results)-1].planted[0]); err != nil {
		return err
	}
	st.out.title("5  Cut over?")
	broken, err := st.decide("NO-GO")
	if err != nil {
		return err
	}
	st.out.title("6  Repaired. Cut over now?")
	if err := st.out.during("repairing", func() error { return st.lab.Repair(st.ctx) }); err != nil {
		return err
	}
	if err := st.silent(); err != nil {
		return err
	}
	mended, err := st.decide("GO", "INCONCLUSIVE")
	if err != nil {
		return err
	}
	return st.sumUp(broken, mended)
}

// silent waits until a full verification and a sample that began after now have agreed, and no divergence is open.
func (st *story) silent() error {
	began := time.Now()
	var full, sample *pass
	err := st.clean(func(s status) bool {
		full, sample = agreed(s, "full", began), agreed(s, "sample", began)
		return full != nil && sample != nil
	})
	switch {
	case err != nil:
		return err
	case full == nil || sample == nil:
		st.wrong("no full verification and sample have agreed within %s; on a busy machine, raise --patience", st.patience)
	default:
		st.out.verdict(true, "%s verified, %s sampled, the stream followed: no divergence (%s)",
			human.Number(full.Compared), human.Number(sample.Compared), since(began))
	}
	return nil
}

// agreed returns the newest pass of a kind that began after a time and found nothing; nil if there is none.
func agreed(s status, kind string, after time.Time) *pass {
	i := slices.IndexFunc(s.Passes, func(p pass) bool { return p.Pass == kind && p.Verdict == "match" && p.Started.After(after) })
	if i < 0 {
		return nil
	}
	return &s.Passes[i]
}

func (st *story) tellFound() {
	for i := range st.results {
		r := &st.results[i]
		var orders []string
		for _, p := range r.planted {
			orders = append(orders, orderID(p.OrderID))
		}
		st.out.verdict(r.complete(), "%-18s  %-23s  %s after %.1f s", r.fault.Hop, r.fault.Cause, strings.Join(orders, ", "), r.took.Seconds())
		if !r.complete() {
			st.out.note("  %d of %d found, %d with the right hop and cause", len(r.found), len(r.planted), len(r.right))
		}
	}
}

// explain shows what crosscheck says about an order, without the equal fields and without the timeline.
func (st *story) explain(p lab.Planted) error {
	id := orderID(p.OrderID)
	st.out.command("crosscheck explain " + id)
	var text string
	err := st.out.during("asking all four", func() (err error) {
		text, err = st.tool.explain(st.ctx, id)
		return err
	})
	if err != nil {
		return err
	}
	head, rest, _ := strings.Cut(text, "\n\n")
	table, timeline, _ := strings.Cut(rest, "\n\n")
	for line := range strings.Lines(head) {
		line = strings.TrimSuffix(line, "\n")
		lead := line[:min(len(line), 14)] // the label, as explain prints it
		if label, _, _ := strings.Cut(strings.TrimSpace(line), "  "); len(label) > 10 || lead == line {
			lead = ""
		}
		st.out.fitted("  "+lead, 2+len(lead), line[len(lead):])
	}
	equal := 0
	var shown []string
	for i, line := range strings.Split(strings.TrimSuffix(table, "\n"), "\n") {
		if i > 0 && !strings.HasPrefix(line, "  *") {
			equal++
			continue
		}
		shown = append(shown, line)
	}
	for _, line := range narrowed(shown) {
		st.out.line("  %s", line)
	}
	st.out.note("    … %d fields that agree, and a timeline of %d moments", equal, strings.Count(timeline, "\n  "))
	if !strings.Contains(head, p.Cause) || !strings.Contains(head, p.Hop) {
		st.wrong("order %s is not explained by %s at %s", id, p.Cause, p.Hop)
	}
	return nil
}

// decide asks the gate, and shows the criteria that do not pass.
func (st *story) decide(acceptable ...string) (gateReport, error) {
	st.out.command("crosscheck gate")
	r, err := st.tool.gate(st.ctx)
	if err != nil {
		return r, err
	}
	st.out.line("  %s", st.out.paint(bold, st.out.decision(r.Decision)))
	for _, c := range r.Criteria {
		if c.Verdict == "pass" {
			continue
		}
		style := map[string]string{"fail": red}[c.Verdict]
		if style == "" {
			style = amber
		}
		st.out.fitted("    "+st.out.paint(style, fmt.Sprintf("%-12s ", c.Verdict)), 17, c.Name+": "+c.Reason)
	}
	st.out.fitted("    "+st.out.paint(green, "pass         "), 17, strings.Join(r.names("pass"), ", "))
	if !slices.Contains(acceptable, r.Decision) {
		st.wrong("the gate said %s, want %s", r.Decision, strings.Join(acceptable, " or "))
	}
	return r, nil
}

// names returns the criteria with a verdict.
func (g gateReport) names(verdict string) (names []string) {
	for _, c := range g.Criteria {
		if c.Verdict == verdict {
			names = append(names, c.Name)
		}
	}
	return names
}

// wrong notes a mistake of crosscheck.
func (st *story) wrong(format string, args ...any) {
	st.wrongs = append(st.wrongs, fmt.Sprintf(format, args...))
	st.out.verdict(false, "%s", st.wrongs[len(st.wrongs)-1])
}

// sumUp prints the results.
func (st *story) sumUp(broken, mended gateReport) error {
	planted, right := 0, 0
	for _, r := range st.results {
		planted, right = planted+len(r.planted), right+len(r.right)
	}
	st.out.title("In short")
	st.out.verdict(right == planted, "%d of %d orders found, each with the hop and the cause that was planted", right, planted)
	st.out.verdict(len(st.accused) == 0, "%d clean orders reported, on a system that never stopped changing", len(st.accused))
	st.out.verdict(broken.Decision == "NO-GO", "broken: %s; repaired: %s", broken.Decision, mended.because())
	err := st.judged()
	if len(st.wrongs) > 0 {
		err = errors.Join(err, fmt.Errorf("%w: %s", errWrong, strings.Join(st.wrongs, "; ")))
	}
	return err
}

// because returns the decision, with the criteria that are still missing.
func (g gateReport) because() string {
	var missing []string
	for _, verdict := range []string{"fail", "error", "inconclusive"} {
		missing = append(missing, g.names(verdict)...)
	}
	if len(missing) == 0 {
		return g.Decision
	}
	return g.Decision + ", for want of " + strings.Join(missing, ", ")
}
