package source_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

func openEvents(t *testing.T, c source.EventsConfig) *source.Events {
	t.Helper()
	e, err := source.OpenEvents(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

const cancelled = `INSERT INTO event_store SELECT i, i * 10, 'OrderCanceled', '2024-01-01 00:00:00.000001+00', '{"reason": null}' FROM unnest('{%s}'::bigint[]) AS i`

func TestEventsAreReadByPosition(t *testing.T) {
	c := eventStore(t, fmt.Sprintf(cancelled, "5,4095,4096,9000"))
	view := c
	view.Table, view.Position = "(SELECT event_id + 0 AS id, * FROM public.event_store)", "id"
	for name, c := range map[string]source.EventsConfig{"table": c, "subquery": view} {
		e := openEvents(t, c)
		found := map[order.Position]order.RawEvent{}
		err := e.Rows(t.Context(), []order.Position{5, 6, 9000}, func(r order.StoredRow) error { found[r.Position] = r.Raw(); return nil })
		want := order.RawEvent{Position: 9000, Key: "90000", Type: "OrderCanceled", At: time.Date(2024, 1, 1, 0, 0, 0, 1000, time.UTC), Payload: []byte(`{"reason": null}`)}
		if d := cmp.Diff(want, found[9000]); err != nil || len(found) != 2 || found[5].Key != "50" || d != "" {
			t.Errorf("%s: by position %+v, %v\n%s", name, found, err, d)
		}
		var between []order.Key
		err = e.Between(t.Context(), 6, 9000, func(_ order.Position, k order.Key, _ order.ID) error { between = append(between, k); return nil })
		if want := []order.Key{"40950", "40960", "90000"}; err != nil || !slices.Equal(between, want) {
			t.Errorf("%s: between are %v, %v; want %v", name, between, err, want)
		}
		if h, err := e.Horizon(t.Context()); err != nil || h.Position != 9000 {
			t.Errorf("%s: the horizon is %+v, %v", name, h, err)
		}
	}
}

func TestTheHorizonWaitsForATransactionThatCommitsLate(t *testing.T) {
	c := eventStore(t)
	e := openEvents(t, c)
	late, err := pgx.Connect(t.Context(), c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close(t.Context())
	other, err := pgx.Connect(t.Context(), c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	tx, err := late.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), fmt.Sprintf(cancelled, "1")); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(t.Context(), fmt.Sprintf(cancelled, "2")); err != nil {
		t.Fatal(err)
	}
	h, err := e.Horizon(t.Context())
	if err != nil || h.Position != 2 {
		t.Fatalf("the horizon is %+v, %v", h, err)
	}
	if oldest, err := e.Oldest(t.Context()); err != nil || oldest.Oldest >= h.Below {
		t.Errorf("position 1 is not committed, and yet transaction %d is the oldest, below %d: %v", oldest.Oldest, h.Below, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Other tests' transactions in the same database end too.
	for oldest := (follow.Running{}); oldest.Oldest < h.Below; {
		if oldest, err = e.Oldest(t.Context()); err != nil || t.Context().Err() != nil {
			t.Fatalf("the oldest transaction is %+v, %v", oldest, err)
		}
	}
}

// TestAnEventThatNeverHappensCanBeRead holds an infinite time to stop nobody: the event has no time.
func TestAnEventThatNeverHappensCanBeRead(t *testing.T) {
	e := openEvents(t, eventStore(t, `INSERT INTO event_store VALUES (5, 50, 'OrderCanceled', 'infinity', '{}'), (6, 50, 'OrderCanceled', '-infinity', '{}')`))
	var times []time.Time
	err := e.Rows(t.Context(), []order.Position{5, 6}, func(r order.StoredRow) error { times = append(times, r.At); return nil })
	if err != nil || len(times) != 2 || !times[0].IsZero() || !times[1].IsZero() {
		t.Errorf("times %v, %v", times, err)
	}
	if h, err := openEvents(t, eventStore(t)).Horizon(t.Context()); err != nil || h.Position != order.NoPosition {
		t.Errorf("the horizon of nothing is %d, %v", h.Position, err)
	}
}
