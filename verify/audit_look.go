package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// auditLook is one look at the history of an order.
type auditLook struct {
	order    AuditOrder
	events   []order.Event
	findings []AuditFinding
	deviants []history.Deviant
	facts    AuditFacts // of this order alone
}

// look audits an order.
func (a *Audits) look(o AuditOrder, events []order.Event) auditLook {
	l := auditLook{order: o, events: events}
	l.nameless()
	switch {
	case o.Elsewhere: // no audit is asked for
		return l
	case o.Rows == 0:
		l.alone()
		return l
	case o.Rows > 1 || o.Unreadable:
		l.unaudited()
		return l
	case o.Archived && len(events) == 0:
		l.facts.Archived = a.counted(o, Span{}, 1)
		l.facts.Archived.Undated = 0
		l.legacy(a.Auditor.Reconstruct(o.Row, o.Record).Findings)
		return l
	}
	found := a.Auditor.Audit(history.Case{Row: o.Row, Record: o.Record, Events: events})
	l.facts.Tally, l.deviants = found.Tally, found.Deviants
	l.legacy(found.Legacy)
	for _, d := range found.Deviants {
		l.deviates(d, a.Auditor.Speaker)
	}
	l.folds(unexplained(found))
	return l
}

// unexplained is what the events fold to and what does not follow from other findings: from those of the events, and from contradictions
// of legacy in what events say. A disorder of times explains times alone.
func unexplained(found history.Audited) history.Audited {
	explaining := []history.Contradiction{history.FilledMismatch, history.AverageMismatch, history.StatusMismatch, history.BrokenChain}
	has := func(kinds ...history.Contradiction) bool {
		return slices.ContainsFunc(found.Legacy, func(f history.Finding) bool { return slices.Contains(kinds, f.Kind) })
	}
	switch {
	case len(found.Deviants) > 0 || has(explaining...):
		found.Ends, found.Moments = nil, nil
	case has(history.TimeDisorder):
		found.Ends = slices.DeleteFunc(slices.Clone(found.Ends), history.Moment.OfTime)
	}
	return found
}

// counted is what legacy's server counts of an order's record, so many times. It is taken off what the server has counted at the first
// look at a suspect, and added at the last one, because the order may have moved in between.
// Records of an order that does not exist are counted if they are of the span.
func (a *Audits) counted(o AuditOrder, created Span, times int64) (c AuditCounts) {
	if o.Elsewhere {
		return c
	}
	c.Orders = times * int64(o.Rows)
	if o.CreatedAt.IsZero() && created.Whole() {
		c.Undated = c.Orders
	}
	if o.Unreadable {
		c.Add(o.Counted.times(times))
		return c
	}
	if o.Rows == 0 {
		o.Values = slices.Repeat([]order.Value{order.Null}, len(a.Auditor.Fields))
		o.Record.Trades = slices.DeleteFunc(slices.Clone(o.Record.Trades), func(t history.Trade) bool { return !created.Has(t.At) })
		o.Record.Audit = slices.DeleteFunc(slices.Clone(o.Record.Audit), func(l history.Line) bool { return !created.Has(l.At) })
		c.TradesAlone, c.LinesAlone = times*int64(len(o.Record.Trades)), times*int64(len(o.Record.Audit))
	}
	c.Trades, c.Lines = times*int64(len(o.Record.Trades)), times*int64(len(o.Record.Audit))
	for _, d := range a.Auditor.Reconstruct(o.Row, o.Record).Deeds {
		if d.From.Table == "audit_log" {
			c.LinesToTell += times
		}
	}
	compared, _ := a.Auditor.Moments(o.Record, nil)
	c.Moments = times * int64(compared)
	return c
}

func (l *auditLook) found(f AuditFinding) {
	f.Key = l.order.Key
	l.findings = append(l.findings, f)
}

func (l *auditLook) legacy(found []history.Finding) {
	for _, f := range found {
		l.found(AuditFinding{Part: LegacyPart, Kind: string(f.Kind), At: f.At, Position: order.NoPosition, Detail: f.Detail})
	}
}

// deviates adds a deviation of the events. That of an order without any event may be one of many that a backfill has not reached.
func (l *auditLook) deviates(d history.Deviant, s *history.Speaker) {
	f := AuditFinding{Part: EventsPart, Kind: string(d.Kind), Cause: string(s.CauseOf(l.order.Row, d)), Position: order.NoPosition, Detail: d.Detail}
	if d.Kind == history.MissingEvent && len(l.events) == 0 {
		f.Cause = string(history.BackfillLimitReached)
	}
	if d.Deed != nil {
		f.At = d.Deed.At
	}
	if d.Kind == history.MissingEvent {
		f.Told = d.Deed.Told()
	}
	if d.Event != nil {
		f.At, f.Position = d.Event.At, d.Event.Position
	}
	l.found(f)
}

