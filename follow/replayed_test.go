package follow_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nordvarg/crosscheck/follow"
)

// createAgain replaces the topic by one with other partitions, which is empty.
func (s *shop) createAgain(partitions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partitions, s.deleted = make([][]follow.Message, partitions), make([]int64, partitions)
	s.readTo, s.cut = map[int]int64{}, 0
	close(s.grown)
	s.grown = make(chan struct{})
}

// TestWhatIsPublishedAgainIsNoDuplicate: a topic that was created again is filled again, by another number of partitions.
// What is published twice in it afterwards is a duplicate, and what is not published is lost.
func TestWhatIsPublishedAgainIsNoDuplicate(t *testing.T) {
	for _, partitions := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(partitions), func(t *testing.T) {
			s := newShop(t, 2)
			s.script(map[int]func(){
				50: func() { s.createAgain(partitions) },
				55: func() {
					for id := 1; id <= 40; id++ {
						s.publish(id%partitions, id, id)
					}
				},
				60: func() {
					s.store(41, 41) // never published
					for id := 42; id <= 60; id++ {
						s.event(id%partitions, id, id)
					}
					s.publish(50%partitions, 50, 50)
				},
			})
			s.trade(1, 40)
			s.want(60, "(topic orders, partition 0) retention_gap, (topic orders, partition 1) retention_gap, 41 lost_publish, 50 duplicate_publish")
		})
	}
}

// TestWhatIsLostWithTheTopicIsNotWaitedFor: it was created again before it was read to the end that a check had seen.
func TestWhatIsLostWithTheTopicIsNotWaitedFor(t *testing.T) {
	s := newShop(t, 1)
	s.script(map[int]func(){
		45: func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.cut = 100
		},
		50: func() { s.createAgain(1) },
		55: func() {
			s.event(0, 41, 41)
			s.store(42, 42) // never published
			s.event(0, 43, 43)
		},
	})
	s.trade(1, 40)
	s.want(43, "(topic orders, partition 0) retention_gap, 42 lost_publish")
}

// TestATopicThatWasFilledBeyondItsOldEndIsAnother: it was created again while nobody followed it, and no offset tells.
func TestATopicThatWasFilledBeyondItsOldEndIsAnother(t *testing.T) {
	s := newShop(t, 1)
	s.topic = "first"
	s.trade(1, 20)
	s.want(20, "")
	s.createAgain(1)
	s.topic = "second"
	s.publish(0, 5, 5) // again
	s.trade(21, 60)
	s.publish(0, 99, 7) // no event
	s.want(60, "(topic orders, partition 0) retention_gap, 7 ghost_publish")
	s.event(0, 61, 61)
	s.want(61, "(topic orders, partition 0) retention_gap, 7 ghost_publish")
	err := s.follow("it is created again while it is followed", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.topic = "third"
		return false
	})
	if err == nil || s.state().Topic != "second" {
		t.Errorf("a follower of %q ended with %v", s.state().Topic, err)
	}
	s.want(61, "(topic orders, partition 0) retention_gap, 7 ghost_publish")
	if got := s.state().Topic; got != "third" {
		t.Errorf("followed is %q", got)
	}
	s.untold = errors.New("a proxy has closed the connection")
	s.event(0, 62, 62)
	s.want(62, "(topic orders, partition 0) retention_gap, 7 ghost_publish")
}
