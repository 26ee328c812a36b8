package compare_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// drawOracle compares all fields, or some of them, and a row tells when it was written, or not.
func drawOracle(t *rapid.T) (o compare.Oracle, stamped bool) {
	if rapid.Bool().Draw(t, "all fields") {
		return oracle, rapid.Bool().Draw(t, "stamped")
	}
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"quantity", "price", "status", "filled_quantity", "avg_fill_price"}), 1, 5, rapid.ID).Draw(t, "fields")
	return compare.Oracle{Fields: fieldsOf(names...)}, rapid.Bool().Draw(t, "stamped")
}

func drawRow(o compare.Oracle, events []order.Event, stamped bool) []order.Row {
	if len(events) == 0 {
		return nil
	}
	row := rowOf(o, events)
	if !stamped {
		row.ChangedAt = time.Time{}
	}
	return one(row)
}

func TestCleanHistoriesAtAnyPrefixNeverDiverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := ordertest.Clean(t, 12)
		o, stamped := drawOracle(t)
		legacy := rapid.IntRange(0, len(events)).Draw(t, "legacy")
		projection := rapid.IntRange(0, len(events)).Draw(t, "projection")
		d := o.Diagnose(compare.Evidence{
			Events: events, Legacy: drawRow(o, events[:legacy], stamped), Projection: drawRow(o, events[:projection], stamped),
		})
		if d.Verdict != compare.Match && d.Verdict != compare.Lagging {
			t.Errorf("legacy shows %d, projection %d of %d: %s: %s", legacy, projection, len(events), found(d), d.Reason)
		}
		if legacy == len(events) && projection == len(events) && d.Verdict != compare.Match {
			t.Errorf("both show everything: %s: %s", found(d), d.Reason)
		}
		for side, p := range map[int]compare.Placement{legacy: d.Legacy, projection: d.Projection} {
			if p.Events < side || p.Behind != len(events)-p.Events {
				t.Errorf("%d events shown are placed at %+v", side, p)
			}
			if stamped && side > 0 && p.Events != side && p.Kind != compare.PlacedWhole {
				t.Errorf("%d events shown and stamped are placed at %+v", side, p)
			}
		}
	})
}

func TestLegacyAheadOfItsEventsIsALostShadowWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := ordertest.Clean(t, 12)
		written := rapid.IntRange(0, len(events)).Draw(t, "events written")
		d := oracle.Diagnose(compare.Evidence{
			Events: events[:written], Legacy: one(rowOf(oracle, events)), Projection: drawRow(oracle, events[:written], true),
		})
		switch {
		case written == len(events):
			if d.Verdict != compare.Match {
				t.Errorf("%s: %s", found(d), d.Reason)
			}
		case written > 0 && order.SameTime(events[written-1].At, events[len(events)-1].At): // the times prove nothing
		case d.Verdict != compare.Lagging || d.Hop != order.LegacyToEvents || d.Cause != compare.LostShadowWrite:
			t.Errorf("%s: %s", found(d), d.Reason)
		}
	})
}

// mistakes are what a projector does to a history; each names the causes that explain what comes out.
var mistakes = map[string]struct {
	mistaken func(t *rapid.T, events []order.Event) []order.Event
	causes   []compare.Cause
}{
	"ignores a type": {
		func(t *rapid.T, events []order.Event) []order.Event {
			ignored := rapid.SampledFrom([]order.EventType{"OrderModified", "OrderPartiallyFilled", "OrderFilled", "OrderCanceled"}).Draw(t, "type")
			return slices.DeleteFunc(slices.Clone(events), func(e order.Event) bool { return e.Type == ignored })
		},
		[]compare.Cause{compare.EventTypeIgnored, compare.SkippedLateCommit},
	},
	"skips one": {
		func(t *rapid.T, events []order.Event) []order.Event {
			i := rapid.IntRange(0, len(events)-1).Draw(t, "skipped")
			return slices.Delete(slices.Clone(events), i, i+1)
		},
		// leaving out the only event of a type is ignoring it; a trade less can look like the others in another order
		[]compare.Cause{compare.SkippedLateCommit, compare.EventTypeIgnored},
	},
	"skips one that is late": {
		func(t *rapid.T, events []order.Event) []order.Event {
			i := rapid.IntRange(0, len(events)-1).Draw(t, "skipped")
			return slices.Delete(slices.Clone(events), i, i+1)
		},
		[]compare.Cause{compare.SkippedLateCommit, compare.EventTypeIgnored},
	},
	"applies one twice": {
		func(t *rapid.T, events []order.Event) []order.Event {
			i := rapid.IntRange(0, len(events)-1).Draw(t, "doubled")
			return slices.Insert(slices.Clone(events), i, events[i])
		},
		[]compare.Cause{compare.EventAppliedTwice},
	},
}

// renumbered are events that are all applied, one after the other.
func renumbered(events []order.Event) []order.Event {
	out := make([]order.Event, len(events))
	for i, e := range events {
		e.Position = order.Position(i + 1)
		out[i] = e
	}
	return out
}

