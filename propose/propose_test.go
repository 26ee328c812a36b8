package propose_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/config"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/propose"
)

// table is made from "name kind" or "name kind unique".
func table(name string, columns ...string) propose.Table {
	t := propose.Table{Schema: "public", Name: name, Quoted: "public." + name, Kind: "r", Readable: true, Bytes: 8192}
	for _, text := range columns {
		words := strings.Fields(text)
		c := propose.Column{
			Name: words[0], Quoted: words[0], Native: words[1], Kind: propose.Kind(words[1]), Unique: len(words) > 2, Indexed: len(words) > 2, Scale: -1,
			Forms: map[order.FieldType]string{}, Keys: map[order.KeyType]string{},
		}
		if strings.ToLower(c.Name) != c.Name {
			c.Quoted = `"` + c.Name + `"`
		}
		c.Best = map[propose.Kind]order.FieldType{propose.KindInteger: order.Integer, "numeric": order.Numeric, propose.KindInstant: order.Timestamptz}[c.Kind]
		switch c.Kind { //nolint:exhaustive // the others have a text only
		case propose.KindInteger:
			c.Keys[order.KeyInteger] = c.Quoted
			c.Forms[order.Numeric] = c.Quoted
			c.Forms[order.Integer] = c.Quoted
		case propose.KindUUID:
			c.Keys[order.KeyUUID] = c.Quoted
			c.Keys[order.KeyText] = "(" + c.Quoted + ")::text"
		case propose.KindText:
			c.Best = order.Text
			c.Keys[order.KeyText] = c.Quoted
		case "numeric":
			c.Forms[order.Numeric] = c.Quoted
		case propose.KindInstant:
			c.Forms[order.Timestamptz] = c.Quoted
		}
		c.Forms[order.Text] = c.Quoted
		t.Columns = append(t.Columns, c)
	}
	return t
}

