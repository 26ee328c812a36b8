package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/lab"
)

type detectCmd struct {
	system
	topicFlags

	Faults     int           `default:"2" help:"How many orders each fault happens to."`
	Patience   time.Duration `default:"90s" help:"How long the sidecar may take to find a fault, and to see it repaired."`
	Only       []string      `help:"Try these faults alone." placeholder:"FAULT"`
	Markdown   string        `help:"Write the table to this page too, between its marks." placeholder:"FILE" type:"path"`
	Crosscheck string        `help:"The program to try. Default: the one beside this one." placeholder:"FILE" type:"path"`
}

// Run lets a sidecar watch a live system, plants every fault, and says how long each took to be found by whom, and
// whether hop and cause were named rightly. It fails where one was not, or where a clean order was accused.
func (c *detectCmd) Run(s *session) (err error) {
	if err := known(c.Only); err != nil {
		return err
	}
	path, err := findCrosscheck(c.Crosscheck)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "crosscheck-detect-")
	if err != nil {
		return fmt.Errorf("creating a folder: %w", err)
	}
	defer os.RemoveAll(folder)
	st, err := c.open(s, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	l, err := c.start(s, "", lab.Options{Publisher: st})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	l.StartProjector()
	l.StartDesk()
	d := &detection{session: s, lab: l, path: path, config: filepath.Join(folder, "config.yaml"), orders: c.Faults, patience: c.Patience}
	if d.listen, err = freeAddress(s.ctx); err != nil {
		return err
	}
	if err := writeConfig(d.config, l, st, d.listen); err != nil {
		return err
	}
	if err := hasten(d.config); err != nil {
		return err
	}
	if err := d.start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.side.stop()) }()
	if err := d.all(c.Only); err != nil {
		return err
	}
	s.out.line("\n%s", d.table())
	if c.Markdown != "" {
		if err := writeBetween(c.Markdown, detectionBegins, detectionEnds, d.table()); err != nil {
			return err
		}
	}
	return d.judged()
}

// hasten lets the sidecar look often: what takes an hour by default must not take an hour to try.
func hasten(config string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return fmt.Errorf("reading configuration: %w", err)
	}
	fast := strings.NewReplacer(
		`schedule: "* * * * *", size: 2000, full: "*/5 * * * *"`, `schedule: "*/10 * * * * *", size: 2000, full: "*/15 * * * * *"`,
		"max_lag: 1m", "max_lag: 10s",
	).Replace(string(text))
	if err := os.WriteFile(config, []byte(fast), 0o600); err != nil {
		return fmt.Errorf("writing configuration: %w", err)
	}
	return nil
}

// detection is the trial of all faults under way.
type detection struct {
	*session

	lab                  *lab.Lab
	path, config, listen string
	side                 *sidecar
	orders               int
	patience             time.Duration
	results              []detected
	accused              []divergence
}

// detected is what became of one fault.
type detected struct {
	fault   lab.Fault
	planted []lab.Planted
	at      time.Time
	took    time.Duration   // until the last of its orders was an open divergence with the right hop and cause
	found   map[string]bool // orders that were open divergences, whatever they were called
	right   map[string]bool // of these, those with the right hop and cause
	by      map[string]bool // kinds of pass that found them
}

// note takes in one open divergence that is about the planted order, or about the hop as a whole.
func (r *detected) note(p lab.Planted, o divergence) {
	key := orderID(p.OrderID)
	if o.OrderID == key {
		r.found[key] = true
	}
	if o.Hop == p.Hop && o.Cause == p.Cause && !r.right[key] {
		r.found[key], r.right[key], r.by[o.FoundBy] = true, true, true
		r.took = time.Since(r.at)
	}
}

func (d *detection) start() (err error) {
	d.side, err = startSidecar(d.ctx, d.path, d.config, d.listen, d.errs)
	return err
}

// topicKey begins the key of a finding about the topic as a whole.
const topicKey = "(topic"

// about says whether an open divergence is about the planted order, or about all of its hop.
func about(p lab.Planted, o divergence) bool {
	return p.OrderID == 0 || o.OrderID == orderID(p.OrderID) || strings.HasPrefix(o.OrderID, topicKey)
}

