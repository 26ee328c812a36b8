package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/board"
	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/evidence"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/gate"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/switches/fence"
	"github.com/nordvarg/crosscheck/verify"
)

const (
	cutoverJob = "cutover"
	// cutoverLease is how long a dead coordinator keeps others from finishing its run.
	cutoverLease = 10 * time.Second
	// cutoverLimit ends an attempt at any step, and cutoverHold the wait for a person.
	cutoverLimit = time.Minute
	cutoverHold  = 24 * time.Hour
	// cutoverScan is for steps that may have to read a whole table while nobody waits for them, or while nothing else can be done.
	cutoverScan = 2 * time.Hour
	// askEvery is the pause between two looks for requests.
	askEvery = 200 * time.Millisecond
)

// cutting is what the commands of a cutover connect.
type cutting struct {
	*program
	config  *config.Config
	whole   *config.Config // with all slices
	fence   *fence.Fence
	ledger  *ledger.Ledger
	slice   string   // as COLUMN=VALUE; empty for all orders
	moved   []string // slices at the new side, which a run of all orders leaves out
	sides   sides
	basis   gate.Basis // of what the run compares
	decides gate.Basis // of what the decision is about: all orders whose slices are at legacy
	lacking lacking    // as the barrier saw it last
}

// openCutting opens everything that a run of all orders needs, or of one slice, spelled by [sliceFlag.name]. The caller closes it.
func openCutting(ctx context.Context, p *program, slice string) (t *cutting, err error) {
	c, err := p.loadCutover()
	if err != nil {
		return nil, err
	}
	t = &cutting{program: p, whole: c, slice: slice}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.fence, err = newFence(c); err != nil {
		return t, err
	}
	if t.ledger, err = openLedger(ctx, c, p.log()); err != nil {
		return t, fmt.Errorf("opening the ledger: %w", err)
	}
	rest, moved, err := remaining(ctx, c, t.ledger)
	if err != nil {
		return t, err
	}
	t.moved = moved
	t.config = rest
	if slice != "" {
		value, err := sliceValue(c, slice)
		if err != nil {
			return t, err
		}
		t.config = c.Only(value)
	}
	if t.sides, t.basis, err = (oneOff{program: p, kind: verify.Delta}).open(ctx, t.config); err != nil {
		if slice != "" {
			err = fmt.Errorf("restricting all sides to the slice %s, by cutover.fence.slice and cutover.slice: %w", slice, err)
		}
		return t, err
	}
	if t.decides, err = t.sides.basis(ctx, rest); err != nil { // it depends on no condition of the sides
		return t, err
	}
	for _, b := range []gate.Basis{t.basis, t.decides} {
		t.ledger.KnowBasis(b)
		store(ctx, b, t.ledger, p.log())
	}
	return t, nil
}

func (t *cutting) close() {
	t.sides.close()
	if t.ledger != nil {
		t.ledger.Close()
	}
}

var errNoCutover = errors.New("the configuration has no section cutover")

func (p *program) loadCutover() (*config.Config, error) {
	c, err := p.load()
	if err == nil && !c.Cutover.Given() {
		err = withHint(errNoCutover, "see the section cutover in config.yaml of the repository, and docs/cutover.md")
	}
	return c, err
}

// cutoverLedger opens the ledger alone, for commands that ask nobody else. The caller closes it.
func (p *program) cutoverLedger(ctx context.Context) (*config.Config, *ledger.Ledger, error) {
	c, err := p.loadCutover()
	if err != nil {
		return nil, nil, err
	}
	l, err := openLedger(ctx, c, p.log())
	if err != nil {
		return nil, nil, fmt.Errorf("opening the ledger: %w", err)
	}
	return c, l, nil
}

