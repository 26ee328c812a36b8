package topictest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/topic"
)

func orderWithinPartitions(t *testing.T, c cluster, name string) {
	c.create(t, name, 3, nil)
	c.write(t, name, 3, 0, 1000)
	s := c.open(t, name)
	r, stop := readOn(t, s, nil)
	r.wait(3000)
	c.write(t, name, 3, 1000, 1500)
	r.wait(4500)
	stop()
	for p := range 3 {
		r.numbered(p, 0, 1500)
	}
	if len(r.gaps) > 0 {
		t.Errorf("gaps where there are none: %v", r.gaps)
	}
}

func resume(t *testing.T, c cluster, name string) {
	c.create(t, name, 2, nil)
	c.write(t, name, 2, 0, 400)
	// In the middle of what was produced as one batch.
	r := readAll(t, c.open(t, name), map[int]int64{0: 123, 1: 399})
	r.numbered(0, 123, 400)
	r.numbered(1, 399, 400)
	c.write(t, name, 2, 400, 500)
	again := readAll(t, c.open(t, name), r.positions())
	again.numbered(0, 400, 500)
	again.numbered(1, 400, 500)
}

func rangeEnds(t *testing.T, c cluster, name string) {
	c.create(t, name, 2, nil)
	c.write(t, name, 2, 0, 300)
	s := c.open(t, name)
	partitions, err := s.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []follow.Partition{{Partition: 0, First: 0, End: 300, Written: 300}, {Partition: 1, First: 0, End: 300, Written: 300}}
	if diff := cmp.Diff(want, partitions); diff != "" {
		t.Fatalf("partitions (-want +got):\n%s", diff)
	}
	c.write(t, name, 2, 300, 400)
	r := readRange(t, s, follow.Range{From: map[int]int64{0: 10}, To: map[int]int64{0: 77}})
	r.numbered(0, 10, 77)
	if len(r.messages[1]) > 0 {
		t.Error("a partition that has no end was read")
	}
	if diff := cmp.Diff(map[int]int64{0: 77}, r.positions()); diff != "" {
		t.Errorf("positions (-want +got):\n%s", diff)
	}
}

func emptyTopic(t *testing.T, c cluster, name string) {
	c.create(t, name, 2, nil)
	s := c.open(t, name)
	if r := readAll(t, s, nil); r.count() != 0 || len(r.gaps) != 0 {
		t.Errorf("an empty topic had %d messages, gaps %v", r.count(), r.gaps)
	}
	r, stop := readOn(t, s, nil)
	c.write(t, name, 2, 0, 5)
	r.wait(10)
	stop()
	r.numbered(0, 0, 5)
}

func partitionsAdded(t *testing.T, c cluster, name string) {
	c.create(t, name, 1, nil)
	c.write(t, name, 1, 0, 10)
	r, stop := readOn(t, c.open(t, name), map[int]int64{0: 0})
	r.wait(10)
	if err := c.admin.AddPartitions(t.Context(), name, 3); err != nil {
		t.Fatal(err)
	}
	c.write(t, name, 3, 10, 20)
	r.wait(40)
	stop()
	r.numbered(0, 0, 20)
	r.numbered(1, 10, 20)
	r.numbered(2, 10, 20)
}

func largeMessages(t *testing.T, c cluster, name string) {
	c.create(t, name, 1, map[string]string{"max.message.bytes": "16777216"})
	client := c.producer(t, name)
	var want [][]byte
	for i, size := range []int{10, 5 << 20, 1 << 20, 0, 9 << 20, 3} {
		v := bytes.Repeat([]byte{byte('a' + i)}, size)
		want = append(want, v)
		produce(t, client, &kgo.Record{Value: v})
	}
	r := readAll(t, c.open(t, name), nil)
	if len(r.messages[0]) != len(want) {
		t.Fatalf("%d messages, want %d", len(r.messages[0]), len(want))
	}
	for i, m := range r.messages[0] {
		if !bytes.Equal(m.Value, want[i]) || m.Value == nil {
			t.Errorf("message %d has %d bytes, want %d", i, len(m.Value), len(want[i]))
		}
	}
}

