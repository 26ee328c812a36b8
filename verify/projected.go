package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// Projected is the pass that compares the projection with the events order by order, after a cutover: the events are the truth, and legacy is not asked.
const Projected PassKind = "projection"

// ProjectedFacts are what such a pass knows.
type ProjectedFacts struct {
	Events     int64 `json:"events"` // orders that have events
	Projection int64 `json:"projection"`
	Flawed     int64 `json:"flawed,omitempty"` // orders whose events give no state, so that nothing tells what the projection should show
}

// Settled returns them.
func (f ProjectedFacts) Settled(Settled) Facts { return f }

// mostProjected is how many orders that differ are kept. What is beyond is counted.
const mostProjected = 10_000

// ProjectedLedger is what the pass reads and stores.
type ProjectedLedger interface {
	FrozenLedger
	OpenKeys(ctx context.Context, id PassID, from order.Key, limit int) ([]order.Key, error)
}

// Projecting compares every order that the events give with its row in the projection.
type Projecting struct {
	Events, Projection Side // both show the fields
	Fields             []order.Field
	Settle             compare.Settle
	Now                func() time.Time
	Wait               func(context.Context, time.Duration) error
}

// projected is what one pass has found.
type projected struct {
	Projecting
	facts  ProjectedFacts
	beyond int64                 // orders that differ and were not kept
	differ map[order.Key]sighted // orders that differ, as they were seen last
	wrong  map[order.Key]*compare.Mismatch
	moving int // orders that never rested
}

type sighted struct{ events, projection []order.Row }

// Pass makes one. An order counts as wrong if both sides still differ after a settle window in which neither has changed.
func (c Projecting) Pass(ctx context.Context, into ProjectedLedger, l lease.Lease, s Start) (Pass, error) {
	s.Kind = Projected
	id, err := into.BeginPass(ctx, l, s)
	if err != nil {
		return Pass{}, fmt.Errorf("beginning a %s pass: %w", s.Kind, err)
	}
	done := Pass{ID: id, Pair: into.Pair(), Kind: s.Kind, State: Done, Trigger: s.Trigger, ScheduledAt: s.ScheduledAt, Fingerprint: s.Fingerprint, StartedAt: s.At}
	p := &projected{Projecting: c, differ: map[order.Key]sighted{}, wrong: map[order.Key]*compare.Mismatch{}}
	known, failed := p.look(ctx, into, id)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute) // what was begun is told
	defer cancel()
	at := c.Now()
	done.Result = p.result(failed)
	if done.Scan.Reason = done.Result.Reason; failed == nil {
		done.Scan = Scan{Compared: max(p.facts.Events, p.facts.Projection), Coverage: 1, Mismatches: int64(len(p.wrong)) + p.beyond, Facts: p.facts}
	}
	if err := into.ScanDone(ctx, l, id, done.Scan); err != nil {
		return done, err
	}
	if outcomes := p.outcomes(known, at); failed == nil && len(outcomes) > 0 {
		if err := into.Settle(ctx, l, id, outcomes, at); err != nil {
			return done, fmt.Errorf("storing how the projection differs from the events: %w", err)
		}
	}
	if err := into.FinishPass(ctx, l, id, done.Result, at); err != nil {
		return done, err
	}
	done.FinishedAt = at
	return done, failed
}

// look compares everything, and then the orders that differ until they have settled. It returns the orders with open divergences that agree.
func (p *projected) look(ctx context.Context, into ProjectedLedger, id PassID) (agreed []order.Key, err error) {
	if err := p.everything(ctx); err != nil {
		return nil, err
	}
	known, err := into.OpenKeys(ctx, id, "", mostProjected)
	if err != nil {
		return nil, err
	}
	for looks := 0; len(p.differ) > 0 && looks <= p.Settle.Rechecks; looks++ {
		if err := p.Wait(ctx, p.Settle.Window); err != nil {
			return nil, err
		}
		if err := p.again(ctx); err != nil {
			return nil, err
		}
	}
	p.moving = len(p.differ)
	for _, key := range known {
		_, moves := p.differ[key]
		if p.wrong[key] == nil && !moves && p.beyond == 0 {
			agreed = append(agreed, key)
		}
	}
	return agreed, nil
}

