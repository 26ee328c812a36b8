package topictest_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/topic"
)

const patience = 90 * time.Second // for what a loaded machine does in two

// received is what Read delivered.
type received struct {
	t        *testing.T
	mu       sync.Mutex
	messages map[int][]follow.Message // by partition
	gaps     []follow.Gap
	next     map[int]int64
	changed  chan struct{} // has room for one; filled after every batch
}

func newReceived(t *testing.T) *received {
	return &received{t: t, messages: map[int][]follow.Message{}, next: map[int]int64{}, changed: make(chan struct{}, 1)}
}

func (r *received) deliver(_ context.Context, b follow.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	due, seen := r.next[b.Partition]
	if b.Gap != nil {
		r.gaps = append(r.gaps, *b.Gap)
		due, seen = b.Gap.Got, true
	}
	for _, m := range b.Messages {
		if m.Partition != b.Partition {
			r.t.Errorf("message of partition %d in a batch of partition %d", m.Partition, b.Partition)
		}
		if seen && m.Offset < due {
			r.t.Errorf("partition %d: offset %d delivered when %d was due", b.Partition, m.Offset, due)
		}
		due, seen = m.Offset+1, true
	}
	if b.Next < due {
		r.t.Errorf("partition %d: next is %d behind offset %d", b.Partition, b.Next, due-1)
	}
	r.messages[b.Partition] = append(r.messages[b.Partition], b.Messages...)
	r.next[b.Partition] = b.Next
	select {
	case r.changed <- struct{}{}:
	default:
	}
	return nil
}

func (r *received) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, messages := range r.messages {
		n += len(messages)
	}
	return n
}

func (r *received) positions() map[int]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.next)
}

// wait waits until that many messages were received.
func (r *received) wait(messages int) {
	r.t.Helper()
	r.until(func() bool { return r.count() >= messages })
}

func (r *received) until(done func() bool) {
	r.t.Helper()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-r.changed:
		case <-deadline:
			r.t.Fatalf("waited in vain; %d messages, gaps %v, next %v", r.count(), r.gaps, r.positions())
		}
	}
}

// values are a partition's, as text.
func (r *received) values(partition int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, m := range r.messages[partition] {
		out = append(out, string(m.Value))
	}
	return out
}

// numbered fails unless the partition's messages are those that write produces for the numbers, in order.
func (r *received) numbered(partition, from, to int) {
	r.t.Helper()
	var want []string
	for i := from; i < to; i++ {
		want = append(want, string(value(partition, i)))
	}
	if got := r.values(partition); !slices.Equal(got, want) {
		r.t.Errorf("partition %d: got %d messages %v, want %d (%d to %d)", partition, len(got), ends(got), len(want), from, to)
	}
}

func ends(s []string) []string {
	if len(s) <= 6 {
		return s
	}
	return slices.Concat(s[:3], []string{"…"}, s[len(s)-3:])
}

// readOn reads in the background until the returned function is called.
func readOn(t *testing.T, s *topic.Topic, from map[int]int64) (*received, func()) {
	t.Helper()
	r := newReceived(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Read(ctx, follow.Range{From: from}, r.deliver) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Read ended with %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Read did not end with its context")
		}
	})
	t.Cleanup(stop)
	return r, stop
}

// readAll reads from the offsets to the end as it is now.
func readAll(t *testing.T, s *topic.Topic, from map[int]int64) *received {
	t.Helper()
	partitions, err := s.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	to := map[int]int64{}
	for _, p := range partitions {
		to[p.Partition] = p.End
	}
	return readRange(t, s, follow.Range{From: from, To: to})
}

func readRange(t *testing.T, s *topic.Topic, within follow.Range) *received {
	t.Helper()
	r := newReceived(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Read(ctx, within, r.deliver); err != nil {
		t.Fatalf("Read: %v", err)
	}
	return r
}
