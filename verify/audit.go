package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// ErrSpanUnknown is returned for an audit that cannot be resumed, because its process ended before the first page was stored.
var ErrSpanUnknown = errors.New("the pass has stored nothing that says which orders it audits")

const (
	// auditPage is how many orders one snapshot of legacy reads.
	auditPage = 2000
	// mostListed is how many findings of a kind are stored in a pass. All are counted.
	mostListed = 100_000
)

// Audit audits the history of every order that was created in a span of time.
func (c *Comparison) Audit(ctx context.Context, l lease.Lease, s Start, created Span) (Pass, error) {
	s.Kind, s.Ranged = Audit, true
	return c.run(ctx, l, s, func(p *pass, ctx context.Context, scan *Scan) error { return p.audit(ctx, scan, created) })
}

// resumeAudit goes on behind the last page that was stored.
func (p *pass) resumeAudit(ctx context.Context, scan *Scan) error {
	ranges, err := p.c.Ledger.Ranges(ctx, p.id)
	switch {
	case err != nil:
		return err
	case len(ranges) == 0 || ranges[0].Found.Audit == nil:
		return ErrSpanUnknown
	}
	return p.audit(ctx, scan, ranges[0].Found.Audit.Created)
}

// audit reads page after page, each in its own snapshot of legacy, and then its events. What is found in a page is stored with its
// suspects in one transaction. The pages have every key once, as the ranges of a full pass do.
func (p *pass) audit(ctx context.Context, scan *Scan, created Span) (err error) {
	facts := AuditFacts{Created: created}
	defer func() { facts.fill(scan, err) }()
	ranges, err := p.c.Ledger.Ranges(ctx, p.id)
	if err != nil {
		return err
	}
	for _, r := range ranges {
		facts.Add(*r.Found.Audit)
		p.suspects += r.Found.Mismatches
	}
	var total int64
	pages := &ranged{p: p}
	err = pages.insist(ctx, func(ctx context.Context) error {
		total, err = p.auditEstimate(ctx, created)
		return err
	})
	if err != nil {
		return err
	}
	for from, more := after(ranges); more; from, more = after(ranges) {
		p.progress("audit", facts.Counted.Orders, max(total, facts.Counted.Orders))
		var done Range
		err := pages.insist(ctx, func(ctx context.Context) error {
			done, err = p.auditPage(ctx, int(facts.Ranges)+1, from, created)
			return err
		})
		if err != nil {
			return err
		}
		facts.Add(*done.Found.Audit)
		ranges = []Range{done}
	}
	return p.auditGone(ctx)
}

// fill sets what the pages add up to.
func (f *AuditFacts) fill(scan *Scan, err error) {
	scan.Facts, scan.Compared = *f, f.Counted.Orders
	scan.Coverage = float64(f.Counted.Orders) / float64(max(f.Counted.Orders+f.Counted.NullKeys, 1))
	switch {
	case err != nil:
		scan.Coverage = 0
	case f.Counted.NullKeys > 0:
		scan.Reason = count(f.Counted.NullKeys, "row of legacy has no key", "rows of legacy have no key")
	case f.Counted.Orders == 0 && !f.Created.Whole():
		scan.Reason = "legacy has no order that was created in that time"
	case f.Counted.Orders == 0:
		scan.Reason = "legacy has no order"
	}
}

func (p *pass) auditEstimate(ctx context.Context, created Span) (int64, error) {
	if _, err := p.locate(ctx); err != nil {
		return 0, err
	}
	n, err := p.c.Audits.Source.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer n.Close()
	return n.Estimate(ctx, created)
}

