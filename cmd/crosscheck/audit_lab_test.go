package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/lab"
)

// TestAuditSaysWhatTheLabHasPlanted lets an audit look at a history as that of the case study: old orders were backfilled from
// incomplete records, the backfill made mistakes, and legacy contradicts itself in orders of each kind. The audit names every one
// of them, and no other order, and its numbers are those that the planting comes to. A soak does it with a million orders.
func TestAuditSaysWhatTheLabHasPlanted(t *testing.T) {
	t.Parallel()
	const each, broken = 5, 12
	orders := int64(3000)
	if soak() {
		orders = 1_000_000
	}
	s := newSystem(t, lab.Options{History: lab.History{Orders: orders, Backfilled: 90}})
	config := s.config("audited", labWindow, fmt.Sprintf("events:\n  dsn: %q\n%shistory: {actor: changed_by}", s.EventsDSN, s.Store.Events))
	shortenMaxLag(t, config)
	p := spoilt{system: s, t: t}
	p.inconsistencies(each)
	for _, f := range lab.AllFaults() {
		if f.Backfill && f.Name != "backfill_boundary" { // beside other doubled orders nothing tells it
			p.fault(f, broken)
		}
	}
	r := p.audit(config)
	p.numbers(r, each)
	if !soak() {
		restated(t, r)
	}

	if err := s.Repair(deadline(t)); err != nil {
		t.Fatal(err)
	}
	p.forget()
	for _, f := range lab.AllFaults() {
		if f.Name == "backfill_boundary" {
			p.fault(f, 3)
		}
	}
	p.audit(config)
}

// spoilt is a history, and what was planted in it.
type spoilt struct {
	*system

	t       *testing.T
	leaves  map[string][]string // what an audit has to find, by order
	lasting map[string][]string // of these, what Repair does not take back
	of      map[string][]string // orders by what was planted
}

func (p *spoilt) inconsistencies(each int) {
	p.t.Helper()
	all, err := p.PlantInconsistencies(deadline(p.t), each)
	if err != nil {
		p.t.Fatal(err)
	}
	p.leaves, p.lasting, p.of = map[string][]string{}, map[string][]string{}, map[string][]string{}
	for _, i := range all {
		id := strconv.FormatInt(i.OrderID, 10)
		p.leaves[id], p.lasting[id] = i.Leaves, i.Leaves
		p.of[i.Kind] = append(p.of[i.Kind], id)
	}
}

func (p *spoilt) fault(f lab.Fault, n int) {
	p.t.Helper()
	all, err := p.Plant(deadline(p.t), f.Name, n)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, x := range all {
		id := strconv.FormatInt(x.OrderID, 10)
		p.leaves[id] = append(slices.Clone(p.leaves[id]), f.Leaves)
		p.of[f.Name] = append(p.of[f.Name], id)
	}
}

func (p *spoilt) forget() {
	p.leaves = maps.Clone(p.lasting)
}

