package ledgertest

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// StreamStore is a ledger of the stream with its leases: what [ExerciseStream] exercises.
type StreamStore interface {
	verify.StreamLedger
	lease.Store
	Divergences(ctx context.Context, state verify.DivergenceState, limit int) ([]verify.Divergence, error)
}

// ExerciseStream holds a ledger against the contract of verify.StreamLedger. open returns an empty one.
func ExerciseStream(t *testing.T, open func(t *testing.T) StreamStore) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *stream)
	}{
		{"what is not followed has no state", streamUnknown},
		{"the state comes back as it was written", streamRoundTrip},
		{"a commit changes the buckets that it names", bucketsChange},
		{"a bucket is open or closed", openOrClosed},
		{"closed buckets are paged", closedPaged},
		{"what is lost is known of open buckets", lostIsKnown},
		{"a lost event is resolved when nothing of its order is lost", lostResolves},
		{"what cannot be taken back stays", staysOpen},
		{"a finding opens once and is renewed", findingRenewed},
		{"strays wait until they are due", straysWait},
		{"a ghost is resolved when it is settled", ghostResolves},
		{"fingerprints do not touch each other", streamsApart},
		{"a lease that is lost writes nothing", streamFenced},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &stream{StreamStore: open(t), t: t}
			held, err := s.Acquire(t.Context(), "stream", "test", longTTL)
			noError(t, err, "acquiring")
			s.lease = held
			test.run(t, s)
		})
	}
}

// stream is a ledger with the lease of a follower.
type stream struct {
	StreamStore
	t     *testing.T
	lease lease.Lease
}

const print = "f1"

func (s *stream) commit(c verify.StreamCommit) {
	s.t.Helper()
	if c.Fingerprint == "" {
		c.Fingerprint = print
	}
	c.At = t0
	noError(s.t, s.CommitStream(s.t.Context(), s.lease, c), "committing")
}

func (s *stream) state() verify.StreamState {
	s.t.Helper()
	state, err := s.LoadStream(s.t.Context(), print)
	noError(s.t, err, "reading the state")
	return state
}

func (s *stream) wantOpen(want ...string) {
	s.t.Helper()
	open, err := s.Divergences(s.t.Context(), verify.Open, 100)
	noError(s.t, err, "reading what is open")
	got := make([]string, len(open))
	for i, d := range open {
		got[i] = string(d.Mismatch.Key) + " " + string(d.Mismatch.Cause)
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		s.t.Errorf("open are %q, want %q", got, want)
	}
}

func (s *stream) kept(buckets ...int64) []verify.KeptBucket {
	s.t.Helper()
	kept, err := s.KeptBuckets(s.t.Context(), print, buckets)
	noError(s.t, err, "reading closed buckets")
	slices.SortFunc(kept, func(a, b verify.KeptBucket) int { return int(a.Bucket - b.Bucket) })
	return kept
}

func onStream(key order.Key, cause compare.Cause, seconds int) verify.StreamFinding {
	return verify.StreamFinding{
		Mismatch: compare.Mismatch{Key: key, Kind: compare.Missing, Hop: compare.EventsToStream, Cause: cause},
		Seen:     t0.Add(time.Duration(seconds) * time.Second),
	}
}

func lose(bucket int64, events ...verify.LostEvent) map[int64][]verify.LostEvent {
	return map[int64][]verify.LostEvent{bucket: append([]verify.LostEvent{}, events...)}
}

// bits of a bucket, with these positions in it.
func bits(positions ...int) []byte {
	set := make([]byte, 512)
	for _, p := range positions {
		set[p/8] |= 1 << (p % 8)
	}
	return set
}

func opened(id int64, b verify.StreamBucket) verify.StreamState {
	return verify.StreamState{From: 1, Buckets: map[int64]*verify.StreamBucket{id: &b}}
}

func streamUnknown(t *testing.T, s *stream) {
	if got := s.state(); got.Partitions != nil || got.Buckets != nil || got.From != 0 {
		t.Errorf("state is %+v", got)
	}
}

