package follow_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// wantNeverAccused fails if anything was ever found, resolved or not.
func (s *shop) wantNeverAccused() {
	s.t.Helper()
	resolved, err := s.Divergences(s.t.Context(), verify.Resolved, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	if got := s.found(); got != "" || len(resolved) > 0 {
		s.t.Errorf("found %q, and %v was resolved", got, resolved)
	}
}

func (s *shop) unstore(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.stored, order.Position(id))
	s.positions = nil
}

// shopWithClosedBuckets has traded 1..9,000, all but 17, and is followed: the buckets below the last one are closed.
func shopWithClosedBuckets(t *testing.T) *shop {
	s := newShop(t, 2)
	s.trade(1, 16)
	s.trade(18, 9_000)
	s.want(9_000, "")
	s.wantCounts(8_999, 8_999, 1)
	return s
}

func TestAnEventFarBelowTheFrontierIsNoDuplicate(t *testing.T) {
	for name, happens := range map[string]func(*shop){
		"stored and published": func(s *shop) {
			s.store(17, 17)
			s.publish(1, 17, 17)
		},
		"published and stored": func(s *shop) {
			s.publish(1, 17, 17)
			if err := s.follow("the message waits", func() bool { _, waiting, _ := s.DueUnmatched(t.Context(), "", s.clock(), 1); return waiting > 0 }); err != nil {
				t.Fatal(err)
			}
			s.store(17, 17)
		},
		"published while the buckets are counted": func(s *shop) {
			s.store(17, 17)
			seconds := 0
			s.beat = func() {
				if seconds++; seconds == 15 {
					s.publish(1, 17, 17)
				}
				s.trade(20_000+seconds, 20_000+seconds)
			}
			if err := s.follow("it is published late", func() bool { return s.state().Evidence.Checked > 20_060 }); err != nil {
				t.Fatal(err)
			}
			s.beat = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := shopWithClosedBuckets(t)
			before := s.state().Evidence.Stored
			happens(s)
			s.want(9_000, "")
			s.wantNeverAccused()
			if e := s.state().Evidence; e.Stored != e.Seen || e.Stored == before || len(s.state().Buckets) > 2 {
				t.Errorf("seen %d of %d events, %d before", e.Seen, e.Stored, before)
			}
			s.publish(1, 17, 17)
			s.want(9_000, "17 duplicate_publish")
		})
	}
}

func TestAnEventFarBelowTheFrontierIsMissed(t *testing.T) {
	s := shopWithClosedBuckets(t)
	s.store(17, 17)
	s.want(9_000, "17 lost_publish")
	s.wantCounts(9_000, 8_999, 2)
	s.publish(1, 17, 17)
	s.want(9_000, "")
	s.wantCounts(9_000, 9_000, 1)
}

func TestABackfillBelowTheFrontierIsMissed(t *testing.T) {
	s := newShop(t, 2)
	s.trade(1, 4000)
	s.trade(900_000, 909_000) // behind many buckets without events
	s.want(909_000, "")
	s.store(500_000, 7)
	s.want(909_000, "7 lost_publish")
	s.publish(1, 500_000, 7)
	s.want(909_000, "")
	s.wantCounts(13_002, 13_002, 1)
}

func TestADuplicateOfAClosedBucketIsStillOne(t *testing.T) {
	s := shopWithClosedBuckets(t)
	s.publish(1, 5, 5)
	s.publish(0, 5000, 5000)
	s.want(9_000, "5 duplicate_publish, 5000 duplicate_publish")
	s.wantCounts(8_999, 8_999, 1)
}

func TestADeletedEventMasksNoLostOne(t *testing.T) {
	open := newShop(t, 2)
	open.trade(1, 10)
	open.want(10, "")
	open.unstore(5)
	open.store(11, 11) // as many are stored as were seen
	open.trade(12, 13)
	open.want(13, "11 lost_publish")

	closed := shopWithClosedBuckets(t)
	closed.unstore(5)
	closed.store(17, 17)
	closed.want(9_000, "17 lost_publish")
	closed.unstore(17)
	closed.want(9_000, "")
	closed.wantCounts(8_998, 8_998, 1)
}

func TestTheFirstCheckGoesOnWhereItWas(t *testing.T) {
	s := newShop(t, 2)
	s.countAtOnce = 4096
	s.trade(1, 40_000)
	s.failWhen = func(c follow.Commit) bool { return c.State.Frontier > 6 }
	if err := s.follow("the ledger goes away", func() bool { return false }); !errors.Is(err, errGone) {
		t.Fatal(err)
	}
	frontier, checked := s.state().Frontier, s.state().Evidence.Checked
	if frontier == 0 || frontier > 6 || checked != order.Position(frontier<<12-1) {
		t.Fatalf("the ledger went away with frontier %d, checked %d", frontier, checked)
	}
	s.counted, s.failWhen = nil, nil // nobody follows
	s.want(40_000, "")
	s.wantCounts(40_000, 40_000, 1)
	first := order.Position(40_000)
	for _, asked := range s.counted {
		if asked[1] == 40_000 { // as far as the check goes; others are counted again
			first = min(first, asked[0])
		}
	}
	if first != order.Position(frontier<<12) {
		t.Errorf("went on at %d, want %d", first, frontier<<12)
	}
}

// firstSeen is when the one open divergence was found.
func (s *shop) firstSeen(what string) time.Time {
	s.t.Helper()
	open, err := s.Divergences(s.t.Context(), verify.Open, 10)
	if err != nil || len(open) != 1 || s.found() != what {
		s.t.Fatalf("found %q, %v; want %q", s.found(), err, what)
	}
	return open[0].FirstSeen
}

