package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/compare/faulttest"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

const grammarOrders = 9_000_000 // keys of the orders with random faults

// ofGrammar writes orders with random faults past the application into a system at rest: legacy row and its record, events,
// messages, and the projection's row. Each must be found by all checks, at a right hop and with a right cause.
func (p *parity) ofGrammar() {
	p.t.Helper()
	p.rest()
	if err := p.StopProjector(); err != nil {
		p.t.Fatal(err)
	}
	cases := 24
	if soak() {
		cases = 120
	}
	w := p.writeTo()
	planted, want := map[string]faulttest.Case{}, causes{}
	for seed, c := range liveCases(cases) {
		id := grammarOrders + seed
		w.order(id, c)
		planted[strconv.Itoa(id)], want[strconv.Itoa(id)] = c, ""
	}
	w.shown()
	reports := p.reports(want)
	for id, c := range planted {
		r := reports[id]
		right := c.Source
		if r.Hop == order.EventsToProjection {
			right = c.Projection
		}
		is := func(cause compare.Cause) bool { return slices.Contains(right.Causes, cause) }
		if r.Verdict != compare.Diverged || !slices.Contains(right.Hops, r.Hop) || !is(r.Cause) && !slices.ContainsFunc(r.Or, is) || r.Confidence == compare.High && !is(r.Cause) {
			p.t.Errorf("order %s, %s at %s: explain says %s %s %s (%s) or %v: %s", id, c.Faults[0].Name, c.Faults[0].Hop, r.Verdict, r.Hop, r.Cause, r.Confidence, r.Or, r.Reason)
		}
		want.add(id, r.Hop, r.Cause)
		for _, other := range r.Further {
			want.add(id, other.Hop, other.Cause)
		}
	}
	var ids []string
	for id := range want {
		ids = append(ids, id)
	}
	for check, got := range p.passes(ids) {
		p.same("random faults by "+check, want, got)
	}
	kinds := map[string]bool{}
	for _, c := range planted {
		kinds[c.Faults[0].Name] = true
	}
	p.t.Logf("%d orders with %d kinds of random faults: all checks say the same", len(planted), len(kinds))
	w.remove()
	p.StartProjector()
	p.StartDesk()
}

// liveCases are cases that the lab's tables can hold, a different fault each time.
func liveCases(n int) []faulttest.Case {
	var out []faulttest.Case
	faults := faulttest.Faults()
	for seed := uint64(1000); len(out) < n; seed++ {
		c, ok := faulttest.Orders.Single(faults[(seed*7)%uint64(len(faults))], seed)
		h := c.Reading.History
		shows := c.Source.Observable || c.Projection.Observable
		if ok && shows && len(c.Fields) == len(faulttest.AllFields()) && h != nil && h.Audit != nil && h.Trades != nil &&
			fits(c.Reading.Legacy) && fits(c.Reading.Projection) && !slices.ContainsFunc(c.Reading.Events, ofMarket) {
			out = append(out, c)
		}
	}
	return out
}

// ofMarket is true of an event that speaks of an order without a price.
func ofMarket(e order.Event) bool {
	return e.Said != nil && slices.ContainsFunc(e.Said.Values(), func(v order.SaidValue) bool { return v.Value.Null && v.Path != "reason" })
}

// fits is true of rows with a unique key, values in the columns that must have one, and no more decimals than a column has.
func fits(rows []order.Row) bool {
	for _, r := range rows {
		for i, f := range faulttest.AllFields() {
			v := r.Values[i]
			_, decimals, _ := strings.Cut(strings.TrimRight(v.Text, "0"), ".")
			if v.Null && f.Name != "avg_fill_price" || f.Type == order.Numeric && f.Name != "avg_fill_price" && len(decimals) > 4 {
				return false
			}
		}
	}
	return len(rows) == 0 || len(rows) == 1 && !rows[0].ChangedAt.IsZero()
}

// writer writes orders into all representations.
type writer struct {
	t              testing.TB
	topic          *lab.Kafka
	legacy, events *pgx.Conn
}

func (p *parity) writeTo() *writer {
	p.t.Helper()
	open := func(dsn string) *pgx.Conn {
		conn, err := pgx.Connect(deadline(p.t), dsn)
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(p.t.Context())) })
		return conn
	}
	return &writer{p.t, p.topic, open(p.LegacyDSN), open(p.EventsDSN)}
}

