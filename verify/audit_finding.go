package verify

import (
	"context"
	"time"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
)

// Audit compares the history of every order: legacy with its own record, and the stored events with both.
const Audit PassKind = "audit"

// AuditPart says what of an order a finding is about.
type AuditPart string

// The parts of an audit. Legacy's own faults are kept apart from those of the migration.
const (
	LegacyPart AuditPart = "legacy" // legacy contradicts its own record
	EventsPart AuditPart = "events" // the stored events are not those that the record allows
	FoldPart   AuditPart = "fold"   // the events are, and fold to something else
)

// AuditParts lists every AuditPart.
func AuditParts() []AuditPart { return []AuditPart{LegacyPart, EventsPart, FoldPart} }

// The kinds of findings beside those of package history.
const (
	RecordWithoutOrder = "record_without_order" // a trade or a line of the audit log of an order that does not exist
	UnreadableRecord   = "unreadable_record"    // a trade or a line that lacks its time, its field or a number
	RepeatedOrder      = "repeated_order"       // legacy has the order several times
	EndDiffers         = "end_differs"          // the fold of all events is not the row
	MomentDiffers      = "moment_differs"       // the fold up to a moment is not what the audit log says
)

// AuditKinds lists the kinds of findings of a part.
func AuditKinds(part AuditPart) (out []string) {
	switch part {
	case LegacyPart:
		for _, kind := range history.Contradictions() {
			out = append(out, string(kind))
		}
		return append(out, RecordWithoutOrder, UnreadableRecord, RepeatedOrder)
	case EventsPart:
		for _, kind := range history.Deviations() {
			out = append(out, string(kind))
		}
		return out
	default:
		return []string{EndDiffers, MomentDiffers}
	}
}

// AuditFinding is one inconsistency of an order's history.
type AuditFinding struct {
	ID       int64 // of the ledger; 0 for one that is not stored
	Key      order.Key
	Part     AuditPart
	Kind     string
	Cause    string         // empty if nothing tells it
	At       time.Time      // of the record or the event; zero if it has none
	Position order.Position // of the event; NoPosition if it is about none
	Detail   string
	Told     string // what legacy's record says of a missing event: if it changes, the finding is another one

	State               DivergenceState
	FirstSeen, LastSeen time.Time
	ResolvedAt          time.Time   // zero unless Resolved
	Acceptance          *Acceptance // nil unless Accepted
}

// AuditFound counts findings.
type AuditFound struct {
	Part     AuditPart `json:"part"`
	Kind     string    `json:"kind"`
	Cause    string    `json:"cause,omitempty"`
	Findings int64     `json:"findings"`
	Orders   int64     `json:"orders"` // that have one
}

// AuditCounts are what is there to audit. It is counted by legacy's server.
type AuditCounts struct {
	Orders int64 `json:"orders"`
	Trades int64 `json:"trades"`
	Lines  int64 `json:"lines"` // of the audit log
	// LinesToTell are those of them of which an event can tell. Moments are the different times and fields of those that change a
	// field.
	LinesToTell int64 `json:"lines_to_tell"`
	Moments     int64 `json:"moments"`
	// TradesAlone and LinesAlone are those of them whose orders do not exist.
	TradesAlone int64 `json:"trades_alone"`
	LinesAlone  int64 `json:"lines_alone"`
	// Undated are orders of which legacy does not know when they were created. They are among Orders if all orders are audited, and
	// in no span.
	Undated int64 `json:"undated,omitempty"`
	// NullKeys are rows of legacy without a key. They are in no other number.
	NullKeys int64 `json:"null_keys,omitempty"`
}

// Add adds the counts of another range.
func (c *AuditCounts) Add(o AuditCounts) {
	c.Orders += o.Orders
	c.Trades += o.Trades
	c.Lines += o.Lines
	c.LinesToTell += o.LinesToTell
	c.Moments += o.Moments
	c.TradesAlone += o.TradesAlone
	c.LinesAlone += o.LinesAlone
	c.Undated += o.Undated
	c.NullKeys += o.NullKeys
}

