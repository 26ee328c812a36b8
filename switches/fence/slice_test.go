package fence_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/switches/fence"
)

var acme = fence.Scope{One: true, Slice: "ACME"}

// onlyACMEIsRefused, whether a session or the seal closes it.
func (l *legacy) onlyACMEIsRefused() {
	l.t.Helper()
	for _, write := range []string{
		"INSERT INTO orders VALUES (9, 'ACME')", "UPDATE orders SET filled = 1 WHERE order_id = 1", "DELETE FROM orders WHERE order_id = 1",
		"UPDATE orders SET symbol = 'ACME' WHERE order_id = 2", "UPDATE orders SET symbol = 'BETA' WHERE order_id = 1", "TRUNCATE orders",
	} {
		l.wants("25006", write)
	}
	for _, write := range []string{
		"INSERT INTO orders VALUES (9, 'BETA'), (10, NULL), (11, '')", "UPDATE orders SET symbol = NULL WHERE symbol = 'BETA' AND order_id = 9", "DELETE FROM orders WHERE order_id > 2",
		"UPDATE orders SET filled = filled WHERE order_id = 2",
	} {
		l.wants("", write)
	}
}

// TestOneSliceIsClosedWhileOthersTrade in both modes. In mode wait, what is refused at once is what is closed permanently.
func TestOneSliceIsClosedWhileOthersTrade(t *testing.T) {
	t.Parallel()
	for _, mode := range []fence.Mode{fence.Refuse, fence.Wait} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			l := fenced(t, fence.Config{Slice: "symbol", Mode: mode})
			l.must(l.Close(l.soon(), acme))
			if mode == fence.Refuse {
				l.onlyACMEIsRefused()
			}
			l.must(l.Held(l.soon()))
			old := connect(t, l.dsn)
			l.do(old, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders")
			l.must(l.Permanent(l.soon()))
			l.must(l.Permanent(l.soon()))
			l.must(l.Release(l.soon()))
			l.is(fence.Permanent)
			l.probes(acme, fence.Refused)
			l.probes(fence.Scope{One: true, Slice: "BETA"}, fence.Passed)
			if _, err := old.Exec(l.soon(), "UPDATE orders SET filled = 1 WHERE order_id = 2"); code(err) != "40001" {
				t.Errorf("a snapshot that cannot know which slices are closed: %v", err)
			}
			old.Close(t.Context())
			l.onlyACMEIsRefused()

			// A process that died left a turn that does not count, and another slice closes and opens.
			l.do(l.owner, `INSERT INTO crosscheck_fence."orders-2026 turns" (turn, slice, closed) VALUES (3, 'GAMMA', true)`)
			l.must(l.Close(l.soon(), fence.Scope{One: true, Slice: "BETA"}))
			l.must(l.Permanent(l.soon()))
			l.wants("", "INSERT INTO orders VALUES (20, 'GAMMA')")
			l.must(l.Open(l.soon()))
			l.wants("", "UPDATE orders SET filled = 1 WHERE order_id = 2")
			l.wants("25006", "UPDATE orders SET filled = 1 WHERE order_id = 1")
			if s, err := l.State(l.soon()); err != nil || len(s.Slices) != 1 || s.Slices[0] != "ACME" {
				t.Errorf("%+v, %v", s, err)
			}

			// Everything closes over it and opens again, and the slice stays closed.
			l.close()
			l.must(l.Permanent(l.soon()))
			l.must(l.Release(l.soon()))
			l.wants("25006", "INSERT INTO orders VALUES (21, 'GAMMA')")
			l.must(l.Unfence(l.soon(), fence.Scope{}))
			l.wants("", "INSERT INTO orders VALUES (21, 'GAMMA')")
			l.wants("25006", "UPDATE orders SET filled = 1 WHERE order_id = 1")
			l.must(l.Unfence(l.soon(), acme))
			l.wants("", "UPDATE orders SET filled = 1 WHERE order_id = 1")
			l.wants("", "TRUNCATE orders")
			l.is(fence.Open)
		})
	}
}

// TestSlicesHaveOneSpelling: the value of a scope is read as the column is.
func TestSlicesHaveOneSpelling(t *testing.T) {
	t.Parallel()
	l := newLegacy(t, pgtest.Database(t), fence.Config{Slice: "desk"}, "CREATE TABLE orders (order_id int, desk int); INSERT INTO orders VALUES (1, 7), (2, 8)")
	l.must(l.Install(l.soon()))
	l.must(l.Close(l.soon(), fence.Scope{One: true, Slice: "007"}))
	l.wants("25006", "UPDATE orders SET order_id = 3 WHERE desk = 7")
	l.wants("", "UPDATE orders SET order_id = 3 WHERE desk = 8")

	for _, column := range []string{"at timestamptz", "price numeric", `symbol text COLLATE ci`, "symbol text GENERATED ALWAYS AS ('x') STORED", "other text"} {
		name := column[:4]
		l := newLegacy(t, pgtest.Database(t), fence.Config{Slice: map[string]string{"at t": "at", "pric": "price", "symb": "symbol", "othe": "symbol"}[name]},
			"CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE TABLE orders (order_id int, "+column+")")
		if err := l.Install(l.soon()); !errors.Is(err, fence.ErrTable) {
			t.Errorf("%s: %v", column, err)
		}
		l.is(fence.None)
	}
}

