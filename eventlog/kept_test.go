package eventlog_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/eventlog"
	"github.com/nordvarg/crosscheck/order"
)

// TestATimeIsReadAsItIsSaidToBeKept holds what is said about columns to the server.
func TestATimeIsReadAsItIsSaidToBeKept(t *testing.T) {
	t.Parallel()
	dsn, conn := database(t)
	for i, column := range []struct{ kind, unit, read string }{
		{"timestamptz", "", "time"},
		{"timestamptz(0)", "", "time"},
		{"timestamptz(3)", "", "time"},
		{"timestamp", "", "time AT TIME ZONE 'America/New_York'"},
		{"timestamp(3)", "", "time AT TIME ZONE 'America/New_York'"},
		{"bigint", "s", "to_timestamp(time)"},
		{"text", "", "time::timestamptz"},
	} {
		table := "kept" + strconv.Itoa(i)
		if _, err := conn.Exec(t.Context(), "CREATE TABLE "+table+" (key text, time "+column.kind+", data jsonb)"); err != nil {
			t.Fatal(err)
		}
		l := open(t, eventlog.Config{
			DSN: dsn, Table: table, ReadTable: table, ReadKey: "key", ReadPayload: "data", Zone: "America/New_York", Unit: column.unit,
			Columns: map[string]string{"key": "{key}", "time": "{at}", "data": "{payload}"},
		})
		for n, text := range []string{
			"2024-11-03T05:30:00.6005Z", "2024-11-03T06:30:00Z", "2024-11-03T04:59:59.9996Z", "2024-03-10T07:30:00.123456Z", "1999-12-31T23:59:59.5005Z", "1969-12-31T23:59:59.0015Z", "1800-01-01T00:00:00Z",
		} {
			at, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				t.Fatal(err)
			}
			e := event(order.Key(strconv.Itoa(n)), 1)
			e.Deed.At = at
			if err := l.Append(t.Context(), batch(int64(n+1), e)); err != nil {
				t.Fatal(err)
			}
			var read time.Time
			if err := conn.QueryRow(t.Context(), "SELECT "+column.read+" FROM "+table+" WHERE key = $1", string(e.Key)).Scan(&read); err != nil {
				t.Fatal(err)
			}
			kept, name := l.Kept(at)
			if !kept.Equal(read) || (name == "") != kept.Equal(at) {
				t.Errorf("%s: %s is said to be kept as %s by column %q, and read as %s", column.kind, text, kept, name, read)
			}
		}
	}
}
