package topictest_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/lab/kafkaserver/kafkatest"
	"github.com/nordvarg/crosscheck/topic"
)

const (
	benchTopic      = "backlog"
	benchPartitions = 4
	benchValue      = `{"event_id":%d,"order_id":%d,"event_type":"OrderPartiallyFilled","timestamp":"2024-03-01T09:30:00.%06dZ","payload":{"filled_quantity":"120.5000","remaining_quantity":"379.5000","price":"187.4200","venue":"XETR","desk":"equities-3"}}`
)

// BenchmarkBacklog reads a backlog of events from Apache Kafka: once with kafka-go's own reader, which only counts, and
// once with the adapter. STREAM_MESSAGES sets how many there are. Each figure is of one core: the process's CPU time.
func BenchmarkBacklog(b *testing.B) {
	messages := 2_000_000
	if text := os.Getenv("STREAM_MESSAGES"); text != "" {
		var err error
		if messages, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	brokers := kafkatest.Server(b).Brokers()
	fill(b, brokers, messages)
	b.Run("bare", func(b *testing.B) { measure(b, messages, func(b *testing.B) int { return bare(b, brokers, messages) }) })
	b.Run("crosscheck", func(b *testing.B) { measure(b, messages, func(b *testing.B) int { return adapter(b, brokers) }) })
}

// measure reports messages by second, by second of CPU time, and the most memory of the heap.
func measure(b *testing.B, messages int, read func(*testing.B) int) {
	var peak atomic.Uint64
	stop := watchHeap(&peak)
	began := cpuTime(b)
	for b.Loop() {
		if got := read(b); got != messages {
			b.Fatalf("read %d messages, want %d", got, messages)
		}
	}
	stop()
	n := float64(b.N * messages)
	b.ReportMetric(n/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(n/(cpuTime(b)-began).Seconds(), "messages/cpu-s")
	b.ReportMetric(float64(peak.Load())/(1<<20), "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

func bare(b *testing.B, brokers []string, messages int) int {
	var total atomic.Int64
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for p := range benchPartitions {
		group.Go(func() error {
			r := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers, Topic: benchTopic, Partition: p, MaxBytes: 1 << 20, MaxWait: 500 * time.Millisecond, QueueCapacity: 1000})
			defer func() { _ = r.Close() }()
			for {
				if _, err := r.FetchMessage(ctx); err != nil {
					return nil // the last one was read
				}
				if total.Add(1) == int64(messages) {
					cancel()
				}
			}
		})
	}
	_ = group.Wait()
	return int(total.Load())
}

func adapter(b *testing.B, brokers []string) int {
	s, err := topic.Open(b.Context(), cluster{brokers: brokers}.config(b, benchTopic))
	if err != nil {
		b.Fatal(err)
	}
	partitions, err := s.Partitions(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	to := map[int]int64{}
	for _, p := range partitions {
		to[p.Partition] = p.End
	}
	var total atomic.Int64
	err = s.Read(b.Context(), follow.Range{To: to}, func(_ context.Context, batch follow.Batch) error {
		total.Add(int64(len(batch.Messages)))
		if batch.Gap != nil {
			return fmt.Errorf("gap %v", *batch.Gap)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return int(total.Load())
}

// fill writes the backlog, in batches as a busy producer makes them.
func fill(b *testing.B, brokers []string, messages int) {
	b.Helper()
	admin, err := broker.Connect(brokers, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer admin.Close()
	if err := admin.CreateTopic(b.Context(), benchTopic, benchPartitions, nil); err != nil {
		b.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(benchTopic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(10*time.Millisecond), kgo.MaxBufferedRecords(50_000))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	var failed atomic.Pointer[error]
	for i := range messages {
		client.Produce(b.Context(), &kgo.Record{
			Partition: int32(i % benchPartitions), Key: strconv.AppendInt(nil, int64(i/5), 10), Value: fmt.Appendf(nil, benchValue, i, i/5, i%1_000_000),
		}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// watchHeap keeps the largest heap seen, until the returned function is called.
func watchHeap(peak *atomic.Uint64) func() {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(done); <-ended }
}
