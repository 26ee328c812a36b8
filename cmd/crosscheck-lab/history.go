package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/lab"
)

type historyCmd struct {
	Orders       int64    `default:"50000" help:"Orders in the generated history."`
	Backfilled   int      `default:"90" help:"Share of them, in per cent, that are older than the shadow writes and were backfilled."`
	WholeSeconds bool     `help:"Let the clock of the old orders have whole seconds."`
	Inconsistent int      `default:"11" help:"In how many orders legacy contradicts itself, for each kind of contradiction. 11 are the 142 of the case study."`
	Break        []string `help:"Mistakes of the backfill to plant, of ${backfill_faults}." placeholder:"FAULT"`
	Broken       int      `default:"12" help:"How many orders each of them affects."`
	Planted      string   `default:"planted.jsonl" help:"File to write: what was planted, one order a line." placeholder:"FILE" type:"path"`
	Seed         int64    `default:"1" help:"Seed of the generated history."`
	Rate         float64  `default:"0" help:"Deals per second. 0: nobody trades."`
	Config       string   `help:"File to write. Default: config.yaml, or lab.yaml if the lab did not write config.yaml." placeholder:"FILE" type:"path"`
	Dir          string   `help:"Folder that keeps the databases for the next run. Default: a temporary folder." placeholder:"DIR" type:"path"`
	Web          string   `default:"127.0.0.1:8080" help:"Address of crosscheck's status page, for the configuration."`
	Socket       string   `default:"${socket}" help:"Socket for 'fault' and 'repair'." placeholder:"FILE" type:"path"`
}

// refreshHistory leaves the server time for other things: such a history may be big, and little happens to it.
const refreshHistory = 10 * time.Second

// Run keeps the system running until the session ends.
func (c *historyCmd) Run(s *session) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	if c.Config == "" {
		c.Config = freeConfig()
	}
	l, err := c.open(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	found, err := c.plant(s, l)
	if err != nil {
		return err
	}
	if err := writeLines(c.Planted, found); err != nil {
		return err
	}
	if err := writeConfig(c.Config, l, nil, c.Web, steady); err != nil {
		return err
	}
	ctl, err := listen(s.ctx, c.Socket, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ctl.close(s.ctx)) }()
	l.StartProjector()
	if c.Rate > 0 {
		l.StartDesk()
	}
	c.explain(s.out, l, len(found))
	select {
	case <-s.ctx.Done():
	case err = <-ctl.failed:
	}
	return err
}

func (c *historyCmd) check() error {
	if c.Inconsistent < 0 || c.Broken < 1 {
		return withHint(fmt.Errorf("--inconsistent %d, --broken %d: too few", c.Inconsistent, c.Broken), "--inconsistent is 0 or more, --broken 1 or more")
	}
	for _, name := range c.Break {
		f, ok := faultNamed(name)
		if !ok || !f.Backfill {
			return withHint(fmt.Errorf("%w of a backfill: %q", lab.ErrUnknownFault, name), "they are "+backfillFaultNames())
		}
	}
	return nil
}

func (c *historyCmd) open(s *session) (*lab.Lab, error) {
	of := system{Orders: c.Orders, Backfilled: c.Backfilled, wholeSeconds: c.WholeSeconds, Seed: c.Seed, Rate: max(c.Rate, 1), Store: lab.OrdersStore.Name, Refresh: refreshHistory}
	return of.start(s, c.Dir, lab.Options{})
}

// plant plants the faults of the backfill first: inconsistencies come later in the life of a system, and to other orders.
func (c *historyCmd) plant(s *session, l *lab.Lab) (all []lab.Inconsistency, err error) {
	for _, name := range c.Break {
		orders, err := l.Plant(s.ctx, name, c.Broken)
		if err != nil {
			return nil, err
		}
		f, _ := faultNamed(name)
		for _, p := range orders {
			all = append(all, lab.Inconsistency{OrderID: p.OrderID, Kind: name, Leaves: []string{f.Leaves}})
		}
	}
	if c.Inconsistent == 0 {
		return all, nil
	}
	inconsistencies, err := l.PlantInconsistencies(s.ctx, c.Inconsistent)
	if errors.Is(err, lab.ErrTooFewOrders) || errors.Is(err, lab.ErrOtherInconsistencies) {
		err = withHint(err, "use fewer with --inconsistent, more --orders, or another --dir")
	}
	return append(all, inconsistencies...), err
}

func (c *historyCmd) explain(out *printer, l *lab.Lab, planted int) {
	out.line("  %s orders are wrong in one of %d ways", human.Number(int64(planted)), len(c.Break)+min(c.Inconsistent, 1)*len(lab.InconsistencyKinds()))
	out.line("")
	out.line("  legacy      %s", l.LegacyDSN)
	out.line("  events      %s", l.EventsDSN)
	out.line("  config      %s", c.Config)
	out.line("  planted     %s", c.Planted)
	out.line("")
	out.line("The orders up to %d were backfilled from incomplete records. In another terminal:", l.CutOver())
	out.command(program("crosscheck") + " audit --config " + c.Config)
	out.command(program("crosscheck") + " verify --config " + c.Config)
	out.line("")
	out.line("Ctrl-C ends it.")
}

// writeLines writes JSON, one object a line.
func writeLines(file string, all []lab.Inconsistency) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("writing what was planted: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	lines := json.NewEncoder(w)
	for _, p := range all {
		if err := lines.Encode(p); err != nil {
			return fmt.Errorf("writing what was planted: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing what was planted: %w", err)
	}
	return nil
}
