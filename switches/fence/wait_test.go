package fence_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/switches/fence"
)

// waiters are sessions with a write that is before the fence, in every kind of transaction. Half of them have locked the table before,
// and keep plan and function from before the fence closed.
func (l *legacy) waiters() (done chan error, n int) {
	l.t.Helper()
	done = make(chan error, 10)
	var conns []*pgx.Conn
	for _, before := range []string{
		"BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders", "BEGIN; PREPARE w (int) AS INSERT INTO orders VALUES ($1, 'ACME', 1); UPDATE orders SET filled = 0 WHERE false",
		"SET session_replication_role = replica; BEGIN", "BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE orders SET filled = 0 WHERE false", "BEGIN; SAVEPOINT a",
	} {
		conn := connect(l.t, l.dsn)
		l.do(conn, before)
		conns = append(conns, conn)
	}
	l.close()
	for i, conn := range conns {
		go func() {
			_, err := conn.Exec(l.soon(), fmt.Sprintf("INSERT INTO orders VALUES (%d, 'ACME', 1); COMMIT", 100+i), pgx.QueryExecModeSimpleProtocol)
			done <- err
		}()
	}
	l.until(l.owner, fmt.Sprintf("(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) = %d", len(conns)))
	return done, len(conns)
}

// TestWaitersAcrossTheSwitchAreRefused: they have waited in a function that began when the fence was open.
func TestWaitersAcrossTheSwitchAreRefused(t *testing.T) {
	t.Parallel()
	for _, slice := range []string{"", "symbol"} {
		t.Run("slice "+slice, func(t *testing.T) {
			t.Parallel()
			l := fenced(t, fence.Config{Mode: fence.Wait, Slice: slice})
			l.probes(fence.Scope{}, fence.Passed)
			done, n := l.waiters()
			l.probes(fence.Scope{}, fence.Waits)
			l.must(l.Permanent(l.soon()))
			l.must(l.Release(l.soon()))
			for range n {
				if err := <-done; code(err) != "25006" {
					t.Errorf("a waiter ends with %v", err)
				}
			}
			l.probes(fence.Scope{}, fence.Refused)
			l.is(fence.Permanent)
			if n := l.number(l.owner, "SELECT count(*) FROM orders"); n != 2 {
				t.Errorf("%d orders", n)
			}
		})
	}
}

// TestWaitersGoOnIfTheFenceOpens, and lose nothing.
func TestWaitersGoOnIfTheFenceOpens(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{Mode: fence.Wait})
	l.close()
	l.wants("25006", "TRUNCATE orders") // a waiting one would make readers wait
	l.must(l.Release(l.soon()))
	done, n := l.waiters()
	l.must(l.Permanent(l.soon()))
	l.must(l.Open(l.soon()))
	for range n {
		if err := <-done; err != nil {
			t.Errorf("a waiter ends with %v", err)
		}
	}
	l.is(fence.Open)
	if got := l.number(l.owner, "SELECT count(*) FROM orders"); got != int64(n)+2 {
		t.Errorf("%d orders, want %d", got, n+2)
	}
}
