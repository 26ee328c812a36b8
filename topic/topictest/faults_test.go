package topictest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/topic"
)

func (r *received) wantGaps(want ...follow.Gap) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(want, r.gaps); diff != "" {
		r.t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func retentionGapAtTheStart(t *testing.T, c cluster, name string) {
	c.create(t, name, 2, nil)
	c.write(t, name, 2, 0, 100)
	if err := c.admin.DeleteRecords(t.Context(), name, 1, 40); err != nil {
		t.Fatal(err)
	}
	s := c.open(t, name)
	partitions, err := s.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if partitions[1].First != 40 {
		t.Fatalf("partition 1 begins at %d, want 40", partitions[1].First)
	}
	r := readAll(t, s, map[int]int64{0: 7, 1: 7})
	r.numbered(0, 7, 100)
	r.numbered(1, 40, 100)
	r.wantGaps(follow.Gap{Partition: 1, Kind: follow.GapRetention, Expected: 7, Got: 40})
}

// retentionGapWhileReading deletes what a reader has not come to: its messages up to a block are held back.
func retentionGapWhileReading(t *testing.T, c cluster, name string) {
	c.create(t, name, 1, nil)
	c.write(t, name, 1, 0, 10)
	s := c.open(t, name)
	r := newReceived(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := true // only the reader's goroutine uses it
	go func() {
		done <- s.Read(ctx, follow.Range{}, func(ctx context.Context, b follow.Batch) error {
			if first {
				first = false
				close(entered)
				<-leave
			}
			return r.deliver(ctx, b)
		})
	}()
	<-entered
	c.write(t, name, 1, 10, 50)
	if err := c.admin.DeleteRecords(t.Context(), name, 0, 30); err != nil {
		t.Fatal(err)
	}
	close(leave)
	r.wait(30)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Read ended with %v", err)
	}
	r.wantGaps(follow.Gap{Kind: follow.GapRetention, Expected: 10, Got: 30})
	if got := r.values(0); got[10] != string(value(0, 30)) {
		t.Errorf("after the gap comes %s", got[10])
	}
}

func truncated(t *testing.T, c cluster, name string) {
	c.create(t, name, 1, nil)
	c.write(t, name, 1, 0, 100)
	r := readAll(t, c.open(t, name), nil)
	if err := c.admin.DeleteTopic(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	c.create(t, name, 1, nil)
	c.write(t, name, 1, 0, 20)
	again, stop := readOn(t, c.open(t, name), r.positions())
	again.wait(20)
	stop()
	again.numbered(0, 0, 20)
	again.wantGaps(follow.Gap{Kind: follow.GapTruncated, Expected: 100, Got: 0})
}

func createdAgain(t *testing.T, c cluster, name string) {
	identity := func() string {
		c.create(t, name, 1, nil)
		s := c.open(t, name)
		id, err := s.Identity(t.Context())
		if again, aerr := s.Identity(t.Context()); err != nil || aerr != nil || id == "" || again != id {
			t.Errorf("it is %q, error %v, and then %q, error %v", id, err, again, aerr)
		}
		return id
	}
	first := identity()
	if err := c.admin.DeleteTopic(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if second := identity(); second == first {
		t.Errorf("both topics are %q", first)
	}
}

func fewerPartitions(t *testing.T, c cluster, name string) {
	c.create(t, name, 1, nil)
	c.write(t, name, 1, 0, 5)
	r, stop := readOn(t, c.open(t, name), map[int]int64{0: 0, 3: 17, 4: 0})
	r.wait(5)
	r.until(func() bool { _, told := r.positions()[3]; return told })
	stop()
	r.wantGaps(follow.Gap{Partition: 3, Kind: follow.GapTruncated, Expected: 17})
}

func compactionIsRefused(t *testing.T, c cluster, name string) {
	c.create(t, name, 1, map[string]string{"cleanup.policy": "compact,delete"})
	_, err := topic.Open(t.Context(), c.config(t, name))
	if !errors.Is(err, topic.ErrCompacted) || topic.Hint(err) == "" {
		t.Errorf("error %v is not ErrCompacted, or has no hint", err)
	}
}

// compactionMakesAJump reads a topic that was compacted once and is not any more: nothing but its offsets tells.
func compactionMakesAJump(t *testing.T, c cluster, name string) {
	c.create(t, name, 1, map[string]string{
		"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.0001", "segment.ms": "100", "delete.retention.ms": "0",
		"max.message.bytes": "16777216",
	})
	client := c.producer(t, name)
	one := func(key string) { produce(t, client, &kgo.Record{Key: []byte(key), Value: []byte(key)}) }
	batch := func(keys ...string) {
		var records []*kgo.Record
		for _, key := range keys {
			value := []byte(key)
			if key == "last" {
				value = make([]byte, 2<<20) // does not fit into a fetch beside another batch
			}
			records = append(records, &kgo.Record{Key: []byte(key), Value: value})
		}
		produce(t, client, records...)
	}
	one("first")
	batch("a", "b", "a", "b", "c", "a", "a") // offsets 1 to 7
	batch("a", "b", "last")                  // 8 to 10, so that the first batch loses its tail
	s := openUnchecked(t, c, name)
	deadline := time.Now().Add(patience)
	for i := 0; ; i++ {
		// A segment that is being written to is left alone; another message, with a key of its own, rolls it.
		one(fmt.Sprint("roll", i))
		if c.compact != nil {
			c.compact()
		}
		r := readAll(t, s, nil)
		if len(r.gaps) == 2 {
			r.wantGaps(follow.Gap{Kind: follow.GapJump, Expected: 1, Got: 5}, follow.Gap{Kind: follow.GapJump, Expected: 6, Got: 8})
			var keys []string
			for _, m := range r.messages[0][:5] {
				keys = append(keys, string(m.Key))
			}
			if got := strings.Join(keys, " "); got != "first c a b last" {
				t.Errorf("keys begin with %s", got)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the broker compacts nothing; gaps %v", r.gaps)
		}
		<-time.After(150 * time.Millisecond)
	}
}

// openUnchecked opens the topic of another policy and changes that behind its back.
func openUnchecked(t *testing.T, c cluster, name string) *topic.Topic {
	t.Helper()
	if err := c.admin.Set(t.Context(), name, "cleanup.policy", "delete"); err != nil {
		t.Fatal(err)
	}
	s := c.open(t, name)
	if err := c.admin.Set(t.Context(), name, "cleanup.policy", "compact"); err != nil {
		t.Fatal(err)
	}
	return s
}

func abortedTransactions(t *testing.T, c cluster, name string) {
	c.create(t, name, 1, nil)
	client := c.producer(t, name, kgo.TransactionalID(name))
	n := 0
	transaction := func(size int, end kgo.TransactionEndTry) {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for range size {
			value := "aborted"
			if end == kgo.TryCommit {
				value = "committed"
			}
			produce(t, client, &kgo.Record{Value: []byte(value)})
			n++
		}
		if err := client.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		transaction(3, kgo.TryCommit)
		transaction(4, kgo.TryAbort)
		c.write(t, name, 1, 0, 1)
	}
	transaction(2, kgo.TryAbort) // nothing but an aborted one at the end
	r := readAll(t, c.open(t, name), nil)
	r.wantGaps()
	tally := map[string]int{}
	for _, v := range r.values(0) {
		tally[v]++
	}
	if diff := cmp.Diff(map[string]int{"committed": 15, "p0-0": 5}, tally); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	// From the middle of an aborted one too.
	for from := range int64(12) {
		r := readAll(t, c.open(t, name), map[int]int64{0: from})
		r.wantGaps()
		for _, v := range r.values(0) {
			if v == "aborted" {
				t.Errorf("from offset %d: an aborted message was delivered", from)
			}
		}
	}
}

func openTransactions(t *testing.T, c cluster, name string) {
	c.create(t, name, 1, nil)
	c.write(t, name, 1, 0, 3)
	client := c.producer(t, name, kgo.TransactionalID(name))
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, client, record(0, 3))
	c.write(t, name, 1, 4, 6)
	s := c.open(t, name)
	partitions, err := s.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := partitions[0]; p.End != 3 || p.Written != 6 {
		t.Errorf("it ends at %d, and is written up to %d, want 3 and 6: what follows an open transaction cannot be read yet", p.End, p.Written)
	}
	r, stop := readOn(t, s, nil)
	r.wait(3)
	r.numbered(0, 0, 3)
	if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	r.wait(6)
	stop()
	r.numbered(0, 0, 6)
	r.wantGaps()
}

// brokerCrash kills the broker while messages are read and written, and starts it again.
func brokerCrash(t *testing.T, c cluster, name string) {
	const before, after = 20_000, 1000
	c.create(t, name, 2, nil)
	c.write(t, name, 2, 0, before)
	r, stop := readOn(t, c.open(t, name), nil)
	r.wait(10) // in the midst of it
	if err := c.crash(); err != nil {
		t.Fatal(err)
	}
	if err := c.revive(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.write(t, name, 2, before, before+after)
	r.wait(2 * (before + after))
	stop()
	r.numbered(0, 0, before+after)
	r.numbered(1, 0, before+after)
	r.wantGaps()
}

func brokerStaysAway(t *testing.T, c cluster, name string) {
	c.create(t, name, 1, nil)
	c.write(t, name, 1, 0, 10)
	config := c.config(t, name)
	config.Patience = time.Second
	s, err := topic.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	r := newReceived(t)
	done := make(chan error, 1)
	go func() { done <- s.Read(t.Context(), follow.Range{}, r.deliver) }()
	r.wait(10)
	if err := c.crash(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if !errors.Is(err, topic.ErrUnreachable) || topic.Hint(err) == "" {
			t.Errorf("Read ended with %v, which is not ErrStreamUnreachable, or has no hint", err)
		}
	case <-time.After(patience):
		t.Fatal("Read did not run out of patience")
	}
	if _, err := topic.Open(t.Context(), config); !errors.Is(err, topic.ErrUnreachable) {
		t.Errorf("error %v is not ErrStreamUnreachable", err)
	}
	if err := c.revive(t.Context()); err != nil {
		t.Fatal(err)
	}
	readAll(t, s, r.positions()).numbered(0, 10, 10)
}

// loginListener is the listener for the i-th mechanism: a broker has one for all, or there is a broker for each.
func (c cluster) loginListener(i int) []string {
	return c.login[i%len(c.login):][:1]
}

// createWithLogin creates a topic with one message at the broker that wants a login.
func (c cluster) createWithLogin(t *testing.T, config topic.Config) {
	t.Helper()
	user := &broker.Login{Mechanism: strings.ToUpper(config.SASL.Mechanism), User: config.SASL.User, Password: config.SASL.Password}
	admin, err := broker.Connect(config.Brokers, user, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.CreateTopic(t.Context(), config.Topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := admin.Write(t.Context(), config.Topic, 0, nil, []byte("x")); err != nil {
		t.Fatal(err)
	}
}