// auditPage audits one page and stores it.
func (p *pass) auditPage(ctx context.Context, number int, from order.Key, created Span) (done Range, err error) {
	if err := p.pace(ctx); err != nil {
		return done, err
	}
	page, at, err := p.readPage(ctx, from, created)
	if err != nil {
		return done, err
	}
	events, before, err := p.readAudited(ctx, page)
	if err != nil {
		return done, err
	}
	facts := AuditFacts{Created: created, Counted: page.Counted, Ranges: 1}
	var suspects []Suspect
	suspect := func(l *auditLook) {
		suspects = append(suspects, Suspect{Observation: l.observation(at), FirstSeen: at, Due: at.Add(p.c.Settle.Window), Range: number})
	}
	for _, o := range page.Orders {
		l := p.c.Audits.look(o, events[o.Key])
		facts.Clues.Note(o.Row, l.events, l.deviants)
		if len(l.findings) == 0 && !before[o.Key] {
			facts.Add(l.facts)
			continue
		}
		suspect(&l)
	}
	for _, key := range page.Alone {
		l := auditLook{order: AuditOrder{Row: history.Row{Key: key}}}
		suspect(&l)
	}
	done = Range{Number: number, KeyRange: page.KeyRange, Worker: p.c.Worker, Found: RangeFacts{Audit: &facts, Mismatches: int64(len(suspects))}}
	if err := p.c.Ledger.AddRange(ctx, p.lease, p.id, done, suspects); err != nil {
		return done, err
	}
	p.suspects += done.Found.Mismatches
	return done, nil
}

// readPage reads rows and record in one snapshot, which it does not keep. It returns when that was.
func (p *pass) readPage(ctx context.Context, from order.Key, created Span) (AuditPage, time.Time, error) {
	n, err := p.c.Audits.Source.Begin(ctx)
	if err != nil {
		return AuditPage{}, time.Time{}, err
	}
	defer n.Close()
	at := p.c.Now()
	page, err := n.Page(ctx, from, created, p.batchSize(auditPage))
	if err != nil {
		return page, at, err
	}
	var bytes int64
	for i := range page.Orders {
		bytes += page.Orders[i].size()
	}
	p.width = max(p.width, bytes/int64(max(len(page.Orders), 1)), 1)
	return page, at, nil
}

// readAudited reads the events of a page, which must not be older than its rows, and which orders have findings of earlier audits.
func (p *pass) readAudited(ctx context.Context, page AuditPage) (events map[order.Key][]order.Event, before map[order.Key]bool, err error) {
	keys := make([]order.Key, len(page.Orders))
	for i, o := range page.Orders {
		keys[i] = o.Key
	}
	if len(keys) == 0 {
		return nil, nil, nil
	}
	if events, err = p.c.Events.Histories(ctx, keys); err != nil {
		return nil, nil, err
	}
	found, err := p.c.Audits.Ledger.AuditedBefore(ctx, p.id, keys)
	if err != nil {
		return nil, nil, err
	}
	before = make(map[order.Key]bool, len(found))
	for _, key := range found {
		before[key] = true
	}
	return events, before, nil
}

// auditGone resolves the findings of orders of which legacy has nothing any more.
func (p *pass) auditGone(ctx context.Context) error {
	var from order.Key
	for {
		keys, err := p.c.Audits.Ledger.UnresolvedAudits(ctx, p.id, from, p.batchSize(auditPage))
		if err != nil || len(keys) == 0 {
			return err
		}
		from = keys[len(keys)-1].Next()
		orders, at, err := p.readOrders(ctx, keys)
		if err != nil {
			return err
		}
		var gone []AuditOutcome
		for _, o := range orders {
			if !o.exists() {
				is := compare.Observation{Key: o.Key, At: at}
				gone = append(gone, AuditOutcome{Outcome: Outcome{Suspect: Suspect{Observation: is, FirstSeen: at}, Verdict: compare.Match, Final: true}})
			}
		}
		if len(gone) == 0 {
			continue
		}
		if err := p.c.Audits.Ledger.SettleAudit(ctx, p.lease, p.id, gone, AuditFacts{}, p.c.Now()); err != nil {
			return fmt.Errorf("resolving findings: %w", err)
		}
	}
}

func (p *pass) readOrders(ctx context.Context, keys []order.Key) ([]AuditOrder, time.Time, error) {
	n, err := p.c.Audits.Source.Begin(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer n.Close()
	at := p.c.Now()
	orders, err := n.Orders(ctx, keys)
	return orders, at, err
}
