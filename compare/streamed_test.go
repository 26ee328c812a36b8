package compare_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

var streamedAt = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func canceledEvent(t testing.TB, at int, reason string) order.Event {
	return message(t, fmt.Sprintf(`{"event_id":%d,"order_id":7,"event_type":"OrderCanceled","timestamp":%q,"payload":{"reason":%q}}`,
		at, streamedAt.Add(time.Duration(at)*time.Second).Format(time.RFC3339), reason))
}

type streamedCase struct {
	streamed compare.Streamed
	want     string
}

func streamedCases(t testing.TB) map[string]streamedCase {
	in := func(partition, at int) compare.StreamedMessage {
		return compare.StreamedMessage{Event: canceledEvent(t, at, "why"), Partition: partition}
	}
	keyed := func(partition, at int) compare.StreamedMessage {
		m := in(partition, at)
		m.Keyed = true
		return m
	}
	other := compare.StreamedMessage{Event: canceledEvent(t, 2, "because")}
	drift := in(0, 2)
	drift.Drift = errors.New("no reason")
	cases := map[string]streamedCase{}
	for name, test := range map[string]struct {
		messages []compare.StreamedMessage
		from     order.Position
		partly   bool
		due      int // seconds; 0: long after
		want     string
	}{
		"all there":                          {[]compare.StreamedMessage{in(0, 1), in(0, 2), in(0, 3)}, 0, false, 0, "match "},
		"all there in what was read":         {[]compare.StreamedMessage{in(0, 1), in(0, 2), in(0, 3)}, 0, true, 0, "match "},
		"one is missing":                     {[]compare.StreamedMessage{in(0, 1), in(0, 3)}, 0, false, 0, "diverged lost_publish 2"},
		"one may still come":                 {[]compare.StreamedMessage{in(0, 1), in(0, 2)}, 0, false, 2, "lagging lost_publish 3"},
		"one may be where nobody looked":     {[]compare.StreamedMessage{in(0, 1), in(0, 3)}, 0, true, 0, "unverified  2"},
		"what is older than the topic":       {[]compare.StreamedMessage{in(0, 3)}, 3, false, 0, "match "},
		"a message of no event":              {[]compare.StreamedMessage{in(0, 1), in(0, 2), in(0, 3), in(0, 4)}, 0, false, 0, "diverged ghost_publish 4"},
		"other content":                      {[]compare.StreamedMessage{in(0, 1), other, in(0, 3)}, 0, false, 0, "diverged wrong_publish 2"},
		"another form":                       {[]compare.StreamedMessage{in(0, 1), drift, in(0, 3)}, 0, false, 0, "diverged schema_drift 2"},
		"twice":                              {[]compare.StreamedMessage{in(0, 1), in(0, 2), in(0, 2), in(0, 3)}, 0, false, 0, "diverged duplicate_publish 2"},
		"in another order":                   {[]compare.StreamedMessage{in(0, 1), in(0, 3), in(0, 2)}, 0, false, 0, "diverged disordered_publish 2"},
		"over partitions":                    {[]compare.StreamedMessage{in(0, 1), in(1, 2), in(0, 3)}, 0, false, 0, "diverged unkeyed_publish 2"},
		"moved with its key":                 {[]compare.StreamedMessage{keyed(0, 1), keyed(1, 2), keyed(1, 3)}, 0, false, 0, "match "},
		"to and fro with its key":            {[]compare.StreamedMessage{keyed(0, 1), keyed(1, 2), keyed(0, 3)}, 0, false, 0, "diverged unkeyed_publish 2"},
		"content is judged before manner":    {[]compare.StreamedMessage{in(0, 1), in(0, 1), other, in(0, 3)}, 0, false, 0, "diverged wrong_publish 2"},
		"nothing, of what nothing is due of": {nil, 4, false, 0, "match "},
	} {
		due := streamedAt.Add(time.Hour)
		if test.due > 0 {
			due = streamedAt.Add(time.Duration(test.due) * time.Second)
		}
		s := compare.Streamed{
			Stored:   []order.Event{canceledEvent(t, 1, "why"), canceledEvent(t, 2, "why"), canceledEvent(t, 3, "why")},
			Messages: test.messages, From: test.from, Due: due, Whole: !test.partly,
		}
		cases[name] = streamedCase{s, test.want}
	}
	return cases
}

func TestStreamedPartsFromTheStore(t *testing.T) {
	for name, test := range streamedCases(t) {
		d := test.streamed.Diagnose()
		got := fmt.Sprintf("%s %s", d.Verdict, d.Cause)
		if d.PartsAt != nil {
			got += " " + d.PartsAt.String()
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s (%s)", name, got, test.want, d.Reason)
		}
	}
}

type consumedCase struct {
	streamed compare.Streamed
	want     string
	claimed  bool
}

func consumedCases(t testing.TB) map[string]consumedCase {
	stored := []order.Event{canceledEvent(t, 1, "a"), canceledEvent(t, 2, "b"), canceledEvent(t, 3, "c")}
	cases := map[string]consumedCase{}
	for name, test := range map[string]struct {
		from     order.Position
		messages []int
		want     string
		claimed  bool
	}{
		"the topic has all":             {0, []int{1, 2, 3}, "[1 2 3]", true},
		"the topic lost one":            {0, []int{1, 3}, "[1 3]", true},
		"the topic began later":         {3, []int{3}, "[1 2 3]", true},
		"the topic began after it":      {4, nil, "[1 2 3]", false},
		"the topic should have it":      {2, nil, "[1]", true},
		"a message from before it all":  {3, []int{2, 3}, "[1 2 3]", true},
		"a message of no stored events": {0, []int{1, 2, 3, 4}, "[1 2 3 4]", true},
	} {
		s := compare.Streamed{Stored: stored, From: test.from}
		for _, at := range test.messages {
			s.Messages = append(s.Messages, compare.StreamedMessage{Event: canceledEvent(t, at, "x")})
		}
		cases[name] = consumedCase{s, test.want, test.claimed}
	}
	return cases
}

func TestConsumedBeginsWithWhatTheStoreHeldBeforeTheTopic(t *testing.T) {
	for name, test := range consumedCases(t) {
		events, claimed := test.streamed.Consumed()
		positions := []order.Position{}
		for _, e := range events {
			positions = append(positions, e.Position)
		}
		if got := fmt.Sprint(positions); got != test.want || claimed != test.claimed {
			t.Errorf("%s: %s, claimed %t; want %s, %t", name, got, claimed, test.want, test.claimed)
		}
	}
}

// TestAMessageThatTheFollowerHasJudgedIsNoGhost when its event was archived.
func TestAMessageThatTheFollowerHasJudgedIsNoGhost(t *testing.T) {
	m := compare.StreamedMessage{Event: ordertest.Event(7, "1", time.Time{}, ordertest.Canceled{}), Keyed: true}
	s := compare.Streamed{Messages: []compare.StreamedMessage{m}, Whole: true, Due: time.Now()}
	if d := s.Diagnose(); d.Cause != compare.GhostPublish {
		t.Errorf("before it was judged: %+v", d)
	}
	s.Messages[0].Judged = true
	if d := s.Diagnose(); d.Verdict != compare.Match {
		t.Errorf("after it was judged: %+v", d)
	}
}
