package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/cutover/steps"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// slicedSystem writes each order to legacy, event store and projection at once, and can be cut over by symbol.
type slicedSystem struct {
	t           *testing.T
	dsn, config string
}

// oddSlice is a value that has to be quoted wherever it goes.
const oddSlice = `Søn & "O'Brien" \ 東`

const slicedTables = `
	CREATE TABLE orders (order_id bigint PRIMARY KEY, symbol text, status text, quantity numeric);
	CREATE TABLE orders_new (LIKE orders INCLUDING ALL);
	CREATE TABLE event_store (event_id bigserial PRIMARY KEY, order_id bigint, event_type text, "timestamp" timestamptz DEFAULT clock_timestamp(), payload jsonb);
	CREATE INDEX ON event_store (order_id, event_id);
	CREATE TABLE switched (what text, slice text, UNIQUE (what, slice));
	CREATE FUNCTION enter(id bigint, symbol text) RETURNS void LANGUAGE sql AS $$
		INSERT INTO orders VALUES ($1, $2, 'OPEN', 10);
		INSERT INTO orders_new VALUES ($1, $2, 'OPEN', 10);
		INSERT INTO event_store (order_id, event_type, payload) VALUES ($1, 'OrderCreated', jsonb_build_object('trader_id', 'T1', 'symbol', coalesce($2, ''), 'side', 'BUY', 'quantity', 10, 'price', 1));
	$$;
	CREATE FUNCTION amend(id bigint, quantity numeric) RETURNS void LANGUAGE sql AS $$
		INSERT INTO event_store (order_id, event_type, payload) SELECT $1, 'OrderModified', jsonb_build_object('field', 'quantity', 'old_value', quantity, 'new_value', $2) FROM orders_new WHERE order_id = $1;
		UPDATE orders_new SET quantity = $2 WHERE order_id = $1;
	$$;
	CREATE FUNCTION trade(id bigint, quantity numeric) RETURNS void LANGUAGE sql AS $$
		UPDATE orders SET quantity = $2 WHERE order_id = $1;
		SELECT amend($1, $2);
	$$;`

func newSlicedSystem(t *testing.T, mode string) *slicedSystem {
	t.Helper()
	s := &slicedSystem{t: t, dsn: pgtest.Database(t)}
	rows(t, s.dsn, slicedTables)
	for i, symbol := range []string{oddSlice, "BETA", "GAMMA", ""} {
		rows(t, s.dsn, fmt.Sprintf(`SELECT count(enter(%d + n, nullif('%s', ''))) FROM generate_series(1, 20) n`, 100*i, strings.ReplaceAll(symbol, "'", "''")))
	}
	setting := func(what string) string {
		return fmt.Sprintf(`{timeout: 2s, sql: {dsn: %q, do: "insert into switched values ('%[2]s', current_setting('crosscheck.slice_column') || '=' || current_setting('crosscheck.slice'))", undo: "delete from switched where what = '%[2]s' and slice = current_setting('crosscheck.slice_column') || '=' || current_setting('crosscheck.slice')", check: "select exists (select from switched where what = '%[2]s' and slice = current_setting('crosscheck.slice_column') || '=' || current_setting('crosscheck.slice'))"}}`, s.dsn, what)
	}
	s.config = writeConfig(t, "sliced", fmt.Sprintf(`
legacy:     {dsn: %[1]q, table: public.orders, key: order_id}
projection: {dsn: %[1]q, table: public.orders_new, key: order_id}
events:     {dsn: %[1]q, table: public.event_store}
ledger:     {dsn: %[1]q}
web:        {listen: "127.0.0.1:0"}
compare:
  settle: {window: 1s, rechecks: 3, max_lag: 1m}
  fields: [{name: status, type: text}, {name: quantity, type: numeric}]
gate: {criteria: {sample_bound: {enabled: false}, counts: {enabled: false}, clean_streak: {enabled: false}, coverage: {enabled: false}, projection_lag: {enabled: false}}}
cutover:
  name: orders-2026
  fence: {dsn: %[1]q, tables: [public.orders], slice: symbol, mode: %[4]s}
  slice:
    events: "(select c.payload->>'symbol' from public.event_store c where c.order_id = t.order_id and c.event_type = 'OrderCreated')"
  switch:
    reads: %[2]s
    writes: %[3]s
`, s.dsn, setting("reads"), setting("writes"), mode))
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	return s
}

