package compare_test

import (
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

func message(t *testing.T, text string) order.Event {
	t.Helper()
	e, err := order.DecodeMessage([]byte(text), order.Vocabulary{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestPublishedComparesWhatIsSaidAndNotHowItIsWritten(t *testing.T) {
	stored := message(t, `{"event_id":1,"order_id":7,"event_type":"OrderFilled","timestamp":"2024-01-01T00:00:00Z","payload":{"quantity":"10","price":1.10}}`)
	for text, want := range map[string]string{
		`{"event_id":1,"order_id":"7","event_type":"OrderFilled","timestamp":"2024-01-01T01:00:00.0000004+01:00","payload":{"price":"1.1","quantity":10.0}}`: "",
		`{"event_id":1,"order_id":8,"event_type":"OrderFilled","timestamp":"2024-01-01T00:00:00Z","payload":{"quantity":"10","price":1.10}}`:                 "order_id",
		`{"event_id":1,"order_id":7,"event_type":"OrderFilled","timestamp":"2024-01-01T01:00:00Z","payload":{"quantity":"10","price":1.10}}`:                 "timestamp",
		`{"event_id":1,"order_id":7,"event_type":"OrderFilled","timestamp":"2024-01-01T00:00:00Z","payload":{"quantity":"10","price":1.100000000000001}}`:    "payload",
	} {
		got := ""
		for _, d := range compare.Published(stored, message(t, text)) {
			got += d.Name
		}
		if got != want {
			t.Errorf("%s differs in %q, want %q", text, got, want)
		}
	}
	other := message(t, `{"event_id":1,"order_id":7,"event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00Z","payload":{"reason":null}}`)
	if d := compare.Published(stored, other); len(d) != 2 || d[0].Name != "event_type" || d[1].Name != "payload" {
		t.Errorf("another type differs in %+v", d)
	}
}
