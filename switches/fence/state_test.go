package fence_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/lab/pgserver/poolertest"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// TestLegacyIsOpenAtOnceIfTheSessionDies, and whoever watches the fence is told.
func TestLegacyIsOpenAtOnceIfTheSessionDies(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{})
	l.close()
	l.wants("25006", "INSERT INTO orders VALUES (3)")
	watched := make(chan error, 1)
	ctx := l.soon()
	go func() { watched <- l.Watch(ctx, time.Millisecond) }()
	l.do(l.owner, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crosscheck-fence' AND datname = current_database()")
	l.until(l.owner, "NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))")
	l.wants("", "INSERT INTO orders VALUES (3)")
	if err := <-watched; !errors.Is(err, fence.ErrLost) {
		t.Errorf("the watch ends with %v", err)
	}
	if err := l.Permanent(l.soon()); !errors.Is(err, fence.ErrOpen) && !errors.Is(err, fence.ErrLost) {
		t.Errorf("a fence without a session became permanent: %v", err)
	}
	l.is(fence.Open)
}

// TestTheFenceKnowsItsTables, and those that it does not keep.
func TestTheFenceKnowsItsTables(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{})
	l.do(l.owner, "CREATE TABLE orders_old (order_id bigint)")
	for table, want := range map[string]bool{"public.orders": true, `"public"."orders"`: true, "public.orders_old": false, "public.none": false} {
		if got, err := l.Covers(l.soon(), table); err != nil || got != want {
			t.Errorf("%s: %t, %v", table, got, err)
		}
	}
}

// TestWhatPassesTheFenceIsSeen by its state and by the probe.
func TestWhatPassesTheFenceIsSeen(t *testing.T) {
	t.Parallel()
	l := newLegacy(t, pgtest.Database(t), fence.Config{}, `CREATE TABLE orders (order_id bigint GENERATED ALWAYS AS IDENTITY, twice numeric GENERATED ALWAYS AS (filled * 2) STORED, filled numeric NOT NULL,
		region text NOT NULL) PARTITION BY LIST (region); CREATE TABLE orders_eu PARTITION OF orders FOR VALUES IN ('eu')`)
	l.must(l.Install(l.soon()))
	l.close()
	l.probes(fence.Scope{}, fence.Refused)
	l.do(l.owner, "CREATE TABLE orders_us PARTITION OF orders FOR VALUES IN ('us')")
	l.is(fence.Partly, "public.orders_us has no trigger for insert", "public.orders_us has no trigger for update", "public.orders_us has no trigger for delete", "public.orders_us has no trigger for truncate")
	l.probes(fence.Scope{}, fence.Refused, fence.Passed)
	if err := l.Remove(l.soon()); !errors.Is(err, fence.ErrClosed) {
		t.Errorf("a closed fence was removed: %v", err)
	}
	l.must(l.Release(l.soon()))
	l.must(l.Install(l.soon()))
	l.is(fence.Open)

	l.do(l.owner, `ALTER TABLE orders_eu DISABLE TRIGGER "00 crosscheck fence orders-2026 insert"; ALTER TABLE orders_us ENABLE TRIGGER "00 crosscheck fence orders-2026 update"`)
	l.is(fence.Partly, "the trigger for insert of public.orders_eu is not ENABLE ALWAYS", "the trigger for update of public.orders_us is not ENABLE ALWAYS")
	if err := l.Close(l.soon(), fence.Scope{}); !errors.Is(err, fence.ErrInstalled) {
		t.Errorf("a fence with a hole was closed: %v", err)
	}
	l.must(l.Install(l.soon()))
	l.close()
	l.do(l.owner, `ALTER TABLE orders_eu DISABLE TRIGGER "00 crosscheck fence orders-2026 insert"`)
	l.probes(fence.Scope{}, fence.Passed, fence.Refused)
	l.do(l.owner, `CREATE OR REPLACE FUNCTION crosscheck_fence."orders-2026 update"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$`)
	l.is(fence.Partly, "the function for update is not the one of this configuration", "the trigger for insert of public.orders_eu is not ENABLE ALWAYS")
	if n := l.number(l.owner, "SELECT count(*) + (SELECT last_value + is_called::int FROM orders_order_id_seq) FROM orders"); n != 1 {
		t.Errorf("probes have left rows or used numbers: %d", n)
	}
}

