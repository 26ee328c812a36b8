package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/kafkaserver/kafkatest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/registry/registrytest"
)

// guarded is a registry that can be out of reach.
type guarded struct {
	url  string
	down atomic.Bool
}

func newGuarded(t *testing.T, to string) *guarded {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	g, proxy := &guarded{}, httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

// kafkaForm is a form of messages on a topic of its own.
type kafkaForm struct {
	name   string
	config string // of the section stream
	record func(order.RawEvent) order.Record
}

// kafkaForms are the eight forms of docs/stream.md.
func kafkaForms(t *testing.T, registryURL string) []kafkaForm {
	t.Helper()
	var out []kafkaForm
	forms := ordertest.Forms()
	for _, name := range []string{"native JSON", "Debezium change with schema", "Debezium outbox", "CloudEvents structured", "CloudEvents binary", "headers and key"} {
		f := kafkaForm{name, "", forms[name].Record}
		if form := forms[name].Config; form != "" {
			f.config = ", envelope: " + form
		}
		out = append(out, f)
	}
	at := fmt.Sprintf(", registry: {url: %q}", registryURL)
	inJSON := registrytest.Register(t, registryURL, "json-value", registrytest.Schema{Kind: "JSON", Schema: `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`})
	native := forms["native JSON"].Record
	return append(out,
		kafkaForm{"registry JSON", ", value: registry-json" + at, func(e order.RawEvent) order.Record {
			r := native(e)
			r.Value = registrytest.Framed(inJSON, r.Value)
			return r
		}},
		kafkaForm{"registry Avro", ", value: registry-avro, envelope: {id: $.id, key: key, type: $.type, at: $.at, payload: $.payload}" + at, newAvroDesk(t, registryURL).record})
}

// planted are the faults of each topic, one in an order.
var planted = []struct{ fault, kind, cause string }{
	{"lost", "missing", "lost_publish"},
	{"doubled", "duplicate", "duplicate_publish"},
	{"changed", "differs", "wrong_publish"},
}

// publishedAs writes all events in a form, and its faults: each is about one of the orders of the fills.
func (f kafkaForm) publishedAs(t *testing.T, w *kafka.Writer, topic string, events []order.RawEvent, fills []int) (want []string) {
	t.Helper()
	var messages []kafka.Message
	for i, e := range events {
		fault := slices.Index(fills, i)
		if fault >= 0 {
			want = append(want, string(e.Key)+"|"+planted[fault].kind+"|"+planted[fault].cause)
		}
		copies := 1
		switch fault {
		case 0:
			copies = 0
		case 1:
			copies = 2
		case 2:
			e.Payload = []byte(strings.Replace(string(e.Payload), `"price"`, `"price": 1.0001, "was"`, 1))
			e.Payload = []byte(without(t, string(e.Payload), "was"))
		}
		r := f.record(e)
		m := kafka.Message{Topic: topic, Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, kafka.Header{Key: h.Name, Value: h.Value})
		}
		for range copies {
			messages = append(messages, m)
		}
	}
	if err := w.WriteMessages(deadline(t), messages...); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	return want
}

// without is an object without one of its keys.
func without(t *testing.T, object, key string) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Fatal(err)
	}
	delete(members, key)
	out, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// storedEvents are all events of the lab, and the places of three fills of different orders.
func storedEvents(t *testing.T, dsn string) (events []order.RawEvent, fills []int) {
	t.Helper()
	var stored []struct {
		ID, Key, Type string
		At            time.Time
		Payload       json.RawMessage
	}
	const query = `SELECT json_agg(json_build_object('ID', event_id::text, 'Key', order_id::text, 'Type', event_type, 'At', "timestamp", 'Payload', payload) ORDER BY event_id) FROM event_store`
	if err := json.Unmarshal([]byte(rows(t, dsn, query)), &stored); err != nil {
		t.Fatal(err)
	}
	for i, s := range stored {
		var position int64
		if _, err := fmt.Sscan(s.ID, &position); err != nil {
			t.Fatal(err)
		}
		events = append(events, order.RawEvent{Position: order.Position(position), Key: order.Key(s.Key), Type: s.Type, At: s.At, Payload: s.Payload})
		if s.Type == "OrderFilled" && i > 20 && len(fills) < len(planted) {
			fills = append(fills, i)
		}
	}
	if len(fills) < len(planted) {
		t.Fatalf("%d events have %d fills", len(events), len(fills))
	}
	return events, fills
}

