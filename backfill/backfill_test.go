package backfill_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

const emptied = "TRUNCATE event_store"

// TestTheStoreTellsWhatLegacyRecorded holds that the written events fold to the rows, and that a second run finds all there.
func TestTheStoreTellsWhatLegacyRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders, emptied)
	dry := *w.Filler
	dry.DryRun = true
	counted, err := dry.Run(t.Context(), run)
	if err != nil || w.stored() != "" || len(counted.Samples) == 0 {
		t.Fatalf("a dry run: %v, %d samples, store %.100q", err, len(counted.Samples), w.stored())
	}
	r := w.whole()
	if r.Events != counted.Events || r.Events < r.Orders || r.Present != 0 || len(r.Left) != 0 || r.Evidence[history.Exact] == 0 {
		t.Errorf("the report is %+v, that of the dry run %+v", r, counted)
	}
	w.folds()
	before := w.stored()
	if r = w.whole(); r.Events != 0 || r.Present != counted.Events || w.stored() != before {
		t.Errorf("a second run wrote %d events of %d", r.Events, counted.Events)
	}
	if left := w.read("SELECT * FROM crosscheck_backfill WHERE number > 0"); left != "" {
		t.Errorf("ranges are left of runs that have ended: %s", left)
	}
}

// folds holds that the stored events of each order give its row.
func (w *world) folds() {
	w.t.Helper()
	page, err := w.Legacy.Range(w.t.Context(), verify.KeyRange{})
	if err != nil {
		w.t.Fatal(err)
	}
	auditor := history.Auditor{Schema: w.Schema, Speaker: w.Speaker, Judged: w.Schema.Fields}
	for _, c := range page.Cases {
		histories, err := w.Events.Histories(w.t.Context(), []order.Key{c.Row.Key})
		if err != nil {
			w.t.Fatal(err)
		}
		c.Events = histories[c.Row.Key]
		if got := auditor.Audit(c); len(got.Deviants)+len(got.Ends)+len(got.Moments) > 0 {
			w.t.Fatalf("order %s: %+v, %+v, %+v", c.Row.Key, got.Deviants, got.Ends, got.Moments)
		}
	}
}

// TestARunThatWasKilledGoesOn: a transaction that is lost between COPY and commit, and a process that is stopped, leave
// the store as an uninterrupted run would.
func TestARunThatWasKilledGoesOn(t *testing.T) {
	t.Parallel()
	want := newWorld(t, orders, emptied)
	want.whole()
	for name, notes := range map[string]bool{"checkpoints in the store": true, "checkpoints elsewhere": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, orders, emptied,
				`CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'lost' USING ERRCODE = '57P01'; END$$`,
				`CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON event_store DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.order_id = 230) EXECUTE FUNCTION lose()`)
			kept := &memory{done: map[int64]backfill.Range{}}
			if !notes {
				w.read("DROP TABLE crosscheck_backfill")
				w.Store, w.Notes = w.open(false), kept
			}
			if _, err := w.Run(t.Context(), run); err == nil || !strings.Contains(err.Error(), "lost") {
				t.Fatalf("the commit did not fail: %v", err)
			}
			if w.read("SELECT 1 FROM event_store WHERE order_id = 230") != "" || w.stored() == "" {
				t.Fatal("the lost range is stored, or nothing is")
			}
			w.read("DROP TRIGGER lose ON event_store")
			kept.forgets = true // the range is committed, and the note of it is lost
			ctx, kill := context.WithCancel(t.Context())
			w.Progress = func(verify.Progress) { kill() }
			if _, err := w.Run(ctx, run); err == nil {
				t.Fatal("the run was not stopped")
			}
			kept.forgets, w.Progress = false, nil
			r := w.whole()
			if r.Resumed == 0 && notes || w.stored() != want.stored() {
				t.Errorf("resumed %d of %d orders; the store differs from that of an uninterrupted run: %v", r.Resumed, orders, w.stored() != want.stored())
			}
		})
	}
}

// memory keeps what is done, but may forget it.
type memory struct {
	mu      sync.Mutex
	done    map[int64]backfill.Range
	forgets bool
}

func (m *memory) Done(context.Context, string) (out []backfill.Range, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.done {
		out = append(out, r)
	}
	return out, nil
}

func (m *memory) Note(_ context.Context, _ lease.Lease, _ string, r backfill.Range) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.forgets {
		return errors.New("the ledger is gone")
	}
	m.done[r.Number] = r
	return nil
}