// TestAProbeThatSomethingElseStopsIsUnclear: it proves nothing about the fence.
func TestAProbeThatSomethingElseStopsIsUnclear(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{})
	l.do(l.owner, `CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$; CREATE TRIGGER picky BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION picky();
		ALTER TABLE orders DISABLE TRIGGER "00 crosscheck fence orders-2026 insert"`)
	l.probes(fence.Scope{}, fence.Unclear)
}

// TestInstallMakesNobodyWait: while a writer is old, it is not tried, and the writer is named.
func TestInstallMakesNobodyWait(t *testing.T) {
	t.Parallel()
	l := newLegacy(t, pgtest.Database(t), fence.Config{}, createOrders)
	old := connect(t, l.dsn+"&application_name=report-3")
	l.do(old, "BEGIN; UPDATE orders SET filled = 1 WHERE order_id = 1; SELECT pg_sleep(1.1)")
	err := l.Install(within(t, 4*time.Second))
	if !errors.Is(err, fence.ErrBusy) || !strings.Contains(err.Error(), "(report-3, ") {
		t.Errorf("install beside a long writer: %v", err)
	}
	l.is(fence.Partly, "public.orders has no trigger for insert", "public.orders has no trigger for update", "public.orders has no trigger for delete", "public.orders has no trigger for truncate")
	l.do(old, "COMMIT")
	l.must(l.Install(l.soon()))
	reader := connect(t, l.dsn)
	l.do(reader, "BEGIN; SELECT count(*) FROM orders") // is in nobody's way
	l.is(fence.Open)

	other, err := fence.New(fence.Config{DSN: l.dsn, Name: "orders-2026", Tables: []string{"public.orders"}, Mode: fence.Wait})
	l.must(err)
	if err := other.Install(l.soon()); !errors.Is(err, fence.ErrOther) {
		t.Errorf("another mode was installed over it: %v", err)
	}
	l.do(reader, "COMMIT")
	l.must(l.Remove(l.soon()))
	l.is(fence.None)
	l.must(other.Install(l.soon()))
}

// TestWhoMayNotSeeAgesMakesNobodyWait: a role without pg_monitor does not know how old a writer is, so it waits for its end.
func TestWhoMayNotSeeAgesMakesNobodyWait(t *testing.T) {
	t.Parallel()
	l := newLegacy(t, pgtest.Database(t), fence.Config{}, createOrders)
	name := "owner_" + l.owner.Config().Database
	l.do(l.owner, "CREATE ROLE "+name+" LOGIN; ALTER TABLE orders OWNER TO "+name+"; CREATE SCHEMA crosscheck_fence AUTHORIZATION "+name)
	defer l.do(l.owner, "DROP OWNED BY "+name+" CASCADE; DROP ROLE "+name)
	u, err := url.Parse(l.dsn)
	l.must(err)
	u.User = url.User(name)
	owner, err := fence.New(fence.Config{DSN: u.String(), Name: "orders-2026", Tables: []string{"public.orders"}})
	l.must(err)
	inside := connect(t, l.dsn)
	l.do(inside, "BEGIN; UPDATE orders SET filled = 1 WHERE order_id = 1")
	if err := owner.Install(within(t, 3*time.Second)); !errors.Is(err, fence.ErrBusy) || !strings.Contains(err.Error(), "GRANT pg_monitor") {
		t.Errorf("install beside a writer of a hidden age: %v", err)
	}
	l.do(inside, "COMMIT")
	l.must(owner.Install(l.soon()))
}

