package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/evidence"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// sliceFlag restricts a command of cutover to one slice. A flag with an empty text is a mistake, and not all orders.
type sliceFlag struct {
	Slice *string `help:"Only one slice of the orders, while all others go on, such as symbol=ACME. The column is cutover.fence.slice." placeholder:"COLUMN=VALUE"`
}

// name is the slice as the fence spells it; empty without the flag.
func (f sliceFlag) name(ctx context.Context, c *config.Config) (string, error) {
	if f.Slice == nil {
		return "", nil
	}
	value, err := sliceValue(c, *f.Slice)
	if err != nil {
		return "", err
	}
	at, err := newFence(c)
	if err != nil {
		return "", err
	}
	if value, err = at.Canonical(ctx, value); err != nil {
		return "", err
	}
	return c.SliceName(value), nil
}

// scope is what the fence is asked about. It is not spelled, because the fence does it.
func (f sliceFlag) scope(c *config.Config) (fence.Scope, error) {
	if f.Slice == nil {
		return fence.Scope{}, nil
	}
	value, err := sliceValue(c, *f.Slice)
	return fence.Scope{Slice: value, One: true}, err
}

// openSlice is [openCutting] for a command with the flag.
func (p *program) openSlice(ctx context.Context, of sliceFlag) (*cutting, error) {
	c, err := p.loadCutover()
	if err != nil {
		return nil, err
	}
	slice, err := of.name(ctx, c)
	if err != nil {
		return nil, err
	}
	return openCutting(ctx, p, slice)
}

// allRuns are the statuses of all runs, for a command that does not know yet which it is about.
func (p *program) allRuns(ctx context.Context) ([]cutoverrun.Status, error) {
	_, l, err := p.cutoverLedger(ctx)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return statuses(ctx, l)
}

func sliceValue(c *config.Config, text string) (string, error) {
	value, err := c.SliceValue(text)
	switch {
	case errors.Is(err, config.ErrNoSlices):
		err = withHint(err, "name it in the configuration, such as fence: {slice: symbol}; an installed fence is removed and installed anew for that")
	case errors.Is(err, config.ErrSliceless):
		err = withHint(err, "such as cutover.slice.events: \"t.payload->>'symbol'\"; docs/cutover.md has one for events that do not all have it")
	}
	return value, err
}

// remaining is the configuration without the slices that are at the new side, which are compared with legacy no more.
func remaining(ctx context.Context, c *config.Config, l *ledger.Ledger) (rest *config.Config, moved []string, err error) {
	if c.Cutover.Fence.Slice == "" {
		return c, nil, nil
	}
	all, err := statuses(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	moved = movedOf(c, all)
	values := make([]string, len(moved))
	for i, name := range moved {
		if values[i], err = sliceValue(c, name); err != nil {
			return nil, nil, fmt.Errorf("leaving out the slice %s, which is at the new side: %w", name, err)
		}
	}
	return c.Without(values), moved, nil
}

// remaining is as the function, for commands that have not opened the ledger yet. A ledger without tables has no runs, and is left so.
func (p *program) remaining(ctx context.Context, c *config.Config) (*config.Config, error) {
	if c.Cutover.Fence.Slice == "" {
		return c, nil
	}
	l, err := ledger.Open(ctx, ledger.Config{DSN: c.Ledger.DSN.Reveal(), Schema: c.Ledger.Schema, Logger: p.log()})
	if err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	defer l.Close()
	rest, _, err := remaining(ctx, c, l)
	if errors.Is(err, board.ErrNotMigrated) {
		return c, nil
	}
	return rest, err
}

// movedOf are the slices at the new side, of the column that is configured.
func movedOf(c *config.Config, all []cutoverrun.Status) []string {
	return slices.DeleteFunc(cutoverrun.Moved(all), func(name string) bool {
		return c.Cutover.Fence.Slice == "" || !strings.HasPrefix(name, c.SliceName(""))
	})
}

// restrict has the evidence of one slice look at its rows only, and that of all orders leave out the slices whose orders are written at the new
// side already. An event that does not tell its slice may be of any.
func (t *cutting) restrict(e *evidence.Evidence) {
	if t.slice == "" {
		t.restrictToRest(e)
		return
	}
	_, value, _ := strings.Cut(t.slice, "=")
	e.Legacy = t.sides.legacy.Part(t.config.OfLegacy(value))
	e.New = t.sides.projection.Part(t.config.OfProjection(value))
	if t.sides.events != nil {
		e.New = t.sides.events.Part(t.config.MayBeOf(value))
	}
}

func (t *cutting) restrictToRest(e *evidence.Evidence) {
	if len(t.moved) == 0 {
		return
	}
	values := make([]string, len(t.moved))
	for i, name := range t.moved {
		_, values[i], _ = strings.Cut(name, "=")
	}
	if e.New = t.sides.projection.Part(t.config.OfOtherProjections(values)); t.sides.events != nil {
		e.New = t.sides.events.Part(t.config.MayBeOfOthers(values))
	}
}

// sliced refuses a slice that nothing belongs to: its value is mistyped, and nothing about it could be proven.
func (g *guarding) sliced(ctx context.Context) steps.Guardrail {
	any, err := g.sides.legacy.Any(ctx)
	if err == nil && !any {
		err = fmt.Errorf("legacy has no order of %s", g.slice)
	}
	return guardrail("slice", err, "legacy has orders of "+g.slice+"; once the new side has acknowledged a write of it there is no way back, because cutover.reverse cannot be used with slices")
}

// apart says why a cutover must not begin beside what is closed or switched already; nil if it may.
func (g *guarding) apart(ctx context.Context, state fence.State) error {
	all, err := g.runs(ctx)
	if err != nil {
		return err
	}
	moved := movedOf(g.config, all)
	for _, value := range state.Slices {
		name := g.config.SliceName(value)
		switch {
		case name == g.slice:
			return fmt.Errorf("the slice %s is closed already: crosscheck cutover fence", name)
		case !slices.Contains(moved, name):
			return fmt.Errorf("the slice %s is closed, and is not at the new side: crosscheck cutover unfence --yes%s opens it", name, cutover.SliceFlag(name))
		}
	}
	for _, name := range moved {
		_, value, _ := strings.Cut(name, "=")
		if name != g.slice && !slices.Contains(state.Slices, value) {
			return fmt.Errorf("the slice %s was cut over, and legacy takes its writes: a rehearsal of it puts it on record that it is at legacy again", name)
		}
	}
	return nil
}
