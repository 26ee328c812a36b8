package fence_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/switches/fence"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const patience = 30 * time.Second

// legacy is a database with a fence.
type legacy struct {
	*fence.Fence
	t     *testing.T
	dsn   string
	owner *pgx.Conn
}

const createOrders = `CREATE TABLE orders (order_id bigint PRIMARY KEY, symbol text, filled numeric); INSERT INTO orders VALUES (1, 'ACME', 0), (2, 'BETA', 0)`

// newLegacy makes tables and a fence that is not installed yet.
func newLegacy(t *testing.T, dsn string, c fence.Config, statements string) *legacy {
	t.Helper()
	l := &legacy{t: t, dsn: dsn, owner: connect(t, dsn)}
	l.do(l.owner, statements)
	c.DSN, c.Name = dsn, "orders-2026"
	if c.Tables == nil {
		c.Tables = []string{"public.orders"}
	}
	var err error
	if l.Fence, err = fence.New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Release(context.WithoutCancel(t.Context())); err != nil && !errors.Is(err, fence.ErrLost) {
			t.Logf("releasing: %v", err)
		}
	})
	return l
}

// fenced is [newLegacy] of orders in a database of its own, with the fence installed.
func fenced(t *testing.T, c fence.Config) *legacy {
	t.Helper()
	l := newLegacy(t, pgtest.Database(t), c, createOrders)
	l.must(l.Install(l.soon()))
	return l
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func (l *legacy) soon() context.Context { return within(l.t, patience) }

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func (l *legacy) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *legacy) close() { l.t.Helper(); l.must(l.Close(l.soon(), fence.Scope{})) }

// do runs statements that must succeed.
func (l *legacy) do(conn *pgx.Conn, statements string) {
	l.t.Helper()
	if _, err := conn.Exec(l.soon(), statements, pgx.QueryExecModeSimpleProtocol); err != nil {
		l.t.Fatalf("%s: %v", statements, err)
	}
}

// another is the same fence in another process.
func (l *legacy) another() *fence.Fence {
	l.t.Helper()
	f, err := fence.New(fence.Config{DSN: l.dsn, Name: "orders-2026", Tables: []string{"public.orders"}})
	l.must(err)
	return f
}

// turnsKey is the lock of who changes the seal, as the fence makes it of its name.
func (l *legacy) turnsKey() int64 {
	sum := sha256.Sum256([]byte("crosscheck fence orders-2026"))
	return int64(binary.BigEndian.Uint64(sum[16:])) //nolint:gosec // any bits will do
}

// code is the SQLSTATE of an error, "" of none.
func code(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// wants checks the SQLSTATE of a write in a session of its own.
func (l *legacy) wants(want, statement string) {
	l.t.Helper()
	conn := connect(l.t, l.dsn)
	_, err := conn.Exec(l.soon(), statement, pgx.QueryExecModeSimpleProtocol)
	conn.Close(l.t.Context())
	if got := code(err); got != want {
		l.t.Errorf("%s: %q, want %q (%v)", statement, got, want, err)
	}
}

// is checks the state.
func (l *legacy) is(want fence.Kind, missing ...string) {
	l.t.Helper()
	s, err := l.State(l.soon())
	if err != nil || s.Kind() != want || !slices.Equal(s.Missing, missing) {
		l.t.Errorf("the state is %s, missing %q, %v; want %s, missing %q", s.Kind(), s.Missing, err, want, missing)
	}
}

// probes checks the answers of all tables.
func (l *legacy) probes(scope fence.Scope, want ...fence.Answer) {
	l.t.Helper()
	probed, err := l.Probe(l.soon(), scope)
	if err != nil {
		l.t.Fatal(err)
	}
	var got []fence.Answer
	for _, p := range probed {
		got = append(got, p.Answer)
	}
	if !slices.Equal(got, want) {
		l.t.Errorf("the probe has %+v, want %v", probed, want)
	}
}

// until waits for a condition in SQL.
func (l *legacy) until(conn *pgx.Conn, condition string) {
	l.t.Helper()
	ctx := l.soon()
	for {
		var is bool
		if err := conn.QueryRow(ctx, "SELECT "+condition).Scan(&is); err != nil {
			l.t.Fatalf("waiting for %s: %v", condition, err)
		}
		if is {
			return
		}
	}
}

// number reads one number.
func (l *legacy) number(conn *pgx.Conn, query string) (n int64) {
	l.t.Helper()
	if err := conn.QueryRow(l.soon(), query).Scan(&n); err != nil {
		l.t.Fatalf("%s: %v", query, err)
	}
	return n
}
