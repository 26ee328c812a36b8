package backfill_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/eventlog"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// world is legacy with a history, and the event store that the lab wrote for it.
type world struct {
	*backfill.Filler
	t                testing.TB
	inLegacy, events string
	log              *eventlog.Log
}

const orders = 400 // of a world

func fields() (out []order.Field) {
	for _, text := range []string{
		"trader_id integer", "symbol text", "side text", "quantity numeric", "price numeric", "status text", "filled_quantity numeric", "avg_fill_price numeric",
		"created_at timestamptz", "updated_at timestamptz",
	} {
		name, kind, _ := strings.Cut(text, " ")
		out = append(out, order.Field{Name: name, Type: order.FieldType(kind)})
	}
	return out
}

// newWorld changes its event store by statements.
func newWorld(t testing.TB, n int64, statements ...string) *world {
	t.Helper()
	legacy, events := pgtest.Database(t), pgtest.Database(t)
	if err := lab.Generate(t.Context(), legacy, events, lab.History{Orders: n, Events: true, Seed: 7, End: time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)}); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, inLegacy: legacy, events: events}
	for _, s := range statements {
		w.read(s)
	}
	c := source.Config{Representation: order.Legacy, DSN: legacy, Table: "public.orders", Key: "order_id", ChangedAt: "updated_at", Connections: 4}
	schema := history.Schema{}
	for _, f := range fields() {
		c.Fields = append(c.Fields, source.Field{Field: f, Expr: f.Name})
		schema.Fields = append(schema.Fields, f.Name)
	}
	var err error
	if schema.Rules, err = order.NewRules(order.Orders(), fields()); err != nil {
		t.Fatal(err)
	}
	past, err := source.OpenPast(t.Context(), source.PastConfig{Legacy: c, History: source.HistoryConfig{AuditLog: "public.audit_log", Trades: "public.trades"}, CreatedAt: "created_at"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(past.Close)
	stored, err := source.OpenEvents(t.Context(), source.EventsConfig{
		DSN: events, Table: "public.event_store", Position: "event_id", Key: "order_id", Type: "event_type", At: `"timestamp"`, Payload: "payload", Keys: c, Rules: schema.Rules,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stored.Close)
	w.log = w.open(true)
	speaker, err := history.NewSpeaker(order.Orders(), schema)
	if err != nil {
		t.Fatal(err)
	}
	w.Filler = &backfill.Filler{
		Legacy: past, Events: stored, Store: w.log, Schema: schema, Speaker: speaker, Judged: schema.Fields, Settle: time.Minute, Rechecks: 1, Workers: 2, Page: 50,
		Wait: func(context.Context, time.Duration) error { return nil },
	}
	return w
}

// open opens the store for writing, with or without a table for what is done.
func (w *world) open(notes bool) *eventlog.Log {
	w.t.Helper()
	l, err := eventlog.Open(w.t.Context(), eventlog.Config{
		DSN: w.events, Table: "public.event_store", ReadTable: "public.event_store", ReadKey: "order_id", ReadPayload: "payload", Connections: 4, Publish: true,
		Columns: map[string]string{"order_id": "{key}", "event_type": "{type}", "timestamp": "{at}", "payload": "{payload}"},
	})
	if err == nil && notes {
		err = l.MakeNotes(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(l.Close)
	return l
}

var run = backfill.Run{Name: "all", Holder: "this test", Claim: "this test's"}

// whole runs to the end.
func (w *world) whole() backfill.Report {
	w.t.Helper()
	r, err := w.Run(w.t.Context(), run)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// legacy does something in legacy's database.
func (w *world) legacy(sql string) {
	w.t.Helper()
	w.ask(w.inLegacy, sql)
}

// read returns what a statement in the store's database selects.
func (w *world) read(sql string) string {
	w.t.Helper()
	return w.ask(w.events, sql)
}

// ask returns a line for each row.
func (w *world) ask(dsn, sql string) string {
	w.t.Helper()
	ctx := w.t.Context()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			w.t.Fatal(err)
		}
		_, _ = fmt.Fprintln(&b, values...)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return b.String()
}

// stored is the store, event by event, without the positions.
func (w *world) stored() string {
	return w.read(`SELECT order_id, event_type, "timestamp"::text, payload::text FROM event_store ORDER BY order_id, event_id`)
}
