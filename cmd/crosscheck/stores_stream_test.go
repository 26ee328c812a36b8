package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
)

// TestOutboxIsFollowed by the configuration of its page: the messages are as the outbox event router makes them of the rows. One
// event is not published, and one is published twice.
func TestOutboxIsFollowed(t *testing.T) {
	t.Parallel()
	s := openStore(t, "debezium-outbox", "orders")
	s.do(read(t, "testdata/stores/desk.sql"))
	s.do(read(t, "testdata/stores/debezium-outbox.sql"))
	s.do("CREATE TABLE public.order_view (LIKE public.orders INCLUDING ALL); INSERT INTO public.order_view SELECT * FROM public.orders")
	brokers := newBroker(t, broker.Options{}).Brokers()
	s.publish(brokers, "SELECT id::text, aggregateid, type, payload::text FROM outbox, generate_series(1, CASE position WHEN 50 THEN 0 WHEN 60 THEN 2 ELSE 1 END) WHERE aggregatetype = 'order' ORDER BY position")

	stream := regexp.MustCompile("(?s)```yaml\n(stream:.*?)```").FindStringSubmatch(read(t, "../../docs/stores/debezium-outbox.md"))
	if stream == nil {
		t.Fatal("the page has no stream")
	}
	address := freeAddress(t)
	file := s.file("page", s.config+strings.Replace(stream[1], "localhost:9092", brokers[0], 1)+"sampler: {schedule: \"off\", full: \"off\"}\nweb: {listen: \""+address+"\"}\n")
	following := &streaming{&system{t: t}, file, "http://" + address}
	following.follow()
	eventually(t, s.dsn, "SELECT string_agg(cause || ' ' || position, ', ' ORDER BY position) FROM crosscheck.divergence JOIN outbox ON aggregateid = order_key WHERE state = 'open' AND hop = 'events->stream' AND position IN (50, 60)",
		"lost_publish 50, duplicate_publish 60")
	if got := rows(t, s.dsn, "SELECT count(*) FROM crosscheck.divergence WHERE state = 'open'"); got != "2" {
		t.Errorf("%s divergences are open", got)
	}
}

// publish writes rows of id, key, type and value to the topic of the page.
func (s *eventStore) publish(brokers []string, query string) {
	s.Helper()
	const topic = "outbox.event.order"
	admin, err := lab.OpenKafka(deadline(s.T), brokers, topic, 3)
	if err != nil {
		s.Fatal(err)
	}
	transport := &kafka.Transport{MetadataTTL: time.Second}
	w := &kafka.Writer{Addr: kafka.TCP(brokers...), Topic: topic, Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll, BatchTimeout: 1, Transport: transport}
	s.Cleanup(func() {
		if err := w.Close(); err != nil {
			s.Error(err)
		}
		transport.CloseIdleConnections()
		if err := admin.Close(); err != nil {
			s.Error(err)
		}
	})
	found, err := s.conn.Query(s.Context(), query)
	if err != nil {
		s.Fatal(err)
	}
	batch, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (m kafka.Message, err error) {
		var id, key, kind string
		err = row.Scan(&id, &key, &kind, &m.Value)
		m.Key, m.Headers = []byte(key), []kafka.Header{{Key: "id", Value: []byte(id)}, {Key: "eventType", Value: []byte(kind)}}
		return m, err
	})
	if err != nil {
		s.Fatal(err)
	}
	if err := w.WriteMessages(deadline(s.T), batch...); err != nil {
		s.Fatal(err)
	}
}