func (m *memory) Forget(context.Context, lease.Lease, string) error { return nil }

// TestLiveEventsAreNotDoubled: what live writers have stored stays, and what cannot be appended in order is left and named.
func TestLiveEventsAreNotDoubled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders)
	if r := w.whole(); r.Events != 0 || len(r.Left) != 0 {
		t.Fatalf("of a whole store %d events were written, %v left", r.Events, r.Left)
	}
	all := w.read("SELECT count(*) FROM event_store")
	// Of some orders all events are missing, of others the last one, and of others the first one.
	w.read(`DELETE FROM event_store WHERE order_id % 10 = 1`)
	w.read(`DELETE FROM event_store e WHERE order_id % 10 = 2 AND event_id = (SELECT max(event_id) FROM event_store WHERE order_id = e.order_id)`)
	w.read(`DELETE FROM event_store e WHERE order_id % 10 = 3 AND event_id = (SELECT min(event_id) FROM event_store WHERE order_id = e.order_id)
		AND 1 < (SELECT count(*) FROM event_store WHERE order_id = e.order_id)`)
	r := w.whole()
	if r.Events == 0 || r.Left[backfill.AfterLive] == 0 || len(r.Left) != 1 {
		t.Fatalf("the report is %+v", r)
	}
	for _, l := range r.Examples {
		if !strings.HasSuffix(string(l.Key), "3") || !strings.Contains(l.Detail, "created at") {
			t.Errorf("left: %+v", l)
		}
	}
	if again := w.whole(); again.Events != 0 {
		t.Errorf("a second run wrote %d events", again.Events)
	}
	w.AfterLive = true
	if r = w.whole(); r.Events == 0 || len(r.Left) != 0 {
		t.Errorf("the report is %+v", r)
	}
	if got := w.read("SELECT count(*) FROM event_store"); got != all {
		t.Errorf("%s events, want %s", got, all)
	}
}

// TestARefusedEventIsNamed: nothing of its range is stored, and nothing is lost once it is taken.
func TestARefusedEventIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders, emptied, `ALTER TABLE event_store ADD CONSTRAINT no CHECK (order_id <> 77 OR event_type = 'OrderCreated')`)
	_, err := w.Run(t.Context(), run)
	var refused *backfill.RefusedError
	if !errors.As(err, &refused) || refused.Key != "77" || refused.Type == "" || refused.Type == "OrderCreated" || !strings.Contains(err.Error(), `"no"`) {
		t.Fatalf("the error is %v", err)
	}
	if w.read("SELECT 1 FROM event_store WHERE order_id = 77") != "" {
		t.Error("a part of the range is stored")
	}
	w.read("ALTER TABLE event_store DROP CONSTRAINT no")
	w.whole()
	w.folds()
}

// TestASecondProcessStopsTheFirst: who has claimed the store last may write, and the other is told who that is.
func TestASecondProcessStopsTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders, emptied)
	second := w.open(true)
	w.Progress = func(verify.Progress) {
		if _, err := second.Claim(t.Context(), backfill.Run{Name: "other", Holder: "host/2", Claim: "another's"}); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.Run(t.Context(), run); !errors.Is(err, backfill.ErrTaken) || !strings.Contains(err.Error(), "host/2") {
		t.Fatalf("the error is %v", err)
	}
	w.Progress, w.Store = nil, second
	w.whole()
	w.folds()
}

// TestAnOrderThatLegacyWritesIsLookedAtAgain holds that its live events get their time.
func TestAnOrderThatLegacyWritesIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders, emptied)
	page, err := w.Legacy.Range(t.Context(), verify.KeyRange{})
	if err != nil {
		t.Fatal(err)
	}
	newest := page.Cases[0].Row
	for _, c := range page.Cases {
		if c.Row.ChangedAt.After(newest.ChangedAt) {
			newest = c.Row
		}
	}
	w.Settle = page.At.Sub(newest.ChangedAt) + time.Hour // the newest order, and perhaps some others, have just been written
	r := w.whole()
	if r.Left[backfill.Moving] == 0 || w.read("SELECT 1 FROM event_store WHERE order_id = "+string(newest.Key)) != "" {
		t.Errorf("the report is %+v", r)
	}
	w.Settle = 0
	w.whole()
	w.folds()
}

