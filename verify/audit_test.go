package verify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
	"github.com/nordvarg/crosscheck/verify/ledgertest"
)

// audits is legacy with its record in memory, an event store without events, and what audits store.
type audits struct {
	*ledgertest.Fake
	orders   []verify.AuditOrder
	fail     int // how many pages cannot be read, from the second on
	pages    int
	outcomes []verify.AuditOutcome
	facts    verify.AuditFacts
	open     int               // snapshots
	lost     error             // of every look after the first
	alone    verify.AuditOrder // has a trade and no row at the first look; none if it has no key
}

var errPage = errors.New("a page cannot be read")

func (a *audits) Begin(context.Context) (verify.AuditSnapshot, error) { a.open++; return a, nil }
func (a *audits) Close()                                              { a.open-- }
func (a *audits) Estimate(context.Context, verify.Span) (int64, error) {
	return int64(len(a.orders)), nil
}

// Page has two orders.
func (a *audits) Page(_ context.Context, from order.Key, _ verify.Span, _ int) (verify.AuditPage, error) {
	if a.pages++; a.pages > 1 && a.fail > 0 {
		a.fail--
		return verify.AuditPage{}, errPage
	}
	at := slices.IndexFunc(a.orders, func(o verify.AuditOrder) bool { return o.Key >= from })
	page := verify.AuditPage{KeyRange: verify.KeyRange{From: from}, Orders: a.orders[at:min(at+2, len(a.orders))]}
	if at+2 < len(a.orders) {
		page.Below = a.orders[at+2].Key
	}
	page.Counted.Orders = int64(len(page.Orders))
	for _, o := range page.Orders {
		page.Counted.Trades += o.Counted.Trades + int64(len(o.Record.Trades))
		page.Counted.Lines += o.Counted.Lines + int64(len(o.Record.Audit))
		page.Counted.LinesToTell += o.Counted.LinesToTell
		if o.CreatedAt.IsZero() {
			page.Counted.Undated++
		}
	}
	if page.Below == "" && a.alone.Key != "" {
		page.Alone = []verify.AuditOrder{a.alone}
		page.Counted.Trades, page.Counted.TradesAlone = 1, 1
	}
	return page, nil
}

func (a *audits) Orders(_ context.Context, keys []order.Key, _ verify.Span) (out []verify.AuditOrder, err error) {
	for _, key := range keys {
		if a.lost != nil {
			return nil, a.lost
		}
		out = append(out, a.orders[slices.IndexFunc(a.orders, func(o verify.AuditOrder) bool { return o.Key == key })])
	}
	return out, nil
}

func (a *audits) Histories(context.Context, []order.Key) (map[order.Key][]order.Event, error) {
	return nil, nil
}
func (a *audits) Newest(context.Context) (time.Time, error) { return time.Time{}, nil }

func (a *audits) SettleAudit(ctx context.Context, l lease.Lease, id verify.PassID, outcomes []verify.AuditOutcome, more verify.AuditFacts, at time.Time) error {
	a.outcomes = append(a.outcomes, outcomes...)
	a.facts.Add(more)
	return a.Fake.SettleAudit(ctx, l, id, outcomes, more, at)
}

// auditWorld has five orders of which legacy has nothing but the row, and no event. All of them lack their events.
func auditWorld(t *testing.T) (*world, *audits) {
	t.Helper()
	w := newWorld(t, nil, nil)
	w.Settle.MaxLag = w.Settle.Window
	a := &audits{Fake: w.store}
	for i := range 5 {
		a.orders = append(a.orders, verify.AuditOrder{Rows: 1, Row: history.Row{
			Key: order.Key(fmt.Sprint(i)), CreatedAt: w.now.Add(-time.Hour), Values: []order.Value{{Text: "OPEN"}, {Text: "0"}},
		}})
	}
	spec := order.Orders()
	rules, err := order.NewRules(spec, []order.Field{{Name: "status", Type: order.Text}, {Name: "filled_quantity", Type: order.Numeric}})
	if err != nil {
		t.Fatal(err)
	}
	schema := history.Schema{Fields: []string{"status", "filled_quantity"}, Rules: rules}
	speaker, _ := history.NewSpeaker(spec, schema)
	w.Events, w.Passes = a, func(err error) bool { return errors.Is(err, errPage) }
	w.Audits = &verify.Audits{Source: a, Ledger: a, Auditor: &history.Auditor{Schema: schema, Speaker: speaker}}
	return w, a
}

