package verify

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// readPage is a page with its events.
type readPage struct {
	AuditPage
	at     time.Time // of its snapshot
	events map[order.Key][]order.Event
	before map[order.Key]bool // those with findings of earlier audits
	err    error
}

// pageReader reads pages. While one is judged and stored, the next is read.
type pageReader struct {
	p       *pass
	pages   *ranged
	created Span
	ahead   chan *readPage // nil if nothing is read
	stop    context.CancelFunc
}

// read returns the page that begins at a key. If it could not be read ahead, it is tried again.
func (r *pageReader) read(ctx context.Context, from order.Key) (*readPage, error) {
	page := r.take()
	if page == nil || page.err != nil {
		err := r.pages.insist(ctx, func(ctx context.Context) error {
			page = r.p.readPage(ctx, from, r.created)
			return page.err
		})
		if err != nil {
			return nil, err
		}
	}
	if next := page.Below; next != "" {
		ctx, stop := context.WithCancel(ctx)
		ahead := make(chan *readPage, 1)
		r.ahead, r.stop = ahead, stop
		go func() { ahead <- r.p.readPage(ctx, next, r.created) }()
	}
	return page, nil
}

// take waits for the page that is read ahead.
func (r *pageReader) take() *readPage {
	if r.ahead == nil {
		return nil
	}
	page := <-r.ahead
	r.stop()
	r.ahead = nil
	return page
}

// close ends what is read ahead, and waits for that.
func (r *pageReader) close() {
	if r.ahead != nil {
		r.stop()
		r.take()
	}
}

// readPage reads rows and records of a page in one snapshot, which it does not keep. Then it reads the events, which must not be older
// than the rows.
func (p *pass) readPage(ctx context.Context, from order.Key, created Span) *readPage {
	page := &readPage{}
	page.err = p.pace(ctx)
	if page.err == nil {
		page.AuditPage, page.at, page.err = p.readRecorded(ctx, from, created)
	}
	if page.err == nil && p.c.Audits.read != nil {
		page.err = p.c.Audits.read(ctx, page.rows())
	}
	if page.err == nil {
		page.events, page.before, page.err = p.readAudited(ctx, page.AuditPage)
	}
	return page
}

// readRecorded returns when the snapshot of the page was taken.
func (p *pass) readRecorded(ctx context.Context, from order.Key, created Span) (AuditPage, time.Time, error) {
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

// readAudited reads the events of a page, and which orders have findings of earlier audits.
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

func (p *pass) readOrders(ctx context.Context, keys []order.Key) ([]AuditOrder, time.Time, error) {
	n, err := p.c.Audits.Source.Begin(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer n.Close()
	at := p.c.Now()
	orders, err := n.Orders(ctx, keys, p.created)
	return orders, at, err
}