// TestTablesThatCannotBeFenced are named.
func TestTablesThatCannotBeFenced(t *testing.T) {
	t.Parallel()
	for table, want := range map[string]string{"public.view": "public.view is no table", "public.gone": "there is no public.gone", "public.part": "public.far is no table"} {
		l := newLegacy(t, pgtest.Database(t), fence.Config{Tables: []string{table}}, `CREATE VIEW view AS SELECT 1; CREATE TABLE part (x int) PARTITION BY LIST (x);
			CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE far PARTITION OF part DEFAULT SERVER s`)
		if err := l.Install(l.soon()); !errors.Is(err, fence.ErrTable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", table, err)
		}
		if s, err := l.State(l.soon()); err != nil || s.Kind() != fence.None {
			t.Errorf("%s: %+v, %v", table, s, err)
		}
	}
}

// TestTheLineByHandOpensLegacy, whoever has closed what.
func TestTheLineByHandOpensLegacy(t *testing.T) {
	t.Parallel()
	for _, slice := range []string{"", "symbol"} {
		l := fenced(t, fence.Config{Slice: slice})
		scope := fence.Scope{One: slice != "", Slice: "ACME"}
		l.must(l.Close(l.soon(), scope))
		l.must(l.Permanent(l.soon()))
		l.wants("25006", "UPDATE orders SET filled = 1")
		line := l.ByHand()
		if strings.Contains(line, "\n") {
			t.Errorf("%q is more than a line", line)
		}
		l.do(l.owner, line)
		l.until(l.owner, "NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'crosscheck-fence' AND datname = current_database())")
		l.wants("", "UPDATE orders SET filled = 1")
		l.is(fence.Open)
		if err := l.Release(l.soon()); !errors.Is(err, fence.ErrLost) {
			t.Errorf("the lock of a dead session was let go: %v", err)
		}
		l.must(l.Close(l.soon(), scope))
		l.must(l.Unfence(l.soon(), scope))
		l.until(l.owner, "NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'crosscheck-fence' AND datname = current_database())")
		l.wants("", "UPDATE orders SET filled = 1")
	}
}

// TestWhoWouldCloseLegacyAfterwardsIsEnded: a frozen coordinator waits for the seal inside of the change, another waits for its turn to close,
// and a third is frozen while it has the seal. None of them is left when legacy is open, by command and by hand.
func TestWhoWouldCloseLegacyAfterwardsIsEnded(t *testing.T) {
	t.Parallel()
	for _, byHand := range []bool{false, true} {
		l := fenced(t, fence.Config{})
		frozen, queued := connect(t, l.dsn), l.another()
		l.close()
		l.do(frozen, fmt.Sprintf("SELECT pg_advisory_lock(%d)", l.turnsKey()))
		ended := make(chan error, 2)
		ctx := l.soon()
		go func() { ended <- l.Permanent(ctx) }()
		go func() { ended <- queued.Close(ctx, fence.Scope{}) }()
		l.until(l.owner, "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) = 2")
		l.do(l.owner, "CREATE TEMPORARY TABLE closers AS SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
		if byHand {
			l.do(l.owner, l.ByHand())
		} else {
			l.must(l.another().Unfence(l.soon(), fence.Scope{}))
		}
		// Whoever opened by command has hung up, and its own session may take a moment to end.
		if n := l.number(l.owner, "SELECT count(*) FROM pg_locks JOIN closers USING (pid) WHERE locktype = 'advisory'"); n != 0 {
			t.Errorf("by hand %v: %d locks are left", byHand, n)
		}
		l.is(fence.Open)
		for range 2 {
			if err := <-ended; err == nil {
				t.Errorf("by hand %v: one of them closed the fence", byHand)
			}
		}
		l.wants("", "UPDATE orders SET filled = 1")
	}
}

// TestEvictingSparesItself: a run goes on under the fence that it holds, after what earlier attempts have left was ended.
func TestEvictingSparesItself(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{})
	l.close()
	ended := make(chan error, 1)
	stray, ctx := l.another(), l.soon()
	go func() { ended <- stray.Close(ctx, fence.Scope{}) }()
	l.until(l.owner, "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))")
	l.must(l.Evict(l.soon(), fence.Scope{}))
	if err := <-ended; err == nil {
		t.Error("another session waits on after it was evicted")
	}
	l.must(l.Held(l.soon()))
	l.must(l.Permanent(l.soon()))
	l.must(l.Confirmed(l.soon()))
	l.must(l.another().Evict(l.soon(), fence.Scope{}))
	if err := l.Held(l.soon()); !errors.Is(err, fence.ErrLost) {
		t.Errorf("whoever takes over spares the session of before: %v", err)
	}
	l.is(fence.Permanent)
}

