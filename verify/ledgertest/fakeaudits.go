package ledgertest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// auditFinding is a finding of audits that is known.
type auditFinding struct {
	verify.AuditFinding
	fingerprint, mark string
	last              verify.PassID // that found it
}

// unresolved is true under a fingerprint until the finding is resolved.
func (a *auditFinding) unresolved(fingerprint string) bool {
	return a.fingerprint == fingerprint && a.State != verify.Resolved
}

// SettleAudit implements [verify.AuditLedger].
func (f *Fake) SettleAudit(ctx context.Context, l lease.Lease, id verify.PassID, outcomes []verify.AuditOutcome, more verify.AuditFacts, at time.Time) error {
	return f.write(ctx, l, id, func(p *pass) error {
		last := map[order.Key]int{} // key → index of its last outcome, the one that counts
		for i, o := range outcomes {
			last[o.Suspect.Key()] = i
		}
		for i, o := range outcomes {
			if last[o.Suspect.Key()] == i {
				f.settleAudit(p, o, micro(at))
			}
		}
		facts, ok := p.Scan.Facts.(verify.AuditFacts)
		if !ok {
			return nil
		}
		facts.Add(more)
		stored, err := throughJSON(p.Kind, facts)
		p.Scan.Facts = stored
		return err
	})
}

func (f *Fake) settleAudit(p *pass, o verify.AuditOutcome, at time.Time) {
	if !o.Final {
		p.queue[o.Suspect.Key()] = stored(o.Suspect)
		return
	}
	delete(p.queue, o.Suspect.Key())
	switch o.Verdict {
	case compare.Match:
		p.tally.Match++
	case compare.Diverged:
		p.tally.Diverged++
	default:
		p.tally.Unverified++
		return
	}
	seen := micro(o.Seen())
	for _, found := range o.Findings {
		f.find(p, o, found, seen)
	}
	for _, known := range f.audits {
		if !o.Cut && known.unresolved(p.Fingerprint) && known.Key == o.Suspect.Key() && known.last != p.ID && !known.LastSeen.After(seen) {
			known.State, known.ResolvedAt = verify.Resolved, at
		}
	}
}

// find opens a finding, or renews the one that says the same.
func (f *Fake) find(p *pass, o verify.AuditOutcome, found verify.AuditFinding, seen time.Time) {
	mark := fmt.Sprint(found.Part, found.Kind, micro(found.At), found.Position, found.Detail, found.Told)
	i := slices.IndexFunc(f.audits, func(a *auditFinding) bool {
		return a.unresolved(p.Fingerprint) && a.Key == found.Key && a.mark == mark
	})
	if i < 0 {
		found.ID, found.State, found.FirstSeen, found.LastSeen = int64(len(f.audits)+1), verify.Open, micro(o.Suspect.FirstSeen), seen
		if found.FirstSeen.IsZero() || found.FirstSeen.After(seen) {
			found.FirstSeen = seen
		}
		found.At, found.Told = micro(found.At), ""
		i, f.audits = len(f.audits), append(f.audits, &auditFinding{AuditFinding: found, fingerprint: p.Fingerprint, mark: mark})
	}
	known := f.audits[i]
	known.Cause, known.last = found.Cause, p.ID
	if seen.After(known.LastSeen) {
		known.LastSeen = seen
	}
}

// countAudit adds to the facts of an audit what it has found.
func (f *Fake) countAudit(p *pass) {
	facts, ok := p.Scan.Facts.(verify.AuditFacts)
	if !ok {
		return
	}
	type group struct {
		part        verify.AuditPart
		kind, cause string
	}
	of := map[group]*verify.AuditFound{}
	orders := map[group]map[order.Key]bool{}
	facts.Found = []verify.AuditFound{}
	for _, a := range f.audits {
		if !a.unresolved(p.Fingerprint) || a.last != p.ID {
			continue
		}
		g := group{a.Part, a.Kind, a.Cause}
		if of[g] == nil {
			of[g], orders[g] = &verify.AuditFound{Part: a.Part, Kind: a.Kind, Cause: a.Cause}, map[order.Key]bool{}
		}
		of[g].Findings++
		orders[g][a.Key] = true
	}
	for g, found := range of {
		found.Orders = int64(len(orders[g]))
		facts.Found = append(facts.Found, *found)
	}
	slices.SortFunc(facts.Found, func(a, b verify.AuditFound) int {
		return cmp.Or(-strings.Compare(string(a.Part), string(b.Part)), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Cause, b.Cause))
	})
	p.Scan.Facts = facts
}

// AuditedBefore implements [verify.AuditLedger].
func (f *Fake) AuditedBefore(ctx context.Context, id verify.PassID, keys []order.Key) ([]order.Key, error) {
	return f.auditKeys(ctx, id, func(a *auditFinding) bool { return slices.Contains(keys, a.Key) })
}

// UnresolvedAudits implements [verify.AuditLedger].
func (f *Fake) UnresolvedAudits(ctx context.Context, id verify.PassID, from order.Key, limit int) ([]order.Key, error) {
	keys, err := f.auditKeys(ctx, id, func(a *auditFinding) bool { return a.last != id && a.Key >= from })
	return keys[:min(limit, len(keys))], err
}

// auditKeys are those of unresolved findings, in order.
func (f *Fake) auditKeys(ctx context.Context, id verify.PassID, want func(*auditFinding) bool) (keys []order.Key, err error) {
	err = f.read(ctx, id, func(p *pass) {
		for _, a := range f.audits {
			if a.unresolved(p.Fingerprint) && want(a) {
				keys = append(keys, a.Key)
			}
		}
	})
	slices.Sort(keys)
	return slices.Compact(keys), err
}

// AuditFindings returns up to limit findings in the state under a fingerprint, oldest first.
func (f *Fake) AuditFindings(ctx context.Context, fingerprint string, state verify.DivergenceState, limit int) (found []verify.AuditFinding, err error) {
	err = f.lock(ctx)
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for _, a := range f.audits {
		if a.fingerprint == fingerprint && a.State == state {
			found = append(found, a.AuditFinding)
		}
	}
	slices.SortStableFunc(found, func(a, b verify.AuditFinding) int { return a.FirstSeen.Compare(b.FirstSeen) })
	return found[:min(limit, len(found))], nil
}
