package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/topic"
)

// followMessages is the larger backlog without FOLLOW_MESSAGES: quick, and no figure.
const followMessages = 100_000

// BenchmarkFollowBacklog lets the follower match a backlog on Apache Kafka with an event store in PostgreSQL, from the first
// message until the ledger has the last one, and in turn a reader of kafka-go that only counts. FOLLOW_MESSAGES sets how
// many there are; the smaller backlog is a quarter of them, so that memory shows whether it grows. Processor time and
// memory are this process's: neither Kafka's nor PostgreSQL's.
func BenchmarkFollowBacklog(b *testing.B) {
	messages := followMessages
	if text := os.Getenv("FOLLOW_MESSAGES"); text != "" {
		var err error
		if messages, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	server := newBacklogs(b)
	for _, n := range []int{messages / 4, messages} {
		l := server.fill(b, n, "")
		b.Run(strconv.Itoa(n), func(b *testing.B) { l.measure(b) })
	}
	l := server.fill(b, messages/2, "shared")
	b.Run(fmt.Sprintf("%d/shared", l.messages), func(b *testing.B) { l.measureShared(b) })
	l = server.fill(b, messages/4, unusual)
	b.Run(fmt.Sprintf("%d/unusual", l.messages), func(b *testing.B) { l.measure(b) })
}

// spent is what a contender took.
type spent struct{ wall, processor time.Duration }

func (s *spent) add(o spent) { s.wall, s.processor = s.wall+o.wall, s.processor+o.processor }

func (l *backlog) measure(b *testing.B) {
	var follower, bare spent
	var resident int64
	rounds := 0
	for b.Loop() {
		rounds++
		bare.add(spend(b, func() { l.count(b) }))
		forgetResident(b)
		follower.add(l.follow(b))
		resident = max(resident, peakResident(b))
	}
	n := float64(rounds * l.messages)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(n/follower.wall.Seconds(), "messages/s")
	b.ReportMetric(n/follower.processor.Seconds(), "messages/cpu-s")
	b.ReportMetric(n/bare.wall.Seconds(), "bare-messages/s")
	b.ReportMetric(n/bare.processor.Seconds(), "bare-messages/cpu-s")
	b.ReportMetric(follower.processor.Seconds()/bare.processor.Seconds(), "x-bare-cpu")
	b.ReportMetric(float64(resident)/(1<<20), "peak-MiB")
}

func spend(b *testing.B, work func()) spent {
	b.Helper()
	processor, wall := processorTime(b), time.Now()
	work()
	return spent{wall: time.Since(wall), processor: processorTime(b) - processor}
}

// measureShared follows with a group of one member beside the follower: what the member hands over, and what that costs beside
// following alone.
func (l *backlog) measureShared(b *testing.B) {
	var alone, shared spent
	var aloneWAL, wal, bytes int64
	rounds := 0
	for b.Loop() {
		rounds++
		begin := l.wal(b)
		alone.add(l.follow(b))
		l.handed = &handedOver{}
		between := l.wal(b)
		shared.add(l.follow(b))
		aloneWAL, wal = aloneWAL+between-begin, wal+l.wal(b)-between
		bytes += l.handed.bytes.Load()
		l.handed = nil
	}
	n := float64(rounds * l.messages)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(n/alone.processor.Seconds(), "alone-messages/cpu-s")
	b.ReportMetric(n/shared.processor.Seconds(), "messages/cpu-s")
	b.ReportMetric(n/alone.wall.Seconds(), "alone-messages/s")
	b.ReportMetric(n/shared.wall.Seconds(), "messages/s")
	b.ReportMetric(float64(bytes)/n, "B/message")
	b.ReportMetric(float64(aloneWAL)/n, "alone-WAL-B/message")
	b.ReportMetric(float64(wal)/n, "WAL-B/message")
}

func (l *backlog) wal(b *testing.B) (at int64) {
	b.Helper()
	if err := l.conn.QueryRow(b.Context(), `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint`).Scan(&at); err != nil {
		b.Fatal(err)
	}
	return at
}

// handedOver counts what members hand over.
type handedOver struct {
	*ledger.Ledger
	bytes atomic.Int64
}

func (h *handedOver) AddParcel(ctx context.Context, fingerprint string, c follow.Claim, p follow.Parcel) error {
	err := h.Ledger.AddParcel(ctx, fingerprint, c, p)
	if err == nil {
		h.bytes.Add(int64(len(p.Content)))
	}
	return err
}

// count reads everything with kafka-go's own reader, and does nothing with it.
func (l *backlog) count(b *testing.B) {
	b.Helper()
	var total atomic.Int64
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for p := range backlogPartitions {
		group.Go(func() error {
			r := kafka.NewReader(kafka.ReaderConfig{Brokers: l.brokers, Topic: l.topic, Partition: p, MaxBytes: 1 << 20, MaxWait: 500 * time.Millisecond, QueueCapacity: 1000})
			defer func() { _ = r.Close() }()
			for {
				if _, err := r.FetchMessage(ctx); err != nil {
					return nil // the last one was read
				}
				if total.Add(1) == int64(l.messages) {
					cancel()
				}
			}
		})
	}
	_ = group.Wait()
	if got := total.Load(); got != int64(l.messages) {
		b.Fatalf("counted %d messages of %d", got, l.messages)
	}
}

// follow is a follower with a ledger of its own. What it took is measured until everything is matched and committed;
// then it goes on until it has proven that nothing is missing.
func (l *backlog) follow(b *testing.B) spent {
	b.Helper()
	ctx, stop := context.WithTimeout(b.Context(), 30*time.Minute)
	defer stop()
	record := l.ledger(b)
	defer record.Close()
	log := slog.New(slog.NewTextHandler(b.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := source.OpenEvents(ctx, source.EventsConfig{
		DSN: l.dsn, Table: l.table, Position: "event_id", Key: "order_id", Type: "event_type", At: "timestamp", Payload: "payload",
		Rules: order.Defaults(),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	stream, err := topic.Open(ctx, topic.Config{Brokers: l.brokers, Topic: l.topic, Log: log})
	if err != nil {
		b.Fatal(err)
	}
	progress := &followProgress{Ledger: record, want: int64(l.messages), matched: make(chan struct{}), proven: make(chan struct{})}
	follower := &follow.Follower{
		Stream: stream, Store: store, Ledger: progress, Topic: l.topic, Fingerprint: l.topic,
		Rules: order.Defaults(), KeyType: order.KeyInteger, Window: time.Second, Now: time.Now, Log: log,
	}
	held, err := record.Acquire(ctx, followJob, "bench", time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	if l.handed != nil {
		l.handed.Ledger, follower.Intake = record, l.handed
	}
	took := spend(b, func() {
		go func() {
			g, ctx := errgroup.WithContext(ctx)
			g.Go(func() error { return follower.Run(ctx, held) })
			if l.handed != nil {
				member := follow.Member{Follower: follower, Name: "bench"}
				g.Go(func() error { return member.Run(ctx, []int{0, 1, 2}) })
			}
			ended <- g.Wait()
		}()
		await(b, ended, progress.matched)
	})
	await(b, ended, progress.proven)
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		b.Errorf("a follower that is stopped says %v", err)
	}
	if progress.findings > 0 {
		b.Fatalf("%d findings in a clean stream", progress.findings)
	}
	return took
}

func await(b *testing.B, ended chan error, done chan struct{}) {
	b.Helper()
	select {
	case err := <-ended:
		b.Fatalf("the follower ended: %v", err)
	case <-done:
	}
}

// followProgress is the ledger, and tells how far it is.
type followProgress struct {
	*ledger.Ledger
	want            int64
	matched, proven chan struct{} // closed when all messages are matched, and when nothing was found to be missing
	once, twice     sync.Once
	findings        int // only the follower writes to it
}

func (p *followProgress) CommitStream(ctx context.Context, l lease.Lease, c follow.Commit) error {
	if err := p.Ledger.CommitStream(ctx, l, c); err != nil {
		return err
	}
	p.findings += len(c.Findings) + len(c.Unmatched)
	var read int64
	for _, s := range c.State.Partitions {
		read += s.Next
	}
	if read == p.want {
		p.once.Do(func() { close(p.matched) })
	}
	if e := c.State.Evidence; e.Stored == p.want && e.Seen == p.want {
		p.twice.Do(func() { close(p.proven) })
	}
	return nil
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// forgetResident lets peakResident begin anew, where the system can (Linux).
func forgetResident(b *testing.B) {
	b.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Logf("memory is that of the whole process, not of one run: %v", err)
	}
}

// peakResident is the largest resident set since forgetResident, in bytes.
func peakResident(b *testing.B) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return largestResident(b)
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kib int64
			if _, err := fmt.Sscanf(text, "%d kB", &kib); err != nil {
				b.Fatal(err)
			}
			return kib << 10
		}
	}
	return largestResident(b)
}
