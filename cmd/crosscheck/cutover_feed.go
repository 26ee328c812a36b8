package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/evidence"
	cutoverrun "github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/switches"
	"github.com/nordvarg/crosscheck/switches/fence"
	"github.com/nordvarg/crosscheck/verify"
)

// This file verifies a reverse feed: its check answers, the fence lets it pass, and both sides are equal within cutover.reverse.max_lag.

var (
	errNoReturn = errors.New("the new side has acknowledged writes that legacy lacks, and there is no verified reverse feed")
	errNotFed   = errors.New("the reverse feed is not live and verified, so legacy may lack writes that the new side has acknowledged")
	errLacks    = errors.New("legacy is not what the new side is")
	errFeedOff  = errors.New("cutover.reverse.check says that the feed is not live")
)

const (
	stayThere = "stay at the new side and mend forward; docs/runbooks/rollback.md says how to decide"
	mendFeed  = "nothing was touched; mend the feed and try again, or " + stayThere
)

// feedSettle is how differences settle: what legacy has not got after max_lag is missing.
func feedSettle(c *config.Config) compare.Settle {
	lag := c.Cutover.Reverse.MaxLag
	return compare.Settle{Window: lag, Rechecks: 3, MaxLag: 2 * lag}
}

// feedLive returns nil if the feed may write, and says that it does.
func feedLive(ctx context.Context, c *config.Config, f *fence.Fence) error {
	state, err := f.State(ctx)
	switch kind := state.Kind(); {
	case err != nil:
		return fmt.Errorf("reading the state of the fence: %w", err)
	case kind != fence.Permanent:
		return fmt.Errorf("the fence is %s, and lets a feed pass only if it is permanent: %s", kind, strings.Join(state.Missing, "; "))
	}
	feed, err := f.Feed(ctx)
	if err != nil {
		return err
	}
	if faults := feed.Faults(); len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return feedOn(ctx, c)
}

// feedOn asks the user's check.
func feedOn(ctx context.Context, c *config.Config) error {
	of := c.Cutover.Reverse.Check
	check := switches.Switch{Action: switchAction(of), Name: "cutover.reverse.check", Timeout: of.Timeout, Mask: c.Mask}
	on, err := check.On(ctx, switches.Run{Name: c.Cutover.Name})
	if err == nil && !on {
		err = errFeedOff
	}
	return err
}

// fed compares what changed on either side, while both may go on to change. An order that never rests is no reason to doubt the feed.
func (t *cutting) fed(ctx context.Context) (evidence.Judged, error) {
	cmp := comparison(t.config, t.sides, t.ledger, t.log())
	cmp.Settle, cmp.Throttle = feedSettle(t.config), nil
	pass, err := t.pass(ctx, cmp, (*verify.Comparison).Delta)
	if err != nil {
		return evidence.Judged{}, err
	}
	j, err := t.judged(ctx, pass)
	if r := pass.Result; err == nil && r.Verdict == compare.Unverified && pass.Scan.Reason == "" && pass.Scan.Coverage == 1 && r.Lagging == r.Unverified {
		j.Matches = true
	}
	return j, err
}

// feedVerified verifies the feed at this moment. The error says what speaks against it.
func (t *cutting) feedVerified(ctx context.Context) (detail string, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Cutover.RollbackReserve)
	defer cancel()
	if err := feedLive(ctx, t.config, t.fence); err != nil {
		return "", err
	}
	j, err := t.fed(ctx)
	switch {
	case err != nil:
	case j.Diverged:
		err = fmt.Errorf("%w: %s", errLacks, j.Detail)
	case !j.Matches:
		err = errors.New(j.Detail)
	}
	return j.Detail, err
}

