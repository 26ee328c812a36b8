package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
)

// TestASidecarNamesWhatCannotBeRead: page and gate of a sidecar say what cannot be read, from the moment at which that
// begins, and say nothing while all can be read.
func TestASidecarNamesWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	brokers := newBroker(t, broker.Options{}).Brokers()
	topic := newTopic(t, brokers)
	s := newSystem(t, lab.Options{History: lab.History{Orders: 20}})
	if err := s.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	p := s.sidecar(fmt.Sprintf("\nevents: {dsn: %q}\nstream: {brokers: [%q], topic: orders}", s.EventsDSN, brokers[0]))
	p.shows("/api/status", http.StatusOK, `"pass":"full","state":"done"`)
	if _, status := p.get("/api/status"); strings.Contains(status, `"event_store"`) || strings.Contains(status, `{"name":"stream","verdict"`) {
		t.Errorf("all can be read, and the status names a gap: %s", status)
	}

	const busted = `INSERT INTO event_store (order_id, event_type, timestamp, payload)
		SELECT 1, 'TradeBusted', now(), '{}' FROM generate_series(1, `
	rows(t, s.EventsDSN, busted+"3)")
	p.shows("/api/status", http.StatusOK, "TradeBusted: 3 of 3 cannot be read, the first because")
	p.shows("/", http.StatusOK, "TradeBusted: 3 of 3 cannot be read, the first because")

	rows(t, s.EventsDSN, busted+"1000)")
	for i := range 30 {
		if err := topic.Publish(deadline(t), lab.Message{Key: fmt.Append(nil, i), Value: []byte("\x00avro")}); err != nil {
			t.Fatal(err)
		}
	}
	p.shows("/", http.StatusOK, "1000 of the newest 1000 events cannot be read")
	p.shows("/", http.StatusOK, "30 of the newest 30 messages cannot be read")
	p.shows("/metrics", http.StatusOK, `criterion="stream"`)
	p.drains()
}
