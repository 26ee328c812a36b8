package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/lab/pgserver"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// odd is a system in which everything happens that looks wrong and is right. Its store has events of an old version, times
// of whole seconds, and events of others; its topic is older than its store; its projection is emptied and filled again.
type odd struct {
	*system
	server *pgserver.Server
	broker *broker.Broker
	topic  *lab.Kafka
	side   *sidecarProcess

	partitions int
	archived   int // the orders up to this one are archived on both sides
	moved      int // those from keptFrom to before this one are archived in the store alone
}

const (
	keptFrom = 1000 // no order before this one is traded any more
	atOnce   = 20   // orders that are archived at once
)

// oddStore makes an older store of the lab's. The lab writes and reads event_store, crosscheck reads stored and archived.
const oddStore = `
CREATE FUNCTION cut(id bigint, at timestamptz) RETURNS timestamptz IMMUTABLE RETURN CASE WHEN id % 2 = 0 THEN date_trunc('second', at, 'UTC') ELSE at END;
CREATE FUNCTION older(id bigint, type text, p jsonb) RETURNS jsonb IMMUTABLE RETURN
	CASE WHEN type = 'OrderCreated' AND id % 4 = 0 THEN (p - 'quantity') || jsonb_build_object('qty', p -> 'quantity') ELSE p END;
DELETE FROM orders_projection WHERE order_id < 1000 AND status IN ('OPEN', 'PARTIALLY_FILLED');
DELETE FROM event_store AS e WHERE NOT EXISTS (SELECT FROM orders_projection AS p WHERE p.order_id = e.order_id);
ALTER TABLE event_store RENAME TO stored;
ALTER TABLE stored ADD exact timestamptz;
UPDATE stored SET exact = timestamp, timestamp = cut(order_id, timestamp), payload = older(order_id, event_type, payload);
CREATE TABLE archived (LIKE stored INCLUDING INDEXES);
CREATE VIEW event_store AS SELECT event_id, order_id, event_type, exact AS timestamp,
	CASE WHEN payload ? 'qty' THEN (payload - 'qty') || jsonb_build_object('quantity', payload -> 'qty') ELSE payload END AS payload
	FROM stored WHERE event_type <> 'OrderNoted';
CREATE FUNCTION store() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO stored (order_id, event_type, timestamp, exact, payload)
	VALUES (NEW.order_id, NEW.event_type, cut(NEW.order_id, NEW.timestamp), NEW.timestamp, older(NEW.order_id, NEW.event_type, NEW.payload));
	RETURN NEW; END $$;
CREATE TRIGGER store INSTEAD OF INSERT ON event_store FOR EACH ROW EXECUTE FUNCTION store();
CREATE TABLE shown AS TABLE current_orders;
ALTER TABLE shown ADD PRIMARY KEY (order_id);
CREATE INDEX ON shown (updated_at)`

// refill is how the projection follows: readers never see it empty.
const refill = `TRUNCATE shown; INSERT INTO shown SELECT order_id, trader_id, symbol, side, quantity, price, status, filled_quantity, avg_fill_price,
	cut(order_id, created_at), cut(order_id, updated_at) FROM orders_projection`

// newOdd has published all its events, and archived its oldest orders before anybody looks.
func newOdd(t *testing.T) *odd {
	t.Helper()
	o := &odd{server: ownServer(t), broker: newBroker(t, broker.Options{Dir: t.TempDir()}), partitions: 3, moved: keptFrom}
	o.topic = newTopic(t, o.broker.Brokers())
	legacy, events := o.server.DSN("legacy"), o.server.DSN("events")
	rows(t, o.server.DSN("postgres"), "CREATE DATABASE legacy")
	rows(t, o.server.DSN("postgres"), "CREATE DATABASE events")
	history := lab.History{Orders: 3000, Events: true, Seed: 7}
	if err := lab.Generate(deadline(t), legacy, events, history); err != nil {
		t.Fatal(err)
	}
	rows(t, legacy, "DELETE FROM orders WHERE order_id < 1000 AND status IN ('OPEN', 'PARTIALLY_FILLED')")
	rows(t, events, oddStore)
	o.publish(t, events, "true")
	o.system = newSystem(t, lab.Options{Server: o.server, History: history, Rate: 60, RefreshEvery: time.Hour, Publisher: oddPublisher{o.topic}})
	o.archiveOnBothSides()
	rows(t, events, refill)
	o.lags()
	return o
}

// publish publishes what is stored.
func (o *odd) publish(t testing.TB, events, which string) {
	t.Helper()
	stored := rows(t, events, `SELECT order_id, json_build_object('event_id', event_id, 'order_id', order_id, 'event_type', event_type,
		'timestamp', to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'payload', payload)::text
		FROM stored WHERE `+which+` ORDER BY event_id`)
	for batch := range slices.Chunk(strings.Split(stored, "\n"), 1000) {
		var messages []lab.Message
		for _, line := range batch {
			key, value, _ := strings.Cut(line, "|")
			messages = append(messages, lab.Message{Key: []byte(key), Value: []byte(value)})
		}
		if err := o.topic.Publish(deadline(t), messages...); err != nil {
			t.Fatal(err)
		}
	}
}