// lasting are findings that stay: what was published cannot be taken back.
func lasting(o divergence) bool { return o.Hop == lab.EventsToStream }

// alone are faults that stop a part of the system or take from the stream what others put there.
func alone(f lab.Fault) bool {
	return strings.HasPrefix(f.Name, "stopped_") || f.Name == "retention_gap"
}

// all tries the faults of single orders together, and the others one by one.
func (d *detection) all(only []string) error {
	if err := d.clean(); err != nil {
		return err
	}
	var together []lab.Fault
	groups := [][]lab.Fault{nil}
	for _, f := range lab.AllFaults() {
		switch {
		case len(only) > 0 && !slices.Contains(only, f.Name):
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
		if err := d.try(g); err != nil {
			return err
		}
	}
	return nil
}

// try plants faults, waits until they are found, repairs them, and waits until that is seen.
func (d *detection) try(faults []lab.Fault) error {
	first := len(d.results)
	away := faults[0].Name == "retention_gap" // deletes nothing that a sidecar that follows has not read
	if away {
		if err := d.side.stop(); err != nil {
			return err
		}
	}
	for _, f := range faults {
		planted, err := d.lab.Plant(d.ctx, f.Name, d.orders)
		if err != nil {
			return err
		}
		d.results = append(d.results, detected{
			fault: f, planted: planted, at: time.Now(),
			found: map[string]bool{}, right: map[string]bool{}, by: map[string]bool{},
		})
	}
	if away {
		if err := d.start(); err != nil {
			return err
		}
	}
	if err := d.poll(func(open []divergence) bool { return d.match(d.results[first:], open) }); err != nil {
		return err
	}
	for i := range d.results[first:] {
		r := &d.results[first+i]
		d.out.verdict(len(r.right) == len(r.planted), "%-24s %d of %d found, %d named rightly, after %.1f s", r.fault.Name, len(r.found), len(r.planted), len(r.right), r.took.Seconds())
	}
	if err := d.lab.Repair(d.ctx); err != nil {
		return err
	}
	return d.clean()
}

// match notes what was found, and says whether that is all.
func (d *detection) match(results []detected, open []divergence) bool {
	complete := true
	for i := range results {
		r := &results[i]
		for _, p := range r.planted {
			for _, o := range open {
				if about(p, o) {
					r.note(p, o)
				}
			}
		}
		complete = complete && len(r.right) == len(r.planted)
	}
	return complete
}

// clean waits until nothing is open but what lasts.
func (d *detection) clean() error {
	var left []divergence
	err := d.poll(func(open []divergence) bool {
		left = slices.DeleteFunc(open, lasting)
		return len(left) == 0
	})
	for _, o := range left {
		d.out.verdict(false, "order %s is still open: %s %s %s", o.OrderID, o.Kind, o.Hop, o.Cause)
	}
	d.accused = append(d.accused, left...)
	return err
}

// poll asks the sidecar until done, or until patience has run out.
func (d *detection) poll(done func([]divergence) bool) error {
	ctx, cancel := context.WithTimeout(d.ctx, d.patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		open, err := d.side.open(ctx)
		if err == nil && done(open) {
			return nil
		}
		select {
		case <-ctx.Done():
			return d.ctx.Err()
		case err := <-d.side.ended:
			return fmt.Errorf("the sidecar ended: %w", errors.Join(errContract, err))
		case <-tick.C:
		}
	}
}

// judged is an error where crosscheck was wrong.
func (d *detection) judged() error {
	var wrong []string
	for _, r := range d.results {
		if len(r.right) < len(r.planted) {
			wrong = append(wrong, fmt.Sprintf("%s: %d of %d", r.fault.Name, len(r.right), len(r.planted)))
		}
	}
	for _, a := range d.accused {
		wrong = append(wrong, fmt.Sprintf("order %s was accused when nothing was wrong (%s %s)", a.OrderID, a.Hop, a.Cause))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", errWrong, strings.Join(wrong, "; "))
	}
	return nil
}
