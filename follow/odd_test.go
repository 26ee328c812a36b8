package follow_test

import "testing"

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

// TestAKeyMayMoveWhenPartitionsAreAdded: the producer's hash is over another number of partitions then.
func TestAKeyMayMoveWhenPartitionsAreAdded(t *testing.T) {
	s := newShop(t, 2)
	looks := 0
	s.beat = func() {
		switch looks++; looks {
		case 5:
			s.trade(41, 60)
		case 10:
			s.mu.Lock()
			s.partitions, s.deleted = append(s.partitions, nil), append(s.deleted, 0)
			s.mu.Unlock()
		case 15:
			s.store(61, 42)
			s.publish(2, 61, 42)
		}
	}
	s.trade(1, 40)
	s.want(61, "")
}
