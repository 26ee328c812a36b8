package main

import (
	"fmt"
	"os"

	"github.com/nordvarg/crosscheck/lab"
)

type disturbCmd struct {
	Name   string `arg:"" optional:"" help:"The fault. Without it, all are listed."`
	PID    int    `help:"The process that drives the cutover, for coordinator_dies." placeholder:"PID"`
	Socket string `default:"${socket}" help:"Socket of the running lab." placeholder:"FILE" type:"path"`
}

// Run prepares the fault, or lists all.
func (c *disturbCmd) Run(s *session) error {
	if c.Name == "" {
		for _, f := range lab.CutoverFaults() {
			s.out.fitted(fmt.Sprintf("  %-22s ", f.Name), 25, fmt.Sprintf("%s. It strikes %s. The cutover %s.", f.About, strikes(f), f.Must))
		}
		return nil
	}
	for _, f := range lab.CutoverFaults() {
		if f.Name != c.Name {
			continue
		}
		if _, err := ask(s.ctx, c.Socket, "/disturb", request{Fault: c.Name, PID: c.PID}); err != nil {
			return err
		}
		s.out.line("%s strikes %s. The next cutover %s.", f.Name, strikes(f), f.Must)
		return nil
	}
	return withHint(fmt.Errorf("%w: %q", lab.ErrUnknownFault, c.Name), "crosscheck-lab disturb lists the faults of a cutover")
}

// strikes says when a fault does.
func strikes(f lab.CutoverFault) string {
	if f.After == lab.BeforeCutover {
		return "before the cutover begins"
	}
	return "after the step " + f.After
}

// killer kills a process; nil if it is not known.
func killer(pid int) func() error {
	if pid <= 0 {
		return nil
	}
	return func() error {
		p, err := os.FindProcess(pid)
		if err != nil {
			return fmt.Errorf("looking for process %d: %w", pid, err)
		}
		return p.Kill()
	}
}

// cutoverSection has what a cutover of the lab needs.
func cutoverSection(l *lab.Lab, mode string) string {
	setting := func(name string) string {
		return fmt.Sprintf(`{timeout: 5s, sql: {dsn: %q, do: "update app_config set value = 'event_sourced' where name = '%[2]s'", undo: "update app_config set value = 'legacy' where name = '%[2]s'", check: "select value = 'event_sourced' from app_config where name = '%[2]s'"}}`, l.LegacyDSN, name)
	}
	return fmt.Sprintf(`cutover:
  name: orders-2026
  fence: {dsn: %q, tables: [public.orders], mode: %s}
  switch:
    reads:  %s
    writes: %s
`, l.LegacyDSN, mode, setting(lab.ReadSource), setting(lab.WriteMode))
}

// byClients are probes by the clients' way.
func byClients(l *lab.Lab) string {
	return fmt.Sprintf(`  probe:
    reads:  {timeout: 5s, sql: {dsn: %[1]q, check: "select value = 'event_sourced' from app_config where name = '%[2]s'"}}
    writes: {timeout: 5s, sql: {dsn: %[1]q, check: "insert into probes select value = 'event_sourced' from app_config where name = '%[3]s' returning at_new"}}
`, l.ClientDSN(), lab.ReadSource, lab.WriteMode)
}
