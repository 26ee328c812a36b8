package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/lab/kafkaserver/kafkatest"
	"github.com/nordvarg/crosscheck/lab/pgserver"
	"github.com/nordvarg/crosscheck/ledger"
)

const backlogPartitions = 3

// unusual is a form of messages as other writers write them: with escapes, other letters than ASCII, white space, ids as
// strings, and values that nobody expects.
const unusual = "unusual"

// unusualNote is in the payload of every event of that form; unusualMessage is all around it.
const (
	unusualNote    = `{"note": "vom Händler \"Süd\"\n<5 % & mehr>", "tags": ["a\\b", {"deep": true}]}`
	unusualMessage = `{ "event_id": "%d", "order_id": %d, "event_type": "\u004f%s", "timestamp": "%s", "meta": {"host": "süd-1", "tries": [1, null]}, "payload": %s }`
)

// backlogs are servers that hold event stores and topics of any size.
type backlogs struct {
	dsn     string
	brokers []string
	conn    *pgx.Conn
}

// backlog is one of them.
type backlog struct {
	*backlogs
	name, table, topic string
	messages           int
	form               string      // of the messages; empty for the lab's
	runs               int         // ledgers made for it
	handed             *handedOver // nil without a group
}

func newBacklogs(b *testing.B) *backlogs {
	b.Helper()
	server, err := pgserver.Start(b.Context(), pgserver.Options{SharedBuffers: "1GB"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Stop(); err != nil {
			b.Error(err)
		}
	})
	conn, err := pgx.Connect(b.Context(), server.DSN("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(context.WithoutCancel(b.Context())) })
	return &backlogs{dsn: server.DSN("postgres"), brokers: kafkatest.Server(b).Brokers(), conn: conn}
}

// backlogSQL makes events as a thousand orders at a time make them in turns: each is created, modified, filled in parts
// and ended, in six events.
const backlogSQL = `
CREATE TABLE %[1]s (event_id bigint PRIMARY KEY, order_id bigint NOT NULL, event_type text NOT NULL, timestamp timestamptz NOT NULL, payload jsonb NOT NULL);
INSERT INTO %[1]s
SELECT i + 1, o, CASE step WHEN 0 THEN 'OrderCreated' WHEN 2 THEN 'OrderModified' WHEN 5 THEN CASE o %% 5 WHEN 0 THEN 'OrderCanceled' ELSE 'OrderFilled' END ELSE 'OrderPartiallyFilled' END,
	'2024-03-01 09:30:00Z'::timestamptz + i * interval '1.7 milliseconds',
	CASE step
	WHEN 0 THEN jsonb_build_object('trader_id', o %% 500, 'symbol', 'SYM' || o %% 97, 'side', CASE o %% 2 WHEN 0 THEN 'BUY' ELSE 'SELL' END, 'quantity', 500.0000 + o %% 100, 'price', price)
	WHEN 2 THEN jsonb_build_object('field', 'price', 'old_value', price::text, 'new_value', (price + 0.0100)::text)
	WHEN 5 THEN CASE o %% 5 WHEN 0 THEN jsonb_build_object('reason', 'TRADER_CANCEL') ELSE jsonb_build_object('quantity', 200.5000, 'price', price) END
	ELSE jsonb_build_object('filled_quantity', 100.0000 + o %% 100, 'remaining_quantity', 300.2500, 'price', price) END || '%[3]s'::jsonb
FROM (SELECT i, i / 6000 * 1000 + i %% 1000 + 1 AS o, i / 1000 %% 6 AS step, 10.0000 + i %% 1000 / 10000.0::numeric(10, 4) AS price FROM generate_series(0, %[2]d - 1) AS i) AS e;
VACUUM (ANALYZE) %[1]s`

// fill stores events, and publishes each as the lab's desk does.
func (s *backlogs) fill(b *testing.B, messages int, form string) *backlog {
	b.Helper()
	l := &backlog{
		backlogs: s, name: fmt.Sprintf("%d%s", messages, form), table: fmt.Sprintf("public.events_%d%s", messages, form),
		topic: fmt.Sprintf("orders-%d%s", messages, form), messages: messages, form: form,
	}
	more := `{}`
	if form == unusual {
		more = unusualNote
	}
	for statement := range strings.SplitSeq(fmt.Sprintf(backlogSQL, l.table, messages, more), ";\n") {
		if _, err := s.conn.Exec(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	admin, err := broker.Connect(s.brokers, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer admin.Close()
	if err := admin.CreateTopic(b.Context(), l.topic, backlogPartitions, nil); err != nil {
		b.Fatal(err)
	}
	l.publish(b)
	return l
}

func (l *backlog) publish(b *testing.B) {
	b.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(l.brokers...), kgo.DefaultProduceTopic(l.topic),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(10*time.Millisecond), kgo.MaxBufferedRecords(50_000))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	var failed atomic.Pointer[error]
	rows, err := l.conn.Query(b.Context(), `SELECT event_id, order_id, event_type, to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), payload::text
		FROM `+l.table+` ORDER BY event_id`)
	if err != nil {
		b.Fatal(err)
	}
	var id, key int64
	var kind, at, payload string
	if _, err := pgx.ForEachRow(rows, []any{&id, &key, &kind, &at, &payload}, func() error {
		value, err := l.message(id, key, kind, at, payload)
		if err != nil {
			return err
		}
		client.Produce(b.Context(), &kgo.Record{Key: strconv.AppendInt(nil, key, 10), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(&err)
			}
		})
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
}

func (l *backlog) message(id, key int64, kind, at, payload string) ([]byte, error) {
	if l.form == unusual { // as writers that trust no letter beyond ASCII, nor HTML
		escaped := strings.NewReplacer("ä", `\u00e4`, "ü", `\u00fc`, "<", `\u003c`, ">", `\u003E`, "&", `\u0026`).Replace(payload)
		return fmt.Appendf(nil, unusualMessage, id, key, kind[1:], at, escaped), nil
	}
	var value bytes.Buffer
	fmt.Fprintf(&value, `{"event_id":%d,"order_id":%d,"event_type":%q,"timestamp":%q,"payload":`, id, key, kind, at)
	if err := json.Compact(&value, []byte(payload)); err != nil {
		return nil, err
	}
	value.WriteByte('}')
	return value.Bytes(), nil
}

// ledger is a new one, without anything in it.
func (l *backlog) ledger(b *testing.B) *ledger.Ledger {
	b.Helper()
	l.runs++
	record, err := ledger.Open(b.Context(), ledger.Config{DSN: l.dsn, Schema: fmt.Sprintf("crosscheck_%s_%d", l.name, l.runs)})
	if err != nil {
		b.Fatal(err)
	}
	if err := record.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	return record
}
