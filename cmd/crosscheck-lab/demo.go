package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/lab"
)

// errWrong is returned when crosscheck missed a planted fault, or accused a clean order.
var errWrong = errors.New("crosscheck was wrong")

type demoCmd struct {
	system

	Faults     int    `default:"3" help:"How many orders each fault happens to."`
	Crosscheck string `help:"The program to demonstrate. Default: the one beside this one." placeholder:"FILE" type:"path"`
}

// Run tells the story.
func (c *demoCmd) Run(s *session) (err error) {
	path, err := findCrosscheck(c.Crosscheck)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "crosscheck-demo-")
	if err != nil {
		return fmt.Errorf("creating a folder: %w", err)
	}
	defer os.RemoveAll(folder)
	s.out.title("A trading system in mid-migration")
	l, err := c.start(s, "", lab.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	config := filepath.Join(folder, "config.yaml")
	if err := writeConfig(config, l, nil, "127.0.0.1:0"); err != nil {
		return err
	}
	l.StartProjector()
	l.StartDesk()
	s.out.line("  the desk makes %g deals a second, each written to legacy and to the event store;", c.Rate)
	s.out.line("  the projection is refreshed every %s, so it is always a little behind", c.Refresh)
	st := &story{session: s, lab: l, tool: crosscheck{path: path, config: config}}
	return st.tell(c.Faults)
}

// story is a demonstration under way.
type story struct {
	*session

	lab    *lab.Lab
	tool   crosscheck
	wrongs []string // what crosscheck got wrong, in words
}

func (st *story) tell(orders int) error {
	st.out.title("1  Clean, and live: lag is not divergence")
	if err := st.clean("verify", "a clean system"); err != nil {
		return err
	}
	st.out.title("2  Seven faults happen")
	planted, err := st.plant(orders)
	if err != nil {
		return err
	}
	st.out.title("3  crosscheck looks")
	if err := st.sample(planted); err != nil {
		return err
	}
	found, err := st.verify(planted)
	if err != nil {
		return err
	}
	st.out.title("4  Cut over?")
	broken, err := st.decide("NO-GO")
	if err != nil {
		return err
	}
	st.out.title("5  Repaired")
	if err := st.lab.Repair(st.ctx); err != nil {
		return err
	}
	st.out.line("  events appended, rows rebuilt, orders entered: %d orders mended", len(planted))
	if err := st.clean("verify", "the repaired system"); err != nil {
		return err
	}
	st.out.title("6  Cut over now?")
	mended, err := st.decide("GO", "INCONCLUSIVE")
	if err != nil {
		return err
	}
	return st.sumUp(found, broken, mended)
}

// clean runs a pass that must find nothing.
func (st *story) clean(command, what string) error {
	r, err := st.pass(command)
	if err != nil {
		return err
	}
	for _, d := range r.Divergences {
		st.wrong("order %s was accused on %s: %s", d.OrderID, what, describe(d.Kind, d.fieldNames()))
	}
	if r.Verdict == "unverified" || r.Verdict == "lagging" {
		st.out.note("not a match: %s", r.Reason)
	}
	return nil
}

// plant lets every fault happen.
func (st *story) plant(orders int) ([]lab.Planted, error) {
	var all []lab.Planted
	for _, f := range lab.Faults() {
		planted, err := st.lab.Plant(st.ctx, f.Name, orders)
		if err != nil {
			return nil, err
		}
		st.out.line("  %-21s %s", f.Name, st.out.paint(dim, f.About))
		all = append(all, planted...)
	}
	st.out.line("  %d orders are wrong now, and the desk trades on", len(all))
	return all, nil
}

// sample shows how many a cheap look sees; it need not see all, but it must not accuse.
func (st *story) sample(planted []lab.Planted) error {
	r, err := st.pass("sample")
	if err != nil {
		return err
	}
	findings, accused := judge(planted, r.Divergences)
	seen := 0
	for _, f := range findings {
		if f.found != nil {
			seen++
		}
	}
	st.out.note("a sample sees what it draws and what changed of late: %d of %d", seen, len(planted))
	st.accuse(accused)
	return nil
}

