package main

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

type verifyCommand struct {
	SinceLast      bool    `help:"Compare only what was written since the last verification; everything if that cannot be told."`
	JSON           bool    `name:"json" help:"Print one JSON object on standard output, and nothing else."`
	AnyHour        bool    `help:"Do not wait for throttle.hours; the other limits of throttle hold."`
	Resume         bool    `help:"Go on with the last full verification, whose process ended: ranges of keys that it has compared are not read again (verify.max_snapshot)."`
	Keys           keyList `placeholder:"KEY" help:"Compare only these orders, now. It renews and resolves their divergences, and is no evidence of other orders. A comma in a key is written \\,"`
	MaxDivergences int     `help:"How many divergences to print; the ledger has all." default:"10000"`
}

// keyList is a flag of keys. Given without any, such as by an empty variable of a shell, it must not mean every order.
type keyList []string

var errNoKeys = errors.New("must name a key; without --keys, every order is compared")

// Decode takes keys with commas between them, and may be called several times.
func (k *keyList) Decode(d *kong.DecodeContext) error {
	var text string
	if err := d.Scan.PopValueInto("keys", &text); err != nil {
		return err
	}
	keys := kong.SplitEscaped(text, ',')
	if len(keys) == 0 {
		return errNoKeys
	}
	*k = append(*k, keys...)
	return nil
}

// Validate is called when the command line was parsed.
func (v *verifyCommand) Validate() error {
	if v.SinceLast && v.Resume {
		return errors.New("--since-last and --resume exclude each other: what is resumed compares every order")
	}
	if len(v.Keys) > 0 && (v.SinceLast || v.Resume) {
		return errors.New("--keys excludes --since-last and --resume, which say themselves what is compared")
	}
	return validMaxDivergences(v.MaxDivergences)
}

func validMaxDivergences(n int) error {
	if n < 0 {
		return errors.New("--max-divergences: must not be negative")
	}
	return nil
}

// batchesAlive is a GOGC for a command that keeps a few batches of orders. It takes some 15 MiB more, and a sixth less processor time.
const batchesAlive = 200

func (v *verifyCommand) run(ctx context.Context, p *program) (int, error) {
	debug.SetGCPercent(batchesAlive)
	kind, pass := verify.Full, (*verify.Comparison).Full
	if v.SinceLast {
		kind, pass = verify.Delta, (*verify.Comparison).Delta
	}
	var keys []order.Key
	if len(v.Keys) > 0 {
		kind = verify.Recheck
		pass = func(c *verify.Comparison, ctx context.Context, l lease.Lease, s verify.Start) (verify.Pass, error) {
			return c.Recheck(ctx, l, s, keys)
		}
	}
	return oneOff{
		program: p, kind: kind, json: v.JSON, maxDivergences: v.MaxDivergences, resume: v.Resume, anyHour: v.AnyHour,
		fits: func(s sides) (err error) {
			keys, err = orderKeys(s.legacy.KeyType(), v.Keys)
			return err
		},
		pass: func(ctx context.Context, c *verify.Comparison, _ *config.Config, l lease.Lease, s verify.Start) (verify.Pass, error) {
			return pass(c, ctx, l, s)
		},
	}.run(ctx)
}

func orderKeys(t order.KeyType, given []string) ([]order.Key, error) {
	keys := make([]order.Key, len(given))
	for i, g := range given {
		var err error
		if keys[i], err = orderKey(t, g); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
