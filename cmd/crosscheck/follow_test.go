package main

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
)

// streaming is a system that publishes, and the configuration of a sidecar that follows it.
type streaming struct {
	*system
	file, url string
}

const followWindow = time.Second

func newStreaming(t *testing.T, published int64) *streaming {
	t.Helper()
	return newStreamingOn(t, newBroker(t, broker.Options{}).Brokers(), published)
}

// newStreamingOn publishes to a broker that is there. The projector writes what readers see, which costs less than refreshing it.
func newStreamingOn(t *testing.T, brokers []string, published int64) *streaming {
	t.Helper()
	return newStreamingOf(t, brokers, lab.Options{PublishHistory: published, Incremental: true})
}

func newStreamingOf(t *testing.T, brokers []string, o lab.Options) *streaming {
	t.Helper()
	o.History.Orders, o.Rate, o.RefreshEvery, o.Publisher = 500, 30, labRefresh, newTopic(t, brokers)
	s := newSystem(t, o)
	address := freeAddress(t)
	file := s.config("crosscheck", followWindow, fmt.Sprintf(`
events: {dsn: %q}
stream: {brokers: [%q], topic: orders}
sampler: {schedule: "off", full: "off"}
web: {listen: %q}`, s.EventsDSN, brokers[0], address))
	return &streaming{s, file, "http://" + address}
}

func (s *streaming) follow() *sidecarProcess {
	s.t.Helper()
	p := &sidecarProcess{start(s.t, "run", "--config", s.file), s.url}
	s.t.Cleanup(func() {
		if p.ProcessState != nil {
			return
		}
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			s.t.Error(err)
		}
		if code := p.end(); code != exitAgrees {
			s.t.Errorf("stopped with exit code %d", code)
		}
	})
	return p
}

// killed ends a sidecar as a power cut would.
func (s *streaming) killed(p *sidecarProcess) {
	s.t.Helper()
	if err := p.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	if code := p.end(); code != -1 {
		s.t.Fatalf("exit code %d: it was not killed in time", code)
	}
	rows(s.t, s.EventsDSN, "UPDATE crosscheck.lease SET expires_at = clock_timestamp()")
}

