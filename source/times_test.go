package source_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// TestATimeThatCannotBeReadIsAFindingAboutItsEvent, and no event before or after it is lost. PostgreSQL refuses a query for a
// text that is no time, so what it refuses must not reach it.
func TestATimeThatCannotBeReadIsAFindingAboutItsEvent(t *testing.T) {
	const none = "none"
	for column, test := range map[string]struct {
		change func(*source.EventsConfig)
		times  map[string]string
	}{
		"text": {func(*source.EventsConfig) {}, map[string]string{
			"2024-07-01T11:00:00Z": "2024-07-01 11:00:00+00", "2024-07-01t11:00:00z": "2024-07-01 11:00:00+00", "2024-07-01 11:00:00+00": "2024-07-01 11:00:00+00",
			"2024-07-01T13:00:00.123456789+02:00": "2024-07-01 11:00:00.123457+00", "2024-07-01T13:00:00.5+0200": "2024-07-01 11:00:00.5+00",
			"2024-02-29T00:00:00-15:59": "2024-02-29 15:59:00+00", "2000-02-29T00:00:00Z": "2000-02-29 00:00:00+00", "9999-12-31T23:59:59Z": "9999-12-31 23:59:59+00",
			"2023-02-29T00:00:00Z": none, "1900-02-29T00:00:00Z": none, "2024-02-30T00:00:00Z": none, "2024-04-31T00:00:00Z": none, "2024-13-01T00:00:00Z": none,
			"2024-07-01T24:00:00Z": none, "2024-07-01T11:00:60Z": none, "2024-07-01T11:00:00+16:00": none, "0000-01-01T00:00:00Z": none, "0001-01-01T00:00:00+01:00": none,
			"2024-07-01T11:00:00": none, "2024-07-01": none, "infinity": none, "now": none, "": none, "2024-07-01T11:00:00Z ": none, "1719831600": none,
			"2024-07-01T11:00:00.1234567890Z": none, "٢٠٢٤-07-01T11:00:00Z": none, "2024-07-01T11:00:00Z\n": none,
		}},
		"bigint": {unit("ns"), map[string]string{
			"1719831600123456789": "2024-07-01 11:00:00.123456+00", "0": "1970-01-01 00:00:00+00", "-1000": "1969-12-31 23:59:59.999999+00",
			"9223372036854775807": "2262-04-11 23:47:16.854775+00", "-9223372036854775808": "1677-09-21 00:12:43.145225+00",
		}},
		"int8": {unit("ms"), map[string]string{
			"1719831600123": "2024-07-01 11:00:00.123+00", "253402300799000": "9999-12-31 23:59:59+00", "-62135596799000": "0001-01-01 00:00:01+00",
			"253402300799001": none, "-62135596801000": none, "9223372036854775807": none, "-9223372036854775808": none,
		}},
		"numeric": {unit("s"), map[string]string{
			"1719831600.123456": "2024-07-01 11:00:00.123456+00", "253402300799": "9999-12-31 23:59:59+00", "1e300": none, "NaN": none, "-1e300": none,
		}},
		"float8": {unit("s"), map[string]string{"1719831600.123456": "2024-07-01 11:00:00.123456+00", "Infinity": none, "-Infinity": none, "NaN": none, "1e300": none}},
	} {
		t.Run(column, func(t *testing.T) {
			var rows []string
			at := map[order.Position]string{}
			for text, want := range test.times {
				p := order.Position(len(at) + 1)
				at[p] = text + " is " + want
				rows = append(rows, fmt.Sprintf(`(%d, '%s', 'Opened', E'%s', '{"symbol": "A"}')`, p, first, strings.ReplaceAll(text, "\n", `\n`)))
			}
			c := envelopeStore(t, test.change, "CREATE TABLE store (p bigint PRIMARY KEY, k uuid, type text, at "+column+", body jsonb)", "INSERT INTO store VALUES "+strings.Join(rows, ", "))
			events := openEvents(t, c)
			histories, err := events.Histories(t.Context(), []order.Key{first})
			if err != nil {
				t.Fatal(err)
			}
			got, rowTimes := map[order.Position]string{}, map[order.Position]string{}
			said := func(e order.RawEvent) string {
				text, _, _ := strings.Cut(at[e.Position], " is ")
				if e.At.IsZero() {
					return text + " is " + none
				}
				return text + " is " + order.TimestamptzText(e.At)
			}
			for _, e := range histories[first] {
				got[e.Position] = said(order.RawEvent{Position: e.Position, At: e.At})
				if bad := e.Schema != nil && strings.Contains(e.Schema.Error(), "the event has no time"); bad != e.At.IsZero() {
					t.Errorf("%s: %v", got[e.Position], e.Schema)
				}
			}
			if d := cmp.Diff(at, got); d != "" {
				t.Errorf("histories: %s", d)
			}
			var positions []order.Position
			for p := range at {
				positions = append(positions, p)
			}
			err = events.Rows(t.Context(), positions, func(r order.StoredRow) error {
				rowTimes[r.Position] = said(order.RawEvent{Position: r.Position, At: r.At})
				return nil
			})
			if d := cmp.Diff(at, rowTimes); d != "" || err != nil {
				t.Errorf("by position: %s, %v", d, err)
			}
		})
	}
}
