package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// settle rechecks the suspects of the pass, each when it is due, until none is left. After a failed read it tries again
// a window later. It gives the pass up after as many failures as an order has rechecks.
func (p *pass) settle(ctx context.Context) error {
	var total int64
	failures := 0
	for {
		waiting, due, err := p.c.Ledger.NextDue(ctx, p.id)
		if err != nil {
			return fmt.Errorf("reading the recheck queue: %w", err)
		}
		total = max(total, waiting)
		p.progress("settle", total-waiting, total)
		if waiting == 0 {
			return nil
		}
		if pause := due.Sub(p.c.Now()); pause > 0 {
			if err := p.c.Wait(ctx, pause); err != nil {
				return err
			}
		}
		unread, err := p.recheck(ctx)
		switch {
		case err != nil:
			return err
		case unread == nil:
			failures = 0
			continue
		}
		if failures++; failures > p.c.Settle.Rechecks {
			return fmt.Errorf("rechecking suspects: %w", unread)
		}
		p.c.Log.WarnContext(ctx, "recheck failed, will try again", slog.String("error", unread.Error()))
		if err := p.c.Wait(ctx, p.c.Settle.Window/4+time.Second); err != nil {
			return err
		}
	}
}

// recheck looks again at all suspects that are due now, a batch at a time. While a batch is stored, the next one is read. Its
// errors distinguish what the sides could not read (unread) from what the ledger refused.
func (p *pass) recheck(ctx context.Context) (unread, err error) {
	defer func() { err = errors.Join(err, p.aside.wait()) }()
	var from order.Key // those before it have left the queue, are about to, or are not due any more
	for now := p.c.Now(); ; {
		suspects, err := p.c.Ledger.DueSuspects(ctx, p.id, now, from, p.batchSize(atOnce))
		if err != nil || len(suspects) == 0 {
			return nil, err
		}
		from = suspects[len(suspects)-1].Key().Next()
		store, err := p.second(ctx, suspects)
		if err != nil {
			return err, nil
		}
		at := p.c.Now()
		err = p.aside.start(func() error { return store(ctx, at) })
		if err != nil {
			return nil, err
		}
	}
}

// second looks at suspects again. It returns what stores the outcomes.
func (p *pass) second(ctx context.Context, suspects []Suspect) (store func(context.Context, time.Time) error, err error) {
	if p.audits {
		return p.auditAgain(ctx, suspects)
	}
	outcomes, err := p.outcomes(ctx, suspects)
	return func(ctx context.Context, at time.Time) error {
		if err := p.c.Ledger.Settle(ctx, p.lease, p.id, outcomes, at); err != nil {
			return fmt.Errorf("storing verdicts: %w", err)
		}
		return nil
	}, err
}

// outcomes looks at suspects again, and judges them.
func (p *pass) outcomes(ctx context.Context, suspects []Suspect) ([]Outcome, error) {
	keys := make([]order.Key, len(suspects))
	for i, suspect := range suspects {
		keys[i] = suspect.Key()
	}
	if _, err := p.locate(ctx); err != nil {
		return nil, err
	}
	r, err := p.readAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(suspects))
	for i, is := range p.judge(keys, r) {
		outcomes[i] = p.outcome(suspects[i], is)
	}
	return outcomes, nil
}

// outcome returns the result of one more look at a suspect.
func (p *pass) outcome(suspect Suspect, is compare.Observation) Outcome {
	was := suspect.Observation
	j := p.c.Settle.Judge(was, is, suspect.Attempts, suspect.FirstSeen)
	next := p.early(suspect, is)
	if !next.IsZero() {
		j.Verdict, j.Final, j.Reason, j.Diverged = compare.Lagging, false, "", nil
	} else if j.Moved {
		suspect.Attempts++
	}
	rest := is.At
	if !j.Moved && was.At.Before(rest) {
		rest = was.At
	}
	suspect.Observation = is
	if !j.Final {
		suspect.Observation.At = rest
		suspect.Due = p.c.Settle.Again(rest, is.At, suspect.FirstSeen)
	}
	if !next.IsZero() {
		suspect.Due = next
	}
	return Outcome{Suspect: suspect, Verdict: j.Verdict, Final: j.Final, Reason: j.Reason, LookedAt: is.At, Diverged: j.Diverged, Unproven: j.Unproven()}
}

