package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/lab/kafkaserver/kafkatest"
)

// sharing is a system whose stream several sidecars share.
type sharing struct {
	*streaming
	brokers string
	want    []string // what was planted
	lost    int
}

func newSharing(t *testing.T, brokers []string) *sharing {
	t.Helper()
	return &sharing{streaming: newStreamingOn(t, brokers, 1000), brokers: brokers[0]}
}

// join starts a sidecar with an address of its own.
func (s *sharing) join() *sidecarProcess {
	s.t.Helper()
	address := freeAddress(s.t)
	own := *s.streaming
	own.url = "http://" + address
	own.file = s.config("crosscheck", followWindow, fmt.Sprintf(`
events: {dsn: %q}
stream: {brokers: [%q], topic: orders, group: crosscheck}
sampler: {schedule: "off", full: "off"}
web: {listen: %q}`, s.EventsDSN, s.brokers, address))
	return own.follow()
}

// shared waits until so many sidecars read all partitions.
func (s *sharing) shared(sidecars int) {
	s.t.Helper()
	const readers = "SELECT count(DISTINCT reader), bool_and(reader <> '') FROM crosscheck.stream_intake HAVING count(*) = 3"
	eventually(s.t, s.EventsDSN, readers, fmt.Sprintf("%d|t", sidecars))
}

// plant loses and doubles messages, and wants exactly them found.
func (s *sharing) plant(during func()) {
	s.t.Helper()
	for _, fault := range []string{"lost_publish", "duplicate_publish"} {
		planted, err := s.Plant(deadline(s.t), fault, 1)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, p := range planted {
			s.want = append(s.want, strconv.FormatInt(p.OrderID, 10)+"|"+p.Kind+"|"+p.Cause)
		}
	}
	s.lost++
	during()
	s.caughtUp()
	s.wantFound(s.want)
}

// TestSidecarsShareAStream lets sidecars come and go, and kills the one that matches, while a desk trades and messages are lost
// and doubled.
func TestSidecarsShareAStream(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Server(t).Brokers()
	admin, err := broker.Connect(brokers, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	forget := func() { // this test may run again
		if err := admin.DeleteTopic(context.WithoutCancel(t.Context()), "orders"); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			t.Error(err)
		}
	}
	forget()
	t.Cleanup(forget)
	s := newSharing(t, brokers)
	s.live()
	first := s.join()
	s.shared(1)
	second := s.join()
	s.shared(2)
	s.plant(func() {})
	first.shows("/api/status", http.StatusOK, `"stream_readers":[{"partition":0,"reader":"`)
	holder := rows(t, s.EventsDSN, "SELECT holder FROM crosscheck.lease WHERE job = 'stream'")
	matching := first
	if strings.HasSuffix(holder, "/"+strconv.Itoa(second.Process.Pid)) {
		matching = second
	}
	s.plant(func() { s.killed(matching) })
	s.shared(1)
	s.plant(func() { s.join() })
	s.shared(2)
	if err := s.StopDesk(); err != nil {
		t.Fatal(err)
	}
	s.caughtUp()
	s.wantFound(s.want)
	const counted = `SELECT stored = (SELECT count(*) FROM event_store WHERE event_id >= claimed_from), stored - seen, gaps,
		(SELECT count(*) FROM crosscheck.stream_unmatched), (SELECT min(taken) > 0 FROM crosscheck.stream_partition) FROM crosscheck.stream_state`
	eventually(t, s.EventsDSN, counted, fmt.Sprintf("t|%d|0|0|t", s.lost))
}

// TestOneFollowsAllWithoutARightToTheGroup: as without a group, and said so.
func TestOneFollowsAllWithoutARightToTheGroup(t *testing.T) {
	t.Parallel()
	b := newBroker(t, broker.Options{})
	b.DenyGroup("crosscheck")
	s := newSharing(t, b.Brokers())
	s.live()
	sidecar := s.join()
	s.plant(func() {})
	if got := rows(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.stream_intake"); got != "0" {
		t.Errorf("%s partitions are shared", got)
	}
	s.killed(sidecar)
	if log := sidecar.stderr.String(); !strings.Contains(log, "one sidecar follows all partitions") || !strings.Contains(log, "READ on the group") {
		t.Errorf("the log does not say why:\n%s", log)
	}
}