// coordinator drives runs with these checks and this hold.
func (t *cutting) coordinator(checks steps.Checks, hold steps.Gate, asks <-chan cutoverrun.Request, report func(cutoverrun.Status)) *cutoverrun.Coordinator {
	log, probe := t.log(), t.config.Cutover.Probe
	writes := newSwitch(t.config, "writes", t.config.Cutover.Writes)
	if g, ok := checks.(*guarding); ok && g.rehearsal {
		writes = neverNew{writes}
	}
	var pool steps.Switch
	if t.slice == "" { // the clients of other slices go on
		pool = newSwitch(t.config, "pool", t.config.Cutover.Pool)
	}
	return &cutoverrun.Coordinator{
		Journal: t.ledger,
		Actions: &steps.Steps{
			Fence: fencing{t.fence}, Reads: newSwitch(t.config, "reads", t.config.Cutover.Reads), Writes: writes,
			Pool:     pool,
			AsReader: newProbe(t.config, "the probe of reads", probe.Reads), AsWriter: newProbe(t.config, "the probe of writes", probe.Writes),
			Checks: checks, Gate: hold, Evidence: t.evidence(), Feeds: t.config.Cutover.Reverse.Given(), Wait: lease.Sleep,
		},
		Lease: holding(t.ledger, cutoverJob, cutoverLease, log), Budget: cutover.Budget{Total: t.config.Cutover.Budget, Reserve: t.config.Cutover.RollbackReserve},
		Limit: cutoverLimit, Own: ownLimits(t.config.Cutover), Hold: cutoverHold, Asks: asks, Report: report, Now: time.Now, Wait: lease.Sleep, Log: log,
	}
}

// ownLimits are those of the switches, two checks and a step, the probes, and what the fence is asked, each of which ends by itself; and of
// what may have to read a whole table.
func ownLimits(c config.Cutover) map[cutover.Step]time.Duration {
	probes := c.Probe.Reads.Timeout + c.Probe.Writes.Timeout + 20*time.Second
	own := map[cutover.Step]time.Duration{
		cutover.SwitchReads: 3*c.Reads.Timeout + probes, cutover.SwitchWrites: 3*(c.Writes.Timeout+poolTimeout(c.Pool)) + probes,
		cutover.Proof: cutoverScan, cutover.TailCheck: cutoverScan,
	}
	if c.Reverse.Given() { // the way back may have to prove once more
		own[cutover.PermanentFence] = cutoverLimit + c.RollbackReserve
	}
	return own
}

// judged is a pass as evidence.
func (t *cutting) judged(ctx context.Context, pass verify.Pass) (j evidence.Judged, err error) {
	j.Matches, j.Diverged = pass.Result.Verdict == compare.Match, pass.Result.Verdict == compare.Diverged
	rows, old := verify.Rows{}, (*verify.OldEvents)(nil)
	switch f := pass.Scan.Facts.(type) {
	case verify.DeltaFacts:
		rows, old = f.Rows, f.OldEvents
	case verify.FullFacts:
		rows = f.Rows
	}
	j.Rows = rows.Legacy
	if t.sides.events == nil {
		j.NewRows = rows.Projection
	}
	j.Detail = fmt.Sprintf("pass %d (%s) compared %d orders and is %s; legacy has %d rows, the projection %d", pass.ID, pass.Kind, pass.Scan.Compared, pass.Result.Verdict, rows.Legacy, rows.Projection)
	if pass.Result.Reason != "" {
		j.Detail += ": " + pass.Result.Reason
	}
	if old != nil {
		j.Detail += fmt.Sprintf("; edits and deletions of events up to position %d were last looked for at %s", old.UpTo, human.Instant(old.LookedAt))
	}
	if j.Diverged {
		accepted, err := t.ledger.AcceptedOrders(ctx, pass.ID)
		if err != nil {
			return j, err
		}
		if answered(pass, accepted) {
			j.Matches, j.Diverged = true, false
			j.Detail += "; all of them are accepted"
			return j, nil
		}
		found, err := t.ledger.PassDivergences(ctx, pass.ID, 5)
		if err != nil {
			return j, err
		}
		for _, d := range found {
			j.Detail += fmt.Sprintf("; order %s at %s (%s)", d.Mismatch.Key, d.Mismatch.Hop, d.Mismatch.Cause)
		}
	}
	return j, nil
}