// reversed proves that all is at legacy, when nobody writes at the new side any more. Clients can write nowhere meanwhile, so it gives up when the
// feed has had its time, or when the reserve is over. Once it has proven it, the fence's session shuts the feed out until the seal is open.
func (t *cutting) reversed(ctx context.Context) (bool, string, error) {
	limited, cancel := context.WithTimeout(ctx, t.config.Cutover.RollbackReserve)
	defer cancel()
	var err error
	for until := time.Now().Add(t.config.Cutover.Reverse.MaxLag); ; {
		if err = feedLive(limited, t.config, t.fence); err == nil || limited.Err() != nil || time.Now().After(until) {
			break
		}
		_ = lease.Sleep(limited, askEvery)
	}
	var j evidence.Judged
	if err == nil {
		j, err = t.drained(limited)
	}
	if err == nil && j.Matches {
		j, err = t.shutOut(limited)
	}
	switch {
	case ctx.Err() != nil:
		return false, "", ctx.Err()
	case err != nil:
		return false, err.Error(), nil
	}
	return j.Matches, j.Detail, nil
}

// shutOut drains the feed and keeps it out, and compares what it may have written since the comparison before: a feed may bring old values again.
func (t *cutting) shutOut(ctx context.Context) (evidence.Judged, error) {
	if err := t.fence.Close(ctx, fence.Scope{}); err != nil {
		return evidence.Judged{}, fmt.Errorf("shutting the reverse feed out: %w", err)
	}
	j, err := t.verify(ctx)
	if err != nil || !j.Matches || ctx.Err() != nil {
		err = errors.Join(err, ctx.Err(), t.fence.Release(ctx))
	}
	return j, err
}

// drained compares everything, once the projection has what the new side has stored.
func (t *cutting) drained(ctx context.Context) (j evidence.Judged, err error) {
	for {
		behind, err := t.behind(ctx)
		if err == nil && behind != "" {
			err = lease.Sleep(ctx, askEvery)
		}
		switch {
		case err != nil:
			return j, fmt.Errorf("waiting for the projection: %w", err)
		case behind == "":
			return t.verifyWith(ctx, feedSettle(t.config))
		}
	}
}

// feed asks before a cutover whether there will be a way back by the feed. It need not be live yet.
func (g *guarding) feed(ctx context.Context) steps.Guardrail {
	feed, err := g.fence.Feed(ctx)
	if err == nil && len(feed.Faults()) > 0 {
		err = errors.New(strings.Join(feed.Faults(), "; "))
	}
	says := "live"
	if err == nil {
		if err = feedOn(ctx, g.config); errors.Is(err, errFeedOff) {
			says, err = "not live yet", nil
		}
	}
	doubts := strings.Join(append([]string{""}, feed.Doubts()...), "; beware: ")
	return guardrail("reverse", err, fmt.Sprintf("the reverse feed will pass the permanent fence as %s, and its check says that it is %s%s", feed.Role, says, doubts))
}

// wayBack says how a run is asked to go back, or why it must not.
func (t *cutting) wayBack(ctx context.Context, of cutoverrun.Status) (cutover.Outcome, error) {
	fed := t.config.Cutover.Reverse.Given()
	switch {
	case of.State.NoReturn && !fed:
		return "", withHint(errNoReturn, stayThere)
	case !fed || !of.State.NoReturn && t.nothingStored(ctx, of.Run):
		return cutover.Abort, nil
	}
	if err := t.same(ctx, of.Run); err != nil {
		return "", err
	}
	detail, err := t.feedVerified(ctx)
	if err != nil {
		return "", withHint(fmt.Errorf("%w: %s", errNotFed, printable(t.config.Mask(err.Error()))), mendFeed)
	}
	_, err = fmt.Fprintf(t.stdout, "The reverse feed is live and verified: %s\n", printable(detail))
	return cutover.Reverse, err
}

// nothingStored reports whether it is proven that the new side has stored nothing since the barrier.
func (t *cutting) nothingStored(ctx context.Context, run string) bool {
	ctx, cancel := context.WithTimeout(ctx, cutoverLimit)
	defer cancel()
	journals, err := t.ledger.Runs(ctx)
	if err != nil {
		return false
	}
	for _, records := range journals {
		if records[0].Run == run {
			w, err := t.evidence().Stored(ctx, cutoverrun.Positions(records))
			return err == nil && w.Rows == 0
		}
	}
	return false
}
