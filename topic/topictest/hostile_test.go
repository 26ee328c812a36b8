package topictest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/topic"
)

// TestCompressionBombsAreGaps reads messages of 80 MiB that are a few KiB on the wire, between messages that can be read.
func TestCompressionBombsAreGaps(t *testing.T) {
	t.Parallel()
	const size = 80 << 20
	_, c := embedded(t, broker.Options{Settings: map[string]string{"message.max.bytes": "67108864"}})
	name := topicFor(t)
	c.create(t, name, 1, nil)
	c.write(t, name, 1, 0, 3)
	var want []follow.Gap
	for i, codec := range []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		bomber := c.producer(t, name, kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytes(99<<20), kgo.BrokerMaxWriteBytes(100<<20))
		produce(t, bomber, &kgo.Record{Value: make([]byte, size)})
		bomber.Close()
		c.write(t, name, 1, 3+i, 4+i)
		at := int64(3 + 2*i)
		want = append(want, follow.Gap{Kind: follow.GapUnreadable, Expected: at, Got: at + 1})
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := readAll(t, c.open(t, name), nil)
	runtime.ReadMemStats(&after)
	r.wantGaps(want...)
	if got := r.values(0); len(got) != 7 || got[6] != string(value(0, 6)) {
		t.Errorf("messages %v", got)
	}
	t.Logf("the heap grew by %d MiB", (int64(after.HeapSys)-int64(before.HeapSys))>>20)
}

// TestABrokerThatNeverAnswersIsNamed accepts connections, and reads what comes.
func TestABrokerThatNeverAnswersIsNamed(t *testing.T) {
	t.Parallel()
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	go func() {
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	config := cluster{brokers: []string{silent.Addr().String()}}.config(t, "orders")
	config.Patience = time.Second
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = topic.Open(ctx, config)
	if want := fmt.Sprintf("asking %s for topic orders", silent.Addr()); !errors.Is(err, topic.ErrUnreachable) || topic.Hint(err) == "" ||
		!strings.Contains(fmt.Sprint(err), want) || !strings.Contains(fmt.Sprint(err), "no answer to the request for its topic within 2s") {
		t.Errorf("opening the topic: %v", err)
	}
}

// TestABrokerThatFallsSilentIsNamed stops answering after the topic was opened.
func TestABrokerThatFallsSilentIsNamed(t *testing.T) {
	t.Parallel()
	b, c := embedded(t, broker.Options{})
	name := topicFor(t)
	c.create(t, name, 1, nil)
	c.write(t, name, 1, 0, 5)
	config := c.config(t, name)
	config.Patience = time.Second
	s, err := topic.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	b.IgnoreFetches()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = s.Read(ctx, follow.Range{}, newReceived(t).deliver)
	if !errors.Is(err, topic.ErrUnreachable) || !strings.Contains(err.Error(), "partition 0") || !strings.Contains(err.Error(), "no answer from "+c.brokers[0]+" to a fetch from offset 0") {
		t.Errorf("Read ended with %v", err)
	}
}