func orders(t *testing.T) propose.Pair {
	t.Helper()
	legacy := table("orders", "order_id uuid unique", "status text", "quantity numeric", "filled_quantity numeric", "updated_at timestamptz")
	projection := table("current_orders", "order_id uuid unique", "status text", "quantity numeric", "filled_quantity numeric", "updated_at timestamptz")
	pair, err := propose.Choose([]propose.Table{legacy}, []propose.Table{projection}, propose.Names{}, false)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// TestStoresOfLibrariesAreFound: the documented tables of event stores, each beside another table of its library.
func TestStoresOfLibrariesAreFound(t *testing.T) {
	t.Parallel()
	pair := orders(t)
	for name, tables := range map[string][]propose.Table{
		"messages: global_position stream_name type time data": {
			table("messages", "global_position integer unique", "position integer", "time timestamp", "stream_name text", "type text", "data json", "metadata json", "id uuid unique"),
		},
		"stored_events: notification_id originator_id topic  state": {
			table("stored_events", "originator_id uuid", "originator_version integer", "topic text", "state bytea", "notification_id integer unique"),
			table("snapshots", "originator_id uuid", "originator_version integer", "topic text", "state bytea"),
		},
		"mt_events: seq_id stream_id type timestamp data": {
			table("mt_events", "seq_id integer unique", "id uuid unique", "stream_id uuid", "version integer", "data json", "type text", "timestamp timestamptz", "tenant_id text", "mt_dotnet_type text"),
			table("mt_streams", "id uuid unique", "type text", "version integer", "timestamp timestamptz"),
		},
		"event_store: event_id order_id event_type timestamp payload": {
			table("event_store", "event_id integer unique", "order_id uuid", "event_type text", "timestamp timestamptz", "payload json"),
			table("current_orders", "order_id uuid unique", "status text"),
		},
		"domain_event_entry: global_index aggregate_identifier payload_type time_stamp payload": {
			table("domain_event_entry", "global_index integer unique", "aggregate_identifier text", "sequence_number integer", "type text", "event_identifier text unique", "meta_data bytea", "payload bytea", "payload_revision text", "payload_type text", "time_stamp text"),
		},
		"emt_messages: global_position stream_id message_type created message_data": {
			table("emt_messages", "stream_position integer", "global_position integer", "created timestamptz", "message_kind text", "stream_id text", "message_schema_version text", "message_id text", "message_type text", "message_data json", "message_metadata json"),
			table("emt_streams", "stream_id text", "stream_position integer", "stream_type text", "stream_metadata json"),
		},
		"event_journal: ordering persistence_id event_ser_manifest write_timestamp event_payload": {
			table("event_journal", "ordering integer unique", "persistence_id text", "sequence_number integer", "writer text", "write_timestamp integer", "adapter_manifest text", "event_ser_id integer", "event_ser_manifest text", "event_payload bytea", "meta_payload bytea"),
		},
		"stored_events: id aggregate_uuid event_class created_at event_properties": {
			table("stored_events", "id integer unique", "aggregate_uuid uuid", "aggregate_version integer", "event_version integer", "event_class text", "event_properties json", "meta_data json", "created_at timestamp"),
		},
		"events: id uuid type recorded_on payload": {
			table("events", "id integer unique", "uuid uuid", "playhead integer", "payload text", "metadata text", "recorded_on text", "type text"),
		},
		"event_store: id aggregate_id event recorded_on payload": {
			table("event_store", "id integer unique", "aggregate text", "aggregate_id uuid", "playhead integer", "event text", "payload json", "recorded_on timestamptz", "custom_headers json"),
		},
		"event_records: id aggregate_id event_type created_at event_json": {
			table("event_records", "id integer unique", "aggregate_id uuid", "sequence_number integer", "created_at timestamptz", "event_type text", "event_json text"),
		},
		"events: sequence aggregate_id event_type timestamp payload": {
			table("events", "aggregate_type text", "aggregate_id text", "sequence integer", "event_type text", "event_version text", "payload json", "metadata json", "timestamp timestamptz"),
		},
		"outbox: position aggregateid type occurred_at payload": {
			table("outbox", "id uuid unique", "aggregatetype text", "aggregateid text", "type text", "payload json", "position integer", "occurred_at timestamptz"),
		},
	} {
		s, err := propose.FindStore(tables, "", pair.Key, pair.KeyType)
		got := fmt.Sprintf("%s: %s %s %s %s %s", s.Table.Name, s.Position.Name, s.Key.Name, s.Type.Name, s.At.Name, s.Payload.Name)
		if err != nil || got != name {
			t.Errorf("found %s (%v), want %s", got, err, name)
		}
	}
}

// TestWhateverDatabasesHoldTheFileCanBeRead: names of types, paths and columns are others', and may look like YAML.
func TestWhateverDatabasesHoldTheFileCanBeRead(t *testing.T) {
	t.Parallel()
	pair := orders(t)
	store, err := propose.FindStore([]propose.Table{table("events", "id integer unique", "order_id uuid", "type text", "state bytea")}, "", pair.Key, pair.KeyType)
	if err != nil {
		t.Fatal(err)
	}
	var sample propose.Sample
	for i, name := range []string{"yes", "- x", "a: b # c", "line\nfeed: true", `"quoted\"`, "${HOME}", "", "42", "{", "\u202ekcab", "~", "Trade Executed"} {
		var paths propose.Paths
		if !paths.Add("k", []byte(`{"order qty": 1, "quantity": "5", "quantity.x": 1, "status": null, "a\nb: c": 2, "at": {"iso": "2026-01-02T03:04:05+00:00"}, "status #": "x", "filled": {"qty": 7}, "deep": [1]}`)) {
			t.Fatal("a payload was refused")
		}
		seen := propose.EventType{Name: name, Count: i + 1, First: i % 2, Orders: 6}
		paths.Describe(&seen)
		sample.Types = append(sample.Types, seen)
		sample.Events += i + 1
	}
	store.FindTime(sample)
	f := propose.Findings{
		Pair: pair, LegacyVar: "LEGACY_DSN", ProjectionVar: "EVENTS_DSN", EventsVar: "EVENTS_DSN",
		Statuses: []string{"no", "FILLED", "a}: b"}, Store: &store, Sample: sample,
	}
	text := f.YAML()
	dsn := func(string) (string, bool) { return "postgres://127.0.0.1:1/d", true }
	c, err := config.Parse("proposed.yaml", []byte(text), dsn)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got := len(c.Events.Fold.Events); got != len(sample.Types)-1 { // one has no name
		t.Errorf("%d rules for %d types", got, len(sample.Types))
	}
	if want := "$.at.iso"; c.Events.AtPath.String() != want {
		t.Errorf("the time is %s, want %s", c.Events.AtPath, want)
	}
}

// TestAPositionThatSeveralEventsHaveCountsWithinAnOrder.
func TestAPositionThatSeveralEventsHaveCountsWithinAnOrder(t *testing.T) {
	t.Parallel()
	pair := orders(t)
	store, err := propose.FindStore([]propose.Table{table("events", "aggregate_id uuid", "sequence integer", "event_type text", "payload json", "timestamp timestamptz")}, "", pair.Key, pair.KeyType)
	if err != nil {
		t.Fatal(err)
	}
	for repeats, want := range map[bool]string{true: "position: {column: sequence, per: order} # ? ", false: "position: sequence # ? "} {
		f := propose.Findings{Pair: pair, LegacyVar: "LEGACY_DSN", ProjectionVar: "EVENTS_DSN", EventsVar: "EVENTS_DSN", Store: &store, Sample: propose.Sample{Repeats: repeats}}
		if text := f.YAML(); !strings.Contains(text, want) {
			t.Errorf("proposed\n%s\nwithout %q", text, want)
		}
	}
}

func TestNoStoreIsAnError(t *testing.T) {
	t.Parallel()
	pair := orders(t)
	_, err := propose.FindStore([]propose.Table{table("current_orders", "order_id uuid unique", "status text")}, "", pair.Key, pair.KeyType)
	if err == nil || !strings.Contains(err.Error(), "public.current_orders") {
		t.Errorf("no table is an event store: %v", err)
	}
}