// TestATriggerMayChangeTheSlice, and the fence judges what it is in the end. One that fires after the fence is named.
func TestATriggerMayChangeTheSlice(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{Slice: "symbol"})
	l.do(l.owner, `CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.symbol = upper(NEW.symbol); RETURN NEW; END $$;
		CREATE TRIGGER shout BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION shout()`)
	l.must(l.Close(l.soon(), acme))
	l.wants("25006", "INSERT INTO orders VALUES (5, 'acme')")
	if _, err := l.owner.Exec(l.soon(), "INSERT INTO orders VALUES (5, 'beta')", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Error(err)
	}
	l.do(l.owner, "ALTER TRIGGER shout ON orders RENAME TO zzz")
	l.is(fence.Partly, `the trigger "zzz" of public.orders fires after the fence, and may change the slice`)
}

// TestANumberOfATurnIsNotUsedTwice: a process that died left the line (2, ACME) behind, and a snapshot has it. When BETA closes, this
// snapshot must not take that line for the one of BETA. The line by hand forgets no number either.
func TestANumberOfATurnIsNotUsedTwice(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{Slice: "symbol"})
	beta := fence.Scope{One: true, Slice: "BETA"}
	closed := func(old *pgx.Conn) {
		t.Helper()
		l.must(l.Close(l.soon(), beta))
		l.must(l.Permanent(l.soon()))
		l.must(l.Release(l.soon()))
		if _, err := old.Exec(l.soon(), "UPDATE orders SET filled = 1 WHERE order_id = 2"); code(err) != "40001" {
			t.Errorf("a snapshot that cannot know that BETA is closed: %v", err)
		}
	}
	snapshot := func() *pgx.Conn {
		conn := connect(t, l.dsn)
		l.do(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders")
		return conn
	}
	l.do(l.owner, `INSERT INTO crosscheck_fence."orders-2026 turns" (turn, slice, closed) VALUES (2, 'ACME', true)`)
	closed(snapshot())
	l.wants("25006", "UPDATE orders SET filled = 1 WHERE order_id = 2")
	l.wants("", "UPDATE orders SET filled = 1 WHERE order_id = 1")

	l.do(l.owner, l.ByHand())
	l.is(fence.Open)
	l.must(l.Close(l.soon(), acme))
	l.must(l.Permanent(l.soon()))
	l.must(l.Release(l.soon()))
	old := snapshot()
	l.do(l.owner, l.ByHand())
	closed(old)
}

// TestServersSpellATriggerInTheirWay, each version and type of the slice in another: none of them counts as altered.
func TestServersSpellATriggerInTheirWay(t *testing.T) {
	t.Parallel()
	dsns := []string{pgtest.Database(t)}
	if !testing.Short() {
		for _, version := range pgtest.Versions {
			dsns = append(dsns, pgtest.Version(t, version).DSN("postgres"))
		}
	}
	for _, dsn := range dsns {
		for i, of := range []string{"text", "varchar(9)", "char(3)", "int", "uuid", "boolean", `"my mood"`, `text COLLATE "C"`} {
			table := fmt.Sprintf("%q", fmt.Sprintf("Orders of %d", i))
			l := newLegacy(t, dsn, fence.Config{Slice: "Of Desk", Tables: []string{"public." + table}},
				`DROP TYPE IF EXISTS "my mood" CASCADE; CREATE TYPE "my mood" AS ENUM ('good'); CREATE TABLE `+table+` (order_id int, "Of Desk" `+of+")")
			l.must(l.Install(l.soon()))
			l.is(fence.Open)
			l.must(l.Remove(l.soon()))
		}
	}
}

// TestAScopeIsSealedOrFree by itself, whatever other slices are.
func TestAScopeIsSealedOrFree(t *testing.T) {
	t.Parallel()
	l := fenced(t, fence.Config{Slice: "symbol"})
	beta, all := fence.Scope{One: true, Slice: "BETA"}, fence.Scope{}
	wants := func(scope fence.Scope, sealed, free bool) {
		t.Helper()
		isSealed, err := l.Sealed(l.soon(), scope)
		l.must(err)
		isFree, err := l.Free(l.soon(), scope)
		l.must(err)
		if isSealed != sealed || isFree != free {
			t.Errorf("%s: sealed %v, free %v", scope, isSealed, isFree)
		}
	}
	wants(acme, false, true)
	l.must(l.Close(l.soon(), acme))
	wants(acme, false, false)
	wants(beta, false, true)
	l.must(l.Permanent(l.soon()))
	l.must(l.Release(l.soon()))
	wants(acme, true, true)
	wants(beta, false, true)
	wants(all, false, true)
	l.do(l.owner, `ALTER TABLE orders DISABLE TRIGGER "zz crosscheck fence orders-2026 insert"`)
	wants(acme, false, true)
	if shut, err := l.Shut(l.soon(), acme); !shut || err != nil {
		t.Errorf("a fence with a hole is open: %v, %v", shut, err)
	}
	l.must(l.Install(l.soon()))
	l.must(l.Close(l.soon(), all))
	l.must(l.Permanent(l.soon()))
	wants(beta, true, true)
	wants(all, true, false)
}
