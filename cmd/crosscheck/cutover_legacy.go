package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// installTimeout ends the attempts to install a fence beside writers whose transactions are long.
const installTimeout = 2 * time.Minute

type cutoverInstall struct {
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

func (i *cutoverInstall) run(ctx context.Context, p *program) (int, error) {
	return p.atFence(ctx, func(ctx context.Context, f *fence.Fence, c *config.Config) error {
		if err := f.Install(ctx); err != nil {
			return withHint(err, "run it again when the transactions that it names have ended; nobody was kept waiting")
		}
		return p.fenceIs(ctx, f, c, i.JSON, func(fence.Kind) string {
			return fmt.Sprintf("The fence %s is installed at %s, and open. It keeps nobody out.\n", c.Cutover.Name, strings.Join(c.Cutover.Fence.Tables, ", "))
		})
	})
}

type cutoverUninstall struct {
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

func (u *cutoverUninstall) run(ctx context.Context, p *program) (int, error) {
	return p.atFence(ctx, func(ctx context.Context, f *fence.Fence, c *config.Config) error {
		if err := f.Remove(ctx); err != nil {
			return withHint(err, "crosscheck cutover fence shows its state; a closed fence is opened by crosscheck cutover unfence")
		}
		return p.fenceIs(ctx, f, c, u.JSON, func(fence.Kind) string { return fmt.Sprintf("The fence %s is removed.\n", c.Cutover.Name) })
	})
}

type cutoverClose struct {
	Yes  bool `help:"Really: legacy takes no write until it is opened again." required:""`
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	sliceFlag
}

func (l *cutoverClose) run(ctx context.Context, p *program) (int, error) {
	return p.atFence(ctx, func(ctx context.Context, f *fence.Fence, c *config.Config) error {
		scope, err := l.scope(c)
		if err != nil {
			return err
		}
		if err := closeForGood(ctx, f, scope); err != nil {
			return err
		}
		return p.fenceIs(ctx, f, c, l.JSON, func(fence.Kind) string {
			return fmt.Sprintf("Legacy is closed for good, for %s. crosscheck cutover resume goes on with a run that waits for it.\n", scope)
		})
	})
}

func closeForGood(ctx context.Context, f *fence.Fence, scope fence.Scope) (err error) {
	limited, cancel := context.WithTimeout(ctx, cutoverLimit)
	defer cancel()
	if err := f.Close(limited, scope); err != nil {
		return withHint(err, "legacy is as it was; crosscheck cutover fence shows who is inside")
	}
	defer func() { err = errors.Join(err, f.Release(ctx)) }()
	return f.Permanent(limited)
}

type cutoverUnfence struct {
	Yes  bool `help:"Really: a run that has not ended may go on to switch writes to the new system." required:""`
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	sliceFlag
}

func (u *cutoverUnfence) run(ctx context.Context, p *program) (int, error) {
	return p.atFence(ctx, func(ctx context.Context, f *fence.Fence, c *config.Config) error {
		scope, err := u.scope(c)
		if err != nil {
			return err
		}
		if err := f.Unfence(ctx, scope); err != nil {
			return withHint(err, "this line opens legacy by hand: "+f.ByHand())
		}
		if pool := newSwitch(c, "pool", c.Cutover.Pool); pool != nil && !scope.One {
			if _, err := pool.Set(ctx, false, steps.Scope{Run: c.Cutover.Name}); err != nil {
				return withHint(fmt.Errorf("legacy is open, and the clients are still held: %w", err), "RESUME on the console of each PgBouncer lets them go on")
			}
		}
		return p.fenceIs(ctx, f, c, u.JSON, func(k fence.Kind) string { return fmt.Sprintf("The fence is %s.\n", k) })
	})
}

// fenceIs prints how the fence is now, after a command has changed it.
func (p *program) fenceIs(ctx context.Context, f *fence.Fence, c *config.Config, asJSON bool, text func(fence.Kind) string) error {
	s, err := f.State(ctx)
	if err != nil {
		return fmt.Errorf("reading how the fence is now: %w", err)
	}
	if asJSON {
		return writeObject(p.stdout, struct {
			Fence  string     `json:"fence"`
			Tables []string   `json:"tables"`
			State  fence.Kind `json:"state"`
		}{c.Cutover.Name, c.Cutover.Fence.Tables, s.Kind()})
	}
	_, err = io.WriteString(p.stdout, text(s.Kind()))
	return err
}

// atFence does something with the fence alone. It needs no ledger, because that may be what is broken.
func (p *program) atFence(ctx context.Context, do func(context.Context, *fence.Fence, *config.Config) error) (int, error) {
	c, err := p.loadCutover()
	if err != nil {
		return exitError, err
	}
	f, err := newFence(c)
	if err != nil {
		return exitError, err
	}
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	if err := do(ctx, f, c); err != nil {
		return exitError, err
	}
	return exitAgrees, nil
}

type cutoverFence struct {
	JSON bool `name:"json" help:"Print one JSON object on standard output, and nothing else."`
}

// fenceReport is what cutover fence says.
type fenceReport struct {
	State   fence.Kind `json:"state"`
	Missing []string   `json:"missing,omitempty"` // what some writer passes
	Holders []string   `json:"holders,omitempty"`
	Waiting []string   `json:"waiting,omitempty"` // to close it
	Slices  []string   `json:"slices,omitempty"`  // that are closed permanently
	Inside  []string   `json:"inside,omitempty"`  // writers for which a drain would wait
	ByHand  string     `json:"by_hand"`           // SQL that opens legacy
	Reverse *fedBy     `json:"reverse,omitempty"` // absent without cutover.reverse
}

func (c *cutoverFence) run(ctx context.Context, p *program) (int, error) {
	return p.atFence(ctx, func(ctx context.Context, f *fence.Fence, _ *config.Config) error {
		s, err := f.State(ctx)
		if err != nil {
			return err
		}
		r := fenceReport{State: s.Kind(), Missing: s.Missing, Holders: texts(s.Holders), Waiting: texts(s.Waiting), Slices: s.Slices, ByHand: f.ByHand()}
		if s.Kind() != fence.None {
			inside, err := f.Blockers(ctx, fence.Scope{})
			if err != nil {
				return err
			}
			r.Inside = texts(inside)
		}
		if r.Reverse, err = feedOf(ctx, f, s.Sealed && len(s.Missing) == 0); err != nil {
			return err
		}
		if c.JSON {
			return writeObject(p.stdout, r)
		}
		_, err = fmt.Fprint(p.stdout, r.text())
		return err
	})
}

func texts(of []fence.Session) (all []string) {
	for _, s := range of {
		all = append(all, printable(s.String()))
	}
	return all
}

func (r fenceReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The fence: %s\n", r.State)
	for _, list := range []struct {
		what string
		of   []string
	}{
		{"Some writer passes", r.Missing}, {"Closed by", r.Holders}, {"Waits to close it", r.Waiting}, {"Closed slice", r.Slices}, {"Inside", r.Inside},
	} {
		for _, line := range list.of {
			fmt.Fprintf(&b, "  %s: %s\n", list.what, line)
		}
	}
	b.WriteString(r.Reverse.text())
	if len(r.Slices) > 0 {
		b.WriteString("Beware: the line by hand opens closed slices too. Those at the new side would be written at both sides. crosscheck cutover unfence --yes keeps them closed.\n")
	}
	fmt.Fprintf(&b, "By hand, in legacy, this opens it:\n%s\n", r.ByHand)
	return b.String()
}
