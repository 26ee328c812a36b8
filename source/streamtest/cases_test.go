package streamtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

func orderWithinPartitions(t *testing.T, c cluster, topic string) {
	c.create(t, topic, 3, nil)
	c.write(t, topic, 3, 0, 1000)
	s := c.open(t, topic)
	h, stop := follow(t, s, nil)
	h.wait(3000)
	c.write(t, topic, 3, 1000, 1500)
	h.wait(4500)
	stop()
	for p := range 3 {
		h.numbered(p, 0, 1500)
	}
	if len(h.gaps) > 0 {
		t.Errorf("gaps where there are none: %v", h.gaps)
	}
}

func resume(t *testing.T, c cluster, topic string) {
	c.create(t, topic, 2, nil)
	c.write(t, topic, 2, 0, 400)
	// In the middle of what was produced as one batch.
	h := readAll(t, c.open(t, topic), map[int]int64{0: 123, 1: 399})
	h.numbered(0, 123, 400)
	h.numbered(1, 399, 400)
	c.write(t, topic, 2, 400, 500)
	again := readAll(t, c.open(t, topic), h.positions())
	again.numbered(0, 400, 500)
	again.numbered(1, 400, 500)
}

func rangeEnds(t *testing.T, c cluster, topic string) {
	c.create(t, topic, 2, nil)
	c.write(t, topic, 2, 0, 300)
	s := c.open(t, topic)
	partitions, err := s.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []verify.StreamPartition{{Partition: 0, First: 0, End: 300}, {Partition: 1, First: 0, End: 300}}
	if diff := cmp.Diff(want, partitions); diff != "" {
		t.Fatalf("partitions (-want +got):\n%s", diff)
	}
	c.write(t, topic, 2, 300, 400)
	h := readRange(t, s, verify.StreamRange{From: map[int]int64{0: 10}, To: map[int]int64{0: 77}})
	h.numbered(0, 10, 77)
	if len(h.messages[1]) > 0 {
		t.Error("a partition that has no end was read")
	}
	if diff := cmp.Diff(map[int]int64{0: 77}, h.positions()); diff != "" {
		t.Errorf("positions (-want +got):\n%s", diff)
	}
}

func emptyTopic(t *testing.T, c cluster, topic string) {
	c.create(t, topic, 2, nil)
	s := c.open(t, topic)
	if h := readAll(t, s, nil); h.count() != 0 || len(h.gaps) != 0 {
		t.Errorf("an empty topic had %d messages, gaps %v", h.count(), h.gaps)
	}
	h, stop := follow(t, s, nil)
	c.write(t, topic, 2, 0, 5)
	h.wait(10)
	stop()
	h.numbered(0, 0, 5)
}

func partitionsAdded(t *testing.T, c cluster, topic string) {
	c.create(t, topic, 1, nil)
	c.write(t, topic, 1, 0, 10)
	h, stop := follow(t, c.open(t, topic), map[int]int64{0: 0})
	h.wait(10)
	if err := c.admin.AddPartitions(t.Context(), topic, 3); err != nil {
		t.Fatal(err)
	}
	c.write(t, topic, 3, 10, 20)
	h.wait(40)
	stop()
	h.numbered(0, 0, 20)
	h.numbered(1, 10, 20)
	h.numbered(2, 10, 20)
}

func largeMessages(t *testing.T, c cluster, topic string) {
	c.create(t, topic, 1, map[string]string{"max.message.bytes": "16777216"})
	client := c.producer(t, topic)
	var want [][]byte
	for i, size := range []int{10, 5 << 20, 1 << 20, 0, 9 << 20, 3} {
		v := bytes.Repeat([]byte{byte('a' + i)}, size)
		want = append(want, v)
		produce(t, client, &kgo.Record{Value: v})
	}
	h := readAll(t, c.open(t, topic), nil)
	if len(h.messages[0]) != len(want) {
		t.Fatalf("%d messages, want %d", len(h.messages[0]), len(want))
	}
	for i, m := range h.messages[0] {
		if !bytes.Equal(m.Value, want[i]) || m.Value == nil {
			t.Errorf("message %d has %d bytes, want %d", i, len(m.Value), len(want[i]))
		}
	}
}

func compressedMessages(t *testing.T, c cluster, topic string) {
	c.create(t, topic, 1, nil)
	n := 0
	for _, codec := range []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		client := c.producer(t, topic, kgo.ProducerBatchCompression(codec))
		var records []*kgo.Record
		for range 500 {
			records = append(records, record(0, n))
			n++
		}
		produce(t, client, records...)
	}
	readAll(t, c.open(t, topic), nil).numbered(0, 0, n)
	readAll(t, c.open(t, topic), map[int]int64{0: 777}).numbered(0, 777, n)
}

