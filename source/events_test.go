package source_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

func eventStore(t *testing.T, statements ...string) source.EventsConfig {
	t.Helper()
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	create := `CREATE TABLE event_store (event_id bigint PRIMARY KEY, order_id bigint NOT NULL, event_type text NOT NULL,
		timestamp timestamptz NOT NULL, payload jsonb NOT NULL)`
	for _, s := range append([]string{create}, statements...) {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return source.EventsConfig{
		DSN: dsn, Table: "public.event_store", Position: "event_id", Key: "order_id", Type: "event_type", At: `"timestamp"`, Payload: "payload",
		Rules: order.Defaults(),
	}
}

func TestHistoriesAreInTheOrderOfPositionsAndExact(t *testing.T) {
	c := eventStore(t, `INSERT INTO event_store VALUES
		(30, 7, 'OrderFilled', '2024-01-03 00:00:00.000001+00', '{"quantity": 10, "price": 0.1000000000000000055511}'),
		(10, 7, 'OrderCreated', '2024-01-01 00:00:00+02', '{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": "10", "price": 1.10}'),
		(20, 8, 'OrderRenamed', '2024-01-01 00:00:00+00', '{}'),
		(40, 9, 'OrderCanceled', '2024-01-01 00:00:00+00', '{"reason": "x"}')`)
	events := openEvents(t, c)
	newest, err := events.Newest(t.Context())
	if want := "2024-01-03 00:00:00.000001+00"; err != nil || order.TimestamptzText(newest) != want { // though position 40 has an older one
		t.Errorf("the newest event is of %s, %v; want %s", newest, err, want)
	}
	got, err := events.Histories(t.Context(), []order.Key{"7", "8", "404"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || len(got["7"]) != 2 || got["7"][0].Position != 10 || got["7"][1].Position != 30 {
		t.Fatalf("histories are %+v", got)
	}
	if at := order.TimestamptzText(got["7"][1].At); at != "2024-01-03 00:00:00.000001+00" {
		t.Errorf("an event's time is %s", at)
	}
	state, problems := order.Fold(got["7"])
	if price, _ := state.Value("price"); price.Text != "1.10" && price.Text != "1.1" || len(problems) > 0 {
		t.Errorf("price is %v, problems %v", price, problems)
	}
	if got["8"][0].Schema == nil {
		t.Error("an unknown event type is no finding")
	}
}

func TestEventStoreWithAnotherColumnTypeIsNamed(t *testing.T) {
	c := eventStore(t)
	c.At = "payload"
	if _, err := source.OpenEvents(t.Context(), c); !errors.Is(err, source.ErrUnsupported) {
		t.Errorf("a column of JSON as the events' time gives %v", err)
	}
}

// TestAnEventWithoutATellableTimeStopsNobody: neither histories, nor the fold, nor what asks for the newest event.
func TestAnEventWithoutATellableTimeStopsNobody(t *testing.T) {
	c := eventStore(t, "ALTER TABLE event_store ALTER timestamp DROP NOT NULL, ALTER event_type DROP NOT NULL",
		`INSERT INTO event_store SELECT 10 * n, n, 'OrderCreated', '2024-01-01 00:00:00+00',
			'{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": "10", "price": 1.10}' FROM generate_series(1, 5) AS n`,
		`INSERT INTO event_store VALUES
			(11, 1, 'OrderCanceled', 'infinity', '{"reason": "x"}'),
			(21, 2, 'OrderCanceled', '-infinity', '{"reason": "x"}'),
			(31, 3, 'OrderCanceled', NULL, '{"reason": "x"}'),
			(41, 4, 'OrderCanceled', '20000-01-01 00:00:00+00', '{"reason": "x"}'),
			(61, 5, NULL, '2024-01-01 00:00:00+00', '{"reason": "x"}')`)
	want := map[order.Key]string{}
	for _, key := range []order.Key{"1", "2", "3", "4", "5"} {
		want[key] = "OPEN 2024-01-01 00:00:00+00"
	}
	fields := []order.Field{statusField(), {Name: "updated_at", Type: order.Timestamptz}}
	if d := cmp.Diff(want, scanned(t, openFold(t, source.FoldConfig{Events: c, Fields: fields}))); d != "" {
		t.Errorf("the fold: %s", d)
	}
	e := openEvents(t, c)
	histories, err := e.Histories(t.Context(), []order.Key{"1", "2", "3", "4", "5"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[order.Key]string{}
	for key, h := range histories {
		state, _ := order.Fold(h)
		status, _ := state.Value("status")
		at, _ := state.Value("updated_at")
		got[key] = status.Text + " " + at.Text
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the histories: %s", d)
	}
	for key := range want {
		if s := histories[key][1].Schema; s == nil || s.Kind != order.NoPlace {
			t.Errorf("the second event of order %s is found to be %v", key, s)
		}
	}
	if newest, err := e.Newest(t.Context()); err != nil || order.TimestamptzText(newest) != "2024-01-01 00:00:00+00" {
		t.Errorf("the newest event is of %s, %v", newest, err)
	}
}

// TestAnEventWithoutAPlaceIsAFindingAboutIt has every column NULL in turn, and positions that are not above 0.
func TestAnEventWithoutAPlaceIsAFindingAboutIt(t *testing.T) {
	c := eventStore(t, "ALTER TABLE event_store DROP CONSTRAINT event_store_pkey",
		`ALTER TABLE event_store ALTER event_id DROP NOT NULL, ALTER order_id DROP NOT NULL, ALTER event_type DROP NOT NULL,
			ALTER timestamp DROP NOT NULL, ALTER payload DROP NOT NULL`,
		`INSERT INTO event_store SELECT n, n, 'OrderCreated', '2024-01-01 00:00:00+00',
			'{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": "10", "price": 1.10}' FROM generate_series(-4096, 0) AS n`,
		`INSERT INTO event_store VALUES
			(1, 0, 'OrderCanceled', '2024-01-02 00:00:00+00', '{"reason": "x"}'),
			(2, NULL, 'OrderCanceled', '2024-01-02 00:00:00+00', '{"reason": "x"}'),
			(3, NULL, 'OrderCreated', '2024-01-02 00:00:00+00', '{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": "10", "price": 1}'),
			(4, -1, NULL, '2024-01-02 00:00:00+00', '{"reason": "x"}'),
			(5, -2, 'OrderCanceled', NULL, '{"reason": "x"}'),
			(6, -3, 'OrderCanceled', '2024-01-02 00:00:00+00', NULL),
			(NULL, NULL, NULL, NULL, NULL)`,
		`INSERT INTO event_store SELECT NULL, -4, 'OrderCanceled', '2023-01-02 00:00:00+00', '{"reason": "x"}' FROM generate_series(1, 200)`)
	e := openEvents(t, c)
	histories, err := e.Histories(t.Context(), []order.Key{"0", "-1", "-2", "-3", "-4", "-5"})
	if err != nil {
		t.Fatal(err)
	}
	status := map[order.Key]string{}
	missing := map[order.Key]string{}
	for key, h := range histories {
		state, _ := order.Fold(h)
		value, _ := state.Value("status")
		at, _ := state.Value("updated_at")
		status[key] = value.Text + " " + at.Text
		if s := h[len(h)-1].Schema; s != nil {
			missing[key] = string(s.Kind) + " " + s.Name
		}
	}
	const open = "OPEN 2024-01-01 00:00:00+00"
	want := map[order.Key]string{"0": "CANCELED 2024-01-02 00:00:00+00", "-1": open, "-2": open, "-3": open, "-4": open, "-5": open}
	if d := cmp.Diff(want, status); d != "" || len(histories["-4"]) != 201 {
		t.Errorf("the histories: %s", d)
	}
	lacking := map[order.Key]string{"-1": "no_place event_type", "-2": "no_place timestamp", "-3": "no_place payload", "-4": "no_place event_id"}
	if d := cmp.Diff(lacking, missing); d != "" {
		t.Errorf("the findings: %s", d)
	}
	for _, fields := range [][]order.Field{{statusField()}, {statusField(), {Name: "updated_at", Type: order.Timestamptz}}} {
		fold := openFold(t, source.FoldConfig{Events: c, Fields: fields})
		rows := scanned(t, fold)
		for key, is := range want {
			if got := rows[key]; got != is && len(fields) == 2 || !strings.HasPrefix(is, strings.Fields(got)[0]) {
				t.Errorf("%d fields: order %s folds to %s, not %s", len(fields), key, got, is)
			}
		}
		digests, err := begin(t, fold).Digests(t.Context(), verify.DigestQuery{Layout: verify.Layout{Shift: 4}}, func(int64) {})
		if err != nil {
			t.Fatal(err)
		}
		counted := map[bool]int64{}
		for _, d := range digests {
			counted[d.NullKey] += d.Rows
		}
		if d := cmp.Diff(map[bool]int64{false: 4097, true: 3}, counted); d != "" {
			t.Errorf("orders, and events without one: %s", d)
		}
	}
	holdPositions(t, e)
}

// holdPositions reads a store of the positions -4096 to 6, and of events that have none, by position.
func holdPositions(t *testing.T, e *source.Events) {
	t.Helper()
	var without []order.Position
	all := 0
	err := e.Between(t.Context(), -5000, 5000, func(p order.Position, key order.Key, _ order.ID) error {
		if all++; key == "" {
			without = append(without, p)
		}
		return nil
	})
	if err != nil || all != 4096+7 || !slices.Equal(without, []order.Position{2, 3}) {
		t.Errorf("%d events are read, those of no order are %v: %v", all, without, err)
	}
	counts, upTo, err := e.CountPositions(t.Context(), -5000, 5000, 12, 10_000)
	if err != nil || upTo != 5000 || len(counts) != 2 || counts[0].Bucket != -1 || counts[0].Events != 4096 || counts[1].Events != 7 {
		t.Errorf("counted are %+v up to %d: %v", counts, upTo, err)
	}
	read := 0
	err = e.Rows(t.Context(), []order.Position{-4096, 0, 2, 4, 5, 6}, func(r order.StoredRow) error {
		if read++; (r.Key == nil) != (r.Position == 2) || r.At.IsZero() != (r.Position == 5) {
			t.Errorf("event %d is of order %q, at %s", r.Position, r.Key, r.At)
		}
		return nil
	})
	if err != nil || read != 6 {
		t.Errorf("%d events are read by position: %v", read, err)
	}
	newest, err := e.Newest(t.Context())
	if err != nil || order.TimestamptzText(newest) != "2024-01-02 00:00:00+00" {
		t.Errorf("the newest event is of %s, %v", newest, err)
	}
	if events, _, err := e.After(t.Context(), newest.Add(-time.Hour)); err != nil || events != 5 {
		t.Errorf("%d events are newer, %v", events, err)
	}
	if h, err := e.Horizon(t.Context()); err != nil || h.Position != 6 {
		t.Errorf("the horizon is %d, %v", h.Position, err)
	}
}

// TestAPayloadOfAnySizeStopsNobody has one that is larger than is decoded, and than is worth holding in memory.
func TestAPayloadOfAnySizeStopsNobody(t *testing.T) {
	const megabytes = 32
	c := eventStore(t, fmt.Sprintf(`INSERT INTO event_store VALUES
		(1, 1, 'OrderCreated', '2024-01-01 00:00:00+00', '{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": "10", "price": 1.10}'),
		(2, 1, 'OrderCanceled', '2024-01-01 00:00:00+00', jsonb_build_object('reason', repeat('x', %d))),
		(3, 2, 'OrderCreated', '2024-01-01 00:00:00+00', '{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": "10", "price": 1.10}'),
		(4, 2, 'OrderCanceled', '2024-01-01 00:00:00+00', jsonb_build_object('reason', repeat('x', %d)))`, megabytes<<20, order.MaxPayload-100))
	for _, column := range []string{"jsonb", "json"} {
		t.Run(column, func(t *testing.T) {
			c := c
			c.Payload = "(payload::" + column + ")"
			fold := openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField(), {Name: "updated_at", Type: order.Timestamptz}}})
			e := openEvents(t, c)
			before := allocated()
			want := map[order.Key]string{"1": "OPEN 2024-01-01 00:00:00+00", "2": "CANCELED 2024-01-01 00:00:00+00"}
			if d := cmp.Diff(want, scanned(t, fold)); d != "" {
				t.Errorf("the fold: %s", d)
			}
			histories, err := e.Histories(t.Context(), []order.Key{"1", "2"})
			if err != nil {
				t.Fatal(err)
			}
			if s := histories["1"][1].Schema; s == nil || s.Kind != order.TooLarge || histories["2"][1].Schema != nil {
				t.Errorf("found are %v and %v", s, histories["2"][1].Schema)
			}
			sizes := map[order.Position]int{}
			err = e.Rows(t.Context(), []order.Position{2, 4}, func(r order.StoredRow) error { sizes[r.Position] = len(r.Payload); return nil })
			if err != nil || sizes[2] != order.MaxPayload+1 || sizes[4] > order.MaxPayload {
				t.Errorf("%d bytes of the two payloads were read, %v", sizes, err)
			}
			if bytes := allocated() - before; bytes > megabytes<<20/2 {
				t.Errorf("%d bytes were allocated", bytes)
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestAFoldReadsEventsWithoutAPayload as histories do, however payloads are kept.
func TestAFoldReadsEventsWithoutAPayload(t *testing.T) {
	status := func(text string) map[string]order.Source { return map[string]order.Source{"status": {Text: &text}} }
	rules, err := order.NewRules(order.FoldRules{Events: map[string]order.EventRule{
		"Opened": {Create: order.Creates, Set: status("OPEN")}, "Closed": {Set: status("CLOSED")},
	}}, []order.Field{statusField()})
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"json", "jsonb", "text", "bytea"} {
		c := eventStore(t, "ALTER TABLE event_store ALTER payload DROP NOT NULL, ALTER payload TYPE "+form+" USING NULL",
			"INSERT INTO event_store VALUES (1, 1, 'Opened', '2024-01-01 00:00:00+00', NULL), (2, 1, 'Closed', '2024-01-01 00:00:00+00', NULL)")
		c.Rules = rules
		var rows []order.Row
		err := begin(t, openFold(t, source.FoldConfig{Events: c, Fields: []order.Field{statusField()}})).Scan(t.Context(), verify.Layout{ByBounds: true}, []int64{0},
			func(r order.Row) error { rows = append(rows, r); return nil })
		if err != nil || len(rows) != 1 || rows[0].Flawed || rows[0].Values[0].Text != "CLOSED" {
			t.Errorf("%s: %+v, %v", form, rows, err)
		}
	}
}
