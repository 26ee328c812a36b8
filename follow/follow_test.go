package follow_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/follow"
)

// trade stores and publishes events 1..n, each of an order of its own.
func (s *shop) trade(from, to int) {
	for id := from; id <= to; id++ {
		s.store(id, id)
		s.publish(id%len(s.partitions), id, id)
	}
}

func (s *shop) want(position int, want string) {
	s.t.Helper()
	if got := s.settled(position); got != want {
		s.t.Errorf("found %q, want %q", got, want)
	}
}

func (s *shop) wantCounts(stored, seen int64, buckets int) {
	s.t.Helper()
	state := s.state()
	e := state.Evidence
	if e.Stored != stored || e.Seen != seen || len(state.Buckets) != buckets {
		s.t.Errorf("seen %d of %d, %d buckets open; want %d of %d and %d", e.Seen, e.Stored, len(state.Buckets), seen, stored, buckets)
	}
}

func TestFollowerAgreesWithACleanStreamAndForgetsWhatIsProven(t *testing.T) {
	s := newShop(t, 2)
	s.trade(1, 10_000)
	s.want(10_000, "")
	s.wantCounts(10_000, 10_000, 1) // the last bucket is not whole yet
}

func TestFollowerFindsWhatIsWrongWithTheStream(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(*shop)
		want    string
	}{
		"an event that is not published": {func(s *shop) { s.store(11, 7) }, "7 lost_publish"},
		"a message without an event":     {func(s *shop) { s.publish(1, 11, 7) }, "7 ghost_publish"},
		"an event published twice":       {func(s *shop) { s.publish(0, 4, 4) }, "4 duplicate_publish"},
		"other content": {func(s *shop) {
			s.store(11, 7)
			s.publishText(1, 7, fmt.Sprintf(canceled, 11, 7, "because"))
		}, "7 wrong_publish"},
		"another form": {func(s *shop) {
			s.store(11, 7)
			s.publishText(1, 7, `{"event_id":11,"order_id":7,"event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00Z","payload":{"motive":"why"}}`)
		}, "7 schema_drift"},
		"the key spelt otherwise": {func(s *shop) {
			s.store(11, 7)
			s.publishText(1, 7, `{"event_id":11,"order_id":"07","event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00Z","payload":{"reason":"why"}}`)
		}, ""},
		"a key that is none of the store's": {func(s *shop) {
			s.publishText(1, 7, `{"event_id":11,"order_id":"xyz","event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00Z","payload":{"reason":"x"}}`)
		}, "(topic orders, unreadable) schema_drift"},
		"no event at all": {func(s *shop) { s.publishText(0, 7, `{"hello": 1}`) }, "(topic orders, unreadable) schema_drift"},
		"the later event first": {func(s *shop) {
			s.store(11, 7)
			s.store(12, 7)
			s.publish(1, 12, 7)
			s.publish(1, 11, 7)
		}, "7 disordered_publish"},
		"later orders first": {func(s *shop) {
			s.store(11, 17)
			s.store(12, 18)
			s.publish(1, 12, 18)
			s.publish(1, 11, 17)
		}, ""},
		"no key": {func(s *shop) {
			s.store(11, 7)
			s.publishText(1, 0, fmt.Sprintf(canceled, 11, 7, "why"))
		}, "(topic orders) unkeyed_publish"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, 2)
			s.trade(1, 10)
			test.happens(s)
			s.store(20, 20)
			s.publish(0, 20, 20)
			s.want(20, test.want)
		})
	}
}

func TestWhatComesLateIsNotAccusedOrResolved(t *testing.T) {
	s := newShop(t, 2)
	s.trade(1, 5000)
	s.store(5001, 7)      // will be published late
	s.publish(1, 5002, 9) // its event is committed late
	s.trade(9000, 9001)   // in another bucket
	s.want(9001, "7 lost_publish, 9 ghost_publish")
	s.wantCounts(5003, 5002, 2)
	s.publish(1, 5001, 7)
	s.store(5002, 9)
	s.want(9001, "")
	s.wantCounts(5004, 5004, 1)
}

