package fence_test

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// createTrading has partitions, a cascade, and a role of an application.
const createTrading = `
	CREATE TABLE customers (customer_id bigint PRIMARY KEY);
	CREATE TABLE orders (order_id bigint NOT NULL, region text NOT NULL, customer_id bigint REFERENCES customers ON DELETE CASCADE, filled numeric NOT NULL DEFAULT 0,
		PRIMARY KEY (order_id, region)) PARTITION BY LIST (region);
	CREATE TABLE orders_eu PARTITION OF orders FOR VALUES IN ('eu');
	CREATE TABLE orders_us PARTITION OF orders FOR VALUES IN ('us');
	CREATE TABLE trades (trade_id bigint PRIMARY KEY);
	INSERT INTO customers VALUES (1), (2);
	INSERT INTO orders VALUES (1, 'eu', 1), (2, 'us', 1);
	INSERT INTO trades VALUES (1);
	GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON orders, orders_eu, orders_us, trades TO desk`

// writes are writes of every kind. Each is tried before the fence closes, too, and rolled back.
var writes = []struct {
	name, before, write string
	since               int // version of PostgreSQL
}{
	{"insert", "", "INSERT INTO orders VALUES (3, 'eu', 1)", 0},
	{"update", "", "UPDATE orders SET filled = 1 WHERE order_id = 1", 0},
	{"delete", "", "DELETE FROM orders WHERE order_id = 2", 0},
	{"the application", "SET ROLE desk", "UPDATE orders SET filled = 1", 0},
	{"the application in another search_path", "SET ROLE desk; SET search_path = pg_temp", "UPDATE public.orders SET filled = 1", 0},
	{"a replica role", "SET session_replication_role = replica", "UPDATE orders SET filled = 1", 0},
	{"an old snapshot", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM orders", "UPDATE orders SET filled = 1", 0},
	{"an old serializable snapshot", "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT * FROM orders", "UPDATE orders SET filled = 1", 0},
	{"a transaction that has changed no row yet", "BEGIN; UPDATE orders SET filled = 1 WHERE false", "UPDATE orders SET filled = 1", 0},
	{"a prepared statement", "PREPARE fill AS UPDATE orders SET filled = 1", "EXECUTE fill", 0},
	{"copy", "", "COPY orders FROM PROGRAM 'printf \"9\\teu\\t1\\t0\\n\"'", 0},
	{"into a partition", "", "INSERT INTO orders_eu VALUES (4, 'eu', 1)", 0},
	{"from one partition into another", "", "UPDATE orders SET region = 'us' WHERE order_id = 1", 0},
	{"truncate", "", "TRUNCATE orders", 0},
	{"truncate of a partition", "", "TRUNCATE orders_us", 0},
	{"truncate of another table, by cascade", "", "TRUNCATE customers CASCADE", 0},
	{"on conflict do update", "", "INSERT INTO orders VALUES (1, 'eu', 1) ON CONFLICT (order_id, region) DO UPDATE SET filled = 1", 0},
	{"merge", "", "MERGE INTO orders o USING (VALUES (1)) AS v (id) ON o.order_id = v.id WHEN MATCHED THEN UPDATE SET filled = 1", 15},
	{"a cascade", "", "DELETE FROM customers WHERE customer_id = 1", 0},
	{"a function with an exception block", "", "DO $$ BEGIN BEGIN INSERT INTO orders VALUES (3, 'eu', 1); EXCEPTION WHEN unique_violation THEN NULL; END; END $$", 0},
	{"the second table", "", "INSERT INTO trades VALUES (2)", 0},
}

// TestWhoeverWritesIsRefused by a fence that a session holds, and by a permanent one, on each version.
func TestWhoeverWritesIsRefused(t *testing.T) {
	t.Parallel()
	versions := pgtest.Versions
	if testing.Short() {
		versions = []int{0} // that of all other tests
	}
	for _, version := range versions {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			var dsn string
			if version == 0 {
				dsn = pgtest.Database(t)
			} else {
				dsn = pgtest.Version(t, version).DSN("postgres")
			}
			l := newLegacy(t, dsn, fence.Config{Tables: []string{"public.orders", "public.trades"}}, "CREATE ROLE desk; "+createTrading)
			l.is(fence.None)
			l.must(l.Install(l.soon()))
			l.must(l.Install(l.soon()))
			l.is(fence.Open)
			l.probes(fence.Scope{}, fence.Passed, fence.Passed, fence.Passed)
			l.allPass(version)
			sessions := l.prepared(version)
			l.close()
			l.is(fence.BySession)
			l.must(l.Held(l.soon()))
			l.probes(fence.Scope{}, fence.Refused, fence.Refused, fence.Refused)
			l.allRefused(sessions)

			sessions = l.prepared(version)
			l.must(l.Permanent(l.soon()))
			l.must(l.Permanent(l.soon()))
			l.is(fence.Permanent)
			l.must(l.Release(l.soon()))
			l.is(fence.Permanent)
			l.probes(fence.Scope{}, fence.Refused, fence.Refused, fence.Refused)
			l.allRefused(sessions)
			if n := l.number(l.owner, "SELECT count(*) + sum(filled) FROM orders"); n != 2 {
				t.Errorf("%d", n)
			}
			l.must(l.Unfence(l.soon(), fence.Scope{}))
			l.is(fence.Open)
			l.wants("", "INSERT INTO orders VALUES (3, 'eu', 1)")
			l.must(l.Remove(l.soon()))
			l.is(fence.None)
		})
	}
}

