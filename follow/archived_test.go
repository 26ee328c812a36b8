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
	s.create(0, 41, 99) // no order that was ever stored: younger than the store's beginning
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

// TestOrdersFromBeforeTheTopicAreNoGhosts when they were archived: only their later messages are on the topic, between those
// of orders that are stored.
func TestOrdersFromBeforeTheTopicAreNoGhosts(t *testing.T) {
	s := newShop(t, 1)
	s.publish(0, 3, 1)
	s.trade(11, 29)
	s.publish(0, 30, 80) // archived, as order 1 was
	s.create(0, 31, 98)  // a creation that was rolled back, and what came after it
	s.publish(0, 32, 98)
	s.trade(33, 40)
	s.want(40, "98 ghost_publish")
	if got := s.state().Evidence.BeforeStore; got != 2 {
		t.Errorf("%d messages count as archived, not 2", got)
	}
}

// TestWithoutAnArchiveNothingIsExcused: then nothing speaks for an order from before the topic.
func TestWithoutAnArchiveNothingIsExcused(t *testing.T) {
	s := newShop(t, 1)
	s.trade(11, 29)
	s.publish(0, 30, 80)
	s.trade(31, 40)
	s.want(40, "80 ghost_publish")
}

// TestOrdersArchivedInTheStoreAloneAreNoGhosts of the backlog. Those that legacy does not name are.
func TestOrdersArchivedInTheStoreAloneAreNoGhosts(t *testing.T) {
	s := newShop(t, 1)
	s.archived = []order.Key{"80", "20"}
	s.trade(11, 29)
	s.create(0, 30, 80)
	s.publish(0, 31, 80)
	s.create(0, 32, 81)
	s.publish(0, 33, 20) // the store has other events of order 20
	s.trade(34, 40)
	s.want(40, "20 ghost_publish, 81 ghost_publish")
	if got := s.state().Evidence.BeforeStore; got != 2 {
		t.Errorf("%d messages count as archived, not 2", got)
	}
	s.publish(0, 41, 80) // now, and not of the backlog
	s.trade(42, 50)
	s.want(50, "20 ghost_publish, 80 ghost_publish, 81 ghost_publish")
}
