package verify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// auditAgain looks at suspects of an audit again. It returns what stores the outcomes.
func (p *pass) auditAgain(ctx context.Context, suspects []Suspect) (store func(context.Context, time.Time) error, err error) {
	keys := make([]order.Key, len(suspects))
	for i, suspect := range suspects {
		keys[i] = suspect.Key()
	}
	if _, err := p.locate(ctx); err != nil {
		return nil, err
	}
	orders, at, err := p.readOrders(ctx, keys)
	if err != nil {
		return nil, err
	}
	named := slices.DeleteFunc(slices.Clone(keys), func(k order.Key) bool { return k == "" && orders[slices.Index(keys, k)].Rows == 0 })
	events, err := p.c.Events.Histories(ctx, named)
	if err != nil {
		return nil, err
	}
	outcomes, more := make([]AuditOutcome, len(suspects)), AuditFacts{}
	for i, o := range orders {
		l := p.c.Audits.look(o, events[o.Key])
		outcomes[i] = p.auditOutcome(suspects[i], &l, at)
		switch {
		case !outcomes[i].Final:
		case outcomes[i].Verdict == compare.Unverified:
			more.Unaudited++
			more.Counted.Add(p.c.Audits.counted(o, p.created, 1))
		default:
			more.Add(l.facts)
			more.Counted.Add(p.c.Audits.counted(o, p.created, 1))
			more.Unlisted += p.list(&outcomes[i])
		}
	}
	return func(ctx context.Context, now time.Time) error {
		err := p.c.Audits.Ledger.SettleAudit(ctx, p.lease, p.id, outcomes, more, now)
		if err != nil {
			return fmt.Errorf("storing findings: %w", err)
		}
		return nil
	}, nil
}

// auditOutcome is the result of one more look. Agreement is final at any time. Findings are so if neither row nor events have moved
// since the look before, which was a settle window ago, and the events cannot be on their way.
func (p *pass) auditOutcome(suspect Suspect, l *auditLook, at time.Time) AuditOutcome {
	was, is := suspect.Observation, l.observation(at)
	suspect.Observation = is
	out := Outcome{Suspect: suspect, Verdict: compare.Lagging, LookedAt: at}
	switch moved := was.LegacyState != is.LegacyState || was.EventsState != is.EventsState; {
	case len(l.findings) == 0:
		out.Verdict, out.Final = compare.Match, true
	case !moved && p.lags(suspect, was.At, l, at):
		out.Suspect.Observation.At = was.At
		out.Suspect.Due = p.c.Settle.Again(was.At, at, suspect.FirstSeen)
	case !moved:
		out.Verdict, out.Final = compare.Diverged, true
	case suspect.Attempts >= p.c.Settle.Rechecks:
		out.Verdict, out.Final, out.Reason = compare.Unverified, true, "the order never held still"
	default:
		out.Suspect.Attempts++
		out.Suspect.Due = at.Add(p.c.Settle.Window)
	}
	if out.Verdict != compare.Diverged {
		return AuditOutcome{Outcome: out}
	}
	p.grouped(l.findings)
	return AuditOutcome{Outcome: out, Findings: l.findings}
}

// lags returns true while the events of an order may be on their way: the newest is older than legacy's last write, and nobody has seen
// that for as long as events may lag. When legacy says that it was written does not count: a transaction may have been long.
func (p *pass) lags(suspect Suspect, rest time.Time, l *auditLook, at time.Time) bool {
	if !slices.ContainsFunc(l.findings, func(f AuditFinding) bool { return f.Part != LegacyPart }) {
		return false
	}
	last := l.order.lastWritten()
	for _, e := range l.events {
		if !e.At.Before(last) {
			return false
		}
	}
	if suspect.FirstSeen.After(rest) {
		rest = suspect.FirstSeen
	}
	return at.Sub(rest) < p.c.Settle.MaxLag
}

// list leaves out the findings of kinds of which many are stored already. It returns how many.
func (p *pass) list(o *AuditOutcome) (unlisted int64) {
	if p.listed == nil {
		p.listed = map[string]int{}
	}
	kept := o.Findings[:0]
	for _, f := range o.Findings {
		kind := string(f.Part) + " " + f.Kind
		if p.listed[kind] >= mostListed {
			unlisted++
			continue
		}
		p.listed[kind]++
		kept = append(kept, f)
	}
	o.Findings, o.Cut = kept, unlisted > 0
	return unlisted
}

// grouped replaces causes that single orders suggest by what all orders of the scan show together.
func (p *pass) grouped(findings []AuditFinding) {
	for i, f := range findings {
		switch cause := history.Cause(f.Cause); {
		case cause == history.BackfillLimitReached && !p.clues.Cut():
			findings[i].Cause = string(history.LostShadowWrite)
		case cause == history.BackfilledTwice && p.clues.OnBoundaries():
			findings[i].Cause = string(history.BackfilledBoundary)
		}
	}
}
