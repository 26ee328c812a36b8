package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/nordvarg/crosscheck/compare"
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
	facts := AuditFacts{Created: created, Zoneless: p.c.Audits.Zoneless}
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
	reader := pageReader{p: p, pages: pages, created: created}
	defer reader.close()
	for from, more := after(ranges); more; from, more = after(ranges) {
		p.progress("audit", facts.orders(), max(total, facts.orders()))
		page, err := reader.read(ctx, from)
		if err != nil {
			return err
		}
		done := p.judgePage(page, int(facts.Ranges)+1, created)
		if err := p.storePage(ctx, pages, done); err != nil {
			return err
		}
		facts.Add(*done.Found.Audit)
		ranges = []Range{done.Range}
	}
	return p.auditGone(ctx)
}

// orders are those that the scan has read.
func (f *AuditFacts) orders() int64 { return f.Counted.Orders + f.Suspected }

// fill sets what the pages add up to.
func (f *AuditFacts) fill(scan *Scan, err error) {
	scan.Facts, scan.Compared = *f, f.orders()
	scan.Coverage = float64(f.orders()) / float64(max(f.orders()+f.Counted.NullKeys, 1))
	switch {
	case err != nil:
		scan.Coverage = 0
	case f.Counted.NullKeys > 0:
		scan.Reason = count(f.Counted.NullKeys, "row of legacy has no key", "rows of legacy have no key")
	case f.orders() == 0 && !f.Created.Whole():
		scan.Reason = "legacy has no order that was created in that time"
	case f.orders() == 0:
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

// judgedPage is a page with its suspects.
type judgedPage struct {
	Range
	suspects []Suspect
}

// judgePage audits the orders of a page.
func (p *pass) judgePage(page *readPage, number int, created Span) judgedPage {
	facts := AuditFacts{Created: created, Counted: page.Counted, Unlisted: page.Unlisted, Ranges: 1}
	done := judgedPage{Range: Range{Number: number, KeyRange: page.KeyRange, Worker: p.c.Worker}}
	suspect := func(l *auditLook) {
		facts.Counted.Add(p.c.Audits.counted(l.order, created, -1))
		facts.Suspected += int64(l.order.Rows)
		done.suspects = append(done.suspects, Suspect{Observation: l.observation(page.at), FirstSeen: page.at, Due: page.at.Add(p.c.Settle.Window), Range: number})
	}
	for _, o := range page.Orders {
		l := p.c.Audits.look(o, page.events[o.Key])
		facts.Clues.Note(o.Row, l.events, l.deviants)
		if len(l.findings) == 0 && !page.before[o.Key] {
			facts.Add(l.facts)
			continue
		}
		suspect(&l)
	}
	for _, o := range page.Alone {
		suspect(&auditLook{order: o})
	}
	done.Found = RangeFacts{Audit: &facts, Mismatches: int64(len(done.suspects))}
	return done
}

func (p *pass) storePage(ctx context.Context, pages *ranged, done judgedPage) error {
	err := pages.insist(ctx, func(ctx context.Context) error {
		return p.c.Ledger.AddRange(ctx, p.lease, p.id, done.Range, done.suspects)
	})
	p.suspects += done.Found.Mismatches
	return err
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
