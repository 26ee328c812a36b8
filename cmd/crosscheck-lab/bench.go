package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/lab/bench"
)

type benchCmd struct {
	Orders     int64    `default:"9200000" env:"BENCH_ORDERS" help:"About how many orders each side has."`
	Runs       int      `default:"5" env:"BENCH_RUNS" help:"How often each contender runs, in turn with the others."`
	Only       []string `env:"BENCH_ONLY" help:"Measure only these parts: ${bench_parts}." placeholder:"PART,…"`
	Dir        string   `env:"BENCH_DIR" help:"Folder that keeps the generated data for the next run. Default: in the user's cache." placeholder:"DIR" type:"path"`
	Markdown   string   `env:"BENCH_MARKDOWN" help:"Write the table to this file too. If the file has marks, write it between them." placeholder:"FILE" type:"path"`
	Crosscheck string   `help:"The program to measure. Default: the one in the same folder as this program." placeholder:"FILE" type:"path"`
	Before     string   `env:"BENCH_BEFORE" help:"An earlier build of the program, whose full verification takes turns with the others." placeholder:"FILE" type:"existingfile"`
}

// Run measures and prints the table. It fails only for a wrong result, because times depend on the machine.
func (c *benchCmd) Run(s *session) error {
	path, err := findCrosscheck(c.Crosscheck)
	if err != nil {
		return err
	}
	if c.Orders < 1000 || c.Runs < 1 {
		return errors.New("at least 1000 orders and one run are needed")
	}
	for _, part := range c.Only {
		if !slices.Contains(bench.Parts, part) {
			return withHint(fmt.Errorf("--only: there is no part %q", part), "the parts are "+strings.Join(bench.Parts, ", "))
		}
	}
	dir, err := c.dir()
	if err != nil {
		return err
	}
	s.out.line("bench: the data stay in %s; delete this folder when you need no more runs", dir)
	report, err := bench.Run(s.ctx, bench.Options{
		Orders: c.Orders, Runs: c.Runs, Only: c.Only, Dir: dir, Crosscheck: path, Before: c.Before,
		Log: func(format string, args ...any) { s.out.line("bench: "+format, args...) },
	})
	if report != nil && len(report.Rows) > 0 {
		s.out.line("\n%s", report.Text())
	}
	if errors.Is(err, bench.ErrWrong) {
		return errors.Join(errWrong, err)
	}
	if err != nil {
		return err
	}
	if c.Markdown == "" {
		return nil
	}
	return writeTable(c.Markdown, report.Markdown())
}

// The marks between which a page keeps the table.
const (
	tableBegins = "<!-- begin figures -->\n"
	tableEnds   = "<!-- end figures -->"
)

// writeTable writes the table to a file: between its marks, or as its whole content if it has no marks.
func writeTable(file, table string) error {
	page, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the page: %w", err)
	}
	if before, rest, ok := strings.Cut(string(page), tableBegins); ok {
		if _, after, ok := strings.Cut(rest, tableEnds); ok {
			table = before + tableBegins + table + tableEnds + after
		}
	}
	if err := os.WriteFile(file, []byte(table), 0o644); err != nil { //nolint:gosec // for everyone to read
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// dir is where the data stay. For root, PostgreSQL runs as another user, who cannot enter root's home.
func (c *benchCmd) dir() (string, error) {
	if c.Dir != "" {
		return c.Dir, nil
	}
	if os.Getuid() == 0 {
		return "/var/tmp/crosscheck-bench", nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", withHint(fmt.Errorf("finding the cache: %w", err), "name a folder with --dir")
	}
	return filepath.Join(cache, "crosscheck", "bench"), nil
}