func (w *writer) exec(on *pgx.Conn, sql string, args ...any) {
	w.t.Helper()
	if _, err := on.Exec(deadline(w.t), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func (w *writer) order(id int, c faulttest.Case) {
	w.t.Helper()
	const columns = " (order_id, trader_id, symbol, side, quantity, price, status, filled_quantity, avg_fill_price, created_at, updated_at"
	const values = " VALUES ($1, $2::text::integer, $3, $4, $5::text::numeric, $6::text::numeric, $7, $8::text::numeric, $9::text::numeric, $10::text::timestamptz, $11::text::timestamptz"
	for _, r := range c.Reading.Legacy {
		w.exec(w.legacy, "INSERT INTO orders"+columns+")"+values+")", rowArgs(id, r)...)
	}
	for _, r := range c.Reading.Projection {
		w.exec(w.events, "INSERT INTO orders_projection"+columns+", filled_notional)"+values+", 0)", rowArgs(id, r)...)
	}
	w.record(id, c.Reading.History)
	for _, e := range c.Reading.Events {
		payload, err := json.Marshal(payloadOf(e))
		if err != nil {
			w.t.Fatal(err)
		}
		var position int64
		const insert = "INSERT INTO event_store (order_id, event_type, timestamp, payload) VALUES ($1, $2, $3, $4::text::jsonb) RETURNING event_id"
		if err := w.events.QueryRow(deadline(w.t), insert, id, string(e.Type), e.At, string(payload)).Scan(&position); err != nil {
			w.t.Fatal(err)
		}
		value := fmt.Sprintf(`{"event_id": %d, "order_id": %d, "event_type": %q, "timestamp": %q, "payload": %s}`,
			position, id, e.Type, e.At.UTC().Format(time.RFC3339Nano), payload)
		if err := w.topic.Publish(deadline(w.t), lab.Message{Key: []byte(strconv.Itoa(id)), Value: []byte(value)}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *writer) record(id int, h *history.Record) {
	w.t.Helper()
	if h == nil {
		return
	}
	for _, x := range h.Audit {
		w.exec(w.legacy, "INSERT INTO audit_log (entity_id, timestamp, field_changed, old_value, new_value) VALUES ($1, $2, $3, $4, $5)",
			id, x.At, x.Field, textOf(x.Old), textOf(x.New))
	}
	for _, x := range h.Trades {
		w.exec(w.legacy, "INSERT INTO trades (order_id, executed_at, quantity, price) VALUES ($1, $2, $3::text::numeric, $4::text::numeric)",
			id, x.At, x.Quantity.Text('f'), x.Price.Text('f'))
	}
}

func rowArgs(id int, r order.Row) []any {
	args := []any{id}
	for _, v := range r.Values {
		args = append(args, textOf(v))
	}
	return args
}

func textOf(v order.Value) *string {
	if v.Null {
		return nil
	}
	return &v.Text
}

// payloadOf is a payload of the default schema; that of an event that cannot be read lacks its keys.
func payloadOf(e order.Event) map[string]any {
	if e.Said == nil {
		return map[string]any{"renamed": true}
	}
	return ordertest.Payload(e.Said)
}

// shown makes the rows of the projection visible, without projecting the events.
func (w *writer) shown() {
	w.t.Helper()
	w.exec(w.events, "UPDATE projector SET position = (SELECT max(event_id) FROM event_store)")
	w.exec(w.events, "REFRESH MATERIALIZED VIEW current_orders")
}

// remove takes the orders out of all tables. Their messages stay.
func (w *writer) remove() {
	w.t.Helper()
	for _, table := range []string{"orders", "trades"} {
		w.exec(w.legacy, "DELETE FROM "+table+" WHERE order_id >= $1", grammarOrders)
	}
	w.exec(w.legacy, "DELETE FROM audit_log WHERE entity_id >= $1", grammarOrders)
	for _, table := range []string{"orders_projection", "event_store"} {
		w.exec(w.events, "DELETE FROM "+table+" WHERE order_id >= $1", grammarOrders)
	}
	w.shown()
}