// audit compares what an audit finds with what was planted.
func (p *spoilt) audit(config string) auditReport {
	p.t.Helper()
	code, r, lines := audited(p.t, "--config", config)
	var want []string
	for id, leaves := range p.leaves {
		for _, leaf := range leaves {
			part := strings.Split(leaf, "/")
			want = append(want, id+" "+strings.Join(part[1:], " "))
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Compact(lines)); diff != "" || code != exitDiverged {
		p.t.Errorf("exit code %d, planted (-) and found (+):\n%s", code, diff)
	}
	if r.Orders != int64(len(p.leaves)) || r.Unaudited != 0 {
		p.t.Errorf("%d orders with findings, %d planted; %d unaudited", r.Orders, len(p.leaves), r.Unaudited)
	}
	return r
}

// count is a number of one of the two databases.
func (p *spoilt) count(dsn, sql string, args ...any) int64 {
	p.t.Helper()
	return counted(p.t, rows(p.t, dsn, fmt.Sprintf("SELECT count(*) FROM "+sql, args...)))
}

// trades, lines and events are those of the orders of some kinds.
func (p *spoilt) trades(kinds ...string) int64 {
	return p.count(p.LegacyDSN, "trades WHERE order_id IN (%s)", p.orders(kinds))
}

func (p *spoilt) lines(kinds ...string) int64 {
	return p.count(p.LegacyDSN, "audit_log WHERE field_changed = 'price' AND entity_id IN (%s)", p.orders(kinds))
}

func (p *spoilt) events(kinds ...string) int64 {
	return p.count(p.EventsDSN, "event_store WHERE order_id IN (%s)", p.orders(kinds))
}

func (p *spoilt) orders(kinds []string) string {
	ids := []string{"NULL"}
	for _, kind := range kinds {
		ids = append(ids, p.of[kind]...)
	}
	return strings.Join(ids, ", ")
}

// numbers compares the numbers of an audit with those that follow from what is there and what was planted.
func (p *spoilt) numbers(r auditReport, each int64) {
	p.t.Helper()
	const limit, cancelTime, asFull, twice, late, coarse = "backfill_limit", "backfill_cancel_time", "backfill_partial_as_full", "backfill_twice", "backfill_after_live", "coarse_timestamps"
	n := func(kind string) int64 { return int64(len(p.of[kind])) }
	orders, trades := p.count(p.LegacyDSN, "orders"), p.count(p.LegacyDSN, "trades")
	told := p.count(p.LegacyDSN, "audit_log WHERE field_changed <> 'time_in_force'")
	moments := p.count(p.LegacyDSN, "audit_log WHERE field_changed = 'price'")
	stored, again := p.count(p.EventsDSN, "event_store"), p.events(twice)/2
	lost := p.deeds(limit) + each // and the second trade of each overfilled order
	should := stored - again + lost
	ends := 7 * each // rows that the events never come to: not of those whose log alone is wrong
	for _, fault := range []string{limit, cancelTime, asFull, twice, late, coarse} {
		ends += n(fault)
	}
	wrong := lost + again + n(cancelTime) + n(asFull) + p.events(coarse) + n(late) + n("trade_after_cancel")
	want := map[string]string{
		"legacy_consistency": share(orders-11*each, orders),
		"coverage":           share(orders-n(limit)-each, orders),
		"linkage_trades":     share(trades-3*each-p.trades(limit, coarse)-n(asFull), trades), // each: without an order, there twice, overfilled
		"linkage_lines":      share(told-2*each-p.lines(limit, coarse, late), told),          // each: without an order, a cancel at another time
		"linkage_events":     share(stored-again, stored),
		"fidelity_end":       share(orders-ends, orders),
		"fidelity_moments":   share(moments-each-p.lines(limit, coarse, late), moments),
		"error_rate":         share(wrong, should+again),
		"zoneless_times":     share(0, orders+trades+p.count(p.LegacyDSN, "audit_log")+stored),
		"coarse_times":       share(p.count(p.EventsDSN, "event_store WHERE timestamp = date_trunc('second', timestamp)"), stored),
		"early_times": share(p.count(p.EventsDSN, `(SELECT timestamp, lag(timestamp) OVER (PARTITION BY order_id ORDER BY event_id) AS before FROM event_store) AS e
			WHERE timestamp < before`), stored),
	}
	for evidence, of := range p.evidence() {
		want["evidence_"+evidence] = share(of, should)
	}
	got := map[string]string{}
	for _, x := range r.Numbers {
		got[x.Name] = r.number(x.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("by the planting (-) and by the audit (+):\n%s", diff)
	}
}

// restated holds the table of docs/audit.md to the numbers of an audit.
func restated(t *testing.T, r auditReport) {
	t.Helper()
	const file, begin, end = "../../docs/audit.md", "<!-- begin restated -->\n", "<!-- end restated -->\n"
	var table strings.Builder
	table.WriteString(begin + "| number | share | of | all | excluded |\n|---|---|---|---|---|\n")
	for _, n := range r.Numbers {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s |\n", n.Name, percent(n), human.Number(n.Of), human.Number(n.All), human.Number(n.Excluded))
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)
	switch want := before + table.String() + end + after; {
	case !found || !ended:
		t.Errorf("%s has no table between %q and %q", file, begin, end)
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	case want != string(text):
		t.Errorf("%s (run with -update):\n%s", file, cmp.Diff(string(text), want))
	}
}

func share(of, all int64) string { return fmt.Sprintf("%d/%d", of, all) }

// records are what legacy has recorded of each order, and when last.
const records = `(SELECT o.*, a.status_line, coalesce(a.lines, 0) AS lines, coalesce(t.trades, 0) AS trades, greatest(o.created_at, a.last, t.last) AS last,
		coalesce(a.changes, 0) AS changes
	FROM orders AS o
	LEFT JOIN (SELECT entity_id, count(*) AS lines, count(*) FILTER (WHERE field_changed = 'price') AS changes, max(timestamp) AS last,
		bool_or(field_changed = 'status') AS status_line FROM audit_log GROUP BY 1) AS a ON a.entity_id = o.order_id
	LEFT JOIN (SELECT order_id, count(DISTINCT trade_id) AS trades, max(executed_at) AS last FROM trades GROUP BY 1) AS t USING (order_id)) AS r`

// deeds are how many events there should be of the orders of a kind.
func (p *spoilt) deeds(kind string) int64 {
	p.t.Helper()
	return counted(p.t, rows(p.t, p.LegacyDSN, fmt.Sprintf(`SELECT coalesce(sum(CASE WHEN lines + trades = 0 AND filled_quantity <> 0 THEN 1
		ELSE 1 + changes + trades + (status = 'CANCELED')::int END), 0) FROM %s WHERE order_id IN (%s)`, records, p.orders([]string{kind}))))
}

// evidence counts by evidence what should have an event.
func (p *spoilt) evidence() map[string]int64 {
	p.t.Helper()
	const imported = "lines + trades = 0 AND filled_quantity <> 0"
	const guessed = "status = 'CANCELED' AND status_line IS NOT TRUE AND NOT (" + imported + ")"
	const rewritten = "coalesce(status_line AND updated_at > last, false)" // after the line of its cancel: the creation is derived
	return map[string]int64{
		"exact": counted(p.t, rows(p.t, p.LegacyDSN, "SELECT sum(1 + changes + trades + coalesce(status_line, false)::int - "+rewritten+"::int) FROM "+records+
			" WHERE NOT ("+imported+")")),
		"derived":      p.count(p.LegacyDSN, "%s WHERE %s AND updated_at > last OR %s", records, guessed, rewritten),
		"approximated": p.count(p.LegacyDSN, "%s WHERE %s AND updated_at <= last", records, guessed),
		"imported":     p.count(p.LegacyDSN, "%s WHERE %s", records, imported),
	}
}
