package source_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/source"
)

// TestOnlyTransactionsOfItsDatabaseHoldTheEventStoreBack reads as a role without any right but to read the events.
func TestOnlyTransactionsOfItsDatabaseHoldTheEventStoreBack(t *testing.T) {
	role := newRole(t)
	elsewhere, c := eventStore(t), eventStore(t, fmt.Sprintf(cancelled, "1"), "GRANT SELECT ON event_store TO "+role)
	own := c.DSN
	c.DSN = as(t, own, url.User(role))
	e := openEvents(t, c)
	open := func(dsn string) *pgx.Conn {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), dsn+"&application_name=nightly")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
		return conn
	}
	later := open(own)
	position := 100
	holds := func(conn *pgx.Conn) { // and later ones are committed
		t.Helper()
		if _, err := conn.Exec(t.Context(), "BEGIN; "+fmt.Sprintf(cancelled, "9")); err != nil {
			t.Fatal(err)
		}
		position++
		if _, err := later.Exec(t.Context(), fmt.Sprintf(cancelled, fmt.Sprint(position))); err != nil {
			t.Fatal(err)
		}
	}

	other := open(elsewhere.DSN)
	holds(other)
	h, err := e.Horizon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Other tests' transactions may be the youngest of the server for a moment, until a younger one ends.
	for r := (follow.Running{}); r.Oldest < h.Below; {
		if r, err = e.Oldest(t.Context()); err != nil || r.Holder != "" {
			t.Fatalf("a transaction of another database counts: %+v of %d, %v", r, h.Below, err)
		}
		if _, err := later.Exec(t.Context(), "SELECT pg_catalog.txid_current()"); err != nil {
			t.Fatal(err)
		}
	}

	writer := open(own)
	holds(writer)
	if h, err = e.Horizon(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`the transaction of process %d (application "nightly", database %s)`, writer.PgConn().PID(), writer.Config().Database)
	if r, err := e.Oldest(t.Context()); err != nil || r.Oldest >= h.Below || r.Holder != want {
		t.Errorf("an open transaction of the event store's database: %+v of %d, %v; want %s", r, h.Below, err, want)
	}
	prepares(t, e, writer)
}

// prepares looks at a prepared transaction, which has no session.
func prepares(t *testing.T, e *source.Events, writer *pgx.Conn) {
	t.Helper()
	var most string
	if err := writer.QueryRow(t.Context(), "SHOW max_prepared_transactions").Scan(&most); err != nil || most == "0" {
		t.Logf("prepared transactions are not enabled (%v)", err)
		return
	}
	if _, err := writer.Exec(t.Context(), "PREPARE TRANSACTION 'forgotten'"); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = writer.Exec(t.Context(), "ROLLBACK PREPARED 'forgotten'") }()
	r, err := e.Oldest(t.Context())
	if err != nil || !strings.HasPrefix(r.Holder, `the prepared transaction "forgotten" of database `) || r.Since == nil {
		t.Errorf("a prepared transaction: %+v, %v", r, err)
	}
}

// TestTheYoungestTransactionHoldsTheEventStoreBack: it has no place in a snapshot's list, because no younger one has ended, and yet its
// event will have a position below one that can be seen.
func TestTheYoungestTransactionHoldsTheEventStoreBack(t *testing.T) {
	c := eventStore(t)
	e := openEvents(t, c)
	begin := func(position string) pgx.Tx {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), c.DSN)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), fmt.Sprintf(cancelled, position)); err != nil {
			t.Fatal(err)
		}
		return tx
	}
	older, youngest := begin("2"), begin("1")
	if err := older.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, err := e.Horizon(t.Context())
	if err != nil || h.Position != 2 {
		t.Fatalf("the horizon is %+v, %v", h, err)
	}
	if r, err := e.Oldest(t.Context()); err != nil || r.Oldest >= h.Below {
		t.Errorf("position 1 is not committed, and yet transaction %d is the oldest, below %d: %v", r.Oldest, h.Below, err)
	}
	if err := youngest.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}