func TestAnOutageLongerThanTheWindowAccusesNobody(t *testing.T) {
	s := newShop(t, 2)
	seconds, behind := 0, 1
	s.beat = func() {
		seconds++
		s.store(seconds, seconds)
		if seconds > 50 && seconds < 85 { // longer than the window, and less than max_lag
			return
		}
		for n := 0; n < 5 && behind <= seconds; n++ { // it catches up in ten seconds
			s.publish(behind%2, behind, behind)
			behind++
		}
	}
	if err := s.follow("it has caught up", func() bool { return s.state().Evidence.Checked > 130 }); err != nil {
		t.Fatal(err)
	}
	s.wantNeverAccused()
}

func TestALostEventOfAFlowingStreamIsKnownAfterTheWindow(t *testing.T) {
	s := newShop(t, 2)
	seconds := 0
	var lost time.Time
	s.beat = func() {
		seconds++
		s.store(seconds, seconds)
		if seconds == 60 {
			lost = s.clock()
			return
		}
		s.publish(seconds%2, seconds, seconds)
	}
	if err := s.follow("it is found", func() bool { return s.found() != "" }); err != nil {
		t.Fatal(err)
	}
	if took := s.firstSeen("60 lost_publish").Sub(lost); took < shopWindow || took > shopWindow+10*time.Second {
		t.Errorf("known after %v, the window being %v", took, shopWindow)
	}
}

// TestAnEventLostAtTheBeginningIsKnownAfterTheWindow switches the producer on beside a store with a history.
func TestAnEventLostAtTheBeginningIsKnownAfterTheWindow(t *testing.T) {
	s := newShop(t, 2)
	for id := 1; id <= 100; id++ {
		s.store(id, id)
	}
	seconds := 100
	var lost time.Time
	s.beat = func() {
		seconds++
		s.store(seconds, seconds)
		if seconds == 104 {
			lost = s.clock()
			return
		}
		s.publish(seconds%2, seconds, seconds)
	}
	if err := s.follow("it is found", func() bool { return s.found() != "" }); err != nil {
		t.Fatal(err)
	}
	if took := s.firstSeen("104 lost_publish").Sub(lost); took < shopWindow || took > shopWindow+10*time.Second {
		t.Errorf("known after %v, the window being %v", took, shopWindow)
	}
}

func TestAStreamThatStoppedForGoodIsReportedAfterMaxLag(t *testing.T) {
	s := newShop(t, 2)
	seconds := 0
	var stopped time.Time
	s.beat = func() {
		seconds++
		if seconds <= 60 {
			s.trade(seconds, seconds)
			return
		}
		if seconds == 61 {
			stopped = s.clock()
			s.store(61, 61)
		}
	}
	if err := s.follow("it is found", func() bool { return s.found() != "" }); err != nil {
		t.Fatal(err)
	}
	if took := s.firstSeen("61 lost_publish").Sub(stopped); took < shopMaxLag || took > shopMaxLag+10*time.Second {
		t.Errorf("known after %v, max_lag being %v", took, shopMaxLag)
	}
}

func TestAnEventOfALongTransactionHasItsWindow(t *testing.T) {
	s := newShop(t, 2)
	s.running = true
	seconds := 0
	s.beat = func() {
		seconds++
		s.trade(10+seconds, 10+seconds)
		switch seconds {
		case 70:
			s.store(5, 5)
			s.mu.Lock()
			s.running = false
			s.mu.Unlock()
		case 85:
			s.publish(1, 5, 5)
		}
	}
	s.trade(1, 4)
	if err := s.follow("all is checked", func() bool { return s.state().Evidence.Checked > 150 }); err != nil {
		t.Fatal(err)
	}
	s.wantNeverAccused()
}

// TestIDsInBlocks lets four sessions draw their ids in blocks, as a sequence with CACHE or a hi/lo generator gives them,
// publish each event up to 15 seconds later, and lose some.
func TestIDsInBlocks(t *testing.T) {
	s := newShop(t, 1)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same every time
	const blocks, sessions, until = 1000, 4, 200
	var next [sessions]int
	for i := range next {
		next[i] = i*blocks + 2
	}
	s.trade(1, 1) // what is below the first message is not claimed
	highest, seconds := sessions, 0
	due := map[int][]int{} // second → ids to be published
	var lost []string
	s.beat = func() {
		seconds++
		for _, id := range due[seconds] {
			s.publish(0, id, id)
		}
		session := random.IntN(sessions)
		for range random.IntN(30) {
			id := next[session]
			if next[session]++; id%blocks == 0 {
				next[session] = highest*blocks + 1
				highest++
			}
			s.store(id, id)
			if seconds < until && random.IntN(100) == 0 {
				lost = append(lost, fmt.Sprintf("%d lost_publish", id))
				continue
			}
			at := seconds + 1 + random.IntN(15)
			due[at] = append(due[at], id)
		}
	}
	if err := s.follow("all is judged", func() bool {
		return s.state().Evidence.CaughtUpAt.Sub(time.Unix(1_700_000_000, 0)) > (until+100)*time.Second
	}); err != nil {
		t.Fatal(err)
	}
	if len(lost) < 10 {
		t.Fatalf("only %v was lost", lost)
	}
	slices.Sort(lost)
	if got := s.found(); got != strings.Join(lost, ", ") {
		t.Errorf("found %q, want %q", got, lost)
	}
	if resolved, err := s.Divergences(t.Context(), verify.Resolved, 10); err != nil || len(resolved) > 0 {
		t.Errorf("%v were accused and acquitted, %v", resolved, err)
	}
}
