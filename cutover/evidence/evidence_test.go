package evidence_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/cutover/evidence"
	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	limit     = 30 * time.Second
	newServer = "new_side_server"
)

// desk is a legacy table and an event store in databases of their own.
type desk struct {
	*evidence.Evidence
	t        *testing.T
	dsn      map[string]string // side → where it is
	verified evidence.Judged
	behind   []string // the answers that are left; the last one stays
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, dsn: map[string]string{}, behind: []string{""}}
	d.Evidence = &evidence.Evidence{
		Legacy: d.side("legacy", order.Legacy), New: d.side("store", order.Projection),
		Newest: func(context.Context) (int64, error) { return 7, nil },
		Behind: func(context.Context) (string, error) {
			now := d.behind[0]
			d.behind = d.behind[min(1, len(d.behind)-1):]
			return now, nil
		},
		Verify: func(context.Context) (evidence.Judged, error) { return d.verified, nil },
		Wait: func(ctx context.Context, pause time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
				return nil
			}
		},
	}
	return d
}

func (d *desk) side(name string, is order.Representation) *source.Side {
	d.t.Helper()
	d.dsn[name] = pgtest.Database(d.t)
	d.exec(d.open(name), `CREATE TABLE orders (id bigint PRIMARY KEY, status text); INSERT INTO orders SELECT g, 'OPEN' FROM generate_series(1, 10) g`)
	s, err := source.Open(d.t.Context(), source.Config{
		Representation: is, DSN: d.dsn[name], Table: "public.orders", Key: "id",
		Fields: []source.Field{{Field: order.Field{Name: "status", Type: order.Text}, Expr: "status"}},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(s.Close)
	return s
}

// open is a session of an application.
func (d *desk) open(name string) *pgx.Conn {
	d.t.Helper()
	c, err := pgx.Connect(d.t.Context(), d.dsn[name])
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Close(context.WithoutCancel(d.t.Context())) })
	return c
}

func (d *desk) exec(c *pgx.Conn, sql string) {
	d.t.Helper()
	if _, err := c.Exec(d.t.Context(), sql); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

func (d *desk) within(limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(d.t.Context(), limit)
	d.t.Cleanup(cancel)
	return ctx
}

// window is the desk up to the end of the barrier. It returns the positions.
func (d *desk) window() map[string]string {
	d.t.Helper()
	ctx := d.within(limit)
	at, err := d.Fenced(ctx, steps.Scope{})
	if err != nil {
		d.t.Fatal(err)
	}
	more, detail, err := d.Barrier(ctx, steps.Scope{}, at)
	if err != nil || !strings.Contains(detail, "event 7") {
		d.t.Fatalf("barrier: %q, %v", detail, err)
	}
	maps.Copy(at, more)
	return at
}

// final adds to the positions.
func (d *desk) final(at map[string]string) {
	d.t.Helper()
	more, _, err := d.Final(d.t.Context(), steps.Scope{}, at)
	if err != nil {
		d.t.Fatal(err)
	}
	maps.Copy(at, more)
}

func (d *desk) lacks(at map[string]string, want bool, about string) {
	d.t.Helper()
	lacks, detail, err := d.Lacking(d.within(limit), steps.Scope{}, at)
	if err != nil || lacks != want || !strings.Contains(detail, about) {
		d.t.Errorf("legacy lacks writes: %t (%s), %v; want %t, and %q", lacks, detail, err, want, about)
	}
}

func (d *desk) tail(at map[string]string, about string) {
	d.t.Helper()
	detail, err := d.Tail(d.within(limit), steps.Scope{}, at)
	if err != nil {
		detail = err.Error()
		if !errors.Is(err, steps.ErrContradicted) {
			d.t.Errorf("the tail check did not say no: %v", err)
		}
	}
	if !strings.Contains(detail, about) {
		d.t.Errorf("the tail check: %s; want %q", detail, about)
	}
}

// TestWhatWasWrittenInTimeIsNoFinding: transactions that ended before the fence, on both sides, some of them with older numbers
// than open ones of other tables.
func TestWhatWasWrittenInTimeIsNoFinding(t *testing.T) {
	d := newDesk(t)
	legacy, other := d.open("legacy"), d.open("legacy")
	d.exec(other, "CREATE TABLE notes (n int); BEGIN; INSERT INTO notes VALUES (1)")
	d.exec(legacy, "BEGIN; SAVEPOINT a; INSERT INTO orders VALUES (11, 'OPEN'); RELEASE a; UPDATE orders SET status = 'FILLED' WHERE id = 1; COMMIT")
	at := d.window()
	d.exec(other, "COMMIT")
	d.verified = evidence.Judged{Matches: true, Rows: 11}
	d.final(at)
	d.tail(at, "still has 11 rows")
	d.lacks(at, false, "nothing since")
	d.lacks(nil, false, "nothing was switched")
}

// TestADeletionAtTheNewSideIsAWrite: where orders are rows, a deleted one leaves nothing but their number.
func TestADeletionAtTheNewSideIsAWrite(t *testing.T) {
	d := newDesk(t)
	d.New = d.side("projection", order.Projection)
	at := d.window()
	d.verified = evidence.Judged{Matches: true, Rows: 10, NewRows: 10}
	d.final(at)
	d.lacks(at, false, "nothing since")
	d.exec(d.open("projection"), "DELETE FROM orders WHERE id = 4")
	d.lacks(at, true, "9 rows, and had 10")
}

// TestLateWritesAreFound: each writer has got its number before the fence, or after it.
func TestLateWritesAreFound(t *testing.T) {
	for name, write := range map[string]string{
		"a transaction that began with other tables": "INSERT INTO orders VALUES (11, 'OPEN')",
		"an update":                  "UPDATE orders SET status = 'FILLED' WHERE id = 3",
		"a subtransaction from then": "RELEASE a; UPDATE orders SET status = 'FILLED' WHERE id = 3",
		"a subtransaction from now":  "SAVEPOINT b; UPDATE orders SET status = 'FILLED' WHERE id = 3; RELEASE b",
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			late, busy := d.open("legacy"), d.open("legacy")
			d.exec(late, "CREATE TABLE notes (n int); BEGIN; INSERT INTO notes VALUES (1); SAVEPOINT a; INSERT INTO notes VALUES (2)")
			d.exec(busy, "UPDATE orders SET status = 'NEW' WHERE id = 9")
			at := d.window()
			d.exec(late, write+"; COMMIT")
			d.tail(at, "1 rows of legacy were written after the fence")
		})
	}
	d := newDesk(t)
	late := d.open("legacy")
	d.exec(late, "BEGIN; SAVEPOINT a; INSERT INTO orders VALUES (11, 'OPEN'); RELEASE a")
	d.exec(d.open("legacy"), "UPDATE orders SET status = 'NEW' WHERE id = 9")
	at := d.window()
	d.exec(late, "COMMIT")
	d.tail(at, "1 rows of legacy were written after the fence was closed, of orders such as 11")

	d = newDesk(t)
	at = d.window()
	d.verified = evidence.Judged{Matches: true, Rows: 10}
	d.final(at)
	d.exec(d.open("legacy"), "DELETE FROM orders WHERE id = 2")
	d.tail(at, "legacy has 9 rows, and had 10")
	fed := evidence.Judged{Matches: true, Detail: "pass 7"}
	d.Fed = func(context.Context) (evidence.Judged, error) { return fed, nil }
	d.tail(at, "0 rows of legacy were written after the fence was closed, as a reverse feed does; pass 7")
	fed = evidence.Judged{Diverged: true, Detail: "order 2"}
	d.tail(at, "as a reverse feed does; order 2")
}

