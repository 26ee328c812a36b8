package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/clients"
	cutoverreport "github.com/nordvarg/crosscheck/cutover/report"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/web"
)

type cutoverReport struct {
	Run  string `arg:"" optional:"" help:"The run, as cutover status names it. Default: the one that matters most now."`
	Out  string `help:"Write the report as one HTML page." placeholder:"FILE.html" type:"path"`
	JSON bool   `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

var errUnknownRun = errors.New("there is no such run")

func (r *cutoverReport) run(ctx context.Context, p *program) (int, error) {
	c, l, err := p.cutoverLedger(ctx)
	if err != nil {
		return exitError, err
	}
	defer l.Close()
	made, err := makeReport(ctx, c, l, r.Run, false)
	if err != nil {
		return exitError, err
	}
	if r.Out != "" {
		write := func(w io.Writer) error {
			return web.WriteCutover(w, web.CutoverReport{Report: made, Version: version, Revision: revision()})
		}
		if err := replaceFile(r.Out, write); err != nil {
			return exitError, withHint(fmt.Errorf("writing the report %s: %w", r.Out, withoutPath(err)), "the folder must exist and be writable")
		}
	}
	switch {
	case r.JSON:
		return exitAgrees, writeObject(p.stdout, made)
	case r.Out != "":
		_, err = fmt.Fprintf(p.stdout, "%s: %s\n%s\nThe report is %s.\n", made.Run, made.Outcome, printable(made.Summary), r.Out)
	default:
		_, err = io.WriteString(p.stdout, printable(made.Text()))
	}
	return exitAgrees, err
}

// report implements [web.API.Report].
func (s *sidecar) report(ctx context.Context, name string, hide bool) (cutoverreport.Report, error) {
	made, err := makeReport(ctx, s.config, s.ledger, name, hide)
	if errors.Is(err, errUnknownRun) {
		err = web.Refuse(http.StatusNotFound, err)
	}
	return made, err
}

// makeReport reads a run's journal and what stands beside it. An empty name is the run that matters most. Texts that may quote a value of an
// order can be hidden.
func makeReport(ctx context.Context, c *config.Config, l *ledger.Ledger, name string, hide bool) (cutoverreport.Report, error) {
	journals, err := l.Runs(ctx)
	if err != nil {
		return cutoverreport.Report{}, err
	}
	at, err := cutoverrun.Foremost(journals)
	if err != nil {
		return cutoverreport.Report{}, err
	}
	for i, records := range journals {
		if name != "" && records[0].Run == name {
			at = i
		}
	}
	switch {
	case at < 0 && name == "":
		return cutoverreport.Report{}, withHint(fmt.Errorf("%w: none has begun", errUnknownRun), "crosscheck cutover rehearse begins one that goes back")
	case at < 0 || name != "" && journals[at][0].Run != name:
		return cutoverreport.Report{}, withHint(fmt.Errorf("%w: %q", errUnknownRun, name), "crosscheck cutover status lists them")
	}
	from := cutoverreport.Source{
		Records: maskedRecords(c, journals[at], hide), Earlier: journals[:at], System: cutoverSystem(c), Budget: c.Cutover.Budget, Reserve: c.Cutover.RollbackReserve,
	}
	if from.Requests, from.Clients, err = l.Beside(ctx, journals[at][0].Run); err != nil {
		return cutoverreport.Report{}, err
	}
	for _, seen := range from.Clients {
		for _, of := range []*clients.Service{seen.Writes, seen.Reads} {
			if hide && of != nil && of.FirstError != "" {
				of.FirstError = gate.Hidden
			}
		}
	}
	if from.Driven, err = l.Held(ctx, cutoverJob); err != nil {
		return cutoverreport.Report{}, err
	}
	if from.Now, err = l.Clock(ctx); err != nil {
		return cutoverreport.Report{}, err
	}
	return cutoverreport.New(from)
}

// maskedRecords are records without the secrets of the configuration, which a program or a server may have quoted.
func maskedRecords(c *config.Config, records []cutover.Record, hide bool) []cutover.Record {
	masked := make([]cutover.Record, len(records))
	for i, r := range records {
		if r.Detail = c.Mask(r.Detail); hide && r.Detail != "" {
			r.Detail = gate.Hidden
		}
		positions := map[string]string{}
		for name, value := range r.Positions {
			positions[name] = c.Mask(value)
		}
		r.Positions = positions
		masked[i] = r
	}
	return masked
}

func cutoverSystem(c *config.Config) cutoverreport.System {
	s := cutoverreport.System{
		Name: systemOf(c).Name, Environment: c.Environment, Fenced: c.Cutover.Fence.Tables, Digest: c.Cutover.Digest(),
		Legacy:     cutoverreport.Place{Table: c.Legacy.Table, Database: source.DatabaseOf(c.Legacy.DSN.Reveal())},
		Projection: cutoverreport.Place{Table: c.Projection.Table, Database: source.DatabaseOf(c.Projection.DSN.Reveal())},
	}
	if c.Events.Given() {
		s.Events = &cutoverreport.Place{Table: c.Events.Table, Database: source.DatabaseOf(c.Events.DSN.Reveal())}
	}
	return s
}

// reportHint says how to get the report of a run.
func reportHint(run string) string {
	return fmt.Sprintf("The report: crosscheck cutover report %s --out %s.html\n", run, run)
}
