package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/explain"
	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
)

// published is a system that publishes all of its history, at rest, with nobody following.
type published struct {
	*system
	file   string
	broker *broker.Broker
	topic  *lab.Kafka
}

func newPublished(t *testing.T) *published {
	t.Helper()
	b := newBroker(t, broker.Options{})
	topic := newTopic(t, b.Brokers())
	s := newSystem(t, lab.Options{History: lab.History{Orders: 300}, Rate: 30, RefreshEvery: labRefresh, Publisher: topic, PublishHistory: 1_000_000})
	file := s.config("crosscheck", labWindow, s.eventSections(), fmt.Sprintf("stream: {brokers: [%q], topic: orders}", b.Brokers()[0]))
	return &published{s, file, b, topic}
}

// explained is what explain says of an order as JSON, and in text. Nothing moves, so that it may be asked again where a
// busy machine did not let it read the topic in its time.
func (s *published) explained(id int64, want int) (explain.Report, string) {
	s.t.Helper()
	ctx := deadline(s.t)
	args := []string{"explain", strconv.FormatInt(id, 10), "--config", s.file}
	for {
		object, text := start(s.t, append(args, "--json")...), start(s.t, args...)
		codes := [2]int{object.end(), text.end()}
		if codes != [2]int{want, want} && ctx.Err() == nil {
			continue
		}
		if codes != [2]int{want, want} {
			s.t.Errorf("explain %d ended with exit codes %v, want %d", id, codes, want)
		}
		var r explain.Report
		if err := json.Unmarshal(object.stdout.Bytes(), &r); err != nil {
			s.t.Fatalf("explain %d printed no report: %v", id, err)
		}
		return r, text.stdout.String()
	}
}

// marked says whether the text marks a field as one that differs.
func marked(text, field string) bool {
	for line := range strings.Lines(text) {
		if cells := strings.Fields(line); len(cells) > 1 && cells[0] == "*" && cells[1] == field {
			return true
		}
	}
	return false
}

func (s *published) plantOne(fault string) int64 {
	s.t.Helper()
	planted, err := s.Plant(deadline(s.t), fault, 1)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.Refresh(deadline(s.t)); err != nil {
		s.t.Fatal(err)
	}
	return planted[0].OrderID
}

func TestExplainShowsAnOrderAsTheTopicHasIt(t *testing.T) {
	t.Parallel()
	s := newPublished(t)
	if err := s.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}

	r, text := s.explained(7, exitAgrees)
	stream, events := r.Representations["stream"], r.Representations["events"]
	if r.Verdict != "match" || !r.Topic.Complete || r.Topic.Messages == 0 || strings.Contains(text, "\n  *") {
		t.Errorf("a clean order: %s, topic %+v\n%s", r.Verdict, r.Topic, text)
	}
	for field, v := range events {
		if !explain.Same(v, stream[field]) {
			t.Errorf("%s of a clean order is %v on the stream", field, stream[field])
		}
	}

	lost := s.plantOne("lost_publish")
	r, text = s.explained(lost, exitDiverged)
	if got := string(r.Hop) + " " + string(r.Cause); got != "events->stream lost_publish" || !r.Topic.Complete {
		t.Errorf("a lost publish is explained as %s, topic %+v", got, r.Topic)
	}
	if status := r.Representations["stream"]["status"]; status == nil || *status == "CANCELED" || !marked(text, "status") {
		t.Errorf("the stream is not behind:\n%s", text)
	}
}

func TestExplainMarksWhatAMessageSaysOtherwise(t *testing.T) {
	t.Parallel()
	s := newPublished(t)
	id := s.plantOne("lost_publish")
	last := rows(t, s.EventsDSN, fmt.Sprintf("SELECT max(event_id) FROM event_store WHERE order_id = %d", id))
	at := rows(t, s.EventsDSN, `SELECT to_char(timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM event_store WHERE event_id = `+last)
	wrong := fmt.Sprintf(`{"event_id":%s,"order_id":%d,"event_type":"OrderModified","timestamp":%q,"payload":{"field":"quantity","old_value":"1","new_value":"424242"}}`, last, id, at)
	if err := s.topic.Publish(deadline(t), lab.Message{Key: []byte(strconv.FormatInt(id, 10)), Value: []byte(wrong)}); err != nil {
		t.Fatal(err)
	}
	r, text := s.explained(id, exitDiverged)
	if got := string(r.Hop) + " " + string(r.Cause) + " " + r.PartsAt; got != "events->stream wrong_publish "+last {
		t.Errorf("a wrong message is explained as %s\n%s", got, text)
	}
	if !marked(text, "quantity") || !marked(text, "status") || marked(text, "symbol") {
		t.Errorf("marks are wrong:\n%s", text)
	}
}

func TestExplainTellsTheRestWithoutABroker(t *testing.T) {
	t.Parallel()
	s := newPublished(t)
	drifted := s.plantOne("filled_drift")
	s.broker.Down()
	r, text := s.explained(drifted, exitDiverged)
	if got := string(r.Hop) + " " + string(r.Cause); got != "events->projection value_drift" {
		t.Errorf("explained as %s", got)
	}
	if _, shown := r.Representations["stream"]; shown || r.Topic.Complete || !strings.Contains(r.Topic.Reason, "unreachable") ||
		!strings.Contains(text, "incomplete: ") {
		t.Errorf("the topic was not read: %+v\n%s", r.Topic, text)
	}
	if r, _ := s.explained(7, exitUnverified); r.Verdict != "unverified" || !strings.Contains(r.Reason, "could not be read") {
		t.Errorf("a clean order is %s (%s)", r.Verdict, r.Reason)
	}
}

// TestExplainClaimsNothingFromBeforeTheTopic explains an order that was there before the producer was switched on.
func TestExplainClaimsNothingFromBeforeTheTopic(t *testing.T) {
	t.Parallel()
	s := newPublished(t)
	if err := s.topic.Truncate(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Refresh(deadline(t)); err != nil {
		t.Fatal(err)
	}
	r, text := s.explained(7, exitAgrees)
	if _, shown := r.Representations["stream"]; shown || !r.Topic.Complete || !strings.Contains(r.Topic.Reason, "holds no events") {
		t.Errorf("of an empty topic: %+v\n%s", r.Topic, text)
	}
	lost := s.plantOne("disordered_publish")
	if r, text = s.explained(lost, exitDiverged); r.Cause != "disordered_publish" || !strings.Contains(r.Topic.Reason, "taken from the store") {
		t.Errorf("an order that goes on after the cut: %s, %+v\n%s", r.Cause, r.Topic, text)
	}
}

// TestExplainAnOrderThatIsOnTheTopicAlone: whoever hears of a ghost asks for it.
func TestExplainAnOrderThatIsOnTheTopicAlone(t *testing.T) {
	t.Parallel()
	s := newPublished(t)
	message := lab.Message{Key: []byte("999000111"), Value: []byte(`{"event_id":999000111,"order_id":999000111,"event_type":"OrderCanceled",` +
		`"timestamp":"2026-01-01T00:00:00Z","payload":{"reason":"none"}}`)}
	if err := s.topic.Publish(deadline(t), message); err != nil {
		t.Fatal(err)
	}
	if r, _ := s.explained(999000111, exitDiverged); r.Cause != "ghost_publish" || r.Hop != "events->stream" {
		t.Errorf("explained by %q at %q", r.Cause, r.Hop)
	}
}