// TestAnAuditJudgesWhatHoldsStill moves one order at every look and another one once.
func TestAnAuditJudgesWhatHoldsStill(t *testing.T) {
	w, a := auditWorld(t)
	w.meanwhile = func(wait int) {
		a.orders[3].ChangedAt = w.clock()
		if wait == 1 {
			a.orders[4].Values = []order.Value{{Text: "OPEN"}, {Text: "1"}}
		}
	}
	pass := w.must(w.Audit(t.Context(), w.lease, w.start(), verify.Span{}))
	if pass.Result.Diverged != 4 || pass.Result.Unverified != 1 || pass.Scan.Compared != 5 || a.facts.Unaudited != 1 || a.facts.Tally.Orders != 4 {
		t.Errorf("pass %+v, facts %+v", pass.Result, a.facts)
	}
	looks := map[order.Key]int{}
	for _, o := range a.outcomes {
		looks[o.Suspect.Key()]++
		if o.Final != (o.Verdict != compare.Lagging) || (o.Verdict == compare.Diverged) != (len(o.Findings) > 0) {
			t.Errorf("order %s: %s with %d findings", o.Suspect.Key(), o.Verdict, len(o.Findings))
		}
	}
	if looks["0"] != 1 || looks["4"] != 2 || looks["3"] != w.Settle.Rechecks+1 {
		t.Errorf("looks %v", looks)
	}
}

// TestAPageThatCannotBeReadAheadIsReadAgain loses two reads of pages.
func TestAPageThatCannotBeReadAheadIsReadAgain(t *testing.T) {
	w, a := auditWorld(t)
	a.fail = 2
	pass := w.must(w.Audit(t.Context(), w.lease, w.start(), verify.Span{}))
	if pass.Result.Diverged != 5 || pass.Scan.Compared != 5 || a.pages != 5 {
		t.Errorf("pass %+v after %d reads", pass.Result, a.pages)
	}
}

// TestEventsThatLagAreNoFindings: until the longest lag has passed since they were seen, nothing is said of orders. When legacy says that
// they were written does not count: their transactions may just have ended.
func TestEventsThatLagAreNoFindings(t *testing.T) {
	w, a := auditWorld(t)
	w.Settle.MaxLag = 5 * time.Minute
	a.orders[4].ChangedAt = w.now.Add(-time.Minute)
	w.must(w.Audit(t.Context(), w.lease, w.start(), verify.Span{}))
	for _, o := range a.outcomes {
		if seen := o.LookedAt.Sub(o.Suspect.FirstSeen); o.Final != (seen >= w.Settle.MaxLag) {
			t.Errorf("order %s, %s after it was seen: %s, final %v", o.Suspect.Key(), seen, o.Verdict, o.Final)
		}
	}
}

// TestACauseIsThatOfAllOrders from the first time that a finding is stored.
func TestACauseIsThatOfAllOrders(t *testing.T) {
	w, a := auditWorld(t)
	w.must(w.Audit(t.Context(), w.lease, w.start(), verify.Span{}))
	for _, o := range a.outcomes {
		if cause := o.Findings[0].Cause; cause != string(history.LostShadowWrite) {
			t.Errorf("order %s: %s, and no order has an event", o.Suspect.Key(), cause)
		}
	}
}

// TestAnAuditThatBreaksOffCoversNothing, even if it has read everything once.
func TestAnAuditThatBreaksOffCoversNothing(t *testing.T) {
	w, a := auditWorld(t)
	a.lost = errPage
	pass, err := w.Audit(t.Context(), w.lease, w.start(), verify.Span{})
	if !errors.Is(err, errPage) || pass.Result.Verdict != compare.Unverified || pass.Scan.Coverage != 0 {
		t.Errorf("%+v, coverage %v, %v", pass.Result, pass.Scan.Coverage, err)
	}
}

