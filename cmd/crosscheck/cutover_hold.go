package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/cutover/evidence"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/verify"
)

// holding point: a person types the name of the migration.
type holdPoint struct {
	*cutting
	confirmed bool      // on the command line
	typed     io.Reader // where a person types
	every     time.Duration
	held      *cutoverrun.Held // as it was told last
}

var _ steps.Gate = (*holdPoint)(nil)

var errNobody = errors.New("nobody has typed the name of the cutover")

// Wait implements [steps.Gate]. It verifies what changed again and again, so that the window holds only what changes last, and need not read all
// events.
func (h *holdPoint) Wait(ctx context.Context, _ steps.Scope) (string, error) {
	lines := make(chan string)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	if !h.confirmed {
		go h.read(reading, lines) // ends with the process: a terminal cannot be asked to stop
		what := "legacy"
		if h.slice != "" {
			what = "the slice " + printable(h.slice) + " of legacy"
		}
		fmt.Fprintf(h.stderr, "Type %s to close %s to writers, or Ctrl-C to stop.\n", h.config.Cutover.Name, what) //nolint:errcheck // a terminal
	}
	said := ""
	for looks := 1; ; looks++ {
		from := time.Now()
		pass, j, err := h.settled(ctx)
		switch {
		case err != nil:
			return "", err
		case j.Diverged:
			return "", fmt.Errorf("%w: %s", steps.ErrContradicted, j.Detail)
		}
		if h.held, err = h.known(ctx); err != nil {
			return "", err
		}
		fmt.Fprintf(h.stderr, "%s; it took %.1f s\n%s\n", j.Detail, time.Since(from).Seconds(), h.held) //nolint:errcheck // a terminal
		detail := fmt.Sprintf("%s%s. %s", said, j.Detail, h.held)
		in, better := pass.LookAgain(time.Now())
		better = better && looks < mostLooks
		switch {
		case !better && (said != "" || h.confirmed && j.Matches):
			return detail, nil
		case !better:
			in = h.every
		case said != "" || h.confirmed:
			fmt.Fprintf(h.stderr, "Legacy is closed after another look at all events, which begins in %.0f s: the window need not read them then.\n", in.Seconds()) //nolint:errcheck // a terminal
		default:
			in = min(in, h.every)
		}
		typed, err := h.typedIn(ctx, in, lines)
		switch {
		case err != nil:
			return "", err
		case typed && !better:
			return typedName + detail, nil
		case typed:
			said, lines = typedName, nil
		}
	}
}

const (
	// mostLooks is how many passes are made to spare the window the look at all events: a long transaction may hinder it.
	mostLooks = 5
	typedName = "confirmed by typing its name; "
)

// typedIn waits for the name of the cutover, for some time.
func (h *holdPoint) typedIn(ctx context.Context, d time.Duration, lines <-chan string) (bool, error) {
	next := time.NewTimer(d)
	defer next.Stop()
	for {
		select {
		case line, ok := <-lines:
			switch {
			case !ok:
				return false, errNobody
			case strings.TrimSpace(line) == h.config.Cutover.Name:
				return true, nil
			}
		case <-next.C:
			return false, nil
		case <-ctx.Done():
			return false, fmt.Errorf("%w: %w", errNobody, ctx.Err())
		}
	}
}

func (h *holdPoint) read(ctx context.Context, lines chan<- string) {
	defer close(lines)
	for in := bufio.NewScanner(h.typed); in.Scan(); {
		select {
		case lines <- in.Text():
		case <-ctx.Done():
			return
		}
	}
}

// settled verifies a system in motion, so it waits for what may be on its way.
func (h *holdPoint) settled(ctx context.Context) (pass verify.Pass, j evidence.Judged, err error) {
	cmp := comparison(h.config, h.sides, h.ledger, h.log())
	if pass, err = h.pass(ctx, cmp, (*verify.Comparison).Delta); err == nil {
		j, err = h.judged(ctx, pass)
	}
	return pass, j, err
}

// unheld is the hold of a run that nobody has to confirm.
type unheld struct{}

// Wait implements [steps.Gate].
func (unheld) Wait(context.Context, steps.Scope) (string, error) { return "a rehearsal", nil }

// never is the hold of a process that takes over a run: nobody sits before it.
type never struct{}

// Wait implements [steps.Gate].
func (never) Wait(ctx context.Context, _ steps.Scope) (string, error) {
	return "", errors.Join(errNobody, lease.Sleep(ctx, 0))
}
