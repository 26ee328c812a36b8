package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/lease"
)

// gatePoll is how long --wait waits between two looks at the ledger.
const gatePoll = 5 * time.Second

// await looks until the gate says GO or NO-GO, or the time of --wait is over. What it sees on the way is not recorded. What cannot be reached
// is tried again.
func (g *gateCommand) await(ctx context.Context, p *program, look func(context.Context) (gate.Decision, error)) error {
	if g.Wait == 0 {
		return nil
	}
	end := time.Now().Add(g.Wait)
	for said := false; ; said = true {
		d, err := lookUntil(ctx, end, look)
		rest := time.Until(end)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case rest <= 0 && errors.Is(err, context.DeadlineExceeded): // the time was over during a look
			return nil
		case err != nil && !passes(err):
			return err
		case err == nil && d.Decision != gate.Undecided, rest <= 0:
			return nil
		case !said:
			_, _ = fmt.Fprintf(p.stderr, "crosscheck: waiting up to %s for GO or NO-GO\n", human.Duration(rest.Round(time.Second)))
		}
		if err := lease.Sleep(ctx, min(gatePoll, rest)); err != nil {
			return err
		}
	}
}

func lookUntil(ctx context.Context, end time.Time, look func(context.Context) (gate.Decision, error)) (gate.Decision, error) {
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	return look(ctx)
}

// undecided looks at the ledger and leaves no trace.
func (g *gateCommand) undecided(p *program, c *config.Config) func(context.Context) (gate.Decision, error) {
	return func(ctx context.Context) (gate.Decision, error) {
		quiet := gateCommand{NoRecord: true}
		return quiet.judge(ctx, p, c)
	}
}
