package streamtest_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

const patience = 90 * time.Second // for what a loaded machine does in two

// heard is what Read delivered.
type heard struct {
	t        *testing.T
	mu       sync.Mutex
	messages map[int][]verify.Message // by partition
	gaps     []verify.Gap
	next     map[int]int64
	changed  chan struct{} // has room for one; filled after every batch
}

func newHeard(t *testing.T) *heard {
	return &heard{t: t, messages: map[int][]verify.Message{}, next: map[int]int64{}, changed: make(chan struct{}, 1)}
}

func (h *heard) deliver(_ context.Context, b verify.StreamBatch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	due, seen := h.next[b.Partition]
	if b.Gap != nil {
		h.gaps = append(h.gaps, *b.Gap)
		due, seen = b.Gap.Got, true
	}
	for _, m := range b.Messages {
		if m.Partition != b.Partition {
			h.t.Errorf("message of partition %d in a batch of partition %d", m.Partition, b.Partition)
		}
		if seen && m.Offset < due {
			h.t.Errorf("partition %d: offset %d delivered when %d was due", b.Partition, m.Offset, due)
		}
		due, seen = m.Offset+1, true
	}
	if b.Next < due {
		h.t.Errorf("partition %d: next is %d behind offset %d", b.Partition, b.Next, due-1)
	}
	h.messages[b.Partition] = append(h.messages[b.Partition], b.Messages...)
	h.next[b.Partition] = b.Next
	select {
	case h.changed <- struct{}{}:
	default:
	}
	return nil
}

func (h *heard) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, messages := range h.messages {
		n += len(messages)
	}
	return n
}

func (h *heard) positions() map[int]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.next)
}

// wait waits until that many messages were heard.
func (h *heard) wait(messages int) {
	h.t.Helper()
	h.until(func() bool { return h.count() >= messages })
}

func (h *heard) until(done func() bool) {
	h.t.Helper()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-h.changed:
		case <-deadline:
			h.t.Fatalf("waited in vain; %d messages, gaps %v, next %v", h.count(), h.gaps, h.positions())
		}
	}
}

// values are a partition's, as text.
func (h *heard) values(partition int) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, m := range h.messages[partition] {
		out = append(out, string(m.Value))
	}
	return out
}

// numbered fails unless the partition's messages are those that write produces for the numbers, in order.
func (h *heard) numbered(partition, from, to int) {
	h.t.Helper()
	var want []string
	for i := from; i < to; i++ {
		want = append(want, string(value(partition, i)))
	}
	if got := h.values(partition); !slices.Equal(got, want) {
		h.t.Errorf("partition %d: got %d messages %v, want %d (%d to %d)", partition, len(got), ends(got), len(want), from, to)
	}
}

func ends(s []string) []string {
	if len(s) <= 6 {
		return s
	}
	return slices.Concat(s[:3], []string{"…"}, s[len(s)-3:])
}

// follow reads in the background until the returned function is called.
func follow(t *testing.T, s *source.Stream, from map[int]int64) (*heard, func()) {
	t.Helper()
	h := newHeard(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Read(ctx, verify.StreamRange{From: from}, h.deliver) }()
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
	return h, stop
}

// readAll reads from the offsets to the end as it is now.
func readAll(t *testing.T, s *source.Stream, from map[int]int64) *heard {
	t.Helper()
	partitions, err := s.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	to := map[int]int64{}
	for _, p := range partitions {
		to[p.Partition] = p.End
	}
	return readRange(t, s, verify.StreamRange{From: from, To: to})
}

func readRange(t *testing.T, s *source.Stream, r verify.StreamRange) *heard {
	t.Helper()
	h := newHeard(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Read(ctx, r, h.deliver); err != nil {
		t.Fatalf("Read: %v", err)
	}
	return h
}
