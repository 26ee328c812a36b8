package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/cutover/evidence"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// This file is what goes on after a cutover, when legacy is no truth any more.

// project compares the projection with the events, in the fields that events judge.
func project(ctx context.Context, c *config.Config, l *ledger.Ledger, held lease.Lease, start verify.Start) (pass verify.Pass, err error) {
	events, err := openFold(ctx, c, nil, c.Events.Archived != "")
	if err != nil {
		return pass, withoutSecrets(c, err)
	}
	defer events.Close()
	narrow := projectionConfig(c, nil)
	narrow.Fields = slices.DeleteFunc(narrow.Fields, func(f source.Field) bool { return !c.Judges(f.Field) })
	projection, err := source.Open(ctx, narrow)
	if err != nil {
		return pass, withoutSecrets(c, err)
	}
	defer projection.Close()
	p := verify.Projecting{
		Events: events, Projection: projection, Fields: judgedFields(c), Settle: c.Compare.Settle, Now: time.Now, Wait: lease.Sleep,
	}
	if c.Events.Archived != "" { // a condition for rows of legacy
		legacy, err := source.Open(ctx, legacyConfig(c, nil))
		if err != nil {
			return pass, withoutSecrets(c, err)
		}
		defer legacy.Close()
		p.Archived = legacy.Archived
	}
	return p.Pass(ctx, l, held, start)
}

// projected is the pass of the schedule. Slices that were cut over before the rest are projections of their events too, so it is of all orders. What it
// finds is known under the fingerprint that everything else asks for.
func (s *sidecar) projected(ctx context.Context, l lease.Lease, start verify.Start) (pass verify.Pass, err error) {
	if start.Fingerprint, err = s.fingerprint(ctx); err != nil {
		return pass, err
	}
	return project(ctx, s.sliced.whole, s.ledger, l, start)
}

// projected is verify with mode: post_cutover.
func (o oneOff) projected(ctx context.Context, c *config.Config) (int, error) {
	o.fields = comparedFields(c)
	rest, err := o.remaining(ctx, c)
	if err != nil {
		return o.unverified(err)
	}
	s, basis, err := o.open(ctx, rest)
	defer func() { s.close() }()
	if err != nil {
		return o.unverified(err)
	}
	l, err := openLedger(ctx, c, o.log())
	if err != nil {
		return o.unverified(fmt.Errorf("opening the ledger: %w", err))
	}
	defer l.Close()
	store(ctx, basis, l, o.log())
	var pass verify.Pass
	err = holding(l, "manual projection", leaseTime, o.log()).Do(ctx, func(ctx context.Context, held lease.Lease) (err error) {
		pass, err = project(ctx, c, l, held, verify.Start{Trigger: "manual", Fingerprint: basis.Fingerprint, At: time.Now()})
		return err
	})
	if pass.ID == 0 {
		return o.unverified(err)
	}
	if err != nil {
		printError(o.logs(), err.Error(), hintFor(err))
	}
	return o.present(ctx, l, pass)
}

// fed refuses passes of legacy that follows a reverse feed, while the feed is not live: what they would find is no news.
func (s *sidecar) fed(ctx context.Context) error {
	if !s.config.PostCutover {
		return nil
	}
	f, err := newFence(s.config)
	if err == nil {
		err = feedLive(ctx, s.config, f)
	}
	if err != nil {
		err = fmt.Errorf("the reverse feed is not live: %w", err)
	}
	return err
}

// deletedMost is how many deleted orders are named.
const deletedMost = 20

// deleted are orders that legacy had when it was closed, and has not any more: the event store has events of them from before.
func deleted(ctx context.Context, s sides, at map[string]string) ([]order.Key, error) {
	barrier, err := strconv.ParseInt(at[evidence.EventPosition], 10, 64)
	if err != nil || s.events == nil {
		return nil, nil //nolint:nilerr // nothing tells which orders are newer than the cutover
	}
	return verify.Only(ctx, s.projection, s.legacy, deletedMost, func(ctx context.Context, keys []order.Key) (old []order.Key, err error) {
		histories, err := s.events.Histories(ctx, keys)
		for _, key := range keys {
			if h := histories[key]; len(h) > 0 && int64(h[0].Position) <= barrier {
				old = append(old, key)
			}
		}
		return old, err
	})
}

// fed is cutover frozen where a reverse feed writes legacy: it is verified, and nothing is frozen.
func (f *cutoverFrozen) fed(ctx context.Context, t *cutting, run string) (int, error) {
	at := time.Now()
	detail, err := t.feedVerified(ctx)
	verdict, code := compare.Match, exitAgrees
	if err != nil {
		verdict, code, detail = compare.Unverified, exitUnverified, err.Error()
		if errors.Is(err, errLacks) {
			verdict, code = compare.Diverged, exitDiverged
		}
	}
	detail = t.config.Mask(detail)
	if f.JSON {
		return code, writeObject(t.stdout, struct {
			Run        string          `json:"run"`
			Verdict    compare.Verdict `json:"verdict"`
			Reason     string          `json:"reason"`
			VerifiedAt time.Time       `json:"verified_at"` // the comparison began then
		}{run, verdict, detail, at.UTC()})
	}
	text := fmt.Sprintf("Legacy is not frozen after run %s: %s writes it. It has what the new side has, within %v: %s\n", run, t.config.Cutover.Reverse.Role, t.config.Cutover.Reverse.MaxLag, printable(detail))
	if code != exitAgrees {
		text = fmt.Sprintf("The reverse feed after run %s is not live and verified: %s\n", run, printable(detail))
	}
	_, err = fmt.Fprint(t.stdout, text)
	return code, err
}
