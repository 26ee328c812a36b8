package compare_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// TestTimesOfACoarserPrecisionAccuseNobody edits legacy by hand. The row was written by the application within the same
// second, or day, as the last event, whose time was cut.
func TestTimesOfACoarserPrecisionAccuseNobody(t *testing.T) {
	at := time.Date(2024, 1, 1, 9, 30, 7, 654321000, time.UTC)
	for _, c := range []struct {
		given          string
		event, written time.Time
		want           compare.Cause
		sure           compare.Confidence
	}{
		{"microseconds, at once", at, at, compare.WrongEventContent, compare.Low},
		{"microseconds, one later", at, at.Add(time.Microsecond), compare.LostShadowWrite, compare.Medium},
		{"events of seconds", at.Truncate(time.Second), at, compare.WrongEventContent, compare.Low},
		{"events of rounded seconds", at.Round(time.Second), at, compare.WrongEventContent, compare.Low},
		{"events of seconds, written later", at.Truncate(time.Second), at.Add(time.Second), compare.LostShadowWrite, compare.Medium},
		{"legacy of rounded seconds", at, at.Round(time.Second), compare.WrongEventContent, compare.Low},
		{"legacy of seconds, written later", at, at.Add(2 * time.Second).Truncate(time.Second), compare.LostShadowWrite, compare.Medium},
		{"both of seconds, at once", at.Truncate(time.Second), at.Truncate(time.Second), compare.WrongEventContent, compare.Low},
		{"both of seconds, the next one", at.Truncate(time.Second), at.Truncate(time.Second).Add(time.Second), compare.LostShadowWrite, compare.Medium},
		{"events of milliseconds", at.Truncate(time.Millisecond), at, compare.WrongEventContent, compare.Low},
		{"events of milliseconds, written later", at.Truncate(time.Millisecond), at.Add(time.Millisecond), compare.LostShadowWrite, compare.Medium},
		{"events of dates", at.Truncate(24 * time.Hour), at, compare.WrongEventContent, compare.Low},
		{"events of dates, written the next day", at.Truncate(24 * time.Hour), at.Add(24 * time.Hour), compare.LostShadowWrite, compare.Medium},
	} {
		events := eventsOf(t, "create 100@10; part 40@10")
		events[1].At = c.event
		row := but(rowOf(oracle, events), "price=10.01") // by hand
		row.ChangedAt = c.written
		d := oracle.Diagnose(compare.Evidence{Events: events, Legacy: []order.Row{row}, Projection: []order.Row{row}})
		if d.Cause != c.want || d.Confidence != c.sure {
			t.Errorf("%s: %s (%s), not %s (%s): %s", c.given, d.Cause, d.Confidence, c.want, c.sure, d.Reason)
		}
	}
}

// TestRecordsAreMatchedAtTheCoarserPrecision also holds that a change without its event is still noticed.
func TestRecordsAreMatchedAtTheCoarserPrecision(t *testing.T) {
	at := time.Date(2024, 1, 1, 9, 30, 7, 654321000, time.UTC)
	cut := func(unit time.Duration) func(time.Time) time.Time {
		return func(t time.Time) time.Time { return t.Truncate(unit) }
	}
	rounded := func(t time.Time) time.Time { return t.Round(time.Second) }
	asIs := func(t time.Time) time.Time { return t }
	for _, c := range []struct {
		given           string
		events, records func(time.Time) time.Time
	}{
		{"microseconds", asIs, asIs},
		{"events of milliseconds", cut(time.Millisecond), asIs},
		{"events of seconds", cut(time.Second), asIs},
		{"events of rounded seconds", rounded, asIs},
		{"records of seconds", asIs, cut(time.Second)},
		{"records of rounded seconds", asIs, rounded},
		{"events of seconds, records of milliseconds", cut(time.Second), cut(time.Millisecond)},
		{"events of dates", cut(24 * time.Hour), asIs},
		{"records of dates", asIs, cut(24 * time.Hour)},
	} {
		events := eventsOf(t, "create 100@10; part 40@10; part 20@10; price 11")
		var h history.Record
		for i, e := range events {
			was := at.Add(time.Duration(i) * 300 * time.Millisecond)
			events[i].At = c.events(was)
			switch e.Type {
			case "OrderPartiallyFilled":
				h.Trades = append(h.Trades, history.Trade{At: c.records(was)})
			case "OrderModified":
				h.Audit = append(h.Audit, history.Line{At: c.records(was), Field: "price"})
			}
		}
		for lost := range 3 { // a lost modification hides behind a fill of the same unit, which may change any column
			left := append(append([]order.Event(nil), events[:lost]...), events[lost+1:]...)
			want := int64(2)
			if lost == 0 {
				left, want = events, 3
			}
			if changes, with := compare.Recorded(h, left, at.Add(time.Hour)); changes != 3 || with != want {
				t.Errorf("%s, without event %d: %d of %d changes have events, not %d of 3", c.given, lost, with, changes, want)
			}
		}
	}
}
