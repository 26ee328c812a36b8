package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/lab"
)

type demoHistoryCmd struct {
	Orders       int64  `default:"20000" help:"Orders in the generated history."`
	Inconsistent int    `default:"11" help:"In how many orders legacy contradicts itself, for each kind of contradiction."`
	Broken       int    `default:"30" help:"How many orders each mistake of the backfill affects."`
	Seed         int64  `default:"1" help:"Seed of the generated history."`
	Crosscheck   string `help:"The program to try. Default: the one in the same folder as this program." placeholder:"FILE" type:"path"`
}

// The parts that the lab reads of what an audit prints and writes.
type (
	auditReport struct {
		Orders  int64 `json:"orders_with_findings"`
		Numbers []struct {
			Name  string  `json:"name"`
			Of    int64   `json:"of"`
			All   int64   `json:"all"`
			Share float64 `json:"share"`
		} `json:"numbers"`
	}
	auditFinding struct {
		OrderID string `json:"order_id"`
		Part    string `json:"part"`
		Kind    string `json:"kind"`
		Cause   string `json:"cause"`
	}
)

// Run tells the story.
func (c *demoHistoryCmd) Run(s *session) (err error) {
	path, err := findCrosscheck(c.Crosscheck)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "crosscheck-lab-")
	if err != nil {
		return fmt.Errorf("creating a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	s.out.title("A history: a backfill has written the events of old orders")
	defer func() {
		if err == nil {
			s.out.next([2]string{program("crosscheck-lab") + " history", "keep such a history, and audit it yourself"},
				[2]string{"docs/audit.md", "what an audit says, and how sure it is"},
				[2]string{"docs/backfill.md", "how missing events are written"})
		}
	}()
	h := historyCmd{Orders: c.Orders, Backfilled: 90, Inconsistent: c.Inconsistent, Broken: c.Broken, Seed: c.Seed}
	for _, f := range lab.AllFaults() {
		if f.Backfill && f.Name != "backfill_boundary" { // beside other doubled orders nothing tells it
			h.Break = append(h.Break, f.Name)
		}
	}
	l, err := h.open(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.out.during("shutting down", l.Close)) }()
	l.StartProjector()
	st := &historyStory{session: s, lab: l, tool: crosscheck{path: path, config: filepath.Join(folder, "config.yaml")}, found: filepath.Join(folder, "findings.jsonl")}
	if err := writeConfig(st.tool.config, l, nil, "127.0.0.1:0", hurried); err != nil {
		return err
	}
	return st.tell(h)
}

// historyStory is a running demonstration of a history.
type historyStory struct {
	*session

	lab     *lab.Lab
	tool    crosscheck
	found   string // the file of findings
	planted []lab.Inconsistency
	wrongs  []string
}

func (st *historyStory) tell(h historyCmd) (err error) {
	st.out.title("1  Legacy contradicts itself, and the backfill was wrong. The audit finds it all")
	if err := st.out.during("planting them", func() (err error) {
		st.planted, err = h.plant(st.session, st.lab)
		return err
	}); err != nil {
		return err
	}
	if err := st.audit(true); err != nil {
		return err
	}
	st.out.title("2  The backfill ended at a LIMIT. crosscheck writes the events that are missing")
	if err := st.fill(); err != nil {
		return err
	}
	st.planted = slices.DeleteFunc(st.planted, func(p lab.Inconsistency) bool { return p.Kind == "backfill_limit" })
	if err := st.audit(false); err != nil {
		return err
	}
	st.out.title("3  People mend the rest. Audit and verification agree")
	if err := st.out.during("mending", func() error { return errors.Join(st.lab.Repair(st.ctx), st.lab.MendLegacy(st.ctx)) }); err != nil {
		return err
	}
	st.planted = nil
	if err := st.audit(false); err != nil {
		return err
	}
	st.out.command("crosscheck verify")
	_, code, err := st.runs("verify", "--json")
	if err != nil {
		return err
	}
	st.says(code == agreement, "legacy, events and projection are the same")
	if len(st.wrongs) > 0 {
		return fmt.Errorf("%w: %s", errWrong, strings.Join(st.wrongs, "; "))
	}
	return nil
}

// runs runs one command.
func (st *historyStory) runs(command ...string) (printed []byte, code int, err error) {
	err = st.out.during("running", func() (err error) {
		printed, code, err = st.tool.run(st.ctx, command...)
		return err
	})
	return printed, code, err
}

func (st *historyStory) says(right bool, format string, args ...any) {
	st.out.verdict(right, format, args...)
	if !right {
		st.wrongs = append(st.wrongs, fmt.Sprintf(format, args...))
	}
}

// audit compares what an audit finds with what is planted, and shows its numbers.
func (st *historyStory) audit(inFull bool) error {
	st.out.command("crosscheck audit")
	text, code, err := st.runs("audit", "--json", "--findings", st.found)
	if err != nil {
		return err
	}
	var r auditReport
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("%w: reading what audit printed: %w", errContract, err)
	}
	found, err := readFindings(st.found)
	if err != nil {
		return err
	}
	planted, right := map[string]int{}, map[string]int{}
	for _, p := range st.planted {
		planted[p.Kind]++
		id := strconv.FormatInt(p.OrderID, 10)
		if slices.Equal(slices.Sorted(maps.Keys(found[id])), slices.Sorted(slices.Values(p.Leaves))) {
			right[p.Kind]++
		}
		delete(found, id)
	}
	for _, kind := range slices.Sorted(maps.Keys(planted)) {
		if inFull || right[kind] != planted[kind] {
			st.says(right[kind] == planted[kind], "%-25s %3d of %d orders found, each under its kind and cause", kind, right[kind], planted[kind])
		}
	}
	st.says(len(found) == 0 && (code == agreement) == (len(st.planted) == 0), "%s orders have findings, and no order that is right", human.Number(r.Orders))
	for _, n := range r.Numbers {
		if slices.Contains([]string{"legacy_consistency", "coverage", "fidelity_moments", "error_rate"}, n.Name) {
			st.out.note("  %-19s %9s of %9s  %8.4f %%", n.Name, human.Number(n.Of), human.Number(n.All), 100*n.Share)
		}
	}
	return nil
}

// readFindings returns what was found of each order, as the lab says what a fault leaves.
func readFindings(file string) (map[string]map[string]bool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the findings: %w", err)
	}
	found := map[string]map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var f auditFinding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			return nil, fmt.Errorf("%w: reading the findings: %w", errContract, err)
		}
		if found[f.OrderID] == nil {
			found[f.OrderID] = map[string]bool{}
		}
		found[f.OrderID][strings.TrimSuffix(f.Part+"/"+f.Kind+"/"+f.Cause, "/")] = true
	}
	return found, nil
}

// fill lets crosscheck backfill what is missing. It leaves orders that have newer events, and says which.
func (st *historyStory) fill() error {
	st.out.command("crosscheck backfill")
	text, _, err := st.runs("backfill")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "  order ") {
			st.out.fitted("  ", 2, line)
		}
	}
	return st.lab.Refresh(st.ctx)
}