func streamRoundTrip(t *testing.T, s *stream) {
	caughtUp := micros(t0)
	state := verify.StreamState{
		Partitions: map[int]verify.StreamPartitionState{0: {Next: 5, End: 9, Newest: 7, First: 3, Cut: true, ReplayTo: 2}, 1: {}},
		Buckets:    map[int64]*verify.StreamBucket{4: {Seen: bits(1, 9), Stored: 3, Missing: 1, Sum: 1<<63 - 1}, 5: {Seen: bits()}},
		From:       3, Frontier: 4, Kept: 2, Excused: 5, Complete: 6,
		Evidence: verify.StreamTotals{Stored: 9, Seen: 8, Checked: 20, CaughtUpAt: caughtUp},
	}
	s.commit(verify.StreamCommit{State: state})
	same(t, s.state(), state, "the state")
}

func bucketsChange(t *testing.T, s *stream) {
	s.commit(verify.StreamCommit{State: verify.StreamState{From: 1, Buckets: map[int64]*verify.StreamBucket{4: {Seen: bits(1)}, 5: {Seen: bits(2)}, 6: {Seen: bits(3)}}}})
	s.commit(verify.StreamCommit{State: verify.StreamState{From: 1, Buckets: map[int64]*verify.StreamBucket{4: nil, 5: {Seen: bits(2, 7), Stored: 2}}}})
	same(t, s.state().Buckets, map[int64]*verify.StreamBucket{5: {Seen: bits(2, 7), Stored: 2}, 6: {Seen: bits(3)}}, "the buckets")
}

func openOrClosed(t *testing.T, s *stream) {
	s.commit(verify.StreamCommit{State: opened(4, verify.StreamBucket{Seen: bits(1)})})
	closed := []verify.KeptBucket{{Bucket: 4, Seen: bits(1, 4095), Stored: 2, Sum: 1<<63 - 5}}
	gone := verify.StreamState{From: 1, Buckets: map[int64]*verify.StreamBucket{4: nil}}
	s.commit(verify.StreamCommit{State: gone, Closed: closed})
	same(t, s.kept(3, 4, 5), closed, "what is kept")
	if open := s.state().Buckets; len(open) != 0 {
		t.Errorf("open are %v", open)
	}
	closed[0].Stored = 3
	s.commit(verify.StreamCommit{State: gone, Closed: closed})
	same(t, s.kept(4), closed, "what is kept of a bucket that was closed again")
	s.commit(verify.StreamCommit{State: opened(4, verify.StreamBucket{Seen: bits(1, 2)})})
	if kept := s.kept(4); len(kept) != 0 {
		t.Errorf("an open bucket has %v", kept)
	}
}

func closedPaged(t *testing.T, s *stream) {
	var all []verify.KeptBucket
	for _, b := range []int64{2, 3, 7, 1000} {
		all = append(all, verify.KeptBucket{Bucket: b, Seen: bytes.Repeat([]byte{255}, 512), Stored: 4096, Sum: uint64(b)}) //nolint:gosec // small
	}
	s.commit(verify.StreamCommit{State: verify.StreamState{From: 1}, Closed: []verify.KeptBucket{all[3], all[0], all[2], all[1]}})
	after := func(b int64, limit int, want ...verify.KeptBucket) {
		t.Helper()
		got, err := s.KeptAfter(t.Context(), print, b, limit)
		noError(t, err, "reading closed buckets")
		if len(got) != len(want) || len(want) > 0 && shown(got) != shown(want) {
			t.Errorf("behind %d are %s, want %s", b, shown(got), shown(want))
		}
	}
	after(-1, 2, all[0], all[1])
	after(3, 2, all[2], all[3])
	after(999, 5, all[3])
	after(1000, 5)
}

