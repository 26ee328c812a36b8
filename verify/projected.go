package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	Flawed     int64 `json:"flawed,omitempty"`   // orders whose events give no state, so that nothing tells what the projection should show
	Archived   int64 `json:"archived,omitempty"` // orders without events, because these were archived
}

// Settled returns them.
func (f ProjectedFacts) Settled(Settled) Facts { return f }

// mostProjected is how many orders that differ are kept, and as many again with open divergences. What is beyond is counted.
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
	// Archived returns those of the orders whose events were archived; nil if none were.
	Archived func(context.Context, []order.Key) ([]order.Key, error)
	Settle   compare.Settle
	Now      func() time.Time
	Wait     func(context.Context, time.Duration) error
}

// projected is what one pass has found.
type projected struct {
	Projecting
	facts  ProjectedFacts
	orders int64                 // that events or projection have
	beyond int64                 // orders that differed and were not kept, so nothing tells whether they only lagged
	known  map[order.Key]bool    // orders with open divergences; false for those that cannot be judged
	differ map[order.Key]sighted // orders that differ, as they were seen last
	wrong  map[order.Key]*compare.Mismatch
	moving int // orders that never rested

	began   time.Time     // the first look
	behind  time.Duration // of the standby that was farthest behind
	reached time.Time     // the newest change that the projection shows; zero if that is not known
	excused bool          // an order is still on its way
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
	p := &projected{Projecting: c, known: map[order.Key]bool{}, differ: map[order.Key]sighted{}, wrong: map[order.Key]*compare.Mismatch{}}
	agreed, failed := p.look(ctx, into, id)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute) // what was begun is told
	defer cancel()
	at := c.Now()
	done.Result = p.result(failed)
	if done.Scan.Reason = done.Result.Reason; failed == nil {
		done.Scan.Compared, done.Scan.Coverage = p.covered()
		done.Scan.Mismatches, done.Scan.Facts = int64(len(p.wrong))+p.beyond, p.facts
	}
	if err := into.ScanDone(ctx, l, id, done.Scan); err != nil {
		return done, err
	}
	var outcomes []Outcome
	if failed == nil {
		outcomes = p.outcomes(agreed, at)
	}
	for some := range slices.Chunk(outcomes, mostProjected) {
		if err := into.Settle(ctx, l, id, some, at); err != nil {
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
	var known []order.Key
	for from := order.Key(""); ; from = known[len(known)-1].Next() {
		some, err := into.OpenKeys(ctx, id, from, mostProjected)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			break
		}
		for _, key := range some {
			p.known[key] = true
		}
		known = append(known, some...)
	}
	p.began = p.Now()
	if err := p.everything(ctx); err != nil {
		return nil, err
	}
	for looks := 0; len(p.differ) > 0 && (looks <= p.Settle.Rechecks || p.excused); looks++ {
		if err := p.Wait(ctx, p.Settle.Window+p.behind); err != nil {
			return nil, err
		}
		p.excused = false
		if err := p.again(ctx); err != nil {
			return nil, err
		}
	}
	p.moving = len(p.differ)
	for _, key := range known {
		if _, moves := p.differ[key]; p.known[key] && p.wrong[key] == nil && !moves {
			agreed = append(agreed, key)
		}
	}
	return agreed, nil
}

// both begins a snapshot of the projection, and then one of the events, so that no row is ahead of them. Before, it asks standbys how far they are.
func (p *projected) both(ctx context.Context, fn func(projection, events Snapshot) error) error {
	for _, side := range []Side{p.Projection, p.Events} {
		at, err := side.Position(ctx)
		if err == nil {
			err = at.tooOld(side.Representation(), p.Settle.MaxLag)
		}
		if err != nil {
			return err
		}
		if at.Lag != nil {
			p.behind = max(p.behind, time.Duration(*at.Lag*float64(time.Second)))
		}
	}
	projection, err := p.Projection.Begin(ctx)
	if err != nil {
		return err
	}
	defer projection.Close()
	if p.reached, err = projection.NewestChange(ctx); err != nil && !errors.Is(err, ErrNotIndexed) {
		return err
	}
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
		const atOnce = 1000
		bare := map[order.Key]sighted{} // orders without events, until it is asked which were archived
		err := merge(ctx, p.Projection.KeyType(), events, projection, func(key order.Key, folded, rows []order.Row) error {
			p.orders++
			p.facts.Events += int64(min(len(folded), 1))
			p.facts.Projection += int64(len(rows))
			switch {
			case flawed(folded):
				p.facts.Flawed++
				p.unjudged(key)
			case compare.Rows(p.Fields, key, folded, rows) == nil:
			case len(folded) > 0:
				p.keep(key, sighted{folded, rows})
			default:
				if bare[key] = (sighted{nil, rows}); len(bare) == atOnce {
					return p.unlessArchived(ctx, bare)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return p.unlessArchived(ctx, bare)
	})
}

// keep has an order that differs looked at again.
func (p *projected) keep(key order.Key, seen sighted) {
	most := mostProjected
	if _, known := p.known[key]; known {
		most *= 2
	}
	if len(p.differ) >= most {
		p.beyond++
		p.unjudged(key)
		return
	}
	p.differ[key] = seen
}

// unjudged notes that an open divergence is neither seen again nor resolved.
func (p *projected) unjudged(key order.Key) {
	if p.known[key] {
		p.known[key] = false
	}
}

// unlessArchived keeps orders without events, except for archived ones, and empties the map.
func (p *projected) unlessArchived(ctx context.Context, bare map[order.Key]sighted) error {
	archived, err := p.archived(ctx, slices.Sorted(maps.Keys(bare)))
	for _, key := range archived {
		delete(bare, key)
	}
	for _, key := range slices.Sorted(maps.Keys(bare)) {
		p.keep(key, bare[key])
	}
	clear(bare)
	return err
}

// archived returns those of some orders without events whose events were archived, and counts them.
func (p *projected) archived(ctx context.Context, bare []order.Key) ([]order.Key, error) {
	if p.Archived == nil || len(bare) == 0 {
		return nil, nil
	}
	found, err := p.Archived(ctx, bare)
	for _, key := range found {
		p.facts.Archived++
		p.unjudged(key)
	}
	return found, err
}

// again looks at the orders that differ once more.
func (p *projected) again(ctx context.Context) error {
	keys := slices.Sorted(maps.Keys(p.differ))
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
			if err := p.settle(ctx, some, byKey(folded), byKey(rows)); err != nil {
				return err
			}
		}
		return nil
	})
}

