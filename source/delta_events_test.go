package source_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// TestDeltaFollowsTheEvents: new ones, those committed late, and old ones that were edited or deleted.
func TestDeltaFollowsTheEvents(t *testing.T) {
	p := newPair(t, []source.Field{field("status", order.Text), field("quantity", order.Numeric)})
	p.both(`CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, quantity numeric);
		INSERT INTO orders SELECT g, 'OPEN', 5 FROM generate_series(1, 100) g`)
	const created = `'OrderCreated', now(), '{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": 5, "price": 1}'`
	p.exec(p.projection, `CREATE TABLE event_store (event_id bigint PRIMARY KEY, order_id bigint, event_type text, timestamp timestamptz, payload jsonb);
		CREATE INDEX ON event_store (order_id, event_id);
		INSERT INTO event_store SELECT 10 * g, g, `+created+` FROM generate_series(1, 100) g`)
	config := source.EventsConfig{
		DSN: p.config[1].DSN, Table: "public.event_store", Position: "event_id", Key: "order_id", Type: "event_type", At: `"timestamp"`, Payload: "payload",
		Rules: order.Defaults(),
	}
	c := newChain(p)
	var fields []order.Field
	for _, f := range p.config[0].Fields {
		fields = append(fields, f.Field)
	}
	c.c.Events = openEvents(t, config)
	c.c.Folded = &verify.Folded{Legacy: c.c.Legacy, Events: openFold(t, source.FoldConfig{Events: config, Fields: fields}), Fields: fields}
	late, err := pgx.ConnectConfig(t.Context(), p.projection.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close(t.Context())
	p.exec(late, "BEGIN; INSERT INTO event_store VALUES (75, 7, 'OrderCanceled', now(), '{\"reason\": \"late\"}')")
	c.clean()
	is := func(want string, kind verify.PassKind, why string) {
		t.Helper()
		pass, found := c.delta()
		if pass.Kind != kind || strings.Join(found, ", ") != want || !strings.Contains(instead(pass), why) || (want == "") != (pass.Result.Verdict == compare.Match) {
			t.Errorf("the %s pass (%q) found %v and ended %+v", pass.Kind, instead(pass), found, pass.Result)
		}
	}
	is("", verify.Delta, "")
	p.exec(late, "COMMIT")
	is("7 differs status", verify.Delta, "")
	p.both("UPDATE orders SET status = 'CANCELED' WHERE order_id = 7")
	is("", verify.Delta, "")
	p.exec(p.projection, "INSERT INTO event_store VALUES (2000, 200, "+created+")")
	p.both("INSERT INTO orders VALUES (200, 'OPEN', 5), (300, 'OPEN', 5)")
	is("300 missing", verify.Delta, "")
	p.exec(p.projection, "INSERT INTO event_store VALUES (3000, 300, "+created+")")
	is("", verify.Delta, "")
	p.exec(p.projection, "UPDATE event_store SET event_type = 'OrderCanceled', payload = '{\"reason\": \"x\"}' WHERE event_id = 80")
	if pass, found := c.delta(); !strings.Contains(instead(pass), "edited or deleted") || !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, "8 ") }) {
		t.Errorf("an edited event: found %v because %q", found, instead(pass))
	}
	p.exec(p.projection, "DELETE FROM event_store WHERE event_id IN (80, 90); INSERT INTO event_store VALUES (80, 8, "+created+")")
	c.c.MaxSnapshot = time.Minute // the full pass that is made leaves marks too
	is("9 missing", verify.Full, "edited or deleted")
	is("9 missing", verify.Delta, "")
}
