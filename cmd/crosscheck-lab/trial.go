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

// errWrong is returned when crosscheck missed a planted fault, or reported a clean order.
var errWrong = errors.New("crosscheck was wrong")

// trialFlags are common to demo and detect.
type trialFlags struct {
	system
	topicFlags

	Faults     int           `default:"2" help:"How many orders each fault affects."`
	Patience   time.Duration `default:"3m" help:"How long the sidecar may take to find a fault, and to notice its repair."`
	Crosscheck string        `help:"The program to try. Default: the one in the same folder as this program." placeholder:"FILE" type:"path"`
}

// trial is a live system with a sidecar that watches it while faults are planted.
type trial struct {
	*session

	lab      *lab.Lab
	tool     crosscheck
	listen   string
	side     *sidecar
	log      io.Writer // of the sidecar
	orders   int
	patience time.Duration
	results  []detected
	accused  []divergence
	ends     []func() error // what close does, in reverse order
}

// begin sets the system up, and starts the sidecar at pace p, which logs to log. The caller must close the trial, even
// after an error.
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
	t.ends = append(t.ends, func() error { return t.side.stop() }) // read now, because the field may change
	return nil
}

// close ends the sidecar, then the system, then the stream that the system publishes to.
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

// detected is what crosscheck found of one fault.
type detected struct {
	fault   lab.Fault
	planted []lab.Planted
	at      time.Time
	took    time.Duration   // until the last of its orders was an open divergence with the right hop and cause
	found   map[string]bool // orders that were open divergences, with any hop and cause
	right   map[string]bool // of these, the ones with the right hop and cause
	by      map[string]bool // kinds of pass that found them
}

// complete reports whether each order was found with the right hop and cause.
func (r *detected) complete() bool { return len(r.right) == len(r.planted) }

// note records one open divergence of the planted order, or of the hop as a whole.
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

// about reports whether an open divergence is about the planted order, or about its whole hop.
func about(p lab.Planted, o divergence) bool {
	return p.OrderID == 0 || o.OrderID == orderID(p.OrderID) || strings.HasPrefix(o.OrderID, topicKey)
}

// lasting are findings that stay, because published messages cannot be taken back.
func lasting(o divergence) bool { return o.Hop == lab.EventsToStream }

// plant causes faults.
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

// await waits until the planted faults are found with the right hop and cause, or until patience is over. It also notes
// other orders that were reported.
func (t *trial) await(results []detected) error {
	var open []divergence
	err := t.poll("waiting until all are found", func(s status) bool {
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

// planted reports whether an open divergence is about anything that was planted, now or before.
func (t *trial) planted(o divergence) bool {
	return slices.ContainsFunc(t.results, func(r detected) bool {
		return slices.ContainsFunc(r.planted, func(p lab.Planted) bool { return about(p, o) })
	})
}

// match notes what was found, and reports whether that is everything.
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

// clean waits until only lasting findings are open, and until the further condition, if given, is true.
func (t *trial) clean(more func(status) bool) error {
	var left []divergence
	err := t.poll("waiting until verification and sample agree", func(s status) bool {
		left = slices.DeleteFunc(s.Divergences, lasting)
		return len(left) == 0 && (more == nil || more(s))
	})
	for _, o := range left {
		t.out.verdict(false, "order %s is open: %s %s %s", o.OrderID, o.Kind, o.Hop, o.Cause)
	}
	t.accused = append(t.accused, left...)
	return err
}

// poll asks the sidecar until done, or until patience is over.
func (t *trial) poll(what string, done func(status) bool) error {
	defer t.out.wait(what)()
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

// judged returns an error if crosscheck was wrong.
func (t *trial) judged() error {
	var wrong []string
	for _, r := range t.results {
		if !r.complete() {
			wrong = append(wrong, fmt.Sprintf("%s: %d of %d", r.fault.Name, len(r.right), len(r.planted)))
		}
	}
	for _, a := range t.accused {
		wrong = append(wrong, fmt.Sprintf("order %s was reported, but nothing was wrong with it (%s %s)", a.OrderID, a.Hop, a.Cause))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", errWrong, strings.Join(wrong, "; "))
	}
	return nil
}
