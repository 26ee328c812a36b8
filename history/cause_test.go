package history_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// TestCausesOfDeviations spoils the events of one order as faults of backfills do.
func TestCausesOfDeviations(t *testing.T) {
	v := vocabularies(t)[0]
	a := auditor(t, v)
	// at is the order with its second change and a cancel, at times that have digits below the second.
	row, record := clean()
	record.Trades = record.Trades[:1]
	row.ChangedAt = minute(9).Add(250 * time.Millisecond)
	set(&row, "filled_quantity", "40")
	set(&row, "avg_fill_price", "10")
	set(&row, "status", "CANCELED")
	record.Audit = append(record.Audit, history.Line{At: row.ChangedAt, Field: "status", Old: order.Value{Text: "PARTIALLY_FILLED"}, New: order.Value{Text: "CANCELED"}})
	const trade, cancel = 3, 4
	retold := func(events []order.Event, i int, d history.Deed) {
		kind, payload, err := a.Speaker.Say(d, history.Metadata{})
		if err != nil {
			t.Fatal(err)
		}
		e, err := order.Decode(order.RawEvent{Position: events[i].Position, Key: row.Key, Type: kind, At: d.At, Payload: payload}, v.rules)
		if err != nil {
			t.Fatal(err)
		}
		events[i] = e
	}
	deeds := a.Reconstruct(row, record).Deeds
	tests := map[string]struct {
		spoil func([]order.Event) []order.Event
		want  []history.Cause
	}{
		"nothing":                    {func(e []order.Event) []order.Event { return e }, nil},
		"one is lost":                {func(e []order.Event) []order.Event { return slices.Delete(e, trade, trade+1) }, []history.Cause{history.LostShadowWrite}},
		"stored twice":               {func(e []order.Event) []order.Event { return append(e, e...) }, slices.Repeat([]history.Cause{history.BackfilledTwice}, 5)},
		"cut to seconds":             {func(e []order.Event) []order.Event { e[cancel].At = e[cancel].At.Truncate(time.Second); return e }, []history.Cause{history.CoarseTimestamps}},
		"an hour after the creation": {func(e []order.Event) []order.Event { e[cancel].At = row.CreatedAt.Add(time.Hour); return e }, []history.Cause{history.InventedCancelTime}},
		"some other time": {func(e []order.Event) []order.Event {
			e[cancel].At = e[cancel].At.Add(1234567 * time.Microsecond)
			return e
		}, []history.Cause{history.WrongEventContent}},
		"the first is stored last": {func(e []order.Event) []order.Event { return append(e[1:], e[0]) }, []history.Cause{history.BackfilledAfterLive}},
		"partial as full": {func(e []order.Event) []order.Event {
			d := deeds[trade]
			d.Filled.Set(&d.Ordered)
			retold(e, trade, d)
			return e
		}, []history.Cause{history.PartialAsFull}},
		"another price": {func(e []order.Event) []order.Event {
			d := deeds[trade]
			d.Price = dec("10.01")
			retold(e, trade, d)
			return e
		}, []history.Cause{history.WrongEventContent}},
		"one of nothing": {func(e []order.Event) []order.Event {
			d := deeds[trade]
			d.At = d.At.Add(time.Second)
			e = append(e, order.Event{Position: 9})
			retold(e, len(e)-1, d)
			return e
		}, []history.Cause{history.GhostEvent}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			events := test.spoil(told(t, v.rules, a.Speaker, history.Account{Deeds: deeds}))
			var got []history.Cause
			for _, d := range a.Audit(history.Case{Row: row, Record: record, Events: events}).Deviants {
				got = append(got, a.Speaker.CauseOf(row, d))
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("found %v, want %v", got, test.want)
			}
		})
	}
}

// TestCluesOfManyOrders tells an early end of a backfill from orders that were lost here and there.
func TestCluesOfManyOrders(t *testing.T) {
	event := []order.Event{{}}
	tests := map[string]struct {
		orders string // w: with events, -: without
		cut    bool
	}{
		"all have events":                {"wwwwwwwwww", false},
		"the newest have none":           {"wwwwwwww--", true},
		"the newest one has none":        {"wwwwwwwww-", false},
		"none has any":                   {"----------", false},
		"here and there":                 {"ww-ww-ww-w", false},
		"the newest, before live writes": {"wwwww----------ww", true},
		"a few in the middle":            {"wwwww---ww", false},
		"two runs":                       {"www----------ww-ww", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for cut := range len(test.orders) { // in two parts
				var parts [2]history.Clues
				for i, c := range test.orders {
					part := &parts[0]
					if i >= cut {
						part = &parts[1]
					}
					events := event
					if c == '-' {
						events = nil
					}
					part.Note(history.Row{CreatedAt: minute(i)}, events, nil)
				}
				parts[0].Add(parts[1])
				if parts[0].Cut() != test.cut {
					t.Errorf("cut at %d: %+v", cut, parts[0])
				}
			}
		})
	}
}

// TestOrdersThatAreDoubledWhereRangesMeet were all created at a full hour.
func TestOrdersThatAreDoubledWhereRangesMeet(t *testing.T) {
	twice := []history.Deviant{{Kind: history.ExtraEvent, Twin: &order.Event{}}}
	midnight := start.Truncate(24 * time.Hour)
	var c history.Clues
	c.Note(history.Row{CreatedAt: minute(1)}, []order.Event{{}}, nil)
	if c.OnBoundaries() {
		t.Error("nothing is doubled")
	}
	c.Note(history.Row{CreatedAt: midnight}, []order.Event{{}}, twice)
	c.Note(history.Row{CreatedAt: midnight.Add(24 * time.Hour)}, []order.Event{{}}, twice)
	if !c.OnBoundaries() {
		t.Errorf("only orders of midnight are doubled: %+v", c)
	}
	c.Note(history.Row{CreatedAt: minute(2)}, []order.Event{{}}, twice)
	if c.OnBoundaries() {
		t.Errorf("others are doubled too: %+v", c)
	}
}

// TestLegacysContradictionsAreNotTheMigrations holds that no event is asked for only because legacy contradicts itself.
func TestLegacysContradictionsAreNotTheMigrations(t *testing.T) {
	v := vocabularies(t)[0]
	a := auditor(t, v)
	row, record := clean()
	events := told(t, v.rules, a.Speaker, a.Reconstruct(row, record))
	set(&row, "filled_quantity", "100.5") // drifted
	got := a.Audit(history.Case{Row: row, Record: record, Events: events})
	if len(got.Deviants) > 0 || got.Tally.Errors != (history.Share{All: 5}) || got.Tally.Excused != 1 || len(got.Legacy) == 0 {
		t.Errorf("found %+v, numbers %+v", got.Deviants, got.Tally)
	}
}
