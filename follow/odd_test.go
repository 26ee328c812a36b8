package follow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/order"
)

// TestAHoleExcusesNothingThatWasLostBefore: what retention deletes later, in whatever partition, was published.
func TestAHoleExcusesNothingThatWasLostBefore(t *testing.T) {
	for partition := range 2 {
		s := newShop(t, 2)
		s.trade(1, 10)
		s.store(11, 11) // never published
		s.trade(12, 20)
		s.want(20, "11 lost_publish")
		s.trade(21, 30)
		s.deleted[partition] = int64(len(s.partitions[partition])) - 1
		s.trade(31, 40)
		if err := s.follow("a look behind the hole", func() bool { return s.state().Evidence.Checked >= 40 }); err != nil {
			t.Fatal(err)
		}
		resolved, err := s.Divergences(t.Context(), "resolved", 10)
		if err != nil || len(resolved) > 0 {
			t.Errorf("a hole in partition %d resolved %v (%v)", partition, resolved, err)
		}
	}
}

// TestAMessageOfNoEventDoesNotSayWhereTheStreamBegins: one from another environment would put the beginning behind
// everything that is stored, and nothing would ever be missed.
func TestAMessageOfNoEventDoesNotSayWhereTheStreamBegins(t *testing.T) {
	s := newShop(t, 1)
	s.publish(0, 900_000_000_000, 5)
	s.trade(1, 20)
	s.store(21, 21) // never published
	s.trade(22, 60)
	s.want(60, "21 lost_publish, 5 ghost_publish")
}

// TestPositionsMayBeZeroAndBelow: a store may begin anywhere.
func TestPositionsMayBeZeroAndBelow(t *testing.T) {
	for _, begin := range []int{-20_000, -5000, -10, 0} {
		t.Run(fmt.Sprint(begin), func(t *testing.T) {
			s := newShop(t, 2)
			trade := func(from, to int) {
				for i := from; i <= to; i++ {
					s.store(begin+i, i+1)
					s.publish(i%2, begin+i, i+1)
				}
			}
			trade(0, 5999)
			s.store(begin+6000, 9000) // never published
			s.publish(0, begin+6_000_000, 9001)
			trade(6001, 6050)
			s.want(begin+6050, "9000 lost_publish, 9001 ghost_publish")
			s.wantCounts(6051, 6050, 1)
			if from := s.state().From; from != order.Position(begin) {
				t.Errorf("the stream claims to be complete from %d on", from)
			}
			s.publish(0, begin+6000, 9000)
			trade(6051, 6060)
			s.want(begin+6060, "9001 ghost_publish")
			s.wantCounts(6061, 6061, 1)
		})
	}
}

// TestAnEventOfNoOrderStopsNobody has events without an order that are published as such, under an order, and not at all.
func TestAnEventOfNoOrderStopsNobody(t *testing.T) {
	s := newShop(t, 2)
	s.trade(1, 10)
	for position := 11; position <= 13; position++ {
		s.store(position, 0)
		s.mu.Lock()
		e := s.stored[order.Position(position)]
		e.Key = ""
		s.stored[order.Position(position)] = e
		s.mu.Unlock()
	}
	s.publishText(0, 0, `{"event_id":11,"order_id":null,"event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00Z","payload":{"reason":"why"}}`)
	s.publish(0, 12, 700)
	s.trade(14, 20)
	s.store(21, 800) // never published
	s.trade(22, 30)
	s.want(30, "(topic orders, event 13 of no order) schema_drift, (topic orders, unreadable) schema_drift, 700 schema_drift, 800 lost_publish")
	s.wantCounts(30, 28, 1)
	s.unstore(13)
	s.want(30, "(topic orders, unreadable) schema_drift, 700 schema_drift, 800 lost_publish")
}

// TestOfALargeMessageOnlyItsPlaceWaits: many may wait, and are read again together.
func TestOfALargeMessageOnlyItsPlaceWaits(t *testing.T) {
	s := newShop(t, 1)
	s.trade(1, 10)
	s.publishText(0, 7, fmt.Sprintf(canceled, 11, 7, strings.Repeat("x", 10<<20)))
	s.trade(12, 20)
	s.want(20, "7 ghost_publish")
	waiting, _, err := s.DueUnmatched(t.Context(), "", s.clock().Add(time.Hour), 10)
	if err != nil || len(waiting) != 1 || len(waiting[0].Value) > 1000 {
		t.Fatalf("%d messages wait, %v, the first with %d bytes", len(waiting), err, len(waiting[0].Value))
	}
	s.store(11, 7)
	s.want(20, "7 schema_drift")
}
