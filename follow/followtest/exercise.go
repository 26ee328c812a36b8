package followtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Store is a follower's ledger with its leases, as [Exercise] needs it.
type Store interface {
	follow.Ledger
	follow.Intake
	lease.Store
	Divergences(ctx context.Context, state verify.DivergenceState, limit int) ([]verify.Divergence, error)
}

// Exercise checks a ledger against the contract of follow.Ledger. open returns an empty ledger.
func Exercise(t *testing.T, open func(t *testing.T) Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *stream)
	}{
		{"what is not followed has no state", streamUnknown},
		{"the state comes back as it was written", streamRoundTrip},
		{"orders from before the store begins are kept", begunBefore},
		{"a commit changes the buckets that it names", bucketsChange},
		{"a bucket is open or closed", openOrClosed},
		{"closed buckets are paged", closedPaged},
		{"what is lost is known of open buckets", lostIsKnown},
		{"a lost event is resolved when nothing of its order is lost", lostResolves},
		{"what cannot be taken back stays", staysOpen},
		{"a finding opens once and is renewed", findingRenewed},
		{"messages without an event wait until they are due", unmatchedWait},
		{"a ghost is resolved when its event is stored", ghostResolves},
		{"an order may have a ghost and a lost event", ghostOrLost},
		{"fingerprints do not touch each other", streamsApart},
		{"a lease that is lost writes nothing", streamFenced},
		{"parcels are taken in their order", parcelsInOrder},
		{"only the last claim adds parcels, each once", parcelsFenced},
		{"parcels that go on are kept", intakeOpenedAgain},
		{"parcels that wait are limited", intakeIsFull},
		{"the intake is opened under the lease", intakeNeedsTheLease},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &stream{Store: open(t), t: t}
			held, err := s.Acquire(t.Context(), "stream", "test", longTTL)
			noError(t, err, "acquiring")
			s.lease = held
			test.run(t, s)
		})
	}
}

// stream is a ledger with the lease of a follower.
type stream struct {
	Store
	t     *testing.T
	lease lease.Lease
}

const (
	print   = "f1"
	longTTL = time.Minute
)

// t0 is when the tests' commits are made. It has a nanosecond, which the ledger cannot keep.
var t0 = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

func noError(t *testing.T, err error, doing string) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

// same compares deeply. Times are equal only if they are in UTC, as the ledger returns them.
func same(t *testing.T, got, want any, what string) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, shown(got), shown(want))
	}
}

// shown prints what pointers point to as well.
func shown(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%+v", v)
	}
	return string(b)
}

func (s *stream) commit(c follow.Commit) {
	s.t.Helper()
	if c.Fingerprint == "" {
		c.Fingerprint = print
	}
	c.At = t0
	noError(s.t, s.CommitStream(s.t.Context(), s.lease, c), "committing")
}

