package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/lab"
)

// errWrong is returned when crosscheck missed a planted fault, or accused a clean order.
var errWrong = errors.New("crosscheck was wrong")

// trialFlags are what demo and detect have in common.
type trialFlags struct {
	system
	topicFlags

	Faults     int           `default:"2" help:"How many orders each fault happens to."`
	Patience   time.Duration `default:"90s" help:"How long the sidecar may take to find a fault, and to see it repaired."`
	Crosscheck string        `help:"The program to try. Default: the one beside this one." placeholder:"FILE" type:"path"`
}

// trial is a live system, and a sidecar that watches it while faults are planted.
type trial struct {
	*session

	lab      *lab.Lab
	tool     crosscheck
	listen   string
	side     *sidecar
	log      io.Writer // the sidecar's
	orders   int
	patience time.Duration
	results  []detected
	accused  []divergence
	ends     []func() error // what close does, the last first
}

// begin sets the system up, and starts the sidecar, which looks as often as p says and logs to log. Close the trial,
// whatever comes.
func (c *trialFlags) begin(s *session, p pace, log io.Writer) (*trial, error) {
	path, err := findCrosscheck(c.Crosscheck)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "crosscheck-lab-")
	if err != nil {
		return nil, fmt.Errorf("creating a folder: %w", err)
	}
	t := &trial{
		session: s, log: log, tool: crosscheck{path: path, config: filepath.Join(folder, "config.yaml")}, orders: c.Faults, patience: c.Patience,
		ends: []func() error{func() error { return os.RemoveAll(folder) }},
	}
	if err := t.setUp(c, p); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func (t *trial) setUp(c *trialFlags, p pace) error {
	st, err := c.open(t.session, "")
	if err != nil {
		return err
	}
	t.ends = append(t.ends, st.close)
	if t.lab, err = c.start(t.session, "", lab.Options{Publisher: st, PublishHistory: c.PublishHistory}); err != nil {
		return err
	}
	t.ends = append(t.ends, t.lab.Close)
	t.lab.StartProjector()
	t.lab.StartDesk()
	if t.listen, err = freeAddress(t.ctx); err != nil {
		return err
	}
	if err := writeConfig(t.tool.config, t.lab, st, t.listen, p); err != nil {
		return err
	}
	if err := t.startSidecar(); err != nil {
		return err
	}
	t.ends = append(t.ends, func() error { return t.side.stop() }) // the one of then: it may be another
	return nil
}

// close ends the sidecar, then the system, then the stream to which that publishes.
func (t *trial) close() error {
	var errs []error
	for _, end := range slices.Backward(t.ends) {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

func (t *trial) startSidecar() (err error) {
	t.side, err = startSidecar(t.ctx, t.tool.path, t.tool.config, t.listen, t.log)
	return err
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

// complete is true once each order was found and named rightly.
func (r *detected) complete() bool { return len(r.right) == len(r.planted) }

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

// topicKey begins the key of a finding about the topic as a whole.
const topicKey = "(topic"

// about says whether an open divergence is about the planted order, or about all of its hop.
func about(p lab.Planted, o divergence) bool {
	return p.OrderID == 0 || o.OrderID == orderID(p.OrderID) || strings.HasPrefix(o.OrderID, topicKey)
}

// lasting are findings that stay: what was published cannot be taken back.
func lasting(o divergence) bool { return o.Hop == lab.EventsToStream }

// plant lets faults happen.
func (t *trial) plant(faults []lab.Fault) error {
	for _, f := range faults {
		planted, err := t.lab.Plant(t.ctx, f.Name, t.orders)
		if err != nil {
			return err
		}
		t.results = append(t.results, detected{
			fault: f, planted: planted, at: time.Now(),
			found: map[string]bool{}, right: map[string]bool{}, by: map[string]bool{},
		})
	}
	return nil
}

// await waits until what was planted is found and named rightly, or patience has run out. It notes who else is accused.
func (t *trial) await(results []detected) error {
	var open []divergence
	err := t.poll(func(s status) bool {
		open = s.Divergences
		return match(results, open)
	})
	for _, o := range open {
		if !t.planted(o) {
			t.accused = append(t.accused, o)
		}
	}
	return err
}

// planted says whether an open divergence is about anything that was planted, now or before.
func (t *trial) planted(o divergence) bool {
	return slices.ContainsFunc(t.results, func(r detected) bool {
		return slices.ContainsFunc(r.planted, func(p lab.Planted) bool { return about(p, o) })
	})
}

// match notes what was found, and says whether that is all.
func match(results []detected, open []divergence) bool {
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
		complete = complete && r.complete()
	}
	return complete
}

// clean waits until nothing is open but what lasts, and until more is true, if that is asked.
func (t *trial) clean(more func(status) bool) error {
	var left []divergence
	err := t.poll(func(s status) bool {
		left = slices.DeleteFunc(s.Divergences, lasting)
		return len(left) == 0 && (more == nil || more(s))
	})
	for _, o := range left {
		t.out.verdict(false, "order %s is open: %s %s %s", o.OrderID, o.Kind, o.Hop, o.Cause)
	}
	t.accused = append(t.accused, left...)
	return err
}

// poll asks the sidecar until done, or until patience has run out.
func (t *trial) poll(done func(status) bool) error {
	ctx, cancel := context.WithTimeout(t.ctx, t.patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := t.side.status(ctx)
		if err == nil && done(s) {
			return nil
		}
		select {
		case <-ctx.Done():
			return t.ctx.Err()
		case err := <-t.side.ended:
			return fmt.Errorf("the sidecar ended: %w", errors.Join(errContract, err))
		case <-tick.C:
		}
	}
}

// judged is an error where crosscheck was wrong.
func (t *trial) judged() error {
	var wrong []string
	for _, r := range t.results {
		if !r.complete() {
			wrong = append(wrong, fmt.Sprintf("%s: %d of %d", r.fault.Name, len(r.right), len(r.planted)))
		}
	}
	for _, a := range t.accused {
		wrong = append(wrong, fmt.Sprintf("order %s was accused when nothing was wrong (%s %s)", a.OrderID, a.Hop, a.Cause))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", errWrong, strings.Join(wrong, "; "))
	}
	return nil
}
