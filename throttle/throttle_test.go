package throttle_test

import (
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/throttle"
)

func TestDecide(t *testing.T) {
	night, err := throttle.ParseHours("22:00-06:00")
	if err != nil {
		t.Fatal(err)
	}
	limits := throttle.Limits{MaxSessions: 12, MaxReplicaLag: 5 * time.Second, Hours: night}
	at := time.Date(2026, 1, 7, 23, 0, 0, 0, time.UTC)
	for _, is := range []struct {
		seen throttle.Load
		at   time.Time
		want throttle.Decision
	}{
		{throttle.Load{Sessions: 12, ReplicaLag: 5 * time.Second}, at, throttle.Decision{}},
		{throttle.Load{Sessions: 14}, at, throttle.Decision{Reason: throttle.TooBusy, Text: "14 active sessions on legacy, limit 12"}},
		{
			throttle.Load{ReplicaLag: 61234 * time.Millisecond, Replica: "standby_b"},
			at,
			throttle.Decision{Reason: throttle.ReplicaBehind, Text: "standby standby_b of legacy is 1m1.2s behind, limit 5s"},
		},
		{throttle.Load{Sessions: 99}, at.Add(9 * time.Hour), throttle.Decision{
			Reason: throttle.OutOfHours, Text: "outside the hours 22:00-06:00 UTC, until 2026-01-08 22:00", Until: at.Add(23 * time.Hour),
		}},
	} {
		if got := limits.Decide("legacy", is.seen, is.at); got != is.want {
			t.Errorf("%+v at %v: %+v, want %+v", is.seen, is.at, got, is.want)
		}
	}
	behind := throttle.Slot{Name: "debezium", Status: "extended", Safe: 100 << 20}
	for _, is := range []struct {
		slot    throttle.Slot
		reserve int64
		want    string
	}{
		{behind, 101 << 20, "replication slot debezium of events is extended, with 100 MiB of WAL left before it loses something, limit 101 MiB"},
		{behind, 100 << 20, ""},
		{behind, 0, ""},
		{throttle.Slot{}, 1 << 40, ""},
		{throttle.Slot{Name: "debezium", Status: "reserved", Safe: 60 << 20, Limit: 100 << 20}, 1 << 40, ""},
		{throttle.Slot{Name: "debezium", Status: "unreserved", Safe: 1 << 40}, 1, "replication slot debezium of events is unreserved, with 1048576 MiB of WAL left before it loses something, limit 0 MiB"},
	} {
		if got := (throttle.Limits{SlotReserve: is.reserve}).Decide("events", throttle.Load{Slot: is.slot}, at); got.Text != is.want || got.Reason != "" && got.Reason != throttle.SlotBehind {
			t.Errorf("%+v, %d: %+v, want %q", is.slot, is.reserve, got, is.want)
		}
	}
	if got := (throttle.Limits{RowsPerSecond: 1}).Decide("legacy", throttle.Load{Sessions: 1e6, ReplicaLag: time.Hour}, at); got.Reason != "" {
		t.Errorf("without limits: %+v", got)
	}
}

func TestHours(t *testing.T) {
	for _, is := range []struct{ hours, at, next string }{
		{"22:00-06:00", "2026-01-07 21:59", "2026-01-07 22:00"},
		{"22:00-06:00", "2026-01-07 22:00", ""},
		{"22:00-06:00", "2026-01-07 05:59", ""},
		{"22:00-06:00", "2026-01-07 06:00", "2026-01-07 22:00"},
		{"01:00-05:00", "2026-01-07 00:30", "2026-01-07 01:00"},
		{"01:00-05:00", "2026-01-07 05:00", "2026-01-08 01:00"},
		{"22:00-06:00 Europe/Berlin", "2026-07-01 19:59", "2026-07-01 20:00"}, // summer: two hours ahead
		{"22:00-06:00 Europe/Berlin", "2026-01-07 20:30", "2026-01-07 21:00"},
		// The clocks skip 02:00 to 03:00 on 29 March 2026: hours that begin in the gap begin after it, those within it do not.
		{"02:30-04:00 Europe/Berlin", "2026-03-29 00:59", "2026-03-29 01:00"},
		{"02:15-02:45 Europe/Berlin", "2026-03-29 00:30", "2026-03-30 00:15"},
		{"00:00-02:30 Europe/Berlin", "2026-03-29 01:00", "2026-03-29 22:00"}, // ended with the gap
		// 02:00 to 03:00 comes twice on 25 October 2026, and is open both times.
		{"02:00-03:00 Europe/Berlin", "2026-10-25 00:30", ""},
		{"02:00-03:00 Europe/Berlin", "2026-10-25 01:30", ""},
		{"02:00-03:00 Europe/Berlin", "2026-10-25 02:00", "2026-10-26 01:00"},
	} {
		h, err := throttle.ParseHours(is.hours)
		if err != nil {
			t.Fatal(err)
		}
		at := utc(t, is.at)
		want := at
		if is.next != "" {
			want = utc(t, is.next)
		}
		if got := h.Next(at); !got.Equal(want) || h.Open(at) != (is.next == "") {
			t.Errorf("%s at %s: open %v, next %v, want %v", is.hours, is.at, h.Open(at), got, want)
		}
	}
}

func utc(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestHoursThatAreNone(t *testing.T) {
	for _, text := range []string{"", "22:00", "22:00-", "22-06", "25:00-06:00", "06:00-06:00", "22:00-06:00 Mars/Olympus", "22:00-06:00 Local", "22:00-06:00-07:00"} {
		if h, err := throttle.ParseHours(text); err == nil {
			t.Errorf("%q was read as %v", text, h)
		}
	}
	h, err := throttle.ParseHours(" 22:00-06:00  Europe/Berlin ")
	if err != nil || h.String() != "22:00-06:00 Europe/Berlin" || h.Length() != 8*time.Hour {
		t.Errorf("%v, %v long: %v", h, h.Length(), err)
	}
	if all := (throttle.Hours{}); !all.Open(time.Now()) || all.Given() {
		t.Error("no hours are not the whole day")
	}
}