// times are the counts so many times.
func (c AuditCounts) times(n int64) AuditCounts {
	for _, count := range []*int64{&c.Orders, &c.Trades, &c.Lines, &c.LinesToTell, &c.Moments, &c.TradesAlone, &c.LinesAlone, &c.Undated, &c.NullKeys} {
		*count *= n
	}
	return c
}

// Zoneless says which times stand in columns without a time zone.
type Zoneless struct {
	Orders bool `json:"orders,omitempty"` // when they were created
	Trades bool `json:"trades,omitempty"`
	Lines  bool `json:"lines,omitempty"`
	Events bool `json:"events,omitempty"`
}

// AuditFacts are what an audit knows.
type AuditFacts struct {
	// Created restricts the audit to orders that were created in a span of time; zero if all were audited.
	Created  Span     `json:"created,omitzero"`
	Zoneless Zoneless `json:"zoneless,omitzero"`
	// Counted are the denominators. Tally holds the numbers of the orders that were audited. Suspected are orders that are in Counted
	// only when they are judged.
	Counted   AuditCounts   `json:"counted"`
	Suspected int64         `json:"suspected,omitempty"`
	Tally     history.Tally `json:"tally"`
	// Unaudited are orders that exist and are in no number of Tally: those whose record cannot be read, those that legacy has
	// several times, and those that did not hold still.
	Unaudited int64 `json:"unaudited"`
	// Archived are orders whose events the configuration says to be archived, with their records. Only legacy itself was audited.
	Archived AuditCounts `json:"archived,omitzero"`
	// Found are the findings of the pass that are open when it ends. Unlisted are findings that were counted and not stored,
	// because there were too many of the kind.
	Found    []AuditFound `json:"found"`
	Unlisted int64        `json:"unlisted,omitempty"`
	// Clues are what the orders show together.
	Clues  history.Clues `json:"clues,omitzero"`
	Ranges int64         `json:"ranges,omitempty"`
}

// Settled implements [Facts]. What was settled is added by the ledger.
func (f AuditFacts) Settled(Settled) Facts { return f }

// Add adds what a range, or a second look, has found. Ranges are added in the order of their keys.
func (f *AuditFacts) Add(o AuditFacts) {
	f.Counted.Add(o.Counted)
	f.Suspected += o.Suspected
	f.Tally.Add(o.Tally)
	f.Unaudited += o.Unaudited
	f.Archived.Add(o.Archived)
	f.Unlisted += o.Unlisted
	f.Clues.Add(o.Clues)
	f.Ranges += o.Ranges
}

// Findings is how many findings there are of a part, or of all if the part is empty.
func (f AuditFacts) Findings(part AuditPart) (n int64) {
	for _, found := range f.Found {
		if part == "" || found.Part == part {
			n += found.Findings
		}
	}
	return n
}

// Span is a time from a moment on and before another one. A zero end is no end.
type Span struct {
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// Has returns true for a time of the span.
func (s Span) Has(at time.Time) bool {
	return !at.Before(s.From) && (s.Until.IsZero() || at.Before(s.Until))
}

// Whole returns true for the span of everything.
func (s Span) Whole() bool { return s.From.IsZero() && s.Until.IsZero() }

// AuditOutcome is what a second look at an order has come to.
type AuditOutcome struct {
	Outcome

	Findings []AuditFinding // of an order that diverged
	Cut      bool           // some of its findings are left out
}

// AuditLedger stores what audits find.
type AuditLedger interface {
	// SettleAudit stores outcomes, as Settle does. Each finding of a final outcome is opened, or renewed if it is open. All other
	// findings of these orders are resolved, except where some were left out. More is added to the facts of the pass, once its scan has ended. It is one
	// transaction.
	SettleAudit(ctx context.Context, l lease.Lease, id PassID, outcomes []AuditOutcome, more AuditFacts, at time.Time) error
	// AuditedBefore returns which of the orders have findings that are not resolved, under the pass's fingerprint.
	AuditedBefore(ctx context.Context, id PassID, keys []order.Key) ([]order.Key, error)
	// UnresolvedAudits returns up to limit orders with such findings that the pass has not found itself, in key order, beginning with the
	// given key.
	UnresolvedAudits(ctx context.Context, id PassID, from order.Key, limit int) ([]order.Key, error)
}