func (s *stream) state() follow.State {
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

func (s *stream) kept(buckets ...int64) []follow.ClosedBucket {
	s.t.Helper()
	kept, err := s.ClosedBuckets(s.t.Context(), print, buckets)
	noError(s.t, err, "reading closed buckets")
	slices.SortFunc(kept, func(a, b follow.ClosedBucket) int { return int(a.Bucket - b.Bucket) })
	return kept
}

func onStream(key order.Key, cause compare.Cause, seconds int) follow.Finding {
	return follow.Finding{
		Mismatch: compare.Mismatch{Key: key, Kind: compare.Missing, Hop: order.EventsToStream, Cause: cause},
		Seen:     t0.Add(time.Duration(seconds) * time.Second),
	}
}

func lose(bucket int64, events ...follow.LostEvent) map[int64][]follow.LostEvent {
	return map[int64][]follow.LostEvent{bucket: append([]follow.LostEvent{}, events...)}
}

// bits of a bucket, with these positions in it.
func bits(positions ...int) []byte {
	set := make([]byte, 512)
	for _, p := range positions {
		set[p/8] |= 1 << (p % 8)
	}
	return set
}

func opened(id int64, b follow.Bucket) follow.State {
	return follow.State{From: 1, Buckets: map[int64]*follow.Bucket{id: &b}}
}

func streamUnknown(t *testing.T, s *stream) {
	if got := s.state(); got.Partitions != nil || got.Buckets != nil || got.From != 0 {
		t.Errorf("state is %+v", got)
	}
}

func streamRoundTrip(t *testing.T, s *stream) {
	caughtUp := micro(t0)
	state := follow.State{
		Topic:      "an identity",
		Partitions: map[int]follow.PartitionState{0: {Next: 5, End: 9, Newest: 7, First: 3, Cut: true, ReplayTo: 2, Backlog: 8, Taken: 6}, 1: {}},
		Buckets:    map[int64]*follow.Bucket{4: {Seen: bits(1, 9), Stored: 3, Missing: 1, Sum: 1<<63 - 1}, 5: {Seen: bits()}},
		From:       3, Frontier: 4, Kept: 2, UncertainTo: 5, Complete: 6,
		Evidence: follow.Totals{
			Stored: 9, Seen: 8, Checked: 20, CaughtUpAt: caughtUp, Waiting: follow.Waiting{For: "a transaction", Since: caughtUp.Add(-time.Hour)},
			BeforeStore: 12, Pending: 3,
		},
	}
	s.commit(follow.Commit{State: state})
	same(t, s.state(), state, "the state")
}

func begunBefore(t *testing.T, s *stream) {
	s.commit(follow.Commit{BegunBefore: []order.Key{"7", "8"}})
	s.commit(follow.Commit{BegunBefore: []order.Key{"8", "9"}})
	found, err := s.BegunBefore(t.Context(), print, []order.Key{"9", "10", "8"})
	slices.Sort(found)
	same(t, found, []order.Key{"8", "9"}, "orders from before the store begins")
	noError(t, err, "reading orders from before the store begins")
	if found, err := s.BegunBefore(t.Context(), "another", []order.Key{"9"}); err != nil || len(found) > 0 {
		t.Errorf("under another fingerprint: %v, %v", found, err)
	}
}

func bucketsChange(t *testing.T, s *stream) {
	s.commit(follow.Commit{State: follow.State{From: 1, Buckets: map[int64]*follow.Bucket{4: {Seen: bits(1)}, 5: {Seen: bits(2)}, 6: {Seen: bits(3)}}}})
	s.commit(follow.Commit{State: follow.State{From: 1, Buckets: map[int64]*follow.Bucket{4: nil, 5: {Seen: bits(2, 7), Stored: 2}}}})
	same(t, s.state().Buckets, map[int64]*follow.Bucket{5: {Seen: bits(2, 7), Stored: 2}, 6: {Seen: bits(3)}}, "the buckets")
}

func openOrClosed(t *testing.T, s *stream) {
	s.commit(follow.Commit{State: opened(4, follow.Bucket{Seen: bits(1)})})
	closed := []follow.ClosedBucket{{Bucket: 4, Seen: bits(1, 4095), Stored: 2, Sum: 1<<63 - 5}}
	gone := follow.State{From: 1, Buckets: map[int64]*follow.Bucket{4: nil}}
	s.commit(follow.Commit{State: gone, Closed: closed})
	same(t, s.kept(3, 4, 5), closed, "what is kept")
	if open := s.state().Buckets; len(open) != 0 {
		t.Errorf("open are %v", open)
	}
	closed[0].Stored = 3
	s.commit(follow.Commit{State: gone, Closed: closed})
	same(t, s.kept(4), closed, "what is kept of a bucket that was closed again")
	s.commit(follow.Commit{State: opened(4, follow.Bucket{Seen: bits(1, 2)})})
	if kept := s.kept(4); len(kept) != 0 {
		t.Errorf("an open bucket has %v", kept)
	}
}

func closedPaged(t *testing.T, s *stream) {
	var all []follow.ClosedBucket
	for _, b := range []int64{2, 3, 7, 1000} {
		all = append(all, follow.ClosedBucket{Bucket: b, Seen: bytes.Repeat([]byte{255}, 512), Stored: 4096, Sum: uint64(b)}) //nolint:gosec // small
	}
	s.commit(follow.Commit{State: follow.State{From: 1}, Closed: []follow.ClosedBucket{all[3], all[0], all[2], all[1]}})
	after := func(b int64, limit int, want ...follow.ClosedBucket) {
		t.Helper()
		got, err := s.ClosedAfter(t.Context(), print, b, limit)
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
	state := opened(0, follow.Bucket{Seen: bits(3), Stored: 3, Missing: 2})
	s.commit(follow.Commit{State: state, Lost: lose(0, follow.LostEvent{Position: 1, Key: "7"}, follow.LostEvent{Position: 2, Key: "8"})})
	same(t, s.state().Buckets[0].Lost, bits(1, 2), "what is lost")
	s.commit(follow.Commit{State: follow.State{From: 1}, Arrived: []order.Position{2}})
	same(t, s.state().Buckets[0].Lost, bits(1), "what is lost when one has arrived")
	s.commit(follow.Commit{State: follow.State{From: 1}, Lost: lose(0)})
	if lost := s.state().Buckets[0].Lost; lost != nil {
		t.Errorf("lost are %v", lost)
	}
}

func lostResolves(t *testing.T, s *stream) {
	s.commit(follow.Commit{
		Findings: []follow.Finding{onStream("7", compare.LostPublish, 0), onStream("8", compare.LostPublish, 0), onStream("event -3", compare.SchemaDrift, 0)},
		Lost: map[int64][]follow.LostEvent{
			-1: {{Position: -3, Key: "event -3"}}, 0: {{Position: 1, Key: "7"}, {Position: 2, Key: "8"}}, 1: {{Position: 5000, Key: "7"}},
		},
	})
	s.wantOpen("7 lost_publish", "8 lost_publish", "event -3 schema_drift")
	s.commit(follow.Commit{Arrived: []order.Position{-3, 1, 2, 3}})
	s.wantOpen("7 lost_publish") // another one of order 7 is lost
	s.commit(follow.Commit{Lost: lose(0)})
	s.wantOpen("7 lost_publish")
	s.commit(follow.Commit{Lost: lose(1)})
	s.wantOpen()
	resolved, err := s.Divergences(t.Context(), verify.Resolved, 10)
	noError(t, err, "reading what is resolved")
	if len(resolved) != 3 || !resolved[0].ResolvedAt.Equal(micro(t0)) {
		t.Errorf("resolved are %s", shown(resolved))
	}
}

func staysOpen(_ *testing.T, s *stream) {
	s.commit(follow.Commit{
		Findings: []follow.Finding{onStream("8", compare.DuplicatePublish, 0), onStream("8", compare.LostPublish, 1), onStream("8", compare.GhostPublish, 1)},
		Lost:     lose(0, follow.LostEvent{Position: 2, Key: "8"}),
	})
	s.wantOpen("8 duplicate_publish")
	s.commit(follow.Commit{Arrived: []order.Position{2}, MatchedOrders: []order.Key{"8"}})
	s.wantOpen("8 duplicate_publish")
	s.commit(follow.Commit{Findings: []follow.Finding{onStream("8", compare.WrongPublish, 2)}})
	s.wantOpen("8 wrong_publish")
}

func findingRenewed(t *testing.T, s *stream) {
	for _, second := range []int{10, 30, 20} {
		s.commit(follow.Commit{Findings: []follow.Finding{onStream("7", compare.DuplicatePublish, second)}})
	}
	open, err := s.Divergences(t.Context(), verify.Open, 10)
	noError(t, err, "reading what is open")
	if len(open) != 1 || open[0].FoundBy != verify.StreamPass || open[0].Mismatch.Hop != order.EventsToStream ||
		!open[0].FirstSeen.Equal(micro(t0.Add(10*time.Second))) || !open[0].LastSeen.Equal(micro(t0.Add(30*time.Second))) {
		t.Errorf("open is %s", shown(open))
	}
}

func unmatched(offset int64, due int) follow.UnmatchedMessage {
	return follow.UnmatchedMessage{
		Partition: 1, Offset: offset, Value: []byte("x"), FirstSeen: micro(t0), Due: micro(t0.Add(time.Duration(due) * time.Second)),
	}
}

func (s *stream) due(seconds, limit int, waiting int64, offsets ...int64) []follow.UnmatchedMessage {
	s.t.Helper()
	due, waits, err := s.DueUnmatched(s.t.Context(), print, t0.Add(time.Duration(seconds)*time.Second), limit)
	noError(s.t, err, "reading messages without an event")
	var got []int64
	for _, m := range due {
		got = append(got, m.Offset)
	}
	if waits != waiting || !slices.Equal(got, offsets) {
		s.t.Errorf("after %d s due are %v of %d, want %v of %d", seconds, got, waits, offsets, waiting)
	}
	return due
}

func unmatchedWait(t *testing.T, s *stream) {
	s.commit(follow.Commit{Unmatched: []follow.UnmatchedMessage{unmatched(9, 10), unmatched(8, 20), unmatched(7, 20)}})
	s.due(9, 10, 3)
	if due := s.due(10, 10, 3, 9); len(due) == 1 {
		same(t, due[0], unmatched(9, 10), "the message")
	}
	s.due(20, 10, 3, 9, 7, 8)
	s.due(20, 2, 3, 9, 7)
	again := unmatched(9, 40) // a ghost, so the reader need not wait for it
	again.Ghost = true
	s.commit(follow.Commit{Unmatched: []follow.UnmatchedMessage{again}})
	s.due(20, 10, 2, 7, 8)
	if due := s.due(40, 10, 2, 7, 8, 9); len(due) == 3 {
		same(t, due[2], again, "the ghost")
	}
}

func ghostResolves(_ *testing.T, s *stream) {
	s.commit(follow.Commit{
		Unmatched: []follow.UnmatchedMessage{unmatched(9, 10), unmatched(8, 10)},
		Findings:  []follow.Finding{onStream("9", compare.GhostPublish, 0), onStream("8", compare.GhostPublish, 0)},
	})
	s.wantOpen("8 ghost_publish", "9 ghost_publish")
	s.commit(follow.Commit{Matched: []follow.UnmatchedMessage{unmatched(9, 10)}, MatchedOrders: []order.Key{"9"}})
	s.wantOpen("8 ghost_publish")
	s.due(99, 10, 1, 8)
}

func ghostOrLost(_ *testing.T, s *stream) {
	s.commit(follow.Commit{Unmatched: []follow.UnmatchedMessage{unmatched(9, 10)}, Findings: []follow.Finding{onStream("7", compare.GhostPublish, 0)}})
	s.commit(follow.Commit{Findings: []follow.Finding{onStream("7", compare.LostPublish, 1)}, Lost: lose(0, follow.LostEvent{Position: 2, Key: "7"})})
	s.wantOpen("7 ghost_publish")
	s.commit(follow.Commit{Matched: []follow.UnmatchedMessage{unmatched(9, 10)}, MatchedOrders: []order.Key{"7"}})
	s.wantOpen("7 lost_publish")
	s.commit(follow.Commit{Arrived: []order.Position{2}})
	s.wantOpen()
}

func streamsApart(t *testing.T, s *stream) {
	event := lose(0, follow.LostEvent{Position: 1, Key: "7"})
	lost := []follow.Finding{onStream("7", compare.LostPublish, 0)}
	s.commit(follow.Commit{State: opened(0, follow.Bucket{Seen: bits(3)}), Lost: event, Findings: lost, Unmatched: []follow.UnmatchedMessage{unmatched(9, 10)}})
	s.commit(follow.Commit{Fingerprint: "f2", State: follow.State{From: 77}, Lost: event, Findings: lost, Closed: []follow.ClosedBucket{{Bucket: 1, Seen: bits(1)}}})
	s.wantOpen("7 lost_publish", "7 lost_publish")
	s.commit(follow.Commit{Fingerprint: "f2", State: follow.State{From: 77}, Arrived: []order.Position{1}})
	s.wantOpen("7 lost_publish")
	s.due(10, 10, 1, 9)
	if state := s.state(); state.From != 1 || len(state.Buckets) != 1 || len(s.kept(1)) != 0 {
		t.Errorf("state is %+v", state)
	}
}

func streamFenced(t *testing.T, s *stream) {
	noError(t, s.Release(t.Context(), s.lease), "releasing")
	err := s.CommitStream(t.Context(), s.lease, follow.Commit{
		Fingerprint: print, At: t0, State: opened(4, follow.Bucket{Seen: bits(1)}), Closed: []follow.ClosedBucket{{Bucket: 1, Seen: bits(1)}},
		Findings: []follow.Finding{onStream("7", compare.LostPublish, 0)}, Unmatched: []follow.UnmatchedMessage{unmatched(9, 10)},
	})
	if !errors.Is(err, lease.ErrFenced) {
		t.Errorf("committing under a lease that is lost: error is %v", err)
	}
	s.wantOpen()
	s.due(99, 10, 0)
	if state := s.state(); strings.Contains(shown(state), `"From":1`) || len(s.kept(1)) != 0 {
		t.Errorf("state is %+v", state)
	}
}
