package main

import (
	"slices"
	"strconv"
	"testing"

	"github.com/nordvarg/crosscheck/lab/kafkaserver/kafkatest"
)

// TestFollowerOfApacheKafka runs the whole way on Apache Kafka itself: a sidecar follows a desk that trades, over a restart of
// the broker. What is not published is found, before and after it, and nothing else is.
func TestFollowerOfApacheKafka(t *testing.T) {
	t.Parallel()
	kafka := kafkatest.Own(t)
	s := newStreamingOn(t, kafka.Brokers(), 1000)
	s.live()
	s.follow()
	s.caughtUp()
	s.wantFound(nil)
	var want []string
	lose := func() {
		t.Helper()
		planted, err := s.Plant(deadline(t), "lost_publish", 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range planted {
			want = append(want, strconv.FormatInt(p.OrderID, 10)+"|"+p.Kind+"|"+p.Cause)
		}
		s.caughtUp()
		s.wantFound(slices.Clone(want))
	}
	lose()

	// The desk rests meanwhile: what it cannot publish for longer than it tries would be lost, and rightly called so.
	if err := s.StopDesk(); err != nil {
		t.Fatal(err)
	}
	if err := kafka.Restart(deadline(t)); err != nil {
		t.Fatal(err)
	}
	last := rows(t, s.EventsDSN, "SELECT max(event_id) FROM event_store")
	s.StartDesk()
	eventually(t, s.EventsDSN, "SELECT max(event_id) > "+last+" + 20 FROM event_store", "t")
	lose()

	if err := s.StopDesk(); err != nil {
		t.Fatal(err)
	}
	s.caughtUp()
	s.wantFound(want)
	const counted = `SELECT stored = (SELECT count(*) FROM event_store WHERE event_id >= claimed_from), stored - seen, gaps FROM crosscheck.stream_state`
	eventually(t, s.EventsDSN, counted, "t|2|0")
}
