package source_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// TestWhatAProjectionHasStillToShowGrowsOlder while nothing new comes.
func TestWhatAProjectionHasStillToShowGrowsOlder(t *testing.T) {
	c := eventStore(t, `INSERT INTO event_store SELECT n, 1, 'OrderFilled', date_trunc('milliseconds', now()) - (60 - 10 * n) * interval '1 minute', '{}'
		FROM generate_series(1, 4) AS n`)
	events := openEvents(t, c)
	newest, err := events.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		shown  time.Time
		events int64
		oldest time.Duration
	}{
		{newest, 0, 0},
		{newest.Add(-time.Second), 1, 20 * time.Minute},
		{newest.Add(-25 * time.Minute), 3, 40 * time.Minute},
	} {
		pending, waiting, err := events.After(t.Context(), step.shown)
		if err != nil || pending != step.events || waiting < step.oldest || step.events == 0 && waiting != 0 {
			t.Errorf("of %s there are still to show %d of %s, %v; want %d events, the oldest %s old or older", step.shown, pending, waiting, err, step.events, step.oldest)
		}
	}
}

// TestEventsWithinTheMillisecondAreShown: many systems keep no more of a time. Some keep whole seconds, or days.
func TestEventsWithinTheMillisecondAreShown(t *testing.T) {
	c := eventStore(t, `INSERT INTO event_store VALUES (1, 1, 'OrderFilled', '2024-01-01 12:00:00.123456+00', '{}')`)
	events := openEvents(t, c)
	shown := time.Date(2024, 1, 1, 12, 0, 0, 123_000_000, time.UTC)
	second, day := shown.Truncate(time.Second), shown.Truncate(24*time.Hour)
	for at, want := range map[time.Time]int64{
		shown: 0, shown.Add(-time.Millisecond): 1, second: 0, second.Add(-time.Second): 1, day: 0, day.AddDate(0, 0, -1): 1,
	} {
		if pending, _, err := events.After(t.Context(), at); err != nil || pending != want {
			t.Errorf("after %s there are %d, %v; want %d events", at, pending, err, want)
		}
	}
}

// TestAChangeOfTheFutureIsNotShown yet: it would hide for ever that a projection stands still.
func TestAChangeOfTheFutureIsNotShown(t *testing.T) {
	c := eventStore(t, `CREATE TABLE current_orders (order_id bigint PRIMARY KEY, updated_at timestamptz)`,
		`CREATE INDEX ON current_orders (updated_at)`,
		`INSERT INTO current_orders VALUES (1, '2024-01-01 00:00:00+00'), (2, '2024-01-02 00:00:00+00'), (3, now() + interval '1 year'), (4, 'infinity'), (5, NULL)`)
	side, err := source.Open(t.Context(), source.Config{Representation: order.Projection, DSN: c.DSN, Table: "public.current_orders", Key: "order_id", ChangedAt: "updated_at"})
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	want := time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)
	if got, err := side.NewestChange(t.Context()); err != nil || !got.Equal(want) {
		t.Errorf("the newest change shown is %s, %v; want %s", got, err, want)
	}
	n, err := side.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := n.NewestChange(t.Context()); err != nil || !got.Equal(want) {
		t.Errorf("the projection has reached %s, %v; want %s", got, err, want)
	}
	n.Close()
	conn, err := pgx.Connect(t.Context(), c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "DELETE FROM current_orders"); err != nil {
		t.Fatal(err)
	}
	if got, err := side.NewestChange(t.Context()); err != nil || !got.IsZero() {
		t.Errorf("an empty projection shows a change of %s, %v", got, err)
	}
}

// TestAMisspeltTimeIsNamed by the key of the configuration: the server only says that there is no such column.
func TestAMisspeltTimeIsNamed(t *testing.T) {
	c := eventStore(t, `CREATE TABLE current_orders (order_id bigint PRIMARY KEY, updated_at timestamptz)`)
	side, err := source.Open(t.Context(), source.Config{Representation: order.Projection, DSN: c.DSN, Table: "public.current_orders", Key: "order_id", ChangedAt: "updated"})
	if err == nil {
		side.Close()
	}
	if err == nil || !strings.Contains(err.Error(), `changed_at updated: `) || !strings.Contains(err.Error(), `column "updated" does not exist`) {
		t.Errorf("got %v", err)
	}
}
