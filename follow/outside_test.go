package follow_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// Sliced implements [follow.Sliced], as the two methods below.
func (s *shop) Sliced() bool { return s.outside != nil }

func (s *shop) OutsideAt(_ context.Context, positions []order.Position) (map[order.Position]order.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[order.Position]order.Key{}
	for _, p := range positions {
		if e, ok := s.outside[p]; ok {
			found[p] = e.Key
		}
	}
	return found, nil
}

func (s *shop) OutsideByID(_ context.Context, ids []order.ID) (map[order.ID]order.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[order.ID]order.Key{}
	for _, e := range s.outside {
		for _, id := range ids {
			if e.ID == id {
				found[id] = e.Key
			}
		}
	}
	return found, nil
}

func (s *shop) OutsideOrders(_ context.Context, keys []order.Key) ([]order.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []order.Key
	for _, key := range keys {
		has := func(events map[order.Position]order.RawEvent) bool {
			for _, e := range events {
				if e.Key == key {
					return true
				}
			}
			return false
		}
		if has(s.outside) && !has(s.stored) {
			found = append(found, key)
		}
	}
	return found, nil
}

// elsewhere moves a stored event out of the slice.
func (s *shop) elsewhere(position int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := order.Position(position)
	s.outside[p] = s.stored[p]
	delete(s.stored, p)
	s.positions = nil
}

// storeElsewhere stores an event that is not in the slice.
func (s *shop) storeElsewhere(id, key int) {
	s.store(id, key)
	s.elsewhere(id)
}

// slicedShop has traded 1..100, of which only every tenth order is in the slice.
func slicedShop(t *testing.T) *shop {
	s := newShop(t, 2)
	s.outside = map[order.Position]order.RawEvent{}
	for id := 1; id <= 100; id++ {
		s.trade(id, id)
		if id%10 != 0 {
			s.elsewhere(id)
		}
	}
	return s
}

// TestMessagesOutsideOfTheSliceAreNoFindings, and those in it are matched as without a slice.
func TestMessagesOutsideOfTheSliceAreNoFindings(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(*shop)
		want    string
	}{
		"nothing":                     {func(*shop) {}, ""},
		"a ghost of an order outside": {func(s *shop) { s.publish(0, 103, 7) }, ""},
		"other content outside": {func(s *shop) {
			s.storeElsewhere(103, 7)
			s.publishText(0, 7, strings.Replace(fmt.Sprintf(canceled, 103, 7, "why"), "why", "no", 1))
		}, ""},
		"published twice outside": {func(s *shop) { s.publish(1, 7, 7) }, ""},
		"not published outside":   {func(s *shop) { s.storeElsewhere(103, 7) }, ""},
		"in the wrong order outside": {func(s *shop) {
			s.storeElsewhere(103, 7)
			s.storeElsewhere(104, 7)
			s.publish(1, 104, 7)
			s.publish(1, 103, 7)
		}, ""},
		"a ghost in the slice":                     {func(s *shop) { s.publish(0, 103, 20) }, "20 ghost_publish"},
		"a ghost of an order that nobody knows":    {func(s *shop) { s.publish(0, 103, 999) }, "999 ghost_publish"},
		"an order of the slice with an id outside": {func(s *shop) { s.storeElsewhere(103, 7); s.publish(0, 103, 20) }, "20 ghost_publish"},
		"not published in the slice":               {func(s *shop) { s.store(103, 20) }, "20 lost_publish"},
		"published twice in the slice":             {func(s *shop) { s.publish(0, 20, 20) }, "20 duplicate_publish"},
		"other content in the slice":               {func(s *shop) { s.store(103, 20); s.publishText(1, 20, fmt.Sprintf(canceled, 103, 20, "no")) }, "20 wrong_publish"},
		"in the wrong order, between others outside": {func(s *shop) {
			s.store(103, 20)
			s.store(104, 20)
			s.publish(0, 104, 20)
			s.publish(0, 3, 3)
			s.publish(0, 103, 20)
		}, "20 disordered_publish"},
	} {
		t.Run(name, func(t *testing.T) {
			s := slicedShop(t)
			s.want(100, "")
			test.happens(s)
			for id := 110; id <= 150; id += 10 {
				s.trade(id, id)
			}
			s.want(150, test.want)
			if due, waiting, err := s.DueUnmatched(t.Context(), "", s.clock().Add(1000*shopWindow), 100); err != nil || waiting > 0 || len(due) != strings.Count(test.want, "ghost") {
				t.Errorf("%d messages wait for their events, %d of them were not judged; %v", len(due), waiting, err)
			}
		})
	}
}

// TestAMessageBeforeItsEventOutsideIsForgotten when the event is visible.
func TestAMessageBeforeItsEventOutsideIsForgotten(t *testing.T) {
	s := slicedShop(t)
	s.publish(0, 103, 999)
	s.want(100, "999 ghost_publish")
	s.storeElsewhere(103, 999)
	s.trade(110, 110)
	s.want(110, "")
}

// TestMessagesOutsideAreToldByTheirIDs.
func TestMessagesOutsideAreToldByTheirIDs(t *testing.T) {
	s := newShopByID(t, 2)
	s.outside = map[order.Position]order.RawEvent{}
	s.tradeID(1, 20)
	for id := 1; id < 20; id++ {
		if id%2 == 0 {
			s.elsewhere(id)
		}
	}
	s.want(20, "")
	s.publishID(0, 4, 4)
	s.publishID(1, 5, 5)
	s.tradeID(21, 21)
	s.want(21, "5 duplicate_publish")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed["4"] || !s.changed["5"] {
		t.Errorf("the orders to compare are %v", s.changed)
	}
}