// settle decides about orders that were looked at again: those that agree are done, and those that differ as before are wrong.
func (p *projected) settle(ctx context.Context, keys []order.Key, folded, rows map[order.Key][]order.Row) error {
	archived, err := p.archived(ctx, slices.DeleteFunc(slices.Clone(keys), func(key order.Key) bool { return len(folded[key]) > 0 }))
	if err != nil {
		return err
	}
	for _, key := range archived {
		delete(p.differ, key)
	}
	for _, key := range keys {
		if slices.Contains(archived, key) {
			continue
		}
		was, now := p.differ[key], sighted{folded[key], rows[key]}
		m := compare.Rows(p.Fields, key, now.events, now.projection)
		switch {
		case flawed(now.events):
			p.facts.Flawed++
			p.unjudged(key)
			delete(p.differ, key)
		case m == nil:
			delete(p.differ, key)
		case compare.Rows(p.Fields, key, was.events, now.events) == nil && compare.Rows(p.Fields, key, was.projection, now.projection) == nil:
			if p.onItsWay(now.events) {
				p.excused = true
				continue
			}
			m.Hop = order.EventsToProjection
			p.wrong[key] = m
			delete(p.differ, key)
		default:
			p.differ[key] = now
		}
	}
	return nil
}

// onItsWay excuses a projection that shows no change of any order after this one's last event, as [compare.Settle] does: for MaxLag.
func (p *projected) onItsWay(events []order.Row) bool {
	var written time.Time
	for _, row := range events {
		if row.ChangedAt.After(written) {
			written = row.ChangedAt
		}
	}
	return !written.IsZero() && !p.reached.IsZero() && p.reached.Sub(written) < min(p.Settle.Window, compare.CommitTime) && p.Now().Sub(p.began) < p.Settle.MaxLag
}

// covered is how many orders were compared, and their share of those that should be.
func (p *projected) covered() (compared int64, share float64) {
	all := p.orders - p.facts.Archived
	if compared = all - p.facts.Flawed; all == 0 {
		return 0, 1
	}
	return compared, float64(compared) / float64(all)
}

func (p *projected) result(failed error) Result {
	if failed != nil {
		return Result{Verdict: compare.Unverified, Reason: failed.Error()}
	}
	r := Result{Verdict: compare.Match, Diverged: int64(len(p.wrong)), Lagging: int64(p.moving), Unverified: int64(p.moving) + p.beyond + p.facts.Flawed}
	var why []string
	for _, some := range []struct {
		n         int64
		one, many string
	}{
		{r.Diverged, "order of the projection is not what its events give", "orders of the projection are not what their events give"},
		{r.Lagging, "order never rested", "orders never rested"},
		{p.beyond, "further order differed, and was not looked at again", "further orders differed, and were not looked at again"},
		{p.facts.Flawed, "order has events that give no state, and was not judged", "orders have events that give no state, and were not judged"},
	} {
		if some.n > 0 {
			why = append(why, count(some.n, some.one, some.many))
		}
	}
	r.Reason = strings.Join(why, "; ")
	switch {
	case r.Diverged > 0:
		r.Verdict = compare.Diverged
	case r.Unverified > 0:
		r.Verdict = compare.Unverified
	case p.facts.Events == 0:
		r.Verdict, r.Reason = compare.Unverified, errNoOrders.Error()
	}
	return r
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