func TestMistakesOfProjectorsAreRecognised(t *testing.T) {
	for name, mistake := range mistakes {
		t.Run(name, func(t *testing.T) {
			recognised := 0
			rapid.Check(t, func(t *rapid.T) {
				events := ordertest.Clean(t, 10)
				made := renumbered(mistake.mistaken(t, events))
				state, _ := order.Fold(made)
				if !state.Exists() {
					return // nothing was projected, which is lag
				}
				row := rowOf(oracle, made)
				d := oracle.Diagnose(compare.Evidence{Events: events, Legacy: one(rowOf(oracle, events)), Projection: one(row)})
				if d.Verdict != compare.Diverged {
					// the mistake left no trace: overwritten since, or the row is one that was right some time ago
					if p := oracle.Place(events, one(row)); p.Kind != compare.PlacedWhole && p.Kind != compare.PlacedPrefix {
						t.Errorf("%s is %s", found(d), p.Kind)
					}
					return
				}
				recognised++
				if d.Hop != order.EventsToProjection || !slices.Contains(mistake.causes, d.Cause) || d.PartsAt == nil {
					t.Errorf("%s: %s", found(d), d.Reason)
				}
			})
			if recognised == 0 {
				t.Error("no history showed the mistake")
			}
		})
	}
}

// wrongValues are what a projector does to single values; each is named by its cause.
func wrongValues() map[compare.Cause]func(t *rapid.T, row *order.Row) {
	numbers := []int{3, 4, 6} // quantity, price, filled_quantity
	return map[compare.Cause]func(t *rapid.T, row *order.Row){
		compare.NullInsteadOfValue: func(t *rapid.T, row *order.Row) {
			row.Values[rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, 6, 8}).Draw(t, "field")] = order.Null
		},
		compare.ValueDrift: func(t *rapid.T, row *order.Row) {
			v := &row.Values[rapid.SampledFrom(numbers).Draw(t, "field")]
			// finer than any trade, so that it is none applied twice, and more than what a float makes of it
			drift := apd.New(100*rapid.Int64Range(20, 99).Draw(t, "drift")+1, -6)
			d, _, err := apd.NewFromString(v.Text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := apd.BaseContext.Add(d, d, drift); err != nil {
				t.Fatal(err)
			}
			v.Text = d.Text('f')
		},
		compare.TimezoneShift: func(t *rapid.T, row *order.Row) {
			quarters := rapid.IntRange(-56, 56).Filter(func(n int) bool { return n != 0 }).Draw(t, "quarters")
			at, err := time.Parse("2006-01-02 15:04:05.999999-07", row.Values[8].Text)
			if err != nil {
				t.Fatal(err)
			}
			row.Values[8].Text = order.TimestamptzText(at.Add(time.Duration(quarters) * 15 * time.Minute))
		},
		compare.FloatRounding: func(t *rapid.T, row *order.Row) {
			f, err := strconv.ParseFloat(row.Values[4].Text, 32)
			if err != nil {
				t.Fatal(err)
			}
			row.Values[4].Text = strconv.FormatFloat(f, 'f', -1, 64)
		},
	}
}

func TestWrongValuesAreRecognised(t *testing.T) {
	for cause, wrong := range wrongValues() {
		t.Run(string(cause), func(t *testing.T) {
			recognised := 0
			rapid.Check(t, func(t *rapid.T) {
				events := ordertest.Clean(t, 8)
				right, row := rowOf(oracle, events), rowOf(oracle, events)
				wrong(t, &row)
				if compare.Rows(oracle.Fields, "42", one(right), one(row)) == nil {
					return // a price that a float holds
				}
				recognised++
				d := oracle.Diagnose(compare.Evidence{Events: events, Legacy: one(right), Projection: one(row)})
				if d.Verdict != compare.Diverged || d.Cause != cause || d.PartsAt == nil && cause != compare.NullInsteadOfValue {
					t.Errorf("%s: %s", found(d), d.Reason)
				}
			})
			if recognised == 0 {
				t.Error("no row was wrong")
			}
		})
	}
}

func TestDiagnosisIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := compare.Evidence{
			Events: ordertest.Odd(t, 10), ProjectionReached: second(rapid.IntRange(0, 20).Draw(t, "reached")),
			Legacy: oddRows(t), Projection: oddRows(t),
		}
		if rapid.Bool().Draw(t, "with history") {
			e.History = &history.Record{
				Trades: []history.Trade{{At: ordertest.Start, Quantity: ordertest.Cents(5)}},
				Audit:  []history.Line{{At: ordertest.Start, Field: "price"}},
			}
		}
		d := oracle.Diagnose(e)
		known := slices.ContainsFunc(compare.Causes(), func(c compare.CauseInfo) bool { return c.Cause == d.Cause })
		if (d.Verdict != compare.Match) != (d.Reason != "") || d.Cause != "" && !known || d.Hop != "" && !slices.Contains(order.Hops(), d.Hop) {
			t.Errorf("%+v", d)
		}
		if d.Verdict == compare.Match && compare.Rows(oracle.Fields, "42", e.Legacy, e.Projection) != nil {
			t.Error("a match of rows that differ")
		}
	})
}

func oddRows(t *rapid.T) []order.Row {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) order.Row {
		row := rowOf(oracle, ordertest.Clean(t, 5))
		for i := range row.Values {
			if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
				row.Values[i] = rapid.SampledFrom([]order.Value{order.Null, text(""), text("NaN"), text("-1e5"), text("infinity")}).Draw(t, "value")
			}
		}
		return row
	}), 0, 2).Draw(t, "rows")
}

func BenchmarkDiagnoseOfALongHistory(b *testing.B) {
	events := eventsOf(b, "create 100000@10"+strings.Repeat("; part 1@10; price 11; price 10", 300))
	e := compare.Evidence{Events: events, Legacy: one(rowOf(oracle, events)), Projection: one(but(rowOf(oracle, events), "price=1"))}
	for b.Loop() {
		oracle.Diagnose(e)
	}
}
