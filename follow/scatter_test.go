package follow_test

import (
	"fmt"
	"testing"
	"time"
)

// grow adds a partition to the topic.
func (s *shop) grow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partitions, s.deleted = append(s.partitions, nil), append(s.deleted, 0)
}

// event stores and publishes one more event of an order.
func (s *shop) event(partition, id, key int) {
	s.store(id, key)
	s.publish(partition, id, key)
}

// script does what is due at each second of the follower's.
func (s *shop) script(at map[int]func()) {
	second := 0
	s.beat = func() {
		if second++; at[second] != nil {
			at[second]()
		}
	}
}

// TestKeysMoveWhenPartitionsAreAdded: the producer's hash is over another number of partitions then, so keys move between
// the old ones as well, and before the first message comes from the new one.
func TestKeysMoveWhenPartitionsAreAdded(t *testing.T) {
	s := newShop(t, 2)
	s.script(map[int]func(){
		5:  func() { s.trade(41, 60) },
		10: s.grow,
		15: func() { s.event(0, 61, 41) }, // it was in partition 1, and that of no other order is new
		20: func() { s.event(2, 62, 42) },
	})
	s.trade(1, 40)
	s.want(62, "")
}

// TestAFollowerThatBeginsAnewKnowsNotWhenPartitionsWereAdded: an order may have moved at any time before.
func TestAFollowerThatBeginsAnewKnowsNotWhenPartitionsWereAdded(t *testing.T) {
	s := newShop(t, 3)
	for id := 1; id <= 40; id++ { // when there were two
		s.event(id%2, id, id)
	}
	s.pass(time.Hour)
	for id := 1; id <= 40; id++ {
		s.event(id%3, 100+id, id)
	}
	s.want(140, "")
	s.event(0, 200, 13) // back, within minutes: a producer that does not know yet
	s.want(200, "")
}

// TestKeysMayMoveBackWhenPartitionsAreAddedTwice: a hash over 2, 3 and 4 partitions does so, whenever an order goes on.
func TestKeysMayMoveBackWhenPartitionsAreAddedTwice(t *testing.T) {
	s := newShop(t, 4)
	id := 0
	for partitions := 2; partitions <= 4; partitions++ {
		for range 3 {
			for key := 1; key <= 24; key++ {
				id++
				s.event(key%partitions, id, key)
			}
			s.pass(20 * time.Minute)
		}
	}
	s.want(id, "")
}

// TestKeysThatDoNotDecideAreFound: with a key and yet in any partition, in what was published before and after
// somebody looks.
func TestKeysThatDoNotDecideAreFound(t *testing.T) {
	const unkeyed = "(topic orders) unkeyed_publish"
	spread := func(s *shop, first int) { // orders that came back, at times that lie apart
		for i := range 9 {
			s.event(i%3%2, first+i, 7+i/3)
			s.pass(20 * time.Minute)
		}
	}
	before := newShop(t, 2)
	spread(before, 1)
	before.want(9, unkeyed)

	behind := newShop(t, 2)
	behind.trade(1, 20)
	behind.script(map[int]func(){
		100: behind.grow,
		// Long after that no key moves any more.
		1500: func() { behind.event(0, 21, 30) },
		1502: func() { behind.event(1, 22, 30) },
	})
	behind.want(22, unkeyed)
}

// TestMessagesWithoutAKeyAreFoundInATopicThatWasEnlarged as in any other.
func TestMessagesWithoutAKeyAreFoundInATopicThatWasEnlarged(t *testing.T) {
	s := newShop(t, 2)
	s.script(map[int]func(){
		5: s.grow,
		10: func() {
			s.store(21, 7)
			s.publishText(2, 0, fmt.Sprintf(canceled, 21, 7, "why"))
		},
	})
	s.trade(1, 20)
	s.want(21, "(topic orders) unkeyed_publish")
}