// oddPublisher publishes events as oddStore stores them.
type oddPublisher struct{ *lab.Kafka }

var fraction = regexp.MustCompile(`("timestamp":"[^".]+)\.\d+Z"`)

func (p oddPublisher) Publish(ctx context.Context, messages ...lab.Message) error {
	messages = slices.Clone(messages)
	for i := range messages {
		m := &messages[i]
		id, err := strconv.Atoi(string(m.Key))
		if err != nil {
			return err
		}
		if id%2 == 0 {
			m.Value = fraction.ReplaceAll(m.Value, []byte(`${1}Z"`))
		}
		if id%4 == 0 && bytes.Contains(m.Value, []byte(`"OrderCreated"`)) {
			m.Value = bytes.ReplaceAll(m.Value, []byte(`"quantity":`), []byte(`"qty":`))
		}
	}
	return p.Kafka.Publish(ctx, messages...)
}

// config says what is odd about the system.
func (o *odd) config(address string) string {
	o.t.Helper()
	file := o.system.config("crosscheck", 3*time.Second, fmt.Sprintf(`
events:
  dsn: %q
  table: "(SELECT * FROM public.stored UNION ALL SELECT * FROM public.archived)"
  at: '"timestamp"'
  payload: "CASE WHEN payload ? 'qty' THEN (payload - 'qty') || jsonb_build_object('quantity', payload -> 'qty') ELSE payload END"
  preset: orders
  fold: {OrderNoted: ignore}
stream: {brokers: [%q], topic: orders, ignore_types: [OrderViewed]}
sampler: {schedule: "*/2 * * * * *", size: 1000, full: "*/5 * * * * *"}
web: {listen: %q}`, o.EventsDSN, o.broker.Brokers()[0], address))
	text, err := os.ReadFile(file)
	if err != nil {
		o.t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(text), "public.current_orders", "public.shown")
	for _, c := range []string{"created_at", "updated_at"} {
		name := "{name: " + c + ", type: timestamptz"
		changed = strings.ReplaceAll(changed, name, name+`, legacy: "CASE WHEN order_id % 2 = 0 THEN date_trunc('second', `+c+`, 'UTC') ELSE `+c+` END"`)
	}
	return writeConfig(o.t, "odd", changed)
}

// lags lets the projection follow every 0.8 seconds, until the test ends.
func (o *odd) lags() {
	ctx, stop := context.WithCancel(context.WithoutCancel(o.t.Context()))
	var g errgroup.Group
	g.Go(func() error {
		tick := time.NewTicker(800 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				if _, err := query(o.EventsDSN, "BEGIN; "+refill+"; COMMIT"); err != nil {
					o.t.Logf("the projection is behind: %v", err) // the server was killed, or the table replaced
				}
			}
		}
	})
	o.t.Cleanup(func() {
		stop()
		_ = g.Wait() // it returns no error
	})
}

// situations happen in this order, again and again.
func (o *odd) situations() []situation {
	return []situation{
		{"the projection is emptied and filled again", func() { o.emptied(o.EventsDSN, refill) }},
		{"partitions are added", o.addPartition},
		{"events and messages of others", o.others},
		{"orders are archived on both sides", o.archiveOnBothSides},
		{"orders are archived in the store alone", o.archiveInTheStore},
		{"the broker is away", o.brokerAway},
		{"the projection is built anew, so the topic is read anew", o.rebuilt},
		{"legacy is emptied and filled again", o.legacyEmptied},
		{"the server is killed", o.serverKilled},
	}
}

type situation struct {
	name   string
	happen func()
}

// emptied keeps looks waiting for a table that was emptied and filled, and does so again a window later, when they look
// once more. A sample begins in each.
func (o *odd) emptied(dsn, again string) {
	once := "BEGIN; " + again + "; SELECT pg_sleep(2); COMMIT"
	rows(o.t, dsn, once+"; SELECT pg_sleep(2); "+once)
}

// legacyEmptied: nobody can trade without legacy.
func (o *odd) legacyEmptied() {
	if err := o.StopDesk(); err != nil {
		o.t.Fatal(err)
	}
	o.emptied(o.LegacyDSN, "CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE orders; TRUNCATE orders; INSERT INTO orders TABLE kept")
	o.StartDesk()
}