type session struct {
	name, write string
	conn        *pgx.Conn
}

// prepared opens a session for each write that the version has.
func (l *legacy) prepared(version int) (all []session) {
	l.t.Helper()
	for _, w := range writes {
		if version < w.since {
			continue
		}
		conn := connect(l.t, l.dsn)
		if w.before != "" {
			l.do(conn, w.before)
		}
		all = append(all, session{w.name, w.write, conn})
	}
	return all
}

// allPass shows that the writes are such, and that the open fence lets them through.
func (l *legacy) allPass(version int) {
	l.t.Helper()
	for _, s := range l.prepared(version) {
		if s.conn.PgConn().TxStatus() == 'I' {
			l.do(s.conn, "BEGIN")
		}
		l.do(s.conn, s.write)
		s.conn.Close(l.t.Context())
	}
}

func (l *legacy) allRefused(sessions []session) {
	l.t.Helper()
	for _, s := range sessions {
		_, err := s.conn.Exec(l.soon(), s.write, pgx.QueryExecModeSimpleProtocol)
		if code(err) != "25006" || !strings.Contains(err.Error(), "closed by the cutover orders-2026") {
			l.t.Errorf("%s: %v", s.name, err)
		}
		s.conn.Close(l.t.Context())
	}
}

// TestAPreparedTransactionHoldsTheDrainOff, and is named.
func TestAPreparedTransactionHoldsTheDrainOff(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{})
	l.do(l.owner, "BEGIN; UPDATE orders SET filled = 1; PREPARE TRANSACTION 'forgotten'")
	err := l.Close(within(t, 4*time.Second), fence.Scope{})
	if err == nil || !strings.Contains(err.Error(), `the prepared transaction "forgotten"`) {
		t.Fatalf("the drain ends with %v", err)
	}
	l.is(fence.Open)
	l.do(l.owner, "COMMIT PREPARED 'forgotten'")
	l.close()
	l.is(fence.BySession)
}

// TestAWriterInsideHoldsTheDrainOff: it is named, new writers are refused meanwhile, and it may go on and commit.
func TestAWriterInsideHoldsTheDrainOff(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{})
	inside := connect(t, l.dsn+"&application_name=desk-7")
	l.do(inside, "BEGIN; UPDATE orders SET filled = 1 WHERE order_id = 1")
	err := l.Close(within(t, 4*time.Second), fence.Scope{})
	if err == nil || !strings.Contains(err.Error(), "(desk-7, ") {
		t.Fatalf("the drain ends with %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- l.Close(l.soon(), fence.Scope{}) }()
	l.until(l.owner, "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))")
	l.wants("25006", "INSERT INTO orders VALUES (3)")
	if s, err := l.State(l.soon()); err != nil || len(s.Waiting) != 1 || s.Waiting[0].Application != "crosscheck-fence" {
		t.Errorf("who waits to close it: %+v, %v", s.Waiting, err)
	}
	if held, err := l.Blockers(l.soon(), fence.Scope{}); err != nil || len(held) != 1 || held[0].Application != "desk-7" {
		t.Errorf("%v, %v", held, err)
	}
	l.do(inside, "UPDATE orders SET filled = 1 WHERE order_id = 2; COMMIT")
	l.must(<-done)
	l.is(fence.BySession)
	if n := l.number(l.owner, "SELECT sum(filled) FROM orders"); n != 2 {
		t.Errorf("filled is %d", n)
	}
}

// TestACoordinatorThatDiesWhileItWaitsRefusesNobody: a server that waits for a lock does not see by itself that its client is gone. The writer that
// held the drain off is still inside.
func TestACoordinatorThatDiesWhileItWaitsRefusesNobody(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{})
	l.do(l.owner, "BEGIN; UPDATE orders SET filled = 1 WHERE order_id = 1")
	through, cut := wire(t, l.dsn)
	f, err := fence.New(fence.Config{DSN: through, Name: "orders-2026", Tables: []string{"public.orders"}})
	l.must(err)
	ended := make(chan error, 1)
	ctx := within(t, 10*time.Minute)
	go func() { ended <- f.Close(ctx, fence.Scope{}) }()
	waits := "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
	l.until(l.owner, waits)
	cut()
	if err := <-ended; err == nil {
		t.Error("the fence was closed over a dead connection")
	}
	l.until(l.owner, "NOT "+waits)
	l.wants("", "UPDATE orders SET filled = 1 WHERE order_id = 2")
	l.do(l.owner, "COMMIT")
}

// wire is a way to the server that can be cut.
func wire(t *testing.T, dsn string) (through string, cut func()) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := u.Host
	u.Host = listener.Addr().String()
	var ends sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	ends.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to)
			if err != nil {
				_ = client.Close()
				return
			}
			mu.Lock()
			open = append(open, client, server)
			mu.Unlock()
			ends.Go(func() { _, _ = io.Copy(client, server) })
			ends.Go(func() { _, _ = io.Copy(server, client) })
		}
	})
	cut = func() {
		_ = listener.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range open {
			_ = conn.Close()
		}
	}
	t.Cleanup(func() { cut(); ends.Wait() })
	return u.String(), cut
}