func lostIsKnown(t *testing.T, s *stream) {
	state := opened(0, verify.StreamBucket{Seen: bits(3), Stored: 3, Missing: 2})
	s.commit(verify.StreamCommit{State: state, Lost: lose(0, verify.LostEvent{Position: 1, Key: "7"}, verify.LostEvent{Position: 2, Key: "8"})})
	same(t, s.state().Buckets[0].Lost, bits(1, 2), "what is lost")
	s.commit(verify.StreamCommit{State: verify.StreamState{From: 1}, Arrived: []order.Position{2}})
	same(t, s.state().Buckets[0].Lost, bits(1), "what is lost when one has arrived")
	s.commit(verify.StreamCommit{State: verify.StreamState{From: 1}, Lost: lose(0)})
	if lost := s.state().Buckets[0].Lost; lost != nil {
		t.Errorf("lost are %v", lost)
	}
}

func lostResolves(t *testing.T, s *stream) {
	s.commit(verify.StreamCommit{
		Findings: []verify.StreamFinding{onStream("7", compare.LostPublish, 0), onStream("8", compare.LostPublish, 0)},
		Lost:     map[int64][]verify.LostEvent{0: {{Position: 1, Key: "7"}, {Position: 2, Key: "8"}}, 1: {{Position: 5000, Key: "7"}}},
	})
	s.wantOpen("7 lost_publish", "8 lost_publish")
	s.commit(verify.StreamCommit{Arrived: []order.Position{1, 2, 3}})
	s.wantOpen("7 lost_publish") // another one of order 7 is lost
	s.commit(verify.StreamCommit{Lost: lose(0)})
	s.wantOpen("7 lost_publish")
	s.commit(verify.StreamCommit{Lost: lose(1)})
	s.wantOpen()
	resolved, err := s.Divergences(t.Context(), verify.Resolved, 10)
	noError(t, err, "reading what is resolved")
	if len(resolved) != 2 || !resolved[0].ResolvedAt.Equal(micros(t0)) {
		t.Errorf("resolved are %s", shown(resolved))
	}
}

func staysOpen(_ *testing.T, s *stream) {
	s.commit(verify.StreamCommit{
		Findings: []verify.StreamFinding{onStream("8", compare.DuplicatePublish, 0), onStream("8", compare.LostPublish, 1), onStream("8", compare.GhostPublish, 1)},
		Lost:     lose(0, verify.LostEvent{Position: 2, Key: "8"}),
	})
	s.wantOpen("8 duplicate_publish")
	s.commit(verify.StreamCommit{Arrived: []order.Position{2}, Cleared: []order.Key{"8"}})
	s.wantOpen("8 duplicate_publish")
	s.commit(verify.StreamCommit{Findings: []verify.StreamFinding{onStream("8", compare.WrongPublish, 2)}})
	s.wantOpen("8 wrong_publish")
}

func findingRenewed(t *testing.T, s *stream) {
	for _, second := range []int{10, 30, 20} {
		s.commit(verify.StreamCommit{Findings: []verify.StreamFinding{onStream("7", compare.DuplicatePublish, second)}})
	}
	open, err := s.Divergences(t.Context(), verify.Open, 10)
	noError(t, err, "reading what is open")
	if len(open) != 1 || open[0].FoundBy != verify.StreamPass || open[0].Mismatch.Hop != compare.EventsToStream ||
		!open[0].FirstSeen.Equal(micros(t0.Add(10*time.Second))) || !open[0].LastSeen.Equal(micros(t0.Add(30*time.Second))) {
		t.Errorf("open is %s", shown(open))
	}
}

func stray(offset int64, due int) verify.StrayMessage {
	return verify.StrayMessage{
		Partition: 1, Offset: offset, Value: []byte("x"), FirstSeen: micros(t0), Due: micros(t0.Add(time.Duration(due) * time.Second)),
	}
}