// TestTheBarrierWaitsForOpenWrites has one open transaction, with the newest number of all.
func TestTheBarrierWaitsForOpenWrites(t *testing.T) {
	d := newDesk(t)
	shadow := d.open("store")
	d.exec(shadow, "BEGIN; INSERT INTO orders VALUES (11, 'OPEN')")
	_, _, err := d.Barrier(d.within(time.Second), steps.Scope{}, nil)
	if !errors.Is(err, steps.ErrContradicted) || !strings.Contains(err.Error(), "has not ended in time") {
		t.Errorf("an open transaction at the store: %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	d.Wait = func(context.Context, time.Duration) error { stop(); return stopped.Err() }
	if _, _, err := d.Barrier(stopped, steps.Scope{}, nil); err == nil || errors.Is(err, steps.ErrContradicted) {
		t.Errorf("a step that was stopped has proven nothing: %v", err)
	}
	d.Wait = func(ctx context.Context, _ time.Duration) error { // the shadow write ends while the barrier waits
		if shadow != nil {
			d.exec(shadow, "COMMIT")
			shadow = nil
		}
		return ctx.Err()
	}
	d.behind = []string{"2 events at the projection", ""}
	at := d.window()
	d.lacks(at, false, "nothing since")

	later := d.open("store")
	d.exec(later, "INSERT INTO orders VALUES (12, 'OPEN')")
	d.lacks(at, true, "such as 12")
	reversed := false
	d.Reversed = func(context.Context) (bool, string, error) { return reversed, "as asked", nil }
	d.lacks(at, true, "not proven that the reverse feed has brought all to legacy: as asked")
	reversed = true
	d.lacks(at, false, "has brought all to legacy: as asked")
	at[newServer] = "another/server" // a failover
	d.lacks(at, false, "is not known (the new side is at another server now")
	reversed = false
	d.lacks(at, true, "not proven")
}

// TestAWriteThatBeganBeforeTheBarrierLacks: it had a number at the barrier, and wrote after it.
func TestAWriteThatBeganBeforeTheBarrierLacks(t *testing.T) {
	d := newDesk(t)
	writer := d.open("store")
	var at map[string]string
	d.Behind = func(context.Context) (string, error) { // after the open ones were listed, and before the position is read
		if at == nil {
			at = map[string]string{}
			d.exec(writer, "CREATE TABLE notes (n int); BEGIN; INSERT INTO notes VALUES (1)")
			d.exec(d.open("store"), "CREATE TABLE later (n int)")
		}
		return "", nil
	}
	at = d.window()
	d.exec(writer, "INSERT INTO orders VALUES (11, 'OPEN'); COMMIT")
	d.lacks(at, true, "such as 11")
}

func TestTheBarrierNamesWhatHasNotArrived(t *testing.T) {
	d := newDesk(t)
	d.behind = []string{"3 events at the projection"}
	if _, _, err := d.Barrier(d.within(200*time.Millisecond), steps.Scope{}, nil); !errors.Is(err, steps.ErrContradicted) || !strings.Contains(err.Error(), d.behind[0]) {
		t.Errorf("a projection that is behind: %v", err)
	}
	d.behind = []string{""}
	d.Stream = func(_ context.Context, position int64) (string, error) {
		if position != 7 {
			t.Errorf("the stream was asked for %d", position)
		}
		return "the stream is checked up to event 5", nil
	}
	if _, _, err := d.Barrier(d.within(200*time.Millisecond), steps.Scope{}, nil); !errors.Is(err, steps.ErrContradicted) || !strings.Contains(err.Error(), "up to event 5") {
		t.Errorf("a stream that is behind: %v", err)
	}
	d.behind, d.Stream = []string{""}, nil
	late := []string{"8 bytes of the log at s1", ""}
	d.Standbys = func(context.Context) (func(context.Context) (string, error), error) {
		return func(context.Context) (string, error) {
			now := late[0]
			late = late[min(1, len(late)-1):]
			return now, nil
		}, nil
	}
	d.window()
	late = []string{"8 bytes of the log at s1"}
	if _, _, err := d.Barrier(d.within(200*time.Millisecond), steps.Scope{}, nil); !errors.Is(err, steps.ErrContradicted) || !strings.Contains(err.Error(), "this has not been replayed: 8 bytes of the log at s1 in time") {
		t.Errorf("a standby that is behind: %v", err)
	}
}

func TestTheFinalVerificationSaysNoOnlyOfWhatIsProven(t *testing.T) {
	d := newDesk(t)
	for _, each := range []struct {
		judged             evidence.Judged
		fails, contradicts bool
	}{
		{evidence.Judged{Matches: true}, false, false},
		{evidence.Judged{Diverged: true, Detail: "order 4711"}, true, true},
		{evidence.Judged{Detail: "one order moves"}, true, false},
	} {
		d.verified = each.judged
		_, _, err := d.Final(t.Context(), steps.Scope{}, nil)
		if (err != nil) != each.fails || errors.Is(err, steps.ErrContradicted) != each.contradicts {
			t.Errorf("%+v: %v", each.judged, err)
		}
	}
}

// TestWhatIsWrittenInOtherSlicesDoesNotMatter to the tail check and the proof of one.
func TestWhatIsWrittenInOtherSlicesDoesNotMatter(t *testing.T) {
	d := newDesk(t)
	for name, of := range map[string]*evidence.Server{"legacy": &d.Legacy, "store": &d.New} {
		d.exec(d.open(name), "ALTER TABLE orders ADD slice text; UPDATE orders SET slice = CASE WHEN id < 6 THEN 'A' ELSE 'B' END")
		side, ok := (*of).(*source.Side)
		if !ok {
			t.Fatalf("%T", *of)
		}
		*of = side.Part("slice = 'A' -- only")
	}
	at := d.window()
	d.verified = evidence.Judged{Matches: true}
	d.final(at)
	for _, name := range []string{"legacy", "store"} {
		d.exec(d.open(name), "UPDATE orders SET status = 'FILLED' WHERE id = 9; INSERT INTO orders VALUES (11, 'OPEN', 'B')")
	}
	d.lacks(at, false, "nothing since the barrier")
	if _, err := d.Tail(t.Context(), steps.Scope{}, at); err != nil {
		t.Errorf("a write of another slice: %v", err)
	}
	for _, name := range []string{"legacy", "store"} {
		d.exec(d.open(name), "UPDATE orders SET status = 'FILLED' WHERE id = 3")
	}
	d.lacks(at, true, "of orders such as 3")
	if _, err := d.Tail(t.Context(), steps.Scope{}, at); !errors.Is(err, steps.ErrContradicted) || !strings.Contains(err.Error(), "1 rows") {
		t.Errorf("a write of the slice: %v", err)
	}
}

// TestASideThatCannotTellIsRefused before anything is switched.
func TestASideThatCannotTellIsRefused(t *testing.T) {
	d := newDesk(t)
	c := d.open("store")
	d.exec(c, "ALTER TABLE orders RENAME TO kept; CREATE VIEW orders AS SELECT * FROM kept")
	if _, err := d.Fenced(t.Context(), steps.Scope{}); !errors.Is(err, steps.ErrContradicted) || !strings.Contains(err.Error(), "view") {
		t.Errorf("a view: %v", err)
	}
}
