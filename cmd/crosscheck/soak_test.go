package main

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
)

// soakVariable is set by make soak: how long the long proofs run.
const soakVariable = "CROSSCHECK_SOAK"

// loadTime is how long a proof under load runs: short, unless somebody asks for more.
func loadTime(t *testing.T, short time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(soakVariable)
	if text == "" {
		return short
	}
	long, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("reading %s: %v", soakVariable, err)
	}
	return long
}

// cleanTime is how long a clean system is watched in an ordinary run.
func cleanTime() time.Duration {
	switch {
	case os.Getenv("CI") == "true":
		return time.Minute
	case testing.Short():
		return 5 * time.Second
	}
	return 15 * time.Second
}

// TestACleanSystemUnderLoadIsNotAccused lets a sidecar watch all representations while the desk trades, the projection
// lags, and the broker and the server are restarted under it: nothing is ever called a divergence.
func TestACleanSystemUnderLoadIsNotAccused(t *testing.T) {
	t.Parallel()
	server := ownServer(t)
	own := newBroker(t, broker.Options{Dir: t.TempDir()})
	topic := newTopic(t, own.Brokers())
	s := newSystem(t, lab.Options{Server: server, History: lab.History{Orders: 5000}, Rate: 60, RefreshEvery: 1500 * time.Millisecond, Publisher: topic})
	s.live()
	sections := s.eventSections() + fmt.Sprintf("\nstream: {brokers: [%q], topic: orders}", own.Brokers()[0])
	side := s.watch(6*time.Second, sections)
	side.shows("/readyz", http.StatusOK, "")
	part := loadTime(t, 36*time.Second) / 3
	s.trades(part)
	own.Down() // for a moment: what the desk cannot publish for longer than it tries is lost, and rightly called so
	if err := own.Restart(deadline(t)); err != nil {
		t.Fatal(err)
	}
	s.trades(part)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(deadline(t)); err != nil {
		t.Fatal(err)
	}
	side.shows("/readyz", http.StatusOK, "")
	s.trades(part)
	s.newPasses("match")
	side.drains()
	if got := rows(t, s.EventsDSN, "SELECT count(*) FROM crosscheck.divergence"); got != "0" {
		t.Errorf("%s divergences of a clean system: %s", got,
			rows(t, s.EventsDSN, "SELECT row_to_json(d) FROM crosscheck.divergence AS d"))
	}
	if got := rows(t, s.EventsDSN, "SELECT count(*) > 0 FROM crosscheck.pass WHERE mismatches > 0"); got != "t" {
		t.Error("no pass met lag: this test has shown nothing")
	}
}

// watch starts a sidecar that looks every few seconds.
func (s *system) watch(window time.Duration, sections string) *sidecarProcess {
	s.t.Helper()
	address := freeAddress(s.t)
	config := s.config("crosscheck", window, sections, `
sampler: {schedule: "*/3 * * * * *", size: 1000, full: "*/10 * * * * *"}
web: {listen: "`+address+`"}`)
	return &sidecarProcess{start(s.t, "run", "--config", config), "http://" + address}
}

// trades lets the desk go on for a while.
func (s *system) trades(d time.Duration) {
	s.t.Helper()
	select {
	case <-time.After(d):
	case <-s.t.Context().Done():
		s.t.Fatal(s.t.Context().Err())
	}
}
