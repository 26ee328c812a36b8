package source_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

// versioned is a store whose positions count the events of each order. Order 2 lacks an event, and order 3 has one of an
// ignored type in between.
func versioned(t *testing.T, constraint string) source.EventsConfig {
	t.Helper()
	c := eventStore(t, "CREATE TABLE store (version bigint NOT NULL, k bigint NOT NULL, type text, at timestamptz, body jsonb"+constraint+")",
		`INSERT INTO store VALUES
			(1, 1, 'OrderCreated', '2024-01-01 10:00+00', '{"trader_id": "t", "symbol": "A", "side": "BUY", "quantity": 10, "price": 1}'),
			(1, 2, 'OrderCreated', '2024-01-01 10:01+00', '{"trader_id": "t", "symbol": "A", "side": "BUY", "quantity": 10, "price": 1}'),
			(1, 3, 'OrderCreated', '2024-01-01 10:02+00', '{"trader_id": "t", "symbol": "A", "side": "BUY", "quantity": 10, "price": 1}'),
			(2, 1, 'OrderCanceled', '2024-01-01 10:03+00', '{"reason": "x"}'),
			(3, 2, 'OrderCanceled', '2024-01-01 10:04+00', '{"reason": "x"}'),
			(2, 3, 'OrderNoted', '2024-01-01 10:05+00', '{}'),
			(3, 3, 'OrderCanceled', '2024-01-01 10:06+00', '{"reason": "x"}'),
			(4, 3, 'OrderNoted', '2100-01-01 10:07+00', '{}')`)
	fold := order.Orders()
	fold.Events["OrderNoted"], fold.PerOrder = order.EventRule{Ignore: true}, true
	var err error
	if c.Rules, err = order.NewRules(fold, []order.Field{statusField()}); err != nil {
		t.Fatal(err)
	}
	c.Table, c.Position, c.PerOrder, c.Key, c.Type, c.At, c.Payload = "public.store", "version", true, "k", "type", "at", "body"
	return c
}

func TestPositionsMayCountWithinOneOrder(t *testing.T) {
	c := versioned(t, ", PRIMARY KEY (k, version)")
	e := openEvents(t, c)
	histories, err := e.Histories(t.Context(), []order.Key{"1", "2", "3"})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[order.Key]string{"1": "", "2": "comes after event 1 of its order: events between them are not there", "3": ""} {
		state, problems := order.Fold(histories[key])
		status, _ := state.Value("status")
		got := ""
		for _, p := range problems {
			got += p.Detail
		}
		if got != want || status.Text != "CANCELED" || state.Flawed() != (want != "") {
			t.Errorf("order %s: %q, %s, flawed %v; want %q", key, got, status.Text, state.Flawed(), want)
		}
	}
	newest := time.Date(2024, 1, 1, 10, 6, 0, 0, time.UTC)
	if at, err := e.Newest(t.Context()); err != nil || !at.Equal(newest) {
		t.Errorf("the newest event is of %s, %v", at, err)
	}
	if n, _, err := e.After(t.Context(), newest.Add(-150*time.Second)); err != nil || n != 3 {
		t.Errorf("%d events are newer, %v; want 3", n, err)
	}
	census, err := e.Census(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := census.Total(); n.All != 7 || n.Ignored != 1 || n.Read != 6 || n.Folded != 5 {
		t.Errorf("the census counts %+v", n)
	}
}

// TestDoctorOfPositionsWithinOneOrder asks for two indexes, with SQL that the server accepts and that then serves.
func TestDoctorOfPositionsWithinOneOrder(t *testing.T) {
	c := versioned(t, "")
	found := func() map[string]doctor.Finding {
		out := map[string]doctor.Finding{}
		for _, f := range source.DiagnoseEvents(t.Context(), c, time.Now) {
			if f.Level == doctor.Error {
				t.Errorf("%+v", f)
			}
			out[f.Check] = f
		}
		return out
	}
	first := found()
	if f := first[source.CheckPosition]; f.Level != doctor.Info || !strings.Contains(f.Message, "the stream cannot be followed") {
		t.Errorf("%+v", f)
	}
	conn, err := pgx.Connect(t.Context(), c.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the server ends after it
	for _, check := range []string{source.CheckUniquePosition, source.CheckNewestIndex} {
		if f := first[check]; f.Level != doctor.Warning {
			t.Fatalf("without an index: %+v", f)
		}
		if _, err := conn.Exec(t.Context(), first[check].Hint); err != nil {
			t.Fatalf("%s: %v", first[check].Hint, err)
		}
	}
	after := found()
	for _, check := range []string{source.CheckUniquePosition, source.CheckNewestIndex, source.CheckReads, source.CheckKeyIndex} {
		if f := after[check]; f.Level != doctor.OK {
			t.Errorf("with the index: %+v", f)
		}
	}
}
