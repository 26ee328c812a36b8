package follow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/lease"
)

// newGroup is a shop whose topic two members read.
func newGroup(t *testing.T) *shop {
	s := newShop(t, 4)
	s.members = 2
	return s
}

// trouble stores and publishes events, most of them well, in all partitions.
func (s *shop) trouble(from int) {
	for id := from; id < from+40; id++ {
		s.store(id, id%8+1)
		if id != from+5 {
			s.publish(id%4, id, id%8+1)
		}
	}
	s.publish((from+7)%4, from+7, (from+7)%8+1) // twice
	s.publish(1, from+50, 9)                    // no event
}

// TestMembersReadForTheFollower finds through members what a follower finds alone, and nothing twice.
func TestMembersReadForTheFollower(t *testing.T) {
	alone, group := newShop(t, 4), newGroup(t)
	for _, s := range []*shop{alone, group} {
		s.trouble(1)
	}
	want := alone.settled(40)
	if !strings.Contains(want, "duplicate_publish") || !strings.Contains(want, "lost_publish") || !strings.Contains(want, "ghost_publish") {
		t.Fatalf("alone it finds %s", want)
	}
	if got := group.settled(40); got != want {
		t.Errorf("a group finds %s, alone %s", got, want)
	}
	for id, p := range group.state().Partitions {
		if p.Taken == 0 || p.Next != alone.state().Partitions[id].Next {
			t.Errorf("partition %d is %+v", id, p)
		}
	}
}

// TestAGroupGoesOnWhereAFollowerWasAlone takes the right to the group away, and gives it back.
func TestAGroupGoesOnWhereAFollowerWasAlone(t *testing.T) {
	alone, group := newShop(t, 4), newGroup(t)
	want := ""
	for i, members := range []int{2, 0, 2, 0} {
		alone.trouble(100*i + 1)
		want = alone.settled(100*i + 40)
		group.members = members
		group.trouble(100*i + 1)
		if got := group.settled(100*i + 40); got != want {
			t.Fatalf("with %d members it finds %s, alone %s", members, got, want)
		}
	}
}

// TestParcelsThatAreGoneAreReadAgain loses them while they wait, as a crash of the ledger's database does.
func TestParcelsThatAreGoneAreReadAgain(t *testing.T) {
	alone, group := newShop(t, 4), newGroup(t)
	alone.trouble(1)
	alone.trouble(101)
	want := alone.settled(140)
	group.trouble(1)
	if err := group.follow("parcels", func() bool { return group.state().Partitions[0].Taken > 0 }); err != nil {
		t.Fatal(err)
	}
	group.trouble(101)
	claims, err := group.ClaimIntake(t.Context(), "", "dies", []int{0})
	if err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	p := follow.Parcel{Partition: 0, From: claims[0].Next, Next: claims[0].Next + 3, Content: []byte{1, 0}}
	if err := group.AddParcel(t.Context(), "", claims[0], p); err != nil {
		t.Fatal(err)
	}
	group.LoseIntake()
	if err := group.AddParcel(t.Context(), "", claims[0], p); !errors.Is(err, lease.ErrFenced) {
		t.Errorf("adding to what is gone: %v", err)
	}
	before := group.state().Partitions[0].Taken
	err = group.follow("the intake is gone", func() bool {
		if group.state().Partitions[0].Taken > before {
			group.LoseIntake()
		}
		return false
	})
	if !errors.Is(err, follow.ErrLost) {
		t.Errorf("the follower ends with %v", err)
	}
	if got := group.settled(140); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}

// TestParcelsOfAnotherFormAreReadAgain lets a member of another version add one.
func TestParcelsOfAnotherFormAreReadAgain(t *testing.T) {
	alone, group := newShop(t, 4), newGroup(t)
	for _, s := range []*shop{alone, group} {
		s.trouble(1)
	}
	want := alone.settled(40)
	held, err := group.Acquire(t.Context(), "stream", "test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	places := map[int]follow.Place{0: {}, 1: {}, 2: {}, 3: {}}
	if err := group.OpenIntake(t.Context(), held, "", places); err != nil {
		t.Fatal(err)
	}
	claims, err := group.ClaimIntake(t.Context(), "", "newer", []int{0})
	if err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	if err := group.AddParcel(t.Context(), "", claims[0], follow.Parcel{Partition: 0, Next: 3, End: 3, Content: []byte{99}}); err != nil {
		t.Fatal(err)
	}
	if err := group.Release(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	if err := group.follow("another form", func() bool { return false }); err == nil {
		t.Error("another form is read")
	}
	if got := group.settled(40); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}

// TestATopicWithFewerPartitionsIsNoticedWhileItIsTaken takes partition 3 away.
func TestATopicWithFewerPartitionsIsNoticedWhileItIsTaken(t *testing.T) {
	group := newGroup(t)
	group.trouble(1)
	group.settled(40)
	group.taking = false
	err := group.follow("fewer partitions", func() bool {
		group.mu.Lock()
		defer group.mu.Unlock()
		if group.taking { // before, a missing partition is found when the follower begins
			group.partitions, group.deleted = group.partitions[:3], group.deleted[:3]
		}
		return false
	})
	if err == nil || !strings.Contains(err.Error(), "partition 3 is gone") {
		t.Errorf("the follower ends with %v", err)
	}
	if err := group.follow("the gap", func() bool { return group.state().Partitions[3].Next == 0 }); err != nil {
		t.Error(err)
	}
}

// TestMembersThatClaimTheSameReadItOnce lets all members believe that all partitions are theirs, as one does that was stopped.
func TestMembersThatClaimTheSameReadItOnce(t *testing.T) {
	alone, group := newShop(t, 4), newGroup(t)
	group.everybody = true
	for i := range 3 {
		alone.trouble(100*i + 1)
		group.trouble(100*i + 1)
	}
	if want, got := alone.settled(240), group.settled(240); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}