// TestALiveHistoryWithoutARecordIsWhole: legacy may have no record of what live events say. They are not told once more.
func TestALiveHistoryWithoutARecordIsWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders)
	w.legacy("DELETE FROM trades t WHERE trade_id = (SELECT max(trade_id) FROM trades WHERE order_id = t.order_id)")
	if r := w.whole(); r.Events != 0 || len(r.Left) != 0 {
		t.Errorf("the report is %+v", r)
	}
	w.read(`UPDATE event_store SET payload = payload || '{"quantity": 1}' WHERE event_type = 'OrderFilled' AND order_id < 50`)
	if r := w.whole(); r.Events != 0 || r.Left[backfill.Contradicted] == 0 || len(r.Left) != 1 {
		t.Errorf("the report is %+v", r)
	}
}

// afterwards is legacy, in which something happens once the run has begun.
type afterwards struct {
	backfill.Legacy
	then func()
}

func (a *afterwards) Cut(ctx context.Context, r verify.KeyRange, orders int) (order.Key, error) {
	if a.then != nil {
		a.then()
		a.then = nil
	}
	return a.Legacy.Cut(ctx, r, orders)
}

// begin begins a transaction on a connection of its own, which the test closes.
func begin(t *testing.T, dsn string) pgx.Tx {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// TestTheEventOfALongTransactionIsWaitedFor: its order has the time at which it began, and is seen only when it ends, after the run began.
func TestTheEventOfALongTransactionIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders)
	w.Settle = time.Nanosecond
	tx := begin(t, w.inLegacy)
	_, err := tx.Exec(t.Context(), `INSERT INTO orders (order_id, trader_id, symbol, side, quantity, price, status, filled_quantity, created_at, updated_at)
		VALUES (99999, 7, 'AAPL', 'BUY', 10, 1, 'OPEN', 0, now(), now())`)
	if err != nil {
		t.Fatal(err)
	}
	w.Legacy = &afterwards{w.Legacy, func() {
		if err := tx.Commit(t.Context()); err != nil {
			t.Error(err)
		}
	}}
	at := w.ask(w.inLegacy, "SELECT max(xact_start)::text FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'")
	events := func() string {
		return strings.TrimSpace(w.read("SELECT count(*) FROM event_store WHERE order_id = 99999"))
	}
	w.Wait = func(context.Context, time.Duration) error { // the event arrives
		if got := events(); got != "0" {
			t.Errorf("%s events were written before the live one", got)
		}
		w.read(`INSERT INTO event_store (order_id, event_type, timestamp, payload) VALUES (99999, 'OrderCreated', '` + strings.TrimSpace(at) + `',
			'{"trader_id": 7, "symbol": "AAPL", "side": "BUY", "quantity": 10.0000, "price": 1.0000}')`)
		return nil
	}
	if r := w.whole(); events() != "1" || r.Events != 0 || len(r.Left) != 0 || r.Unseen {
		t.Errorf("%s events, the report is %+v", events(), r)
	}
}

// TestALiveEventThatIsNotCommittedIsWaitedFor: its writer keeps a transaction on the event store open for longer than the settle window.
func TestALiveEventThatIsNotCommittedIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, orders)
	w.Settle = time.Nanosecond
	tx := begin(t, w.events)
	w.legacy(`INSERT INTO orders (order_id, trader_id, symbol, side, quantity, price, status, filled_quantity, created_at, updated_at)
		VALUES (99999, 7, 'AAPL', 'BUY', 10, 1, 'OPEN', 0, now(), now())`)
	at := w.ask(w.inLegacy, "SELECT created_at::text FROM orders WHERE order_id = 99999")
	if _, err := tx.Exec(t.Context(), `INSERT INTO event_store (order_id, event_type, timestamp, payload) VALUES (99999, 'OrderCreated', '`+strings.TrimSpace(at)+`',
		'{"trader_id": 7, "symbol": "AAPL", "side": "BUY", "quantity": 10.0000, "price": 1.0000}')`); err != nil {
		t.Fatal(err)
	}
	w.Wait = func(ctx context.Context, _ time.Duration) error { return tx.Commit(ctx) }
	r := w.whole()
	if events := w.read("SELECT count(*) FROM event_store WHERE order_id = 99999"); events != "1\n" || r.Events != 0 || len(r.Left) != 0 || r.Unseen {
		t.Errorf("%s events, the report is %+v", events, r)
	}
}
