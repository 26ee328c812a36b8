package compare_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

type recordedCase struct {
	given               string
	audit               []history.Line
	trades              []history.Trade
	events              []order.Event
	changes, withEvents int64
}

// recordedBefore is the time from which a change of recordedCases is too young.
var recordedBefore = time.Date(2024, 5, 1, 12, 0, 10, 0, time.UTC)

func recordedCases() []recordedCase {
	at := func(second int) time.Time { return recordedBefore.Add(time.Duration(second-10) * time.Second) }
	event := func(second int, body ordertest.Body) order.Event { return ordertest.Event(0, "", at(second), body) }
	line := func(second int, field string) history.Line { return history.Line{At: at(second), Field: field} }
	trade := func(second int) history.Trade { return history.Trade{At: at(second)} }
	was := text("1")
	price, quantity := ordertest.Modified{Field: "price", Old: was, New: text("2")}, ordertest.Modified{Field: "quantity", Old: was, New: text("2")}
	return []recordedCase{
		{"nothing", nil, nil, nil, 0, 0},
		{"a creation alone", nil, nil, []order.Event{event(0, ordertest.Created{})}, 0, 0},
		{"a change and its event", []history.Line{line(1, "price")}, nil, []order.Event{event(1, price)}, 1, 1},
		{
			"a change that the next one hides",
			[]history.Line{line(1, "price"), line(2, "price")},
			nil,
			[]order.Event{event(0, ordertest.Created{}), event(2, price)},
			2, 1,
		},
		{"two fields at once, one event", []history.Line{line(1, "price"), line(1, "quantity")}, nil, []order.Event{event(1, quantity)}, 2, 1},
		{"two fields at once, two events", []history.Line{line(1, "price"), line(1, "quantity")}, nil, []order.Event{event(1, quantity), event(1, price)}, 2, 2},
		{"a field that the log calls otherwise", []history.Line{line(1, "limit")}, nil, []order.Event{event(1, price)}, 1, 1},
		{"two trades at once, one event", nil, []history.Trade{trade(3), trade(3)}, []order.Event{event(3, ordertest.Filled{})}, 2, 1},
		{
			"a fill that is a trade and two lines",
			[]history.Line{line(3, "status"), line(3, "filled_quantity")},
			[]history.Trade{trade(3)},
			[]order.Event{event(3, ordertest.PartiallyFilled{})},
			3, 3,
		},
		{"a trade is no change of the price", nil, []history.Trade{trade(3)}, []order.Event{event(3, price)}, 1, 0},
		{"a cancel", []history.Line{line(4, "status")}, nil, []order.Event{event(4, ordertest.Canceled{})}, 1, 1},
		{"an event that nobody can read", []history.Line{line(1, "price")}, nil, []order.Event{{At: at(1)}}, 1, 0},
		{"an event of another time", []history.Line{line(1, "price")}, nil, []order.Event{event(2, price)}, 1, 0},
		{"less than a microsecond apart", []history.Line{{At: at(1).Add(300), Field: "price"}}, nil, []order.Event{event(1, price)}, 1, 1},
		{"what is too young to be missed", []history.Line{line(9, "price"), line(10, "price")}, []history.Trade{trade(10)}, nil, 1, 0},
	}
}

func TestRecordedChangesHaveTheirEvents(t *testing.T) {
	for _, c := range recordedCases() {
		changes, withEvents := compare.Recorded(history.Record{Audit: c.audit, Trades: c.trades}, c.events, recordedBefore)
		if changes != c.changes || withEvents != c.withEvents {
			t.Errorf("%s: %d of %d changes have events, not %d of %d", c.given, withEvents, changes, c.withEvents, c.changes)
		}
	}
}