// TestASealWithoutAValueRefusesWriters, and the state says so; also if its rights are gone.
func TestASealWithoutAValueRefusesWriters(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{})
	l.do(l.owner, `ALTER SEQUENCE crosscheck_fence."orders-2026" RESTART`)
	l.wants("25006", "INSERT INTO orders VALUES (3)")
	l.wants("25006", "UPDATE orders SET filled = 1")
	l.wants("25006", "TRUNCATE orders")
	l.is(fence.Partly, "the seal has no value, so all writers are refused: was it restarted or restored? Open it by hand")
	l.do(l.owner, l.ByHand())
	l.is(fence.Open)
	l.do(l.owner, `REVOKE SELECT ON SEQUENCE crosscheck_fence."orders-2026" FROM PUBLIC`)
	l.is(fence.Partly, "not all writers may read the seal, and those are refused")
}

// TestATriggerWithAnotherConditionIsSeen, also while the fence is held: nobody may make it permanent then.
func TestATriggerWithAnotherConditionIsSeen(t *testing.T) {
	t.Parallel()
	for slice, first := range map[string]string{"": "00", "symbol": "zz"} {
		l := fenced(t, fence.Config{Slice: slice})
		l.is(fence.Open)
		l.close()
		name := `"` + first + ` crosscheck fence orders-2026 update"`
		l.do(l.owner, "DROP TRIGGER "+name+" ON orders; CREATE TRIGGER "+name+` AFTER UPDATE ON orders FOR EACH ROW WHEN (false) EXECUTE FUNCTION crosscheck_fence."orders-2026 update"();
			ALTER TABLE orders ENABLE ALWAYS TRIGGER `+name)
		l.is(fence.Partly, "the trigger for update of public.orders is not the one of this configuration")
		if err := l.Held(l.soon()); !errors.Is(err, fence.ErrInstalled) {
			t.Errorf("a fence with a hole counts as held: %v", err)
		}
		if err := l.Permanent(l.soon()); !errors.Is(err, fence.ErrInstalled) {
			t.Errorf("a fence with a hole became permanent: %v", err)
		}
	}
}

// TestWhoClosesWhileTheFenceIsRemoved waits, and gives up: what it closed would be gone.
func TestWhoClosesWhileTheFenceIsRemoved(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{})
	reader := connect(t, l.dsn)
	l.do(reader, "BEGIN; SELECT count(*) FROM orders; SELECT pg_sleep(1.1)") // is in the way of who removes
	removed, closed := make(chan error, 1), make(chan error, 1)
	ctx := l.soon()
	go func() { removed <- l.Remove(ctx) }()
	l.until(l.owner, "EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'crosscheck-fence' AND datname = current_database() AND query LIKE '%locktype = ''relation''%')")
	other := l.another()
	go func() { closed <- other.Close(ctx, fence.Scope{}) }()
	l.until(l.owner, "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))")
	l.do(reader, "COMMIT")
	l.must(<-removed)
	if err := <-closed; !errors.Is(err, fence.ErrInstalled) {
		t.Errorf("a fence that was removed meanwhile was closed: %v", err)
	}
	l.is(fence.None)
}