// TestAnAuditWaitsWithoutASnapshot while it keeps a rate.
func TestAnAuditWaitsWithoutASnapshot(t *testing.T) {
	w, a := auditWorld(t)
	paused := throttled(w, throttle.Limits{RowsPerSecond: 1}, idle)
	w.meanwhile = func(int) {
		if a.open > 0 {
			t.Error("waits in a snapshot")
		}
	}
	w.must(w.Audit(t.Context(), w.lease, w.start(), verify.Span{}))
	if paused[throttle.Paced] == 0 {
		t.Error("it has not waited")
	}
}

// TestWhatComesAndGoesIsCountedOnce: an order vanishes between the looks, one of which there was a trade alone appears, and one leaves the
// filter.
func TestWhatComesAndGoesIsCountedOnce(t *testing.T) {
	w, a := auditWorld(t)
	trade := history.Trade{At: w.now.Add(-time.Hour), Key: "t"}
	a.alone = verify.AuditOrder{Row: history.Row{Key: "9"}, Record: history.Record{Trades: []history.Trade{trade}}}
	w.meanwhile = func(int) {
		if len(a.orders) == 5 {
			a.orders[3].Rows, a.orders[3].Record, a.orders[3].Elsewhere = 0, a.alone.Record, true
			a.orders[4].Rows, a.orders[4].Record = 0, a.alone.Record
			a.orders = append(a.orders, verify.AuditOrder{Rows: 1, Record: a.alone.Record, Row: history.Row{Key: "9", CreatedAt: trade.At, Values: a.orders[0].Values}})
		}
	}
	pass := w.must(w.Audit(t.Context(), w.lease, w.start(), verify.Span{}))
	facts := pass.Scan.Facts.(verify.AuditFacts)
	facts.Add(a.facts)
	if got, want := facts.Counted, (verify.AuditCounts{Orders: 4, Trades: 2, TradesAlone: 1}); got != want || pass.Scan.Compared != 5 {
		t.Errorf("counted %+v, want %+v; compared %d", got, want, pass.Scan.Compared)
	}
	for _, o := range a.outcomes {
		if o.Suspect.Key() == "3" && o.Verdict != compare.Match {
			t.Errorf("an order that left the filter: %s, %+v", o.Verdict, o.Findings)
		}
	}
}

// TestWhatBecomesReadableIsCountedOnce: between the looks, one order becomes readable and another one unreadable.
func TestWhatBecomesReadableIsCountedOnce(t *testing.T) {
	w, a := auditWorld(t)
	trades := history.Record{Trades: []history.Trade{{At: w.now.Add(-time.Hour), Key: "t"}, {At: w.now.Add(-time.Hour), Key: "u"}}}
	unreadable := verify.AuditCounts{Trades: 2, Lines: 3, LinesToTell: 1}
	a.orders[1].Record = trades
	a.orders[2].Unreadable, a.orders[2].Counted, a.orders[2].CreatedAt = true, unreadable, time.Time{}
	w.meanwhile = func(int) {
		a.orders[1].Record, a.orders[1].Unreadable, a.orders[1].Counted = history.Record{}, true, unreadable
		a.orders[2].Record, a.orders[2].Unreadable, a.orders[2].Counted = trades, false, verify.AuditCounts{}
	}
	pass := w.must(w.Audit(t.Context(), w.lease, w.start(), verify.Span{}))
	facts := pass.Scan.Facts.(verify.AuditFacts)
	facts.Add(a.facts)
	if got, want := facts.Counted, (verify.AuditCounts{Orders: 5, Trades: 4, Lines: 3, LinesToTell: 1, Undated: 1}); got != want || facts.Unaudited != 1 {
		t.Errorf("counted %+v, want %+v; %d unaudited", got, want, facts.Unaudited)
	}
}
