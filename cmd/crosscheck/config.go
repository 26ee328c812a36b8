package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/human"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Check the configuration file, without connecting to anything."`
	Init  configInitCommand  `cmd:"" help:"Propose a first configuration from what the databases have, and print it."`
}

type configCheckCommand struct{}

func (*configCheckCommand) run(_ context.Context, p *program) (int, error) {
	chosen, err := p.loadPairs()
	if err != nil {
		return exitError, err
	}
	warned := map[string]bool{} // what is shared is warned of once
	for _, c := range chosen {
		for _, w := range c.Warnings() {
			if text := printable(w.Error()); !warned[text] {
				warned[text] = true
				_, _ = fmt.Fprintf(p.stderr, "crosscheck: warning: %s\n", text)
				_, _ = fmt.Fprintf(p.stderr, "crosscheck: hint: %s\n", w.Hint)
			}
		}
	}
	for _, c := range chosen {
		file := printable(filepath.Base(p.configFile))
		if c.Pair != "" {
			file += ", pair " + c.Pair
		}
		if _, err := fmt.Fprintf(p.stdout, "%s: no mistakes: %s\n", file, printable(contents(c))); err != nil {
			return exitError, fmt.Errorf("writing what the configuration has: %w", err)
		}
	}
	return exitAgrees, nil
}

// contents says in a line what a configuration has.
func contents(c *config.Config) string {
	fields := human.Quantity(int64(len(c.Compare.Fields)), "field", "fields")
	parts := []string{"legacy " + tableName(c.Legacy.Table, c.Legacy.Where), "projection " + tableName(c.Projection.Table, c.Projection.Where), fields}
	if c.Events.Given() {
		judged := 0
		for _, f := range c.Compare.Fields {
			if c.Judges(f.Field) {
				judged++
			}
		}
		parts[2] = fmt.Sprintf("%s (%d judged by events)", fields, judged)
		types := human.Quantity(int64(len(c.Events.Fold.Events)), "type", "types")
		parts = append(parts, fmt.Sprintf("events %s (%s)", tableName(c.Events.Table, c.Events.Where), types))
	}
	if c.Stream.Given() {
		parts = append(parts, "stream "+c.Stream.Topic)
	}
	if c.History.Given() {
		parts = append(parts, "history")
	}
	if c.Alerts.Given() {
		parts = append(parts, "alerts")
	}
	return strings.Join(append(parts, "ledger "+c.Ledger.Schema), ", ")
}

// tableName is a table as a line shows it.
func tableName(table, where string) string {
	if strings.HasPrefix(strings.TrimSpace(table), "(") {
		table = "(select …)"
	}
	if where != "" {
		table += " where …"
	}
	return table
}