func (s *stream) due(seconds, limit int, waiting int64, offsets ...int64) []verify.StrayMessage {
	s.t.Helper()
	due, waits, err := s.DueStrays(s.t.Context(), print, t0.Add(time.Duration(seconds)*time.Second), limit)
	noError(s.t, err, "reading strays")
	var got []int64
	for _, m := range due {
		got = append(got, m.Offset)
	}
	if waits != waiting || !slices.Equal(got, offsets) {
		s.t.Errorf("after %d s due are %v of %d, want %v of %d", seconds, got, waits, offsets, waiting)
	}
	return due
}

func straysWait(t *testing.T, s *stream) {
	s.commit(verify.StreamCommit{Strays: []verify.StrayMessage{stray(9, 10), stray(8, 20), stray(7, 20)}})
	s.due(9, 10, 3)
	if due := s.due(10, 10, 3, 9); len(due) == 1 {
		same(t, due[0], stray(9, 10), "the stray")
	}
	s.due(20, 10, 3, 9, 7, 8)
	s.due(20, 2, 3, 9, 7)
	again := stray(9, 40) // judged: it waits for nothing that could hold up the reader
	again.Judged = true
	s.commit(verify.StreamCommit{Strays: []verify.StrayMessage{again}})
	s.due(20, 10, 2, 7, 8)
	if due := s.due(40, 10, 2, 7, 8, 9); len(due) == 3 {
		same(t, due[2], again, "the judged stray")
	}
}

func ghostResolves(_ *testing.T, s *stream) {
	s.commit(verify.StreamCommit{
		Strays:   []verify.StrayMessage{stray(9, 10), stray(8, 10)},
		Findings: []verify.StreamFinding{onStream("9", compare.GhostPublish, 0), onStream("8", compare.GhostPublish, 0)},
	})
	s.wantOpen("8 ghost_publish", "9 ghost_publish")
	s.commit(verify.StreamCommit{Settled: []verify.StrayMessage{stray(9, 10)}, Cleared: []order.Key{"9"}})
	s.wantOpen("8 ghost_publish")
	s.due(99, 10, 1, 8)
}

func streamsApart(t *testing.T, s *stream) {
	event := lose(0, verify.LostEvent{Position: 1, Key: "7"})
	lost := []verify.StreamFinding{onStream("7", compare.LostPublish, 0)}
	s.commit(verify.StreamCommit{State: opened(0, verify.StreamBucket{Seen: bits(3)}), Lost: event, Findings: lost, Strays: []verify.StrayMessage{stray(9, 10)}})
	s.commit(verify.StreamCommit{Fingerprint: "f2", State: verify.StreamState{From: 77}, Lost: event, Findings: lost, Closed: []verify.KeptBucket{{Bucket: 1, Seen: bits(1)}}})
	s.wantOpen("7 lost_publish", "7 lost_publish")
	s.commit(verify.StreamCommit{Fingerprint: "f2", State: verify.StreamState{From: 77}, Arrived: []order.Position{1}})
	s.wantOpen("7 lost_publish")
	s.due(10, 10, 1, 9)
	if state := s.state(); state.From != 1 || len(state.Buckets) != 1 || len(s.kept(1)) != 0 {
		t.Errorf("state is %+v", state)
	}
}

func streamFenced(t *testing.T, s *stream) {
	noError(t, s.Release(t.Context(), s.lease), "releasing")
	err := s.CommitStream(t.Context(), s.lease, verify.StreamCommit{
		Fingerprint: print, At: t0, State: opened(4, verify.StreamBucket{Seen: bits(1)}), Closed: []verify.KeptBucket{{Bucket: 1, Seen: bits(1)}},
		Findings: []verify.StreamFinding{onStream("7", compare.LostPublish, 0)}, Strays: []verify.StrayMessage{stray(9, 10)},
	})
	wantError(t, err, lease.ErrFenced, "committing under a lease that is lost")
	s.wantOpen()
	s.due(99, 10, 0)
	if state := s.state(); strings.Contains(shown(state), `"From":1`) || len(s.kept(1)) != 0 {
		t.Errorf("state is %+v", state)
	}
}
