package follow_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/order"
)

// TestMessagesOfArchivedOrdersAreNoGhosts reads a topic for the first time that has more than the store.
func TestMessagesOfArchivedOrdersAreNoGhosts(t *testing.T) {
	s := newShop(t, 2)
	for id := 1; id <= 10; id++ { // archived: orders 1 to 10, which were created before everything that is stored
		s.publish(id%2, id, id)
	}
	s.trade(11, 29)
	s.publish(1, 30, 5) // archived too
	s.trade(31, 40)
	s.publish(0, 41, 99) // no order that was ever stored: younger than the store's beginning
	s.trade(42, 50)
	s.want(50, "99 ghost_publish")
	if got := s.state().Evidence.BeforeStore; got != 11 {
		t.Errorf("%d messages are said to be from before the store begins, not 11", got)
	}

	s.publish(0, 3, 98) // an old position, now
	s.trade(51, 60)
	s.want(60, "98 ghost_publish, 99 ghost_publish")
	if e := s.state().Evidence; e.BeforeStore != 11 || e.Stored != e.Seen {
		t.Errorf("the evidence is %+v", e)
	}
}

// TestAnOrderThatTheStoreHasIsNotExcused by a message from before the store begins.
func TestAnOrderThatTheStoreHasIsNotExcused(t *testing.T) {
	s := newShop(t, 1)
	s.publish(0, 1, 20)
	s.trade(11, 30)
	s.publish(0, 31, 20) // a ghost of order 20, which goes on
	s.trade(32, 40)
	s.want(40, "20 ghost_publish")
	if got := s.state().Evidence.BeforeStore; got != 1 {
		t.Errorf("%d messages are said to be from before the store begins, not 1", got)
	}
}

// TestAStoreWithoutEventsBeginsNowhere: then every message is a ghost.
func TestAStoreWithoutEventsBeginsNowhere(t *testing.T) {
	s := newShop(t, 1)
	s.publish(0, 1, 7)
	err := s.follow("the ghost is found", func() bool { return s.found() == "7 ghost_publish" })
	if err != nil || s.state().Evidence.Checked != order.NoPosition {
		t.Errorf("%v, checked up to %s", err, s.state().Evidence.Checked)
	}
}