func TestNothingIsMissingBelowAnOpenTransaction(t *testing.T) {
	s := newShop(t, 1)
	s.trade(1, 3)
	s.store(4, 4)
	s.running = true
	began := s.clock()
	if err := s.follow("ten minutes pass", func() bool { return s.clock().Sub(began) > 10*time.Minute }); err != nil {
		t.Fatal(err)
	}
	if got := s.found(); got != "" {
		t.Errorf("found %q while a transaction may still change what is stored", got)
	}
	if w := s.state().Evidence.Waiting; w.For != "a transaction" || w.Since.Sub(began) > shopWindow {
		t.Errorf("it says that it waits for %+v, since %s", w, began)
	}
	s.running = false
	s.want(4, "4 lost_publish")
	if e := s.state().Evidence; e.Waiting != (follow.Waiting{}) || s.clock().Sub(e.CaughtUpAt) > shopMaxLag {
		t.Errorf("the transaction has ended, and it says %+v", e)
	}
}

// TestNothingIsMissingBehindAnOpenTransactionOfAProducer: its messages, and those behind it, cannot be read before it ends.
func TestNothingIsMissingBehindAnOpenTransactionOfAProducer(t *testing.T) {
	s := newShop(t, 1)
	s.trade(1, 3)
	s.store(4, 4)
	s.pending = 1
	began := s.clock()
	if err := s.follow("ten minutes pass", func() bool { return s.clock().Sub(began) > 10*time.Minute }); err != nil {
		t.Fatal(err)
	}
	if got := s.found(); got != "" {
		t.Errorf("found %q while the message may be in an open transaction", got)
	}
	if w := s.state().Evidence.Waiting; w.For != "the open transaction of a producer in partition 0 of the topic" || w.Since.IsZero() || w.Since.After(began.Add(time.Minute)) {
		t.Errorf("it says that it waits for %+v, since %s", w, began)
	}
	s.pending = 0
	s.publish(0, 4, 4)
	s.store(5, 5)
	s.trade(6, 7)
	s.want(7, "5 lost_publish")
	if w := s.state().Evidence.Waiting; w != (follow.Waiting{}) {
		t.Errorf("the transaction has ended, and it says %+v", w)
	}
}

func TestStartOnAnExistingTopicClaimsNothingBefore(t *testing.T) {
	s := newShop(t, 2)
	for id := 1; id <= 5000; id++ {
		s.store(id, id)
	}
	s.trade(5001, 5010)
	s.want(5010, "")
	s.wantCounts(10, 10, 1)

	cut := newShop(t, 2) // partition 0 begins later than partition 1: its part of what is before is gone
	cut.trade(1, 100)
	cut.deleted[0] = 20 // events 2 to 40 of partition 0
	cut.want(100, "")
	cut.wantCounts(59, 59, 1)
}

func TestAGapIsOneFindingAndAccusesNoOrder(t *testing.T) {
	s := newShop(t, 1)
	s.trade(1, 10)
	s.want(10, "")
	s.trade(11, 20)
	s.deleted[0] = 15
	s.trade(21, 30)
	s.want(30, "(topic orders, partition 0) retention_gap")
	s.wantCounts(30, 25, 1)
	s.store(31, 31) // what gets lost later is accused again
	s.want(31, "(topic orders, partition 0) retention_gap, 31 lost_publish")
}

// TestAFailingLedgerSkipsNothingAndDoublesNothing lets each of the first commits fail in turn.
func TestAFailingLedgerSkipsNothingAndDoublesNothing(t *testing.T) {
	for fail := 1; fail <= 6; fail++ {
		s := newShop(t, 2)
		s.trade(1, 9000)
		s.store(9001, 7)
		s.publish(1, 9002, 9)
		s.failCommit = fail
		if err := s.follow("the ledger goes away", func() bool { return false }); !errors.Is(err, errGone) {
			t.Fatalf("commit %d fails, and the follower says %v", fail, err)
		}
		s.want(9001, "7 lost_publish, 9 ghost_publish")
		s.wantCounts(9001, 9000, 1)
	}
}

// TestABatchThatCannotBeReadIsNamed with its offsets. No order is accused of what was in it.
func TestABatchThatCannotBeReadIsNamed(t *testing.T) {
	s := newShop(t, 1)
	s.trade(1, 20)
	s.unreadable = 7 // the messages at offsets 0 to 6
	s.want(20, "(topic orders, partition 0, offsets 0 to 6) schema_drift")
}
