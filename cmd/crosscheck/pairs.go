package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/source"
)

var (
	errWhichPair = errors.New("the configuration has several pairs of tables, and this is about one")
	errNoPair    = errors.New("--pair names no pair of tables of the configuration")
	errNoPairs   = errors.New("--pair: the configuration has no list pairs")
)

// loadPairs reads the configuration and returns the pairs of tables that are chosen: all of them without --pair. A configuration without
// the list pairs is one, without a name.
func (p *program) loadPairs() ([]*config.Config, error) {
	if p.pairs == nil {
		all, err := config.LoadPairs(p.configFile, p.getenv)
		if err != nil {
			return nil, err
		}
		p.config = all[0] // from now on logs and errors are without the secrets of all
		if err := config.CheckPairs(all, source.DSNFault); err != nil {
			return nil, err
		}
		p.pairs = all
	}
	if p.pair == "" {
		return p.pairs, nil
	}
	if p.pairs[0].Pair == "" {
		return nil, errNoPairs
	}
	if i := slices.IndexFunc(p.pairs, func(c *config.Config) bool { return c.Pair == p.pair }); i >= 0 {
		return p.pairs[i : i+1], nil
	}
	return nil, withHint(fmt.Errorf("%w: %q", errNoPair, p.pair), "it has "+names(p.pairs))
}

func names(pairs []*config.Config) string {
	var all []string
	for _, c := range pairs {
		all = append(all, c.Pair)
	}
	return strings.Join(all, ", ")
}

// load reads the configuration of one pair.
func (p *program) load() (*config.Config, error) {
	chosen, err := p.loadPairs()
	if err != nil {
		return nil, err
	}
	if len(chosen) > 1 {
		return nil, withHint(errWhichPair, "choose it with --pair: "+names(chosen))
	}
	if p.config != chosen[0] { // a sidecar loads it again and again
		p.config = chosen[0]
	}
	return p.config, nil
}

// of is the program for one pair.
func (p *program) of(c *config.Config) *program {
	one := *p
	one.pair, one.config = c.Pair, c
	return &one
}

// ofPair says which pair an error is about.
func ofPair(c *config.Config, err error) error {
	if c.Pair == "" || err == nil {
		return err
	}
	return fmt.Errorf("pair %s: %w", c.Pair, err)
}

// pairwise is a command that does all pairs of tables, one after the other, unless one is chosen.
type pairwise interface {
	// overPairs says how; false if the flags are about one pair, or about none.
	overPairs() (pairForm, bool)
}

// pairForm is how a command writes what it has to say of several pairs.
type pairForm struct {
	json    bool   // one object, with those of the pairs
	lines   bool   // objects, one a line, each with its pair
	heading string // with the name; empty for the usual one
	// lacks is why there is nothing to do for a pair; empty if there is something.
	lacks func(*config.Config) string
}

// do runs a command, for each pair if it can.
func (p *program) do(ctx context.Context, command runner) (int, error) {
	each, ok := command.(pairwise)
	if !ok {
		return command.run(ctx, p)
	}
	form, ok := each.overPairs()
	if !ok {
		return command.run(ctx, p)
	}
	chosen, err := p.loadPairs()
	if err != nil {
		return exitError, err
	}
	if form.lacks != nil && len(chosen) > 1 {
		chosen = p.able(chosen, form.lacks)
	}
	if len(chosen) == 1 {
		return command.run(ctx, p.of(chosen[0]))
	}
	return p.each(ctx, chosen, command, form)
}

// able are the pairs for which there is something to do; all of them if there is nothing for any, which is an error of each. The others are named.
func (p *program) able(chosen []*config.Config, lacks func(*config.Config) string) []*config.Config {
	can := slices.DeleteFunc(slices.Clone(chosen), func(c *config.Config) bool { return lacks(c) != "" })
	if len(can) == 0 {
		return chosen
	}
	for _, c := range chosen {
		if why := lacks(c); why != "" {
			_, _ = fmt.Fprintf(p.stderr, "crosscheck: pair %s is left out: %s\n", c.Pair, why)
		}
	}
	return can
}

// pairReports is what a command prints of several pairs.
type pairReports struct {
	ExitCode int          `json:"exit_code"`
	Pairs    []pairReport `json:"pairs"`
}

type pairReport struct {
	Name     string          `json:"name"`
	ExitCode int             `json:"exit_code"`
	Report   json.RawMessage `json:"report"` // null if there is none
}

// each does the pairs one after the other. The worst exit code counts. Pairs whose turn does not come are unverified.
func (p *program) each(ctx context.Context, chosen []*config.Config, command runner, form pairForm) (int, error) {
	all := pairReports{ExitCode: exitAgrees}
	for i, c := range chosen {
		one, written := p.of(c), &bytes.Buffer{}
		switch {
		case form.json || form.lines:
			one.stdout = written
		default:
			if _, err := io.WriteString(p.stdout, heading(form, c, i)); err != nil {
				return exitError, fmt.Errorf("writing the report: %w", err)
			}
		}
		code := exitUnverified
		if ctx.Err() == nil {
			code = one.finish(ctx, again(command))
		}
		all.ExitCode = worse(all.ExitCode, code)
		if form.lines {
			if _, err := p.stdout.Write(withPair(written.Bytes(), c.Pair)); err != nil {
				return exitError, fmt.Errorf("writing the list: %w", err)
			}
		}
		report := pairReport{Name: c.Pair, ExitCode: code, Report: json.RawMessage("null")}
		if json.Valid(written.Bytes()) {
			report.Report = written.Bytes()
		}
		all.Pairs = append(all.Pairs, report)
	}
	if form.json {
		return all.ExitCode, writeObject(p.stdout, all)
	}
	return all.ExitCode, nil
}

// finish runs a command for one pair and says what went wrong.
func (p *program) finish(ctx context.Context, command runner) int {
	code, err := command.run(ctx, p)
	switch {
	case interrupted(ctx, err):
		return worse(code, p.sayStopped())
	case err != nil:
		return worse(code, report(p.logs(), ofPair(p.config, err)))
	}
	return code
}

// again is a copy of a command as the command line has it: to run may change it.
func again(command runner) runner {
	fresh := reflect.New(reflect.TypeOf(command).Elem())
	fresh.Elem().Set(reflect.ValueOf(command).Elem())
	same, _ := reflect.TypeAssert[runner](fresh)
	return same
}

func heading(form pairForm, c *config.Config, i int) string {
	text := form.heading
	if text == "" {
		text = "== pair %s ==\n\n"
	}
	if i > 0 {
		text = "\n" + text
	}
	return fmt.Sprintf(text, c.Pair)
}

// withPair gives each object of a list, one a line, the name of its pair.
func withPair(list []byte, pair string) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(list) {
		if rest, isObject := bytes.CutPrefix(line, []byte("{")); isObject {
			fmt.Fprintf(&out, "{\"pair\":%q,", pair)
			line = rest
		}
		out.Write(line)
	}
	return out.Bytes()
}

// worse is the worse one of two exit codes. What could not be done is worse than a divergence, because it hides one.
func worse(a, b int) int {
	order := []int{exitAgrees, exitUnverified, exitDiverged, exitError}
	return order[max(slices.Index(order, a), slices.Index(order, b), 0)]
}