// verify must find each planted order, and say rightly how it differs.
func (st *story) verify(planted []lab.Planted) ([]finding, error) {
	r, err := st.pass("verify")
	if err != nil {
		return nil, err
	}
	findings, accused := judge(planted, r.Divergences)
	fault := ""
	for _, f := range findings {
		if f.planted.Fault != fault {
			fault = f.planted.Fault
			st.out.line("  %s", st.out.paint(bold, fault))
		}
		st.out.verdict(f.right(), "order %d %s", f.planted.OrderID, f)
		if !f.right() {
			st.wrong("%s, order %d: %s", f.planted.Fault, f.planted.OrderID, f)
		}
	}
	st.accuse(accused)
	return findings, nil
}

func (st *story) accuse(accused []divergence) {
	for _, d := range accused {
		st.wrong("clean order %s was accused: %s", d.OrderID, describe(d.Kind, d.fieldNames()))
	}
}

// pass runs a pass and shows its result in a line.
func (st *story) pass(command string) (passReport, error) {
	st.out.command("crosscheck " + command + " --json")
	began := time.Now()
	r, err := st.tool.pass(st.ctx, command)
	if err != nil {
		return r, err
	}
	st.out.line("  %s: %s orders compared, %d divergences (%s)",
		st.out.verdictWord(r.Verdict), number(r.Compared), len(r.Divergences), since(began))
	return r, nil
}

// decide asks the gate and shows every reason.
func (st *story) decide(acceptable ...string) (gateReport, error) {
	st.out.command("crosscheck gate --json")
	r, err := st.tool.gate(st.ctx)
	if err != nil {
		return r, err
	}
	st.out.line("  %s", st.out.paint(bold, st.out.decision(r.Decision)))
	for _, c := range r.Criteria {
		style := map[string]string{"pass": green, "fail": red}[c.Verdict]
		if style == "" {
			style = amber
		}
		st.out.line("    %s %s", st.out.paint(style, fmt.Sprintf("%-12s", c.Verdict)), c.Name)
		for _, l := range wrap(c.Reason, 90) {
			st.out.line("                 %s", st.out.paint(dim, l))
		}
	}
	if !slices.Contains(acceptable, r.Decision) {
		st.wrong("the gate said %s, want %s", r.Decision, strings.Join(acceptable, " or "))
	}
	return r, nil
}

// wrong notes what speaks against crosscheck.
func (st *story) wrong(format string, args ...any) {
	st.wrongs = append(st.wrongs, fmt.Sprintf(format, args...))
	st.out.verdict(false, "%s", st.wrongs[len(st.wrongs)-1])
}

// sumUp is what stays on the screen: each fault with what was found, then both decisions.
func (st *story) sumUp(findings []finding, broken, mended gateReport) error {
	st.out.title("In short")
	for _, f := range lab.Faults() {
		right, all, kinds := tally(findings, f.Name)
		st.out.verdict(right == all, "%-21s %d of %d found as %s", f.Name, right, all, strings.Join(kinds, " and "))
	}
	st.out.line("  broken:   %s (%s)", st.out.decision(broken.Decision), broken.because())
	st.out.line("  repaired: %s (%s)", st.out.decision(mended.Decision), mended.because())
	if len(st.wrongs) > 0 {
		return fmt.Errorf("%w: %s", errWrong, strings.Join(st.wrongs, "; "))
	}
	return nil
}

// because names the criteria that did not pass, and how.
func (g gateReport) because() string {
	names := make(map[string][]string) // verdict → criteria
	for _, c := range g.Criteria {
		if c.Verdict != "pass" {
			names[c.Verdict] = append(names[c.Verdict], c.Name)
		}
	}
	if len(names) == 0 {
		return "all criteria pass"
	}
	var parts []string
	for _, verdict := range []string{"fail", "error", "inconclusive"} {
		if len(names[verdict]) > 0 {
			parts = append(parts, verdict+": "+strings.Join(names[verdict], ", "))
		}
	}
	return strings.Join(parts, "; ")
}