// TestFormsOfMessagesOnApacheKafka follows one store in each of the eight forms. What is planted is found, and nothing else. It
// prints the table of docs/stream.md.
func TestFormsOfMessagesOnApacheKafka(t *testing.T) {
	t.Parallel()
	real := registrytest.Start(t)
	brokers := kafkatest.Server(t).Brokers()
	s := newSystem(t, lab.Options{History: lab.History{Orders: 100}, RefreshEvery: labRefresh})
	events, fills := storedEvents(t, s.EventsDSN)
	transport := &kafka.Transport{MetadataTTL: time.Second} // its own, which knows the topics
	w := &kafka.Writer{Addr: kafka.TCP(brokers...), Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, Transport: transport}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
	})
	forms := kafkaForms(t, real)
	for i := range forms {
		k, err := lab.OpenKafka(deadline(t), brokers, fmt.Sprint("forms-", i), 3)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i, form := range forms {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			topic, registry := fmt.Sprint("forms-", i), newGuarded(t, real)
			want := form.publishedAs(t, w, topic, events, fills)
			stream := fmt.Sprintf("{brokers: [%q], topic: %s%s}", brokers[0], topic, strings.ReplaceAll(form.config, real, registry.url))
			form.isFollowed(t, s, registry, fmt.Sprint("form_", i), stream, events, want)
		})
	}
}

// isFollowed follows a topic that is written, and compares what is found with what is wanted.
func (f kafkaForm) isFollowed(t *testing.T, s *system, registry *guarded, ledger, stream string, events []order.RawEvent, want []string) {
	t.Helper()
	address := freeAddress(t)
	file := s.config(ledger, followWindow, fmt.Sprintf(`
events: {dsn: %q}
stream: %s
sampler: {schedule: "off", full: "off"}
web: {listen: %q}`, s.EventsDSN, stream, address))
	following := &streaming{&system{s.Lab, t}, file, "http://" + address}
	framed := strings.HasPrefix(f.name, "registry")
	registry.down.Store(framed)
	sidecar := following.follow()
	if framed {
		judgesNothing(t, sidecar, file, s.EventsDSN, ledger)
		registry.down.Store(false)
	}
	eventually(t, s.EventsDSN, fmt.Sprintf("SELECT checked >= %d FROM %s.stream_state", events[len(events)-1].Position, ledger), "t")
	open := strings.ReplaceAll(found, "crosscheck.", ledger+".")
	eventually(t, s.EventsDSN, "SELECT count(*) FROM ("+open+") f", strconv.Itoa(len(want)))
	if d := cmp.Diff(strings.Join(want, "\n"), rows(t, s.EventsDSN, open)); d != "" {
		t.Errorf("planted (-) and found (+):\n%s", d)
	}
	matched := rows(t, s.EventsDSN, "SELECT seen FROM "+ledger+".stream_state")
	if matched != strconv.Itoa(len(events)-1) {
		t.Errorf("%s of %d events are matched", matched, len(events))
	}
	t.Logf("| %s | %s of %d | %d of %d |", f.name, matched, len(events)-1, len(want), len(planted))
	doctor := start(t, "doctor", "--all", "--config", file)
	if code := doctor.end(); code != exitAgrees || !strings.Contains(doctor.stdout.String(), "messages can be read") {
		t.Errorf("doctor: exit code %d\n%s", code, &doctor.stdout)
	}
}

// judgesNothing waits until a sidecar says that its registry is down, and looks that it says nothing else.
func judgesNothing(t *testing.T, sidecar *sidecarProcess, file, dsn, ledger string) {
	t.Helper()
	const away = "the schema registry is not available"
	sidecar.shows("/readyz", http.StatusServiceUnavailable, away)
	doctor := start(t, "doctor", "--config", file)
	if code := doctor.end(); code == exitAgrees || !strings.Contains(doctor.stdout.String(), away) || !strings.Contains(doctor.stdout.String(), "stream.registry") {
		t.Errorf("doctor: exit code %d\n%s", code, &doctor.stdout)
	}
	if n := rows(t, dsn, "SELECT count(*) FROM "+ledger+".divergence"); n != "0" {
		t.Errorf("%s divergences without a registry", n)
	}
}
