package followtest

import (
	"errors"
	"testing"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lease"
)

func (s *stream) open(at map[int]follow.Place) {
	s.t.Helper()
	noError(s.t, s.OpenIntake(s.t.Context(), s.lease, print, at), "opening the intake")
}

func (s *stream) claim(want int64, partition int) follow.Claim {
	s.t.Helper()
	claims, err := s.ClaimIntake(s.t.Context(), print, "member", []int{partition})
	noError(s.t, err, "claiming")
	if len(claims) != 1 || claims[0].Partition != partition || claims[0].Next != want {
		s.t.Fatalf("claimed %+v, not partition %d from %d on", claims, partition, want)
	}
	return claims[0]
}

// add hands over messages from..to of the claim's partition.
func (s *stream) add(c follow.Claim, from, to int64) error {
	s.t.Helper()
	return s.AddParcel(s.t.Context(), print, c, follow.Parcel{Partition: c.Partition, From: from, Next: to, End: to + 5, Content: []byte{byte(from)}})
}

func (s *stream) wantAdded(c follow.Claim, from, to int64) {
	s.t.Helper()
	noError(s.t, s.add(c, from, to), "adding a parcel")
}

func (s *stream) wantFenced(c follow.Claim, from, to int64) {
	s.t.Helper()
	if err := s.add(c, from, to); !errors.Is(err, lease.ErrFenced) {
		s.t.Errorf("adding %d to %d: error is %v", from, to, err)
	}
}

func (s *stream) wantTaken(after map[int]int64, want ...follow.Parcel) {
	s.t.Helper()
	got, err := s.TakeParcels(s.t.Context(), print, after)
	noError(s.t, err, "taking")
	same(s.t, got, want, "what was taken")
}

func (s *stream) wantKept(want error, claims ...follow.Claim) {
	s.t.Helper()
	if err := s.KeepsIntake(s.t.Context(), print, claims); !errors.Is(err, want) {
		s.t.Errorf("claims %+v: error is %v, want %v", claims, err, want)
	}
}

func parcel(partition int, number, from, next, end int64) follow.Parcel {
	return follow.Parcel{Partition: partition, Number: number, From: from, Next: next, End: end, Content: []byte{byte(from)}}
}

// taken commits how far parcels were matched.
func (s *stream) taken(partition int, next, number int64) {
	s.t.Helper()
	s.commit(follow.Commit{State: follow.State{Partitions: map[int]follow.PartitionState{partition: {Next: next, Taken: number}}}})
}

func parcelsInOrder(t *testing.T, s *stream) {
	claims, err := s.ClaimIntake(t.Context(), print, "member", []int{0})
	if err != nil || len(claims) != 0 {
		t.Errorf("claimed %+v of what is not open, error %v", claims, err)
	}
	s.open(map[int]follow.Place{0: {Next: 3, Taken: 7}, 1: {}})
	zero, one := s.claim(3, 0), s.claim(0, 1)
	s.wantAdded(zero, 3, 5)
	s.wantAdded(one, 0, 4)
	s.wantAdded(zero, 5, 9)
	s.wantTaken(map[int]int64{0: 7, 1: 0}, parcel(0, 8, 3, 5, 14), parcel(1, 1, 0, 4, 9), parcel(0, 9, 5, 9, 14))
	s.wantTaken(map[int]int64{0: 8}, parcel(0, 9, 5, 9, 14))
	s.taken(0, 5, 8)
	s.wantTaken(map[int]int64{0: 8, 1: 1}, parcel(0, 9, 5, 9, 14))
}

func parcelsFenced(_ *testing.T, s *stream) {
	s.open(map[int]follow.Place{0: {}})
	old := s.claim(0, 0)
	s.wantAdded(old, 0, 4)
	s.wantFenced(old, 0, 4) // the same again
	s.wantFenced(old, 3, 6)
	s.wantFenced(old, 5, 6)
	s.wantKept(nil, old)
	next := s.claim(4, 0)
	s.wantKept(lease.ErrFenced, old)
	s.wantKept(nil, next)
	s.wantFenced(old, 4, 6)
	s.wantAdded(next, 4, 6)
	s.wantTaken(map[int]int64{0: 0}, parcel(0, 1, 0, 4, 11), parcel(0, 2, 4, 6, 11))
}

func intakeOpenedAgain(t *testing.T, s *stream) {
	s.open(map[int]follow.Place{0: {}, 1: {}})
	zero, one := s.claim(0, 0), s.claim(0, 1)
	s.wantAdded(zero, 0, 4)
	s.wantAdded(one, 0, 4)
	s.taken(0, 4, 1)
	s.open(map[int]follow.Place{0: {Next: 4, Taken: 1}, 1: {}}) // another process takes
	s.wantAdded(zero, 4, 6)
	s.wantTaken(map[int]int64{0: 1, 1: 0}, parcel(1, 1, 0, 4, 9), parcel(0, 2, 4, 6, 11))
	s.taken(0, 5, 1)
	s.open(map[int]follow.Place{0: {Next: 5, Taken: 1}}) // one followed the topic without the group
	s.wantKept(lease.ErrFenced, one, zero)
	s.wantFenced(zero, 6, 8)
	s.wantAdded(s.claim(5, 0), 5, 6)
	s.wantTaken(map[int]int64{0: 1}, parcel(0, 2, 5, 6, 11))
	s.commit(follow.Commit{Fingerprint: "f2", State: follow.State{From: 1}})
	noError(t, s.OpenIntake(t.Context(), s.lease, "f2", map[int]follow.Place{0: {}}), "opening under another fingerprint")
	s.wantFenced(one, 4, 5)
	if _, err := s.TakeParcels(t.Context(), print, map[int]int64{0: 2}); !errors.Is(err, follow.ErrLost) {
		t.Errorf("taking what was dropped: error is %v", err)
	}
}

func intakeIsFull(t *testing.T, s *stream) {
	s.open(map[int]follow.Place{0: {}, 1: {}})
	zero, one := s.claim(0, 0), s.claim(0, 1)
	for i := range int64(follow.MaxParcels / 2) {
		s.wantAdded(zero, i, i+1)
		s.wantAdded(one, i, i+1)
	}
	for _, c := range []follow.Claim{zero, one} {
		if err := s.add(c, follow.MaxParcels/2, follow.MaxParcels/2+1); !errors.Is(err, follow.ErrFull) {
			t.Errorf("partition %d: error is %v", c.Partition, err)
		}
	}
	s.taken(0, 2, 2)
	s.wantAdded(one, follow.MaxParcels/2, follow.MaxParcels/2+1)
}

func intakeNeedsTheLease(t *testing.T, s *stream) {
	noError(t, s.Release(t.Context(), s.lease), "releasing")
	if err := s.OpenIntake(t.Context(), s.lease, print, map[int]follow.Place{0: {}}); !errors.Is(err, lease.ErrFenced) {
		t.Errorf("opening under a lease that is lost: error is %v", err)
	}
}
