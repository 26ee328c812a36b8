package verify

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// Audits is what audits need beside a comparison.
type Audits struct {
	Source  AuditSource
	Auditor *history.Auditor
	Ledger  AuditLedger

	// Zoneless are the times whose columns have no time zone.
	Zoneless Zoneless

	read func(ctx context.Context, rows int64) error // pays for what was read, with no snapshot held; nil if that costs nothing
}

// AuditSource reads legacy's orders together with its own record of them.
type AuditSource interface {
	// Begin fixes a snapshot: a row and its record are of one instant.
	Begin(context.Context) (AuditSnapshot, error)
}

// AuditSnapshot reads legacy at one instant. It is for one goroutine at a time and must be closed.
type AuditSnapshot interface {
	// Estimate is about how many orders there are.
	Estimate(context.Context, Span) (int64, error)
	// Page returns the orders from a key on, in key order, at most limit of them. Its range ends where the next page begins.
	Page(ctx context.Context, from order.Key, created Span, limit int) (AuditPage, error)
	// Orders returns what there is of some orders, in the order of the keys. The span is that of their page.
	Orders(ctx context.Context, keys []order.Key, created Span) ([]AuditOrder, error)
	// Close ends the snapshot. It may be called twice.
	Close()
}

// AuditPage is a part of the key space.
type AuditPage struct {
	KeyRange

	Orders []AuditOrder
	// Counted is what legacy's server counts in the range.
	Counted AuditCounts
	// Alone are orders of the range that do not exist and have records; the first ones, if there are very many. Unlisted are the records
	// of the others.
	Alone    []AuditOrder
	Unlisted int64
}

// AuditOrder is an order as legacy has it.
type AuditOrder struct {
	history.Row

	Record     history.Record
	Rows       int  // that legacy has of it; 0 if there are only records
	Archived   bool // its events are expected to be gone
	Unreadable bool // a line of the record cannot be read, and Record is not known
	// Counted is what legacy's server counts of the record, if that is unreadable.
	Counted   AuditCounts
	Elsewhere bool // legacy has it, but not among the orders that are compared
	// Nameless are the records that name no order. They stand under the empty key.
	Nameless Nameless
}

// Nameless counts records that name no order.
type Nameless struct{ Trades, Lines int64 }

// exists returns true if legacy has a row or a record of the order, and it is one of those that are compared.
func (o AuditOrder) exists() bool {
	if o.Elsewhere {
		return false
	}
	return o.Nameless != Nameless{} || o.Rows > 0 || o.Unreadable || len(o.Record.Audit)+len(o.Record.Trades) > 0
}

// lastWritten is the newest time of the row and its record.
func (o AuditOrder) lastWritten() time.Time {
	last := o.ChangedAt
	newest := func(at time.Time) {
		if at.After(last) {
			last = at
		}
	}
	newest(o.CreatedAt)
	for _, line := range o.Record.Audit {
		newest(line.At)
	}
	for i := range o.Record.Trades {
		newest(o.Record.Trades[i].At)
	}
	return last
}

// size is about how many bytes the order takes.
func (o AuditOrder) size() (bytes int64) {
	for _, v := range o.Values {
		bytes += int64(len(v.Text))
	}
	for _, line := range o.Record.Audit {
		bytes += int64(len(line.Old.Text)+len(line.New.Text)) + 100
	}
	return bytes + 100*int64(len(o.Record.Trades))
}

// rows is how many rows of legacy were read for the page.
func (p AuditPage) rows() int64 { return p.Counted.Orders + p.Counted.Trades + p.Counted.Lines }