// soonest is how long after the scan a pass that is in a hurry looks at its suspects again. Each wait is then as long as all
// before, until the settle window has passed.
const soonest = time.Second

// early returns when to look again at a suspect that still differs at a look within the first settle window; zero for all other
// looks. Such a look can only find agreement, which is final at any time. That the order has moved does not count.
func (p *pass) early(suspect Suspect, is compare.Observation) time.Time {
	end := suspect.FirstSeen.Add(p.c.Settle.Window)
	if !p.soon || len(is.Mismatches) == 0 || !is.At.Before(end) {
		return time.Time{}
	}
	next := is.At.Add(max(is.At.Sub(suspect.FirstSeen), soonest))
	if next.After(end) {
		return end
	}
	return next
}

// firstLook returns when to look at a new suspect again.
func (p *pass) firstLook() time.Time {
	if p.soon {
		return p.at.Add(min(p.c.Settle.Window, soonest))
	}
	return p.at.Add(p.c.Settle.Window)
}

// revisit looks at every order with an open divergence. An order that agrees now is resolved. One that does not becomes
// a suspect of this pass, unless it is one already. When it is judged, each of its divergences is renewed, or resolved by
// agreement at its own hop. revisit returns how many were new. Without snapshots it opens some for each batch.
func (p *pass) revisit(ctx context.Context, s snapshots, known func(order.Key) bool) (int64, error) {
	var from order.Key
	var more int64
	for {
		keys, err := p.c.Ledger.OpenKeys(ctx, p.id, from, p.batchSize(batch))
		if err != nil {
			return more, fmt.Errorf("reading open divergences: %w", err)
		}
		if len(keys) == 0 {
			return more, nil
		}
		from = keys[len(keys)-1].Next()
		if err := p.apart(ctx, s, func(s snapshots) error { return p.resolve(ctx, s, keys, known) }); err != nil {
			return more, err
		}
		more += int64(unknown(keys, known))
	}
}

func unknown(keys []order.Key, known func(order.Key) bool) (n int) {
	for _, key := range keys {
		if !known(key) {
			n++
		}
	}
	return n
}

func (p *pass) resolve(ctx context.Context, s snapshots, keys []order.Key, known func(order.Key) bool) error {
	r, err := p.readRows(ctx, s, keys)
	if err != nil {
		return err
	}
	if err := p.readEvents(ctx, s, keys, &r); err != nil {
		return err
	}
	return p.resolveRead(ctx, keys, r, known)
}

// resolveRead is resolve of what was read.
func (p *pass) resolveRead(ctx context.Context, keys []order.Key, r reading, known func(order.Key) bool) error {
	var agreed []Outcome
	for _, is := range p.judge(keys, r) {
		if !known(is.Key) {
			p.countStratum(is.Key, r.legacy, r.projection)
		}
		switch {
		case len(is.Mismatches) == 0:
			agreed = append(agreed, Outcome{Suspect: Suspect{Observation: is, FirstSeen: is.At}, Verdict: compare.Match, Final: true})
		case known(is.Key):
		default:
			if err := p.suspect(ctx, is, r.legacy[is.Key], r.projection[is.Key], false); err != nil {
				return err
			}
		}
	}
	if len(agreed) == 0 {
		return nil
	}
	if err := p.c.Ledger.Settle(ctx, p.lease, p.id, agreed, p.c.Now()); err != nil {
		return fmt.Errorf("resolving divergences: %w", err)
	}
	return nil
}

// suspect queues an order in which a look found a mismatch.
func (p *pass) suspect(ctx context.Context, o compare.Observation, legacy, projection []order.Row, inSample bool) error {
	if p.c.OnMismatch != nil {
		for _, m := range o.Mismatches {
			p.c.OnMismatch(m)
		}
	}
	p.suspects++
	p.pending = append(p.pending, Suspect{
		Observation: o, FirstSeen: p.at, Due: p.firstLook(), InSample: inSample, Range: p.part,
		Counted: Counted{Legacy: p.groupOf(legacy), Projection: p.groupOf(projection), Age: p.ageOf(legacy)},
	})
	switch {
	case p.hold && len(p.pending) >= mostHeld:
		return errTooMany
	case p.hold || len(p.pending) < atOnce:
		return nil
	}
	return p.store(ctx)
}