// TestClientsThatHaveNotMovedAreListed by application and address.
func TestClientsThatHaveNotMovedAreListed(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{})
	for range 2 {
		l.do(connect(t, l.dsn+"&application_name=desk-7"), "SELECT 1")
	}
	l.do(connect(t, l.dsn+"&application_name=crosscheck"), "SELECT 1")
	clients, err := l.Clients(l.soon())
	i := slices.IndexFunc(clients, func(c fence.Client) bool { return c.Application == "desk-7" })
	if err != nil || len(clients) != 2 || i < 0 || clients[i].Sessions != 2 || clients[i].Address != "127.0.0.1" || clients[i].User == "" {
		t.Errorf("%+v, %v", clients, err)
	}
}

// TestAPoolerIsRefused: it may keep the lock of a coordinator that is gone, or give it to another client.
func TestAPoolerIsRefused(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"session", "transaction"} {
		through := poolertest.Start(t, pgtest.Database(t), "pool_mode = "+mode, "ignore_startup_parameters = extra_float_digits")
		f, err := fence.New(fence.Config{DSN: through, Name: "orders-2026", Tables: []string{"public.orders"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.State(within(t, patience)); !errors.Is(err, fence.ErrPooler) {
			t.Errorf("a pooler in mode %s: %v", mode, err)
		}
	}
}

// TestADSNIsNotRepeatedInErrors.
func TestADSNIsNotRepeatedInErrors(t *testing.T) {
	t.Parallel()
	_, err := fence.New(fence.Config{DSN: "postgres://u:secret@h:port/x", Name: "a"})
	if !errors.Is(err, fence.ErrDSN) || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	if _, err := fence.New(fence.Config{DSN: "postgres://h/x", Name: "Orders 1"}); err == nil {
		t.Error("a name that is none was taken")
	}
}

// TestAnApplyWorkerIsRefused: what a subscription brings waits until legacy is open again.
func TestAnApplyWorkerIsRefused(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{})
	publisher := connect(t, pgtest.Database(t))
	l.do(publisher, createOrders+"; CREATE PUBLICATION p FOR TABLE orders")
	l.do(publisher, "SELECT pg_create_logical_replication_slot('fence_apply', 'pgoutput')")
	c := publisher.Config()
	conn := "host=" + c.Host + " port=" + l.text(l.owner, "SELECT current_setting('port')") + " user=" + c.User + " dbname=" + c.Database
	if _, err := l.owner.Exec(l.soon(), "CREATE SUBSCRIPTION s CONNECTION '"+conn+"' PUBLICATION p WITH (create_slot = false, slot_name = 'fence_apply', copy_data = false)"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, s := range []string{"ALTER SUBSCRIPTION s DISABLE", "ALTER SUBSCRIPTION s SET (slot_name = NONE)", "DROP SUBSCRIPTION s"} {
			l.do(l.owner, s)
		}
		l.until(publisher, "(SELECT active_pid IS NULL FROM pg_replication_slots WHERE slot_name = 'fence_apply')")
		l.do(publisher, "SELECT pg_drop_replication_slot('fence_apply')")
	}()
	l.do(publisher, "INSERT INTO orders VALUES (3, 'ACME', 1)")
	l.until(l.owner, "EXISTS (SELECT FROM orders WHERE order_id = 3)")
	l.close()
	l.do(publisher, "INSERT INTO orders VALUES (4, 'ACME', 1)")
	l.until(l.owner, "(SELECT apply_error_count > 0 FROM pg_stat_subscription_stats WHERE subname = 's')")
	if n := l.number(l.owner, "SELECT count(*) FROM orders"); n != 3 {
		t.Errorf("the apply worker has written: %d orders", n)
	}
	l.must(l.Open(l.soon()))
	l.until(l.owner, "EXISTS (SELECT FROM orders WHERE order_id = 4)")
}

func (l *legacy) text(conn *pgx.Conn, query string) (text string) {
	l.t.Helper()
	if err := conn.QueryRow(l.soon(), query).Scan(&text); err != nil {
		l.t.Fatalf("%s: %v", query, err)
	}
	return text
}