// does runs a command in this process, and returns what it printed.
func (s *slicedSystem) does(want int, args ...string) string {
	s.t.Helper()
	var out bytes.Buffer
	soon, cancel := context.WithTimeout(s.t.Context(), 90*time.Second)
	defer cancel()
	if got := run(soon, append(args, "--config", s.config), &out, &out, os.LookupEnv); got != want {
		s.t.Fatalf("%v: exit code %d, want %d\n%s", args, got, want, &out)
	}
	return out.String()
}

// open are the orders that legacy lets somebody write, of one order of each slice, and where the switches are.
func (s *slicedSystem) open() (open string) {
	s.t.Helper()
	for _, id := range []int{1, 101, 201, 301} {
		_, err := query(s.dsn, fmt.Sprintf("BEGIN; SET LOCAL lock_timeout = '100ms'; UPDATE orders SET quantity = quantity WHERE order_id = %d; ROLLBACK", id))
		refused, _ := errors.AsType[*pgconn.PgError](err)
		switch {
		case err == nil:
			open += fmt.Sprint(id, " ")
		case refused == nil || refused.Code != "25006":
			s.t.Error(err)
		}
	}
	return open + rows(s.t, s.dsn, "SELECT coalesce(string_agg(left(what, 1) || ' ' || slice, ', ' ORDER BY slice, what), '-') FROM switched")
}

func (s *slicedSystem) is(want string) {
	s.t.Helper()
	if got := s.open(); got != want {
		s.t.Errorf("legacy and switches are at %s, want %s", got, want)
	}
}

// trading writes orders of other slices again and again, until the returned function is called, which says how many were written while a
// session held the fence, or the seal was closed. None may fail or wait for a lock.
func (s *slicedSystem) trading(ids ...int) (end func() (beside int)) {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	conn, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan int, 1)
	go func() {
		beside, tick := 0, time.NewTicker(50*time.Millisecond)
		defer tick.Stop()
		for n := 1; ctx.Err() == nil; n++ {
			<-tick.C
			var closed bool
			err := conn.QueryRow(context.WithoutCancel(ctx), fmt.Sprintf(`SELECT set_config('lock_timeout', '50ms', false), trade(%d, %d),
				EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND objsubid = 2) OR (SELECT last_value > 1 FROM crosscheck_fence."orders-2026")`, ids[n%len(ids)], n)).Scan(nil, nil, &closed)
			if err != nil {
				s.t.Errorf("a write of another slice: %v", err)
			}
			if closed {
				beside++
			}
		}
		hangUp(conn)
		done <- beside
	}()
	return func() int { stop(); return <-done }
}

