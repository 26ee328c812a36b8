package source_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

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
	if r, err := e.Oldest(t.Context()); err != nil || r.Oldest < h.Below || r.Holder != "" {
		t.Errorf("a transaction of another database counts: %+v of %d, %v", r, h.Below, err)
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