// pass makes a pass under a lease of its own.
func (t *cutting) pass(ctx context.Context, cmp *verify.Comparison, made func(*verify.Comparison, context.Context, lease.Lease, verify.Start) (verify.Pass, error)) (verify.Pass, error) {
	return oneOff{program: t.program, kind: verify.Delta, pass: func(ctx context.Context, c *verify.Comparison, _ *config.Config, l lease.Lease, s verify.Start) (verify.Pass, error) {
		s.Trigger = "cutover"
		return made(c, ctx, l, s)
	}}.execute(ctx, t.ledger, cmp, t.config, t.basis.Fingerprint)
}

// drive runs fn while requests of other processes for the run arrive at the channel, also those of before: the run knows which it has heard. First is
// what this process asks for; zero if it asks for nothing.
func (t *cutting) drive(ctx context.Context, run string, first cutoverrun.Request, asks chan<- cutoverrun.Request, fn func() (cutoverrun.Status, error)) (cutoverrun.Status, error) {
	above, err := first.Number, error(nil)
	if first.Asks == "" { // before the process takes over: it may turn the run at once
		if first.Asks, above, err = t.ledger.Asked(ctx, run, 0); err != nil {
			return cutoverrun.Status{}, err
		}
		first.Number = above
	}
	if first.Asks != "" {
		asks <- first
	}
	listening, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lease.Sleep(listening, askEvery) == nil {
			asked, newest, err := t.ledger.Asked(listening, run, above)
			if above = newest; err != nil || asked == "" { // a ledger that does not answer ends the run by itself
				continue
			}
			select {
			case asks <- cutoverrun.Request{Asks: asked, Number: newest}:
			case <-listening.Done():
			}
		}
	}()
	defer func() { stop(); <-done }()
	return fn()
}

// runs are the statuses of all runs of the ledger's pair, the newest last.
func (t *cutting) runs(ctx context.Context) (all []cutoverrun.Status, err error) {
	return statuses(ctx, t.ledger)
}

func statuses(ctx context.Context, l *ledger.Ledger) (all []cutoverrun.Status, err error) {
	journals, err := l.Runs(ctx)
	if err != nil {
		return nil, err
	}
	return statusesOf(journals)
}

// statusesOf are the statuses of runs, in the order of their journals.
func statusesOf(journals [][]cutover.Record) (all []cutoverrun.Status, err error) {
	for _, records := range journals {
		s, err := cutoverrun.Look(records)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// newRun is the name of the next run.
func (t *cutting) newRun(ctx context.Context, rehearsal bool) (string, error) {
	all, err := t.runs(ctx)
	if err != nil {
		return "", err
	}
	if rehearsal {
		return fmt.Sprintf("%s-%s%d", t.config.Cutover.Name, cutoverrun.Rehearsal, len(all)+1), nil
	}
	return fmt.Sprintf("%s-%d", t.config.Cutover.Name, len(all)+1), nil
}

// unfinished is the run that has not ended; nil if all have.
func unfinished(all []cutoverrun.Status) *cutoverrun.Status {
	i := slices.IndexFunc(all, func(s cutoverrun.Status) bool { return !s.State.Ended() })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// judge takes a fresh decision.
func (t *cutting) judge(ctx context.Context) (gate.Decision, gate.Evidence, error) {
	known := board.Sources{Settings: boardSettings(t.config), Ledger: t.ledger, Lag: t.sides.lag, Sequences: sequencesOf(t.config), Gaps: func(ctx context.Context) []gate.Gap {
		gaps, _ := t.sides.gaps(ctx, t.config)
		return gaps
	}}
	return known.Judge(ctx, t.decides.Fingerprint)
}