// addPartition stops at eight: with more it says nothing new.
func (o *odd) addPartition() {
	if o.partitions == 8 {
		return
	}
	admin, err := broker.Connect(o.broker.Brokers(), nil, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	defer admin.Close()
	o.partitions++
	if err := admin.AddPartitions(deadline(o.t), "orders", o.partitions); err != nil {
		o.t.Fatal(err)
	}
}

// others write an event into the store and a message into the topic, both about an order that is traded.
func (o *odd) others() {
	last := rows(o.t, o.EventsDSN, `INSERT INTO stored (order_id, event_type, timestamp, payload)
		SELECT max(order_id), 'OrderNoted', now(), '{"note": "by another system"}' FROM shown RETURNING event_id, order_id`)
	event, id, _ := strings.Cut(last, "|")
	o.publish(o.t, o.EventsDSN, "event_id = "+event)
	viewed := lab.Message{Key: []byte(id), Value: []byte(`{"event_type": "OrderViewed", "order_id": ` + id + `, "by": "a person"}`)}
	if err := o.topic.Publish(deadline(o.t), viewed); err != nil {
		o.t.Fatal(err)
	}
}

// archiveOnBothSides takes the next orders away. Their messages stay.
func (o *odd) archiveOnBothSides() {
	o.archived = min(o.archived+atOnce, keptFrom-1)
	which := fmt.Sprintf(" WHERE order_id <= %d", o.archived)
	rows(o.t, o.LegacyDSN, "DELETE FROM orders"+which)
	rows(o.t, o.EventsDSN, "DELETE FROM stored"+which+"; DELETE FROM orders_projection"+which)
}

// archiveInTheStore moves events to the table that crosscheck reads too. Their orders stay, and some go on.
func (o *odd) archiveInTheStore() {
	which := fmt.Sprintf("order_id BETWEEN %d AND %d AND event_id <= (SELECT position FROM projector)", o.moved, o.moved+atOnce-1)
	o.moved += atOnce
	rows(o.t, o.EventsDSN, "WITH gone AS (DELETE FROM stored WHERE "+which+" RETURNING *) INSERT INTO archived SELECT * FROM gone")
}

// brokerAway is short: what the desk cannot publish for longer than it tries is lost, and rightly called so.
func (o *odd) brokerAway() {
	o.broker.Down()
	if err := o.broker.Restart(deadline(o.t)); err != nil {
		o.t.Fatal(err)
	}
}

// rebuilt puts another table in the projection's place.
func (o *odd) rebuilt() {
	rows(o.t, o.EventsDSN, `BEGIN; LOCK TABLE shown; CREATE TABLE next (LIKE shown INCLUDING ALL); INSERT INTO next TABLE shown;
		DROP TABLE shown; ALTER TABLE next RENAME TO shown; COMMIT`)
}

func (o *odd) serverKilled() {
	if err := o.server.Kill(); err != nil {
		o.t.Fatal(err)
	}
	if err := o.server.Restart(deadline(o.t)); err != nil {
		o.t.Fatal(err)
	}
	o.side.shows("/readyz", http.StatusOK, "")
	rows(o.t, o.EventsDSN, "UPDATE crosscheck.lease SET expires_at = clock_timestamp()") // or passes wait until the old ones have run out
}

// TestOrdersOfOddBytesAndKeysAreNotAccused compares sides of several encodings and collations, which have the same orders.
func TestOrdersOfOddBytesAndKeysAreNotAccused(t *testing.T) {
	t.Parallel()
	for name, side := range map[string]struct{ legacy, legacyNote, projection, projectionNote string }{
		"another encoding": {"LATIN1", "caf\xe9", "UTF8", "café"},
		"no UTF-8":         {"SQL_ASCII", "caf\xe9", "SQL_ASCII", "caf\xe9"},
	} {
		t.Run(name, func(t *testing.T) {
			legacy, projection := pgtest.DatabaseIn(t, side.legacy), pgtest.DatabaseIn(t, side.projection)
			const orders = `CREATE TABLE orders (a text COLLATE "%s", b text COLLATE "POSIX", note text);
				INSERT INTO orders SELECT k, 'x', '%s' FROM unnest(ARRAY['', '-5', '--config', 'it''s "a"', '7', '70']) AS k`
			rows(t, legacy+"&client_encoding="+side.legacy, fmt.Sprintf(orders, "C", side.legacyNote))
			rows(t, projection+"&client_encoding="+side.projection, fmt.Sprintf(orders, "default", side.projectionNote))
			config := writeConfig(t, "odd", fmt.Sprintf(`
legacy: {dsn: %q, table: public.orders, key: "a || b"}
projection: {dsn: %q, table: public.orders, key: "a || b"}
ledger: {dsn: %q, schema: crosscheck}
compare: {fields: [{name: note, type: text}], settle: {window: 0s, rechecks: 1}}`, legacy, projection, pgtest.Database(t)))
			for _, kind := range []string{"sample", "verify"} {
				if code, r := pass(t, kind, "--config", config); code != exitAgrees || len(r.Divergences) != 0 {
					t.Errorf("%s ended with exit code %d, %d divergences", kind, code, len(r.Divergences))
				}
			}
		})
	}
}
