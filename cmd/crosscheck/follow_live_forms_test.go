package main

import (
	"context"
	"crypto/md5" //nolint:gosec // no secret
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/kafkaserver/kafkatest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// formed publishes the desk's events in another form.
type formed struct {
	form   ordertest.Form
	writer *kafka.Writer
	byID   bool // the header ce_id has the event's uuid
}

// idOfEvents is an expression for uuids over the lab's events, and eventID is the same in Go.
const idOfEvents = "md5(event_id::text)::uuid"

func eventID(p order.Position) []byte {
	sum := md5.Sum([]byte(p.String())) //nolint:gosec // no secret
	return fmt.Appendf(nil, "%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:])
}

// Publish implements [lab.Publisher].
func (f *formed) Publish(ctx context.Context, messages ...lab.Message) error {
	batch := make([]kafka.Message, len(messages))
	for i, m := range messages {
		e, ok := order.ReadMessage(m.Value, order.Defaults())
		if !ok {
			return fmt.Errorf("not an event: %s", m.Value)
		}
		r := f.form.Record(e)
		batch[i] = kafka.Message{Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			if f.byID && h.Name == "ce_id" {
				h.Value = eventID(e.Position)
			}
			batch[i].Headers = append(batch[i].Headers, kafka.Header{Key: h.Name, Value: h.Value})
		}
	}
	return f.writer.WriteMessages(ctx, batch...)
}

// TestALiveDeskInOtherFormsOnApacheKafka follows desks that trade and publish in other forms. What is not published is found, and
// nothing else.
func TestALiveDeskInOtherFormsOnApacheKafka(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Server(t).Brokers()
	for i, name := range []string{"CloudEvents binary by uuid", "Debezium change with schema"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			is, byID := strings.CutSuffix(name, " by uuid")
			form, topic := ordertest.Forms()[is], fmt.Sprint("live-", i)
			admin, err := lab.OpenKafka(deadline(t), brokers, topic, 3)
			if err != nil {
				t.Fatal(err)
			}
			transport := &kafka.Transport{MetadataTTL: time.Second} // its own, which knows the topic
			f := &formed{byID: byID, form: form, writer: &kafka.Writer{Addr: kafka.TCP(brokers...), Topic: topic, Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll, BatchTimeout: 1, Transport: transport}}
			t.Cleanup(func() {
				if err := f.writer.Close(); err != nil {
					t.Error(err)
				}
				transport.CloseIdleConnections()
				if err := admin.Close(); err != nil {
					t.Error(err)
				}
			})
			s := newSystem(t, lab.Options{
				History: lab.History{Orders: 100}, Rate: 30, RefreshEvery: labRefresh, Publisher: f, PublishHistory: 300, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
			})
			store := fmt.Sprintf("dsn: %q", s.EventsDSN)
			if byID {
				store += fmt.Sprintf(", id: %q", idOfEvents)
				conn, err := pgx.Connect(t.Context(), s.EventsDSN)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close(t.Context()) //nolint:errcheck // the server ends after it
				if _, err := conn.Exec(t.Context(), "CREATE UNIQUE INDEX ON event_store (("+idOfEvents+"))"); err != nil {
					t.Fatal(err)
				}
			}
			address := freeAddress(t)
			following := &streaming{s, s.config("crosscheck", followWindow, fmt.Sprintf(`
events: {%s}
stream: {brokers: [%q], topic: %s, envelope: %s}
sampler: {schedule: "off", full: "off"}
web: {listen: %q}`, store, brokers[0], topic, form.Config, address)), "http://" + address}
			s.live()
			following.follow()
			following.caughtUp()
			following.wantFound(nil)
			var want []string
			for _, fault := range []string{"lost_publish", "duplicate_publish"} {
				planted, err := s.Plant(deadline(t), fault, 1)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range planted {
					want = append(want, strconv.FormatInt(p.OrderID, 10)+"|"+p.Kind+"|"+p.Cause)
				}
			}
			following.caughtUp()
			eventually(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.divergence WHERE state = 'open' AND hop = 'events->stream'", strconv.Itoa(len(want)))
			following.wantFound(slices.Clone(want))
			id, _, _ := strings.Cut(want[0], "|")
			if got := explainedAs(t, following.file, id); got != "events->stream lost_publish" {
				t.Errorf("explain says %s", got)
			}
			doctor := start(t, "doctor", "--all", "--config", following.file)
			if code := doctor.end(); code != exitAgrees || !strings.Contains(doctor.stdout.String(), "messages can be read") {
				t.Errorf("doctor: exit code %d\n%s", code, &doctor.stdout)
			}
		})
	}
}
