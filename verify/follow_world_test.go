package verify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// shop is an event store and a topic in memory, and a ledger that remembers the follower. All are safe for concurrent use.
type shop struct {
	t *testing.T

	mu         sync.Mutex
	stored     map[order.Position]order.Event
	running    bool // a transaction that began before everything
	partitions [][]verify.Message
	deleted    []int64
	grown      chan struct{} // closed, and made anew, when the topic grows
	now        time.Time

	state      verify.StreamState
	open       map[order.Key]string // order → cause
	lost       map[order.Position]verify.LostEvent
	strays     map[[2]int64]verify.StrayMessage
	commits    int
	failCommit int // commit at which the ledger goes away; 0 for never
}

func newShop(t *testing.T, partitions int) *shop {
	return &shop{
		t: t, stored: map[order.Position]order.Event{}, partitions: make([][]verify.Message, partitions), deleted: make([]int64, partitions),
		grown: make(chan struct{}), now: time.Unix(1_700_000_000, 0), open: map[order.Key]string{},
		lost: map[order.Position]verify.LostEvent{}, strays: map[[2]int64]verify.StrayMessage{},
	}
}

const canceled = `{"event_id":%d,"order_id":%d,"event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00Z","payload":{"reason":%q}}`

func (s *shop) store(id, key int) {
	e, err := order.DecodeMessage(fmt.Appendf(nil, canceled, id, key, "why"), order.Vocabulary{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored[order.Position(id)] = e
}

func (s *shop) publish(partition, id, key int) {
	s.publishText(partition, key, fmt.Sprintf(canceled, id, key, "why"))
}

func (s *shop) publishText(partition, key int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := verify.Message{Partition: partition, Offset: int64(len(s.partitions[partition])), Value: []byte(text)}
	if key > 0 {
		m.Key = fmt.Appendf(nil, "%d", key)
	}
	s.partitions[partition] = append(s.partitions[partition], m)
	close(s.grown)
	s.grown = make(chan struct{})
}

func (s *shop) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *shop) Partitions(context.Context) ([]verify.StreamPartition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []verify.StreamPartition
	for i, m := range s.partitions {
		out = append(out, verify.StreamPartition{Partition: i, First: s.deleted[i], End: int64(len(m))})
	}
	return out, nil
}

func (s *shop) next(from map[int]int64) (batches []verify.StreamBatch, grown chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, m := range s.partitions {
		b := verify.StreamBatch{Partition: i, Next: int64(len(m)), End: int64(len(m))}
		first := from[i]
		if first < s.deleted[i] {
			b.Gap = &verify.Gap{Partition: i, Kind: verify.GapRetention, Expected: first, Got: s.deleted[i]}
			first = s.deleted[i]
		}
		if b.Messages = m[first:]; b.Gap != nil || len(b.Messages) > 0 {
			batches = append(batches, b)
		}
		from[i] = b.Next
	}
	return batches, s.grown
}

func (s *shop) Read(ctx context.Context, r verify.StreamRange, deliver func(context.Context, verify.StreamBatch) error) error {
	from := maps.Clone(r.From)
	for {
		batches, grown := s.next(from)
		for _, b := range batches {
			if err := deliver(ctx, b); err != nil {
				return err
			}
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *shop) Histories(_ context.Context, keys []order.Key) (map[order.Key][]order.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[order.Key][]order.Event{}
	for _, p := range slices.Sorted(maps.Keys(s.stored)) {
		if e := s.stored[p]; slices.Contains(keys, e.Key) {
			out[e.Key] = append(out[e.Key], e)
		}
	}
	return out, nil
}

func (s *shop) Rows(_ context.Context, positions []order.Position, fn func(order.StoredRow) error) error {
	for _, p := range positions {
		s.mu.Lock()
		e, ok := s.stored[p]
		s.mu.Unlock()
		if !ok {
			continue
		}
		payload := fmt.Appendf(nil, `{"reason": %q}`, e.Body.(order.Canceled).Reason.Text)
		if err := fn(order.StoredRow{Position: p, Key: []byte(e.Key), Type: []byte(e.Type), At: e.At, Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) CountPositions(_ context.Context, from, to order.Position, shift uint) ([]verify.PositionCount, error) {
	counts := map[int64]int64{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.stored {
		if p >= from && p <= to {
			counts[int64(p)>>shift]++
		}
	}
	var out []verify.PositionCount
	for b, n := range counts {
		out = append(out, verify.PositionCount{Bucket: b, Events: n})
	}
	return out, nil
}

func (s *shop) Between(_ context.Context, from, to order.Position, fn func(order.Position, order.Key) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(s.stored)) {
		if p < from || p > to {
			continue
		}
		if err := fn(p, s.stored[p].Key); err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) Horizon(context.Context) (verify.Horizon, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := verify.Horizon{Below: 2}
	for p := range s.stored {
		h.Position = max(h.Position, p)
	}
	return h, nil
}

func (s *shop) Oldest(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return 1, nil
	}
	return 2, nil
}

func (s *shop) LoadStream(context.Context, string) (verify.StreamState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.state
	out.Partitions, out.Buckets = maps.Clone(s.state.Partitions), map[int64]*verify.StreamBucket{}
	for b, bucket := range s.state.Buckets {
		out.Buckets[b] = cloned(bucket)
	}
	return out, nil
}

func cloned(b *verify.StreamBucket) *verify.StreamBucket {
	c := *b
	c.Seen = slices.Clone(b.Seen)
	return &c
}

var errGone = errors.New("the ledger is gone")

func (s *shop) CommitStream(_ context.Context, _ verify.Lease, c verify.StreamCommit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.commits++; s.commits == s.failCommit {
		return errGone
	}
	buckets := s.state.Buckets
	if buckets == nil {
		buckets = map[int64]*verify.StreamBucket{}
	}
	for b, bucket := range c.State.Buckets {
		if bucket == nil {
			delete(buckets, b)
			continue
		}
		buckets[b] = cloned(bucket)
	}
	s.state = c.State
	s.state.Buckets, s.state.Partitions = buckets, maps.Clone(c.State.Partitions)
	for _, f := range c.Findings {
		s.open[f.Mismatch.Key] = string(f.Mismatch.Cause)
	}
	s.forget(c)
	return nil
}

func (s *shop) forget(c verify.StreamCommit) {
	for p, e := range s.lost {
		if _, replaced := c.Lost[int64(p)>>12]; replaced || slices.Contains(c.Arrived, p) {
			delete(s.lost, p)
			delete(s.open, e.Key)
		}
	}
	for _, events := range c.Lost {
		for _, e := range events {
			s.lost[e.Position] = e
			s.open[e.Key] = "lost_publish"
		}
	}
	for _, m := range c.Strays {
		s.strays[[2]int64{int64(m.Partition), m.Offset}] = m
	}
	for i, m := range c.Settled {
		delete(s.strays, [2]int64{int64(m.Partition), m.Offset})
		if s.open[c.Cleared[i]] == "ghost_publish" {
			delete(s.open, c.Cleared[i])
		}
	}
}

func (s *shop) DueStrays(_ context.Context, _ string, at time.Time, limit int) (due []verify.StrayMessage, waiting int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.strays {
		if !m.Due.After(at) && len(due) < limit {
			due = append(due, m)
		}
	}
	return due, int64(len(s.strays)), nil
}

// follow runs a follower until the condition holds, and returns what its Run said if that ended before.
func (s *shop) follow(what string, until func() bool) error {
	s.t.Helper()
	f := &verify.Follower{
		Stream: s, Store: s, Ledger: s, Topic: "orders", KeyType: order.KeyInteger, Window: time.Minute, Every: time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now },
	}
	ctx, stop := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx, verify.Lease{}) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				s.t.Fatalf("did not happen: %s; found %s, state %+v", what, s.found(), s.state)
			}
			return err
		case <-tick.C:
			s.mu.Lock()
			done := until()
			s.mu.Unlock()
			if done {
				stop()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					s.t.Errorf("a follower that is stopped says %v", err)
				}
				return nil
			}
			s.pass(time.Second)
		}
	}
}

// settled follows until everything up to a position was checked and judged, and returns what is open.
func (s *shop) settled(position int) string {
	s.t.Helper()
	from := s.clock()
	if err := s.follow(fmt.Sprint("checked up to ", position), func() bool {
		e := s.state.Evidence
		return e.Checked >= order.Position(position) && e.CaughtUpAt.Sub(from) > 3*time.Minute && s.judgedAll()
	}); err != nil {
		s.t.Fatal(err)
	}
	return s.found()
}

// judgedAll is true if no message without an event waits for its first judgement: on a busy machine the clock of this world
// runs far ahead of the follower.
func (s *shop) judgedAll() bool {
	for _, m := range s.strays {
		if !m.Judged {
			return false
		}
	}
	return true
}

func (s *shop) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *shop) found() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for key, cause := range s.open {
		out = append(out, string(key)+" "+cause)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