// folds adds what the events fold to, and should not.
func (l *auditLook) folds(found history.Audited) {
	add := func(kind string, m history.Moment, where string) {
		l.found(AuditFinding{
			Part: FoldPart, Kind: kind, At: m.At, Position: order.NoPosition,
			Detail: fmt.Sprintf("%s is %s in %s, and %s by the events", m.Field, shown(m.Log), where, shown(m.Fold)),
		})
	}
	for _, m := range found.Ends {
		add(EndDiffers, m, "the row")
	}
	for _, m := range found.Moments {
		add(MomentDiffers, m, "the audit log before "+m.At.UTC().Format(time.RFC3339Nano))
	}
}

func shown(v order.Value) string {
	if v.Null {
		return "NULL"
	}
	return fmt.Sprintf("%.60s", v.Text)
}

// nameless adds how many records name no order. Which they are nobody can say.
func (l *auditLook) nameless() {
	for _, n := range []struct {
		records   int64
		one, many string
	}{{l.order.Nameless.Trades, "trade names no order", "trades name no order"}, {l.order.Nameless.Lines, "line of the audit log names no order", "lines of the audit log name no order"}} {
		if n.records > 0 {
			l.found(AuditFinding{Part: LegacyPart, Kind: RecordWithoutOrder, Position: order.NoPosition, Detail: count(n.records, n.one, n.many)})
		}
	}
}

// alone adds each record of an order that does not exist.
func (l *auditLook) alone() {
	add := func(at time.Time, what string, args ...any) {
		l.found(AuditFinding{Part: LegacyPart, Kind: RecordWithoutOrder, At: at, Position: order.NoPosition, Detail: fmt.Sprintf(what, args...) + ", and there is no such order"})
	}
	if l.order.Unreadable {
		add(time.Time{}, "there are records that cannot be read")
	}
	for _, t := range l.order.Record.Trades {
		add(t.At, "trade %s of %s at %s", named(t.Key), t.Quantity.Text('f'), t.At.UTC().Format(time.RFC3339Nano))
	}
	for _, line := range l.order.Record.Audit {
		add(line.At, "line %s of the audit log, of %.60q at %s", named(line.Key), line.Field, line.At.UTC().Format(time.RFC3339Nano))
	}
}

func named(key string) string {
	if key == "" {
		return "without a key"
	}
	return key
}

// unaudited is an order that cannot be audited.
func (l *auditLook) unaudited() {
	l.facts.Unaudited = 1
	f := AuditFinding{Part: LegacyPart, Kind: UnreadableRecord, Position: order.NoPosition, Detail: "a trade or a line of the audit log lacks its time, its field or a number"}
	if l.order.Rows > 1 {
		f.Kind, f.Detail = RepeatedOrder, fmt.Sprintf("legacy has the order %d times", l.order.Rows)
	}
	l.found(f)
}

// observation is what a later look needs to see whether the order has moved.
func (l *auditLook) observation(at time.Time) compare.Observation {
	o := l.order
	h := sha256.New()
	fmt.Fprint(h, o.Rows, o.Unreadable, o.Nameless.Trades, o.Nameless.Lines, o.CreatedAt.UnixNano(), o.ChangedAt.UnixNano())
	for _, v := range o.Values {
		fmt.Fprintf(h, "%t%d:%s", v.Null, len(v.Text), v.Text)
	}
	for _, line := range o.Record.Audit {
		fmt.Fprintf(h, "%q%d%q%q%t%q%t", line.Key, line.At.UnixNano(), line.Field, line.Old.Text, line.Old.Null, line.New.Text, line.New.Null)
	}
	for i := range o.Record.Trades {
		t := &o.Record.Trades[i]
		fmt.Fprintf(h, "%q%d%s %s", t.Key, t.At.UnixNano(), t.Quantity.Text('f'), t.Price.Text('f'))
	}
	events := sha256.New()
	for _, e := range l.events {
		_ = binary.Write(events, binary.BigEndian, [2]int64{int64(e.Position), e.At.UnixNano()}) // a hash takes everything
	}
	return compare.Observation{Key: o.Key, At: at, LegacyState: string(h.Sum(nil)[:16]), EventsState: string(events.Sum(nil)[:16]), LegacyChangedAt: o.ChangedAt}
}
