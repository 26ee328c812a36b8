package follow_test

import (
	"fmt"
	"testing"

	"github.com/nordvarg/crosscheck/follow"
)

// createAgain replaces the topic by one with other partitions, which is empty.
func (s *shop) createAgain(partitions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partitions, s.deleted = make([][]follow.Message, partitions), make([]int64, partitions)
	s.readTo = map[int]int64{}
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