// TestKilledInTheStream kills the follower again and again while it works off a backlog and faults happen.
func TestKilledInTheStream(t *testing.T) {
	t.Parallel()
	s := newStreaming(t, 1_000_000)
	s.live()
	if _, err := s.Plant(deadline(t), "duplicate_publish", 2); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 10 {
		sidecar := s.follow()
		offsets := "SELECT coalesce(sum(next_offset), 0) > %s FROM crosscheck.stream_partition"
		before := "0"
		if i > 0 {
			before = rows(t, s.EventsDSN, "SELECT coalesce(sum(next_offset), 0) FROM crosscheck.stream_partition")
		}
		eventually(t, s.EventsDSN, fmt.Sprintf(offsets, before), "t")
		if i == 1 {
			if _, err := s.Plant(deadline(t), "lost_publish", 2); err != nil {
				t.Fatal(err)
			}
		}
		s.killed(sidecar)
	}
	for _, p := range s.Planted() {
		want = append(want, strconv.FormatInt(p.OrderID, 10)+"|"+p.Kind+"|"+p.Cause)
	}
	s.follow()
	// What was stored before the follower came up has its window from then on.
	eventually(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.divergence WHERE state = 'open' AND hop = 'events->stream'", strconv.Itoa(len(want)))
	s.caughtUp()
	s.wantFound(want)
	const twice = "SELECT count(*) - count(DISTINCT order_key) FROM crosscheck.divergence"
	if got := rows(t, s.EventsDSN, twice); got != "0" {
		t.Errorf("%s divergences were counted twice", got)
	}
	// Every event from the first published one on is counted once, and all but the lost two were seen.
	if err := s.StopDesk(); err != nil {
		t.Fatal(err)
	}
	s.caughtUp()
	const counted = `SELECT stored = (SELECT count(*) FROM event_store WHERE event_id >= claimed_from), stored - seen FROM crosscheck.stream_state`
	eventually(t, s.EventsDSN, counted, "t|2")
}

// TestRetentionGapIsAFinding deletes messages while nobody reads.
func TestRetentionGapIsAFinding(t *testing.T) {
	t.Parallel()
	s := newStreaming(t, 1000)
	s.live()
	sidecar := s.follow()
	s.caughtUp()
	s.killed(sidecar)
	if _, err := s.Plant(deadline(t), "retention_gap", 20); err != nil {
		t.Fatal(err)
	}
	s.follow()
	const gaps = "SELECT DISTINCT kind, cause, left(order_key, 25) FROM crosscheck.divergence"
	eventually(t, s.EventsDSN, gaps, "gap|retention_gap|(topic orders, partition ")
	s.caughtUp()
	s.caughtUp()
	// Nobody knows whether what is missing now was published: that is the gap's, and no order is accused of it.
	if got := rows(t, s.EventsDSN, gaps); got != "gap|retention_gap|(topic orders, partition " {
		t.Errorf("found %s", got)
	}
	eventually(t, s.EventsDSN, "SELECT gaps > 0 AND stored > seen FROM crosscheck.stream_state", "t")
}

// TestCleanStreamIsNeverAccused follows a desk that trades, over a restart of the follower.
func TestCleanStreamIsNeverAccused(t *testing.T) {
	t.Parallel()
	s := newStreaming(t, 0) // the producer is switched on beside a store with a history
	s.live()
	sidecar := s.follow()
	for end := time.Now().Add(loadTime(t, cleanTime)); time.Now().Before(end); {
		s.caughtUp()
	}
	s.killed(sidecar)
	s.follow()
	s.caughtUp()
	if got := rows(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.divergence"); got != "0" {
		t.Errorf("%s divergences of a clean stream: %s", got, rows(t, s.EventsDSN, found))
	}
	if got := rows(t, s.EventsDSN, "SELECT stored = seen AND stored > 50 AND gaps = 0 FROM crosscheck.stream_state"); got != "t" {
		t.Errorf("claimed is %s", rows(t, s.EventsDSN, "TABLE crosscheck.stream_state"))
	}
}

// caughtUp waits until everything stored by now is claimed to have been looked for on the stream.
func (s *streaming) caughtUp() {
	s.t.Helper()
	last := rows(s.t, s.EventsDSN, "SELECT max(event_id) FROM event_store")
	eventually(s.t, s.EventsDSN, "SELECT checked >= "+last+" FROM crosscheck.stream_state", "t")
}

// found are the open divergences of the stream, one a line.
const found = `SELECT order_key, kind, cause FROM crosscheck.divergence WHERE state = 'open' AND hop = 'events->stream' ORDER BY 1`

func (s *streaming) wantFound(want []string) {
	s.t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(strings.Join(want, "\n"), rows(s.t, s.EventsDSN, found)); diff != "" {
		s.t.Errorf("planted (-) and found (+):\n%s", diff)
	}
}

// TestFaultsOfTheStreamAreFoundAndNamed plants them one after the other on a system that trades.
func TestFaultsOfTheStreamAreFoundAndNamed(t *testing.T) {
	t.Parallel()
	s := newStreaming(t, 1000)
	s.live()
	sidecar := s.follow()
	s.caughtUp()
	s.wantFound(nil)
	lost := s.plantedInStream("lost_publish")
	s.wantFound(lost)
	id, _, _ := strings.Cut(lost[0], "|")
	if got := explainedAs(t, s.file, id); got != "events->stream lost_publish" {
		t.Errorf("explain says %s", got)
	}
	doctor := start(t, "doctor", "--all", "--config", s.file)
	if code := doctor.end(); code != exitAgrees || !strings.Contains(doctor.stdout.String(), "topic orders has 3 partitions") {
		t.Errorf("doctor: exit code %d\n%s", code, &doctor.stdout)
	}
	sidecar.shows("/metrics", http.StatusOK, `crosscheck_completeness_ratio{hop="events->stream"} 0.9`)
	sidecar.shows("/metrics", http.StatusOK, `crosscheck_stream_lag_messages{partition="2"} 0`)
	if err := s.Repair(deadline(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.divergence WHERE state = 'resolved'", "3")
	s.caughtUp()
	eventually(t, s.EventsDSN, "SELECT stored = seen FROM crosscheck.stream_state", "t")
	var want []string
	for _, fault := range []string{"duplicate_publish", "disordered_publish", "schema_drift", "unkeyed_publish"} {
		planted := s.plantedInStream(fault)
		if fault == "unkeyed_publish" { // of the topic, and not of each order
			planted = []string{"(topic orders)|disorder|unkeyed_publish"}
		}
		want = append(want, planted...)
		s.wantFound(want)
	}
}

// plantedInStream plants a fault in three orders, and returns what is to be found when the follower has caught up.
func (s *streaming) plantedInStream(fault string) (want []string) {
	s.t.Helper()
	planted, err := s.Plant(deadline(s.t), fault, 3)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, p := range planted {
		want = append(want, strconv.FormatInt(p.OrderID, 10)+"|"+p.Kind+"|"+p.Cause)
	}
	s.caughtUp()
	return want
}

// TestAnEventFarBelowTheOthersIsMissed stores an event where everything was proven to be published.
func TestAnEventFarBelowTheOthersIsMissed(t *testing.T) {
	t.Parallel()
	s := newStreaming(t, 1000)
	s.live()
	s.follow()
	s.caughtUp()
	late := rows(t, s.EventsDSN, "SELECT max(event_id) + 1000 FROM event_store")
	order := rows(t, s.EventsDSN, "SELECT min(order_id) FROM event_store")
	rows(t, s.EventsDSN, "SELECT setval(pg_get_serial_sequence('event_store', 'event_id'), "+late+" + 20000)")
	eventually(t, s.EventsDSN, "SELECT frontier > "+late+" >> 12 FROM crosscheck.stream_state", "t")
	rows(t, s.EventsDSN, "INSERT INTO event_store (event_id, order_id, event_type, timestamp, payload) OVERRIDING SYSTEM VALUE VALUES ("+
		late+", "+order+", 'OrderCanceled', now(), '{\"reason\": \"late\"}')")
	eventually(t, s.EventsDSN, found, order+"|missing|lost_publish")
	rows(t, s.EventsDSN, "DELETE FROM event_store WHERE event_id = "+late)
	eventually(t, s.EventsDSN, "SELECT state, cause FROM crosscheck.divergence WHERE hop = 'events->stream'", "resolved|lost_publish")
	s.caughtUp()
	eventually(t, s.EventsDSN, "SELECT stored = seen FROM crosscheck.stream_state", "t")
}

// TestADivergenceIsKnownSecondsAfterItsEvent runs no sample and no full verification.
func TestADivergenceIsKnownSecondsAfterItsEvent(t *testing.T) {
	t.Parallel()
	s := newStreaming(t, 1000)
	s.live()
	sidecar := s.follow()
	s.caughtUp()
	planted, err := s.Plant(deadline(t), "stale_projection", 2)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.divergence WHERE found_by = 'stream' AND state = 'open'", "2")
	t.Logf("known after %s, the settle window being %s", time.Since(began), followWindow)
	var want []string
	for _, p := range planted {
		want = append(want, fmt.Sprintf("%d|%s|%s", p.OrderID, p.Kind, p.Cause))
	}
	slices.Sort(want)
	const open = "SELECT order_key, kind, cause FROM crosscheck.divergence WHERE state = 'open' ORDER BY 1"
	if diff := cmp.Diff(strings.Join(want, "\n"), rows(t, s.EventsDSN, open)); diff != "" {
		t.Errorf("planted (-) and found (+):\n%s", diff)
	}
	s.killed(sidecar)
	s.follow() // what was under way is ended, and its orders are looked at again
	const ended = "SELECT count(*) FROM crosscheck.pass WHERE kind = 'stream' AND verdict = 'unverified' AND reason = 'process ended during the scan'"
	eventually(t, s.EventsDSN, ended, "1")
	eventually(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.sighting g JOIN crosscheck.pass p ON p.id = g.pass_id WHERE p.state <> 'done'", "2")
}

// TestAPassMadeByHandIsNotOverdue makes a sample where none is scheduled.
func TestAPassMadeByHandIsNotOverdue(t *testing.T) {
	t.Parallel()
	s := newStreaming(t, 100)
	sidecar := s.follow()
	if sample := start(t, "sample", "--config", s.file); sample.end() != exitAgrees {
		t.Fatalf("sample:\n%s", &sample.stdout)
	}
	sidecar.shows("/metrics", http.StatusOK, `crosscheck_pass_last_success_timestamp_seconds{pass="sample"}`)
	if _, page := sidecar.get("/metrics"); strings.Contains(page, `crosscheck_pass_overdue{pass="sample"}`) {
		t.Error("a pass that has no schedule is held to one")
	}
}

// TestAFollowerThatHasStoppedIsOverdue lets the follower's last word be some minutes old, and nobody follow any more.
func TestAFollowerThatHasStoppedIsOverdue(t *testing.T) {
	t.Parallel()
	s := newStreaming(t, 100)
	sidecar := s.follow()
	s.caughtUp()
	sidecar.shows("/metrics", http.StatusOK, `crosscheck_pass_overdue{pass="stream"} 0`)
	quiet := rows(t, s.EventsDSN, "SELECT at FROM crosscheck.stream_state") // nobody trades, and looks go on
	eventually(t, s.EventsDSN, "SELECT at > '"+quiet+"' FROM crosscheck.stream_state", "t")
	rows(t, s.EventsDSN, `UPDATE crosscheck.lease SET token = token + 1, expires_at = clock_timestamp() + interval '1 hour' WHERE job = 'stream';
		UPDATE crosscheck.stream_state SET at = at - interval '10 minutes'`)
	sidecar.shows("/metrics", http.StatusOK, `crosscheck_pass_overdue{pass="stream"} 1`)
	at := rows(t, s.EventsDSN, "SELECT extract(epoch FROM date_trunc('milliseconds', at))::float8 FROM crosscheck.stream_state")
	want, err := strconv.ParseFloat(at, 64)
	if err != nil {
		t.Fatal(err)
	}
	sidecar.shows("/metrics", http.StatusOK, "\ncrosscheck_stream_last_look_timestamp_seconds "+strconv.FormatFloat(want, 'g', -1, 64)+"\n")
	if _, page := sidecar.get("/metrics"); strings.Contains(page, "crosscheck_stream_lag_messages{") {
		t.Error("a lag is shown that nobody measures any more")
	}
}