func compressedMessages(t *testing.T, c cluster, name string) {
	c.create(t, name, 1, nil)
	n := 0
	for _, codec := range []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		client := c.producer(t, name, kgo.ProducerBatchCompression(codec))
		var records []*kgo.Record
		for range 500 {
			records = append(records, record(0, n))
			n++
		}
		produce(t, client, records...)
	}
	readAll(t, c.open(t, name), nil).numbered(0, 0, n)
	readAll(t, c.open(t, name), map[int]int64{0: 777}).numbered(0, 777, n)
}

func keysTombstonesTimes(t *testing.T, c cluster, name string) {
	// Kept for ever: these times are years old, and the broker's first look for what is past retention comes half a
	// minute after its start.
	c.create(t, name, 1, map[string]string{"retention.ms": "-1"})
	at := time.UnixMilli(1_700_000_000_123).UTC()
	produce(t, c.producer(t, name),
		&kgo.Record{Key: []byte("42"), Value: []byte("v"), Timestamp: at},
		&kgo.Record{Value: []byte("no key"), Timestamp: at},
		&kgo.Record{Key: []byte("gone"), Timestamp: at},
		&kgo.Record{Key: []byte{}, Value: []byte{}, Timestamp: at, Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("x")}}},
	)
	want := []follow.Message{
		{Offset: 0, Key: []byte("42"), Value: []byte("v"), Time: at},
		{Offset: 1, Value: []byte("no key"), Time: at},
		{Offset: 2, Key: []byte("gone"), Time: at},
		{Offset: 3, Key: []byte{}, Value: []byte{}, Time: at},
	}
	if diff := cmp.Diff(want, readAll(t, c.open(t, name), nil).messages[0]); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func unkeyedMessagesSpread(t *testing.T, c cluster, name string) {
	const n = 300
	c.create(t, name, 3, nil)
	client := c.producer(t, name, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	for i := range n {
		produce(t, client, &kgo.Record{Value: value(0, i)})
	}
	r := readAll(t, c.open(t, name), nil)
	seen := map[string]int{}
	for p := range 3 {
		if len(r.messages[p]) == 0 {
			t.Errorf("partition %d has none", p)
		}
		for _, m := range r.messages[p] {
			if m.Key != nil {
				t.Errorf("key %q where there is none", m.Key)
			}
			seen[string(m.Value)]++
		}
	}
	if len(seen) != n || r.count() != n {
		t.Errorf("%d messages, %d different ones, want %d", r.count(), len(seen), n)
	}
}

func deliverError(t *testing.T, c cluster, name string) {
	c.create(t, name, 2, nil)
	c.write(t, name, 2, 0, 10)
	enough := errors.New("enough")
	err := c.open(t, name).Read(t.Context(), follow.Range{}, func(context.Context, follow.Batch) error { return enough })
	if !errors.Is(err, enough) {
		t.Errorf("Read ended with %v", err)
	}
}

func unknownTopic(t *testing.T, c cluster, name string) {
	_, err := topic.Open(t.Context(), c.config(t, name))
	if !errors.Is(err, topic.ErrUnknown) {
		t.Fatalf("error %v is not ErrTopicUnknown", err)
	}
	if topic.Hint(err) == "" {
		t.Error("no hint")
	}
}

// unknownTopicIsNotCreated needs a broker that creates topics for whoever asks in the wrong way, as Kafka does.
func unknownTopicIsNotCreated(t *testing.T, c cluster, name string) {
	for range 2 {
		if _, err := topic.Open(t.Context(), c.config(t, name)); !errors.Is(err, topic.ErrUnknown) {
			t.Fatalf("asking for a topic created it: %v", err)
		}
	}
	c.create(t, name, 1, nil) // fails if it exists
}

func wrongPassword(t *testing.T, c cluster, name string) {
	for i, mechanism := range topic.SASLMechanisms() {
		config := c.config(t, name)
		config.Brokers = c.loginListener(i)
		config.SASL = &topic.SASL{Mechanism: mechanism, User: "crosscheck", Password: "wrong"}
		_, err := topic.Open(t.Context(), config)
		if c.hangsUp {
			if !errors.Is(err, topic.ErrUnreachable) {
				t.Errorf("%s: error %v is not ErrStreamUnreachable", mechanism, err)
			}
		} else if !errors.Is(err, topic.ErrLogin) {
			t.Errorf("%s: error %v is not ErrStreamLogin", mechanism, err)
		}
		if topic.Hint(err) == "" {
			t.Errorf("%s: no hint", mechanism)
		}
	}
}

func login(t *testing.T, c cluster, name string) {
	for i, mechanism := range topic.SASLMechanisms() {
		name := fmt.Sprintf("%s-%s", name, mechanism)
		config := c.config(t, name)
		config.Brokers = c.loginListener(i)
		config.SASL = &topic.SASL{Mechanism: mechanism, User: "crosscheck", Password: "correct-horse"}
		c.createWithLogin(t, config)
		s, err := topic.Open(t.Context(), config)
		if err != nil {
			t.Errorf("%s: %v", mechanism, err)
			continue
		}
		if r := readAll(t, s, nil); r.count() != 1 {
			t.Errorf("%s: %d messages, want 1", mechanism, r.count())
		}
		err = s.Share(t.Context(), "group of "+name, "", func(context.Context, []int) error { return errJoined })
		if !errors.Is(err, errJoined) {
			t.Errorf("%s: sharing ended with %v", mechanism, err)
		}
	}
}

var errJoined = errors.New("joined")

func diagnosis(t *testing.T, c cluster, name string) {
	levels := func() map[string]doctor.Level {
		found := map[string]doctor.Level{}
		for _, f := range topic.Diagnose(t.Context(), c.config(t, name), func(follow.Message) error { return nil }) {
			if f.Side != "stream" || f.Message == "" || f.Level.Worse(doctor.Info) && f.Hint == "" {
				t.Errorf("finding %+v", f)
			}
			found[f.Check] = f.Level
		}
		return found
	}
	for _, step := range []struct {
		reason string
		do     func()
		want   map[string]doctor.Level
	}{
		{"no such topic", func() {}, map[string]doctor.Level{"topic": doctor.Error}},
		{"empty", func() {
			c.create(t, name, 2, map[string]string{"retention.ms": "3600000"})
		}, map[string]doctor.Level{"connection": doctor.OK, "topic": doctor.OK, "cleanup_policy": doctor.OK, "retention": doctor.Warning, "messages": doctor.Warning}},
		{"keyed", func() {
			c.write(t, name, 2, 0, 50)
		}, map[string]doctor.Level{"connection": doctor.OK, "topic": doctor.OK, "cleanup_policy": doctor.OK, "retention": doctor.Warning, "messages": doctor.OK}},
		{"unkeyed and compacted", func() {
			produce(t, c.producer(t, name), &kgo.Record{Partition: 1, Value: []byte("x")})
			for setting, value := range map[string]string{"cleanup.policy": "compact,delete", "retention.ms": "-1"} {
				if err := c.admin.Set(t.Context(), name, setting, value); err != nil {
					t.Fatal(err)
				}
			}
		}, map[string]doctor.Level{
			"connection": doctor.OK, "topic": doctor.OK, "cleanup_policy": doctor.Error, "retention": doctor.OK,
			"messages": doctor.OK, "message_key": doctor.Warning,
		}},
	} {
		step.do()
		if diff := cmp.Diff(step.want, levels()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.reason, diff)
		}
	}
}
