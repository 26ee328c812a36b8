package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/lab"
)

type detectCmd struct {
	trialFlags

	Only     []string `help:"Try only these faults." placeholder:"FAULT"`
	Markdown string   `help:"Write the table to this page too, between its marks." placeholder:"FILE" type:"path"`
}

// Run lets a sidecar watch a live system and plants every fault. It reports how long each fault took to be found, by
// which pass, and whether hop and cause were right. It fails if one was not found, if a name was wrong, or if a clean
// order was reported.
func (c *detectCmd) Run(s *session) (err error) {
	if err := known(c.Only); err != nil {
		return err
	}
	t, err := c.begin(s, hurried, s.errs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.all(c.Only); err != nil {
		return err
	}
	s.out.line("\n%s", t.table())
	if c.Markdown != "" {
		if err := writeBetween(c.Markdown, detectionBegins, detectionEnds, t.table()); err != nil {
			return err
		}
	}
	return t.judged()
}

// alone are faults that stop a part of the system, or delete from the stream what other faults published.
func alone(f lab.Fault) bool {
	return strings.HasPrefix(f.Name, "stopped_") || f.Name == "retention_gap"
}

// all tries the faults of single orders together, and the others one by one.
func (t *trial) all(only []string) error {
	if err := t.clean(nil); err != nil {
		return err
	}
	var together []lab.Fault
	groups := [][]lab.Fault{nil}
	for _, f := range lab.AllFaults() {
		switch {
		case len(only) > 0 && !slices.Contains(only, f.Name), len(only) == 0 && f.Backfill && t.lab.CutOver() == 0:
		case alone(f):
			groups = append(groups, []lab.Fault{f})
		default:
			together = append(together, f)
		}
	}
	groups[0] = together
	for _, g := range groups {
		if len(g) == 0 {
			continue
		}
		if err := t.try(g); err != nil {
			return err
		}
	}
	return nil
}

// try plants faults, waits until they are found, repairs them, and waits until the repair is seen.
func (t *trial) try(faults []lab.Fault) error {
	first := len(t.results)
	away := faults[0].Name == "retention_gap" // does not delete messages that a running sidecar has not read
	if away {
		if err := t.side.stop(); err != nil {
			return err
		}
	}
	if err := t.plant(faults); err != nil {
		return err
	}
	if away {
		if err := t.startSidecar(); err != nil {
			return err
		}
	}
	if err := t.await(t.results[first:]); err != nil {
		return err
	}
	for _, r := range t.results[first:] {
		t.out.verdict(r.complete(), "%-24s %d of %d found, %d with the right hop and cause, after %.1f s", r.fault.Name, len(r.found), len(r.planted), len(r.right), r.took.Seconds())
	}
	if err := t.lab.Repair(t.ctx); err != nil {
		return err
	}
	return t.clean(nil)
}