// TestACutoverBySlice from the approval of one slice to the cutover of the rest, and back.
func TestACutoverBySlice(t *testing.T) {
	t.Parallel()
	s := newSlicedSystem(t, "error")
	const odd = "symbol=" + oddSlice
	for _, wrong := range []string{"", "ACME", "desk=7"} {
		s.does(exitError, "cutover", "execute", "--slice", wrong, "--confirm", "orders-2026", "--override", "a test")
	}
	if text := s.does(exitDiverged, "cutover", "execute", "--slice", "symbol=ACME", "--confirm", "orders-2026", "--override", "a test"); !strings.Contains(text, "legacy has no order of symbol=ACME") {
		t.Errorf("an empty slice is told as %s", text)
	}
	s.diagnosed()
	s.does(exitAgrees, "gate")
	s.does(exitAgrees, "cutover", "approve", "--slice", "symbol=BETA", "--ticket", "OPS-1", "--as", "bea")
	for _, other := range [][]string{{}, {"--slice", odd}} {
		if text := s.does(exitDiverged, append([]string{"cutover", "execute", "--confirm", "orders-2026", "--as", "adam"}, other...)...); !strings.Contains(text, "bea has approved another slice") {
			t.Errorf("an approval of another slice is told as %s", text)
		}
	}
	s.approvesOnThePage("bea", odd)
	s.does(exitAgrees, "cutover", "plan", "--slice", odd)
	end := s.trading(101, 201, 301)
	s.does(exitAgrees, "cutover", "execute", "--slice", odd, "--confirm", "orders-2026", "--as", "adam")
	if beside := end(); beside < 3 {
		t.Errorf("%d writes of other slices while one was closed", beside)
	}
	s.is("101 201 301 r " + odd + ", w " + odd)
	for _, write := range []string{"UPDATE orders SET symbol = 'BETA' WHERE order_id = 1", "UPDATE orders SET symbol = (SELECT symbol FROM orders WHERE order_id = 1) WHERE order_id = 101", "TRUNCATE orders"} {
		if _, err := query(s.dsn, write); err == nil || !strings.Contains(err.Error(), "is closed by the cutover") {
			t.Errorf("%s: %v", write, err)
		}
	}

	if text := s.does(exitAgrees, "cutover", "fence"); !strings.Contains(text, "Beware: the line by hand opens closed slices too.") {
		t.Errorf("the fence is told as %s", text)
	}

	// The slice goes on at the new side alone, and the others are compared without it.
	rows(t, s.dsn, "SELECT amend(1, 77)")
	s.does(exitAgrees, "verify")
	if text := s.does(exitAgrees, "cutover", "status"); !strings.Contains(text, "At the new side: "+odd) || !strings.Contains(text, "completed  of "+odd) {
		t.Errorf("the status is %s", text)
	}
	s.does(exitDiverged, "cutover", "rollback")
	s.does(exitDiverged, "cutover", "rollback", "--slice", odd) // legacy lacks a write
	certificates := t.TempDir()
	s.certifiesASlice(certificates, odd)
	s.is("101 201 301 r " + odd + ", w " + odd)

	// The order is explained at the new side, also if its projection stays behind.
	if text := s.does(exitAgrees, "explain", "1"); !strings.Contains(text, "MATCH  order 1") || !strings.Contains(text, "by run orders-2026-4 of "+odd+": the event store is the truth there") {
		t.Errorf("an order that was moved is explained as %s", text)
	}
	if text := s.does(exitAgrees, "explain", "101"); strings.Contains(text, "moved") {
		t.Errorf("an order of another slice is explained as %s", text)
	}

	// Another slice, and back, beside it.
	s.does(exitAgrees, "cutover", "execute", "--slice", "symbol=BETA", "--confirm", "orders-2026", "--override", "a test")
	s.does(exitAgrees, "cutover", "rollback", "--slice", "symbol=BETA")
	s.is("101 201 301 r " + odd + ", w " + odd)

	// A difference in another slice does not matter to this one; its own does.
	rows(t, s.dsn, "UPDATE orders_new SET quantity = 99 WHERE order_id = 101")
	s.does(exitAgrees, "cutover", "rehearse", "--slice", "symbol=GAMMA")
	if text := s.does(exitDiverged, "cutover", "rehearse", "--slice", "symbol=BETA"); !strings.Contains(text, "order 101") {
		t.Errorf("the difference is told as %s", text)
	}
	rows(t, s.dsn, "UPDATE orders_new SET quantity = (SELECT quantity FROM orders WHERE order_id = 101) WHERE order_id = 101")

	// The rest is the last step. Its way back leaves the slice where it is.
	s.does(exitAgrees, "cutover", "execute", "--confirm", "orders-2026", "--override", "a test")
	s.is("r =, w =, r " + odd + ", w " + odd)
	s.certifiesTheRest(certificates, odd)
	s.does(exitDiverged, "cutover", "rollback", "--slice", odd)
	rows(t, s.dsn, "SELECT amend(1, 78)") // no write of the rest, which legacy would lack
	s.does(exitAgrees, "cutover", "rollback")
	s.is("101 201 301 r " + odd + ", w " + odd)
	s.watchesASlice(odd)
	s.does(exitAgrees, "cutover", "unfence", "--yes", "--slice", odd)
	s.is("1 101 201 301 r " + odd + ", w " + odd)
	if text := s.does(exitDiverged, "cutover", "plan"); !strings.Contains(text, "was cut over, and legacy takes its writes") {
		t.Errorf("a slice that is open at both sides is told as %s", text)
	}
}

