package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver"
)

type upCmd struct {
	system
	topicFlags

	Config string `help:"File to write. Default: config.yaml, or lab.yaml if the lab did not write config.yaml." placeholder:"FILE" type:"path"`
	Dir    string `help:"Folder that keeps the databases for the next run. Repair faults first: the next run does not know them. Default: a temporary folder." placeholder:"DIR" type:"path"`
	Web    string `default:"127.0.0.1:8080" help:"Address of crosscheck's status page, for the configuration."`
	API    string `default:"127.0.0.1:0" help:"Address of the lab's read API, which crosscheck reads asks. Port 0 is any."`
	Socket string `default:"${socket}" help:"Socket for 'fault' and 'repair'." placeholder:"FILE" type:"path"`
}

// Run keeps the system running until the session ends.
func (c *upCmd) Run(s *session) (err error) {
	if c.Config == "" {
		c.Config = freeConfig()
	}
	st, err := c.open(s, c.Dir)
	if err != nil {
		return err
	}
	// The control ends first, so that no fault is planted in a system that shuts down. Then the desk finishes its
	// deals. The stream ends last, because the desk publishes to it.
	defer func() { err = errors.Join(err, st.close()) }()
	l, err := c.start(s, c.Dir, lab.Options{Publisher: st, PublishHistory: c.PublishHistory})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	api, err := serveReads(s.ctx, c.API, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, api.close(s.ctx)) }()
	if err := writeConfig(c.Config, l, st, c.Web, steady, cutoverSection(l, "error")+byClients(l), api.section()); err != nil {
		return err
	}
	ctl, err := listen(s.ctx, c.Socket, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ctl.close(s.ctx)) }()
	l.StartProjector()
	l.StartDesk()
	c.explain(s.out, l, st, api)
	select {
	case <-s.ctx.Done():
	case err = <-api.failed:
	case err = <-ctl.failed:
	}
	s.out.line("shutting down: the desk finishes its deals")
	return err
}

// start sets the system up and prints how long each step takes. The projection stands still until it is started.
func (c *system) start(s *session, dir string, o lab.Options) (*lab.Lab, error) {
	began := time.Now()
	var server *pgserver.Server
	err := s.out.during("starting PostgreSQL", func() (err error) {
		server, err = pgserver.Start(s.ctx, pgserver.Options{Dir: dir})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	s.out.line("  PostgreSQL on port %d, from %s (%s)", server.Port(), server.Bin(), since(began))
	began = time.Now()
	o.Server, o.OwnServer, o.Log = server, true, s.log
	o.History = lab.History{
		Orders: c.Orders, Events: true, Seed: c.Seed, Store: lab.StoreNamed(c.Store), Backfilled: c.Backfilled, WholeSeconds: c.wholeSeconds,
	}
	o.Rate, o.Workers, o.RefreshEvery = c.Rate, c.Workers, c.Refresh
	var l *lab.Lab
	err = s.out.during("making "+human.Number(c.Orders)+" orders and their events", func() (err error) {
		l, err = lab.Up(s.ctx, o)
		return err
	})
	if err != nil {
		err = errors.Join(fmt.Errorf("setting the system up: %w", err), server.Stop())
		if errors.Is(err, lab.ErrOtherHistory) {
			err = withHint(err, "use the --orders, --seed, --store and --backfilled of the first run, or another --dir")
		}
		return nil, err
	}
	s.out.line("  %s order ids of history in both databases (%s)", human.Number(c.Orders), since(began))
	return l, nil
}

func (c *upCmd) explain(out *printer, l *lab.Lab, st *stream, api *readAPI) {
	out.line("")
	out.line("  legacy      %s", l.LegacyDSN)
	out.line("  events      %s", l.EventsDSN)
	out.line("  stream      %s, topic %s", strings.Join(st.brokers, ","), st.topic)
	out.line("  reads       %s/legacy/orders/1 and %s/new/orders/1", api.url, api.url)
	out.line("  config      %s", c.Config)
	out.line("")
	out.line("The desk makes %g deals per second. The projection is refreshed every %s. In another terminal:", c.Rate, c.Refresh)
	out.command(program("crosscheck") + " verify --config " + c.Config)
	out.command(program("crosscheck") + " reads --config " + c.Config)
	out.command(program("crosscheck") + " run --config " + c.Config)
	for _, f := range lab.AllFaults() {
		if f.Backfill && l.CutOver() == 0 {
			continue
		}
		out.line("  %s  %s", out.paint(cyan, fmt.Sprintf("$ %s fault %-24s", program("crosscheck-lab"), f.Name)), out.paint(dim, f.About))
	}
	out.command(program("crosscheck-lab") + " disturb")
	for _, f := range lab.ReadFaults() {
		out.line("  %s  %s", out.paint(cyan, fmt.Sprintf("$ %s fault %-24s", program("crosscheck-lab"), f.Name)), out.paint(dim, f.About))
	}
	out.command(program("crosscheck-lab") + " repair")
	out.line("")
	out.line("Ctrl-C ends it.")
}

// program returns the command for a program in the same folder, as the user called this one.
func program(name string) string {
	if folder, _ := filepath.Split(os.Args[0]); folder != "" {
		return filepath.Join(folder, name)
	}
	return name
}

func since(t time.Time) string { return fmt.Sprintf("%.1f s", time.Since(t).Seconds()) }
