package compare_test

import (
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

func message(t testing.TB, text string) order.Event {
	t.Helper()
	e, err := order.DecodeMessage([]byte(text), order.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

type publishedCase struct {
	reason          string
	stored, message order.Event
	want            string // the names of the fields that differ
}

func publishedCases(t testing.TB) []publishedCase {
	stored := message(t, `{"event_id":1,"order_id":7,"event_type":"OrderFilled","timestamp":"2024-01-01T00:00:00Z","payload":{"quantity":"10","price":1.10}}`)
	return []publishedCase{
		{"another form", stored, message(t, `{"event_id":1,"order_id":"7","event_type":"OrderFilled","timestamp":"2024-01-01T01:00:00.0000004+01:00","payload":{"price":"1.1","quantity":10.0}}`), ""},
		{"another order", stored, message(t, `{"event_id":1,"order_id":8,"event_type":"OrderFilled","timestamp":"2024-01-01T00:00:00Z","payload":{"quantity":"10","price":1.10}}`), "order_id"},
		{"another time", stored, message(t, `{"event_id":1,"order_id":7,"event_type":"OrderFilled","timestamp":"2024-01-01T01:00:00Z","payload":{"quantity":"10","price":1.10}}`), "timestamp"},
		{"another price", stored, message(t, `{"event_id":1,"order_id":7,"event_type":"OrderFilled","timestamp":"2024-01-01T00:00:00Z","payload":{"quantity":"10","price":1.100000000000001}}`), "payload"},
		{"another type", stored, message(t, `{"event_id":1,"order_id":7,"event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00Z","payload":{"reason":null}}`), "event_type payload"},
	}
}

func TestPublishedComparesWhatIsSaidAndNotHowItIsWritten(t *testing.T) {
	for _, test := range publishedCases(t) {
		var got []string
		for _, d := range compare.Published(test.stored, test.message) {
			got = append(got, d.Name)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s differs in %v, want %q", test.reason, got, test.want)
		}
	}
}