func keysTombstonesTimes(t *testing.T, c cluster, topic string) {
	// Kept for ever: these times are years old, and the broker's first look for what is past retention comes half a
	// minute after its start.
	c.create(t, topic, 1, map[string]string{"retention.ms": "-1"})
	at := time.UnixMilli(1_700_000_000_123).UTC()
	produce(t, c.producer(t, topic),
		&kgo.Record{Key: []byte("42"), Value: []byte("v"), Timestamp: at},
		&kgo.Record{Value: []byte("no key"), Timestamp: at},
		&kgo.Record{Key: []byte("gone"), Timestamp: at},
		&kgo.Record{Key: []byte{}, Value: []byte{}, Timestamp: at, Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("x")}}},
	)
	want := []verify.Message{
		{Offset: 0, Key: []byte("42"), Value: []byte("v"), Time: at},
		{Offset: 1, Value: []byte("no key"), Time: at},
		{Offset: 2, Key: []byte("gone"), Time: at},
		{Offset: 3, Key: []byte{}, Value: []byte{}, Time: at},
	}
	if diff := cmp.Diff(want, readAll(t, c.open(t, topic), nil).messages[0]); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func unkeyedMessagesSpread(t *testing.T, c cluster, topic string) {
	const n = 300
	c.create(t, topic, 3, nil)
	client := c.producer(t, topic, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	for i := range n {
		produce(t, client, &kgo.Record{Value: value(0, i)})
	}
	h := readAll(t, c.open(t, topic), nil)
	seen := map[string]int{}
	for p := range 3 {
		if len(h.messages[p]) == 0 {
			t.Errorf("partition %d has none", p)
		}
		for _, m := range h.messages[p] {
			if m.Key != nil {
				t.Errorf("key %q where there is none", m.Key)
			}
			seen[string(m.Value)]++
		}
	}
	if len(seen) != n || h.count() != n {
		t.Errorf("%d messages, %d different ones, want %d", h.count(), len(seen), n)
	}
}

func deliverError(t *testing.T, c cluster, topic string) {
	c.create(t, topic, 2, nil)
	c.write(t, topic, 2, 0, 10)
	enough := errors.New("enough")
	err := c.open(t, topic).Read(t.Context(), verify.StreamRange{}, func(context.Context, verify.StreamBatch) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("Read ended with %v", err)
	}
}

func unknownTopic(t *testing.T, c cluster, topic string) {
	_, err := source.OpenStream(t.Context(), c.config(t, topic))
	if !errors.Is(err, source.ErrTopicUnknown) {
		t.Fatalf("error %v is not ErrTopicUnknown", err)
	}
	if source.Hint(err) == "" {
		t.Error("no hint")
	}
}

// unknownTopicIsNotCreated needs a broker that creates topics for whoever asks in the wrong way, as Kafka does.
func unknownTopicIsNotCreated(t *testing.T, c cluster, topic string) {
	for range 2 {
		if _, err := source.OpenStream(t.Context(), c.config(t, topic)); !errors.Is(err, source.ErrTopicUnknown) {
			t.Fatalf("asking for a topic created it: %v", err)
		}
	}
	c.create(t, topic, 1, nil) // fails if it exists
}

func wrongPassword(t *testing.T, c cluster, topic string) {
	for i, mechanism := range source.SASLMechanisms() {
		config := c.config(t, topic)
		config.Brokers = c.loginListener(i)
		config.SASL = &source.StreamSASL{Mechanism: mechanism, User: "crosscheck", Password: "wrong"}
		_, err := source.OpenStream(t.Context(), config)
		if c.hangsUp {
			if !errors.Is(err, source.ErrStreamUnreachable) {
				t.Errorf("%s: error %v is not ErrStreamUnreachable", mechanism, err)
			}
		} else if !errors.Is(err, source.ErrStreamLogin) {
			t.Errorf("%s: error %v is not ErrStreamLogin", mechanism, err)
		}
		if source.Hint(err) == "" {
			t.Errorf("%s: no hint", mechanism)
		}
	}
}

func login(t *testing.T, c cluster, topic string) {
	for i, mechanism := range source.SASLMechanisms() {
		topic := fmt.Sprintf("%s-%s", topic, mechanism)
		config := c.config(t, topic)
		config.Brokers = c.loginListener(i)
		config.SASL = &source.StreamSASL{Mechanism: mechanism, User: "crosscheck", Password: "correct-horse"}
		c.createWithLogin(t, config)
		s, err := source.OpenStream(t.Context(), config)
		if err != nil {
			t.Errorf("%s: %v", mechanism, err)
			continue
		}
		if h := readAll(t, s, nil); h.count() != 1 {
			t.Errorf("%s: %d messages, want 1", mechanism, h.count())
		}
	}
}

func diagnosis(t *testing.T, c cluster, topic string) {
	levels := func() map[string]source.Level {
		found := map[string]source.Level{}
		for _, f := range source.DiagnoseStream(t.Context(), c.config(t, topic)) {
			if f.Side != "stream" || f.Message == "" || f.Level.Worse(source.Info) && f.Hint == "" {
				t.Errorf("finding %+v", f)
			}
			found[f.Check] = f.Level
		}
		return found
	}
	for _, step := range []struct {
		reason string
		do     func()
		want   map[string]source.Level
	}{
		{"no such topic", func() {}, map[string]source.Level{"topic": source.Error}},
		{"empty", func() {
			c.create(t, topic, 2, map[string]string{"retention.ms": "3600000"})
		}, map[string]source.Level{"connection": source.OK, "topic": source.OK, "cleanup_policy": source.OK, "retention": source.Warning, "messages": source.Warning}},
		{"keyed", func() {
			c.write(t, topic, 2, 0, 50)
		}, map[string]source.Level{"connection": source.OK, "topic": source.OK, "cleanup_policy": source.OK, "retention": source.Warning, "messages": source.OK}},
		{"unkeyed and compacted", func() {
			produce(t, c.producer(t, topic), &kgo.Record{Partition: 1, Value: []byte("x")})
			for name, value := range map[string]string{"cleanup.policy": "compact,delete", "retention.ms": "-1"} {
				if err := c.admin.Set(t.Context(), topic, name, value); err != nil {
					t.Fatal(err)
				}
			}
		}, map[string]source.Level{
			"connection": source.OK, "topic": source.OK, "cleanup_policy": source.Error, "retention": source.OK,
			"messages": source.OK, "message_key": source.Warning,
		}},
	} {
		step.do()
		if diff := cmp.Diff(step.want, levels()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.reason, diff)
		}
	}
}
