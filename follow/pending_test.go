package follow_test

import (
	"testing"
	"time"
)

// TestAFirstLookDoubtsWhatIsNotThere: an event that nobody has published is waited for before it is called lost. Until then it
// must not look as if the stream had everything.
func TestAFirstLookDoubtsWhatIsNotThere(t *testing.T) {
	s := newShop(t, 2)
	s.trade(1, 16)
	s.store(17, 7)
	s.trade(18, 9_000)
	if err := s.follow("it is pending", func() bool { return s.state().Evidence.Pending == 1 }); err != nil {
		t.Fatal(err)
	}
	if got := s.found(); got != "" {
		t.Errorf("found %q while it is waited for", got)
	}
	s.want(9_000, "7 lost_publish")
	if e := s.state().Evidence; e.Pending != 0 || e.Stored != 9_000 || e.Seen != 8_999 {
		t.Errorf("in the end: %+v", e)
	}
}

// TestAnEventIsFoundByTheNextProcess where the one before has only waited for it, again and again.
func TestAnEventIsFoundByTheNextProcess(t *testing.T) {
	s := newShop(t, 2)
	s.trade(1, 16)
	s.store(17, 7)
	s.trade(18, 9_000)
	for range 2 {
		began := s.clock()
		if err := s.follow("half of the wait is over", func() bool {
			return s.state().Evidence.Checked >= 9_000 && s.clock().Sub(began) > shopWindow+5*time.Second
		}); err != nil {
			t.Fatal(err)
		}
	}
	s.want(9_000, "7 lost_publish")
}

// TestWhatComesSoonIsNoDoubt: events that become visible out of order, and are published within the settle window, are never pending.
func TestWhatComesSoonIsNoDoubt(t *testing.T) {
	s := newShop(t, 2)
	s.trade(1, 16)
	s.trade(18, 9_000)
	s.want(9_000, "")
	s.store(17, 17)
	began := s.clock()
	published := false
	if err := s.follow("it is published late", func() bool {
		if s.state().Evidence.Pending > 0 {
			t.Error("it is a doubt already")
			return true
		}
		if since := s.clock().Sub(began); !published && since > shopWindow/2 {
			s.publish(1, 17, 17)
			published = true
		}
		return s.clock().Sub(began) > 4*shopMaxLag
	}); err != nil {
		t.Fatal(err)
	}
	s.wantNeverAccused()
}

// TestACheckOfNothingCatchesUpWithNothing: when the first messages come, no position is old enough to be checked. The follower must not say
// that it has caught up before it has looked.
func TestACheckOfNothingCatchesUpWithNothing(t *testing.T) {
	s := newShop(t, 2)
	for id := range 9_000 {
		s.store(id+1, id+1)
	}
	began, published := s.clock(), false
	if err := s.follow("it has looked", func() bool {
		if !published && s.clock().Sub(began) > shopWindow+time.Second {
			for id := range 9_000 {
				if id != 6 {
					s.publish(id%2, id+1, id+1)
				}
			}
			published = true
		}
		e := s.state().Evidence
		if e.Stored == 0 && !e.CaughtUpAt.IsZero() {
			t.Errorf("it has caught up with nothing: %+v", e)
			return true
		}
		return e.Pending > 0 || s.found() != ""
	}); err != nil {
		t.Fatal(err)
	}
}