// watchesASlice finds what somebody who passes the fence writes to a slice that is at the new side, while others trade. No comparison of two sides
// takes it back.
func (s *slicedSystem) watchesASlice(slice string) {
	s.t.Helper()
	rows(s.t, s.dsn, "SELECT trade(101, 6)")
	if text := s.does(exitAgrees, "cutover", "frozen"); !strings.Contains(text, "of "+slice+" has left it: no row was written, and it has 20 rows") {
		s.t.Errorf("a slice that stays as it was is told as %s", text)
	}
	rows(s.t, s.dsn, "ALTER TABLE orders DISABLE TRIGGER USER; UPDATE orders SET quantity = 5 WHERE order_id = 2; DELETE FROM orders WHERE order_id = 3; "+fencedAgain)
	if text := s.does(exitDiverged, "cutover", "frozen"); !strings.Contains(text, "1 rows of legacy were written after the cutover had closed it, and it has 19 rows and had 20, without orders such as 3") {
		s.t.Errorf("a write to a slice is told as %s", text)
	}
	s.does(exitAgrees, "verify")
	if got := rows(s.t, s.dsn, `SELECT string_agg(order_key || ' ' || kind || ' ' || state, ', ' ORDER BY order_key) FROM crosscheck.divergence WHERE hop = 'legacy'`); got != "2 differs open, 3 phantom open" {
		s.t.Errorf("after a verification of the others, the ledger has %s", got)
	}
}

// TestASliceWhoseProcessWasKilledIsTakenOver by a sidecar, which compares that slice no more, in the mode in which writers wait: those of other slices do not.
func TestASliceWhoseProcessWasKilledIsTakenOver(t *testing.T) {
	t.Parallel()
	s := newSlicedSystem(t, "wait")
	rows(t, s.dsn, `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END $$;
		CREATE TRIGGER slow BEFORE INSERT ON switched FOR EACH ROW WHEN (NEW.what = 'writes') EXECUTE FUNCTION slow()`)
	slow, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Exec(t.Context(), "SELECT pg_advisory_lock(7)"); err != nil {
		t.Fatal(err)
	}
	end := s.trading(101, 201)
	p := start(t, "cutover", "execute", "--slice", "symbol=", "--confirm", "orders-2026", "--override", "a test", "--config", s.config)
	eventually(t, s.dsn, `SELECT count(*) > 0 FROM crosscheck.cutover_record WHERE step = 'switch-writes' AND outcome = ''`, "t")
	for _, other := range [][]string{{}, {"--slice", "symbol=BETA"}} { // one run at a time
		if text := s.does(exitError, append([]string{"cutover", "rehearse"}, other...)...); !strings.Contains(text, "lease") && !strings.Contains(text, "another run has not ended") {
			t.Errorf("two runs at once are told as %s", text)
		}
	}
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.end()
	hangUp(slow)
	rows(t, s.dsn, `UPDATE crosscheck.lease SET expires_at = clock_timestamp() WHERE job = 'cutover'`)
	if beside := end(); beside < 3 {
		t.Errorf("%d writes of other slices while one was closed", beside)
	}
	sidecar := start(t, "run", "--config", s.config)
	eventually(t, s.dsn, `SELECT count(*) > 0 FROM crosscheck.cutover_record WHERE step = 'tail-check' AND outcome = 'done'`, "t")
	eventually(t, s.dsn, `SELECT count(*) > 0 FROM crosscheck.basis WHERE parts::text LIKE '%NOT IN ('''')%'`, "t")   // the sidecar has begun anew
	eventually(t, s.dsn, `SELECT count(*) > 0 FROM crosscheck.pass WHERE kind = 'frozen' AND verdict = 'match'`, "t") // and watches the slice
	if err := sidecar.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if code := sidecar.end(); code != exitAgrees {
		t.Errorf("the sidecar ended with %d", code)
	}
	s.is("1 101 201 r symbol=, w symbol=")
	s.does(exitAgrees, "cutover", "rollback", "--slice", "symbol=")
	s.is("1 101 201 301 -")
}

// TestARehearsalNeverSwitchesWrites, even if nobody asks it for the way back.
func TestARehearsalNeverSwitchesWrites(t *testing.T) {
	t.Parallel()
	if _, err := (neverNew{}).Set(t.Context(), true, steps.Scope{}); !errors.Is(err, steps.ErrRefused) {
		t.Error(err)
	}
}