// both begins a snapshot of the projection, and then one of the events, so that no row is ahead of them.
func (p *projected) both(ctx context.Context, fn func(projection, events Snapshot) error) error {
	projection, err := p.Projection.Begin(ctx)
	if err != nil {
		return err
	}
	defer projection.Close()
	events, err := p.Events.Begin(ctx)
	if err != nil {
		return err
	}
	defer events.Close()
	return fn(projection, events)
}

func flawed(rows []order.Row) bool {
	return slices.ContainsFunc(rows, func(r order.Row) bool { return r.Flawed })
}

func (p *projected) everything(ctx context.Context) error {
	return p.both(ctx, func(projection, events Snapshot) error {
		return merge(ctx, p.Projection.KeyType(), events, projection, func(key order.Key, folded, rows []order.Row) error {
			p.facts.Events += int64(min(len(folded), 1))
			p.facts.Projection += int64(len(rows))
			switch {
			case flawed(folded):
				p.facts.Flawed++
			case compare.Rows(p.Fields, key, folded, rows) == nil:
			case len(p.differ) < mostProjected:
				p.differ[key] = sighted{folded, rows}
			default:
				p.beyond++
			}
			return nil
		})
	})
}

// again looks at the orders that differ once more.
func (p *projected) again(ctx context.Context) error {
	keys := make([]order.Key, 0, len(p.differ))
	for key := range p.differ {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return p.both(ctx, func(projection, events Snapshot) error {
		for some := range slices.Chunk(keys, 1000) {
			rows, err := projection.Rows(ctx, some)
			if err != nil {
				return err
			}
			folded, err := events.Rows(ctx, some)
			if err != nil {
				return err
			}
			p.settle(some, byKey(folded), byKey(rows))
		}
		return nil
	})
}

// settle decides about orders that were looked at again: those that agree are done, and those that differ as before are wrong.
func (p *projected) settle(keys []order.Key, folded, rows map[order.Key][]order.Row) {
	for _, key := range keys {
		was, now := p.differ[key], sighted{folded[key], rows[key]}
		m := compare.Rows(p.Fields, key, now.events, now.projection)
		switch {
		case m == nil || flawed(now.events):
			delete(p.differ, key)
		case compare.Rows(p.Fields, key, was.events, now.events) == nil && compare.Rows(p.Fields, key, was.projection, now.projection) == nil:
			m.Hop = order.EventsToProjection
			p.wrong[key] = m
			delete(p.differ, key)
		default:
			p.differ[key] = now
		}
	}
}

func (p *projected) result(failed error) Result {
	wrong := int64(len(p.wrong)) + p.beyond
	switch {
	case failed != nil:
		return Result{Verdict: compare.Unverified, Reason: failed.Error()}
	case wrong > 0:
		return Result{Verdict: compare.Diverged, Diverged: wrong, Unverified: int64(p.moving), Reason: count(wrong, "order of the projection is not what its events give", "orders of the projection are not what their events give")}
	case p.moving > 0:
		return Result{Verdict: compare.Unverified, Lagging: int64(p.moving), Unverified: int64(p.moving), Reason: count(int64(p.moving), "order never rested", "orders never rested")}
	case p.facts.Events == 0:
		return Result{Verdict: compare.Unverified, Reason: errNoOrders.Error()}
	}
	return Result{Verdict: compare.Match}
}

var errNoOrders = errors.New("nothing was compared: the events give no order")

// outcomes has one for each order that is wrong, and one for each with an open divergence that agrees. The latter is said of this hop alone.
func (p *projected) outcomes(agreed []order.Key, at time.Time) (all []Outcome) {
	of := func(key order.Key, v compare.Verdict, o Outcome) {
		o.Suspect = Suspect{Observation: compare.Observation{Key: key, At: at, Agreed: o.Suspect.Observation.Agreed}, FirstSeen: at}
		o.Verdict, o.Final = v, true
		all = append(all, o)
	}
	for key, m := range p.wrong {
		of(key, compare.Diverged, Outcome{Diverged: []compare.Mismatch{*m}})
	}
	for _, key := range agreed {
		of(key, compare.Unverified, Outcome{Suspect: Suspect{Observation: compare.Observation{Agreed: []order.Hop{order.EventsToProjection}}}, Reason: "legacy was not asked"})
	}
	slices.SortFunc(all, func(a, b Outcome) int {
		if a.Suspect.Key() < b.Suspect.Key() {
			return -1
		}
		return 1
	})
	return all
}
