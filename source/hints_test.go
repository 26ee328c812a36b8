package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/source/session"
)

// TestErrorsOfConnectingHaveTheirOwnHints has the server refuse what the dsn asks for. The same codes have other hints
// while rows are read.
func TestErrorsOfConnectingHaveTheirOwnHints(t *testing.T) {
	dsn, closed := pgtest.Database(t), pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	name := func(dsn string) string { return strings.TrimPrefix(urlOf(t, dsn).Path, "/") }
	if _, err := conn.Exec(t.Context(), fmt.Sprintf("ALTER DATABASE %q ALLOW_CONNECTIONS false", name(closed))); err != nil {
		t.Fatal(err)
	}
	options := func(text string) string { return dsn + "&options=" + url.QueryEscape(text) }
	const settings = "correct it there"
	for _, c := range []struct{ name, dsn, message, hint string }{
		{"an unknown setting", options("-c nope=1"), "unrecognized configuration parameter", settings},
		{"an unknown setting of the session", dsn + "&nope=1", "unrecognized configuration parameter", settings},
		{"a wrong value", options("-c work_mem=bogus"), "work_mem", settings},
		{"no option", options("-x 1"), "", settings},
		{"a setting of the server", options("-c max_connections=5"), "max_connections", settings},
		{"an unknown database", strings.Replace(dsn, name(dsn), "nothing", 1), "does not exist", "database name"},
		{"a closed database", closed, "not currently accepting connections", "accepts no connections"},
	} {
		_, err := source.Open(t.Context(), source.Config{Representation: order.Legacy, DSN: c.dsn, Table: "orders", Key: "id"})
		f := source.ConnectionFailed("legacy", c.dsn, err)
		if err == nil || !strings.Contains(source.Hint(err), c.hint) || !strings.Contains(f.Message, c.message) || !strings.Contains(f.Hint, c.hint) || f.Check != doctor.Login {
			t.Errorf("%s: %v: hint %q; doctor says %+v", c.name, err, source.Hint(err), f)
		}
	}
}

// TestANameThatAFunctionDoesNotFindIsTheFunctions: the table of the configuration is right.
func TestANameThatAFunctionDoesNotFindIsTheFunctions(t *testing.T) {
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `CREATE TABLE states (word text);
		CREATE FUNCTION spelled(word text) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT min(s.word) FROM states s); END';
		CREATE FUNCTION outer_spelled(word text) RETURNS text LANGUAGE plpgsql STABLE AS 'BEGIN RETURN public.spelled(word); END';
		CREATE VIEW orders AS SELECT n AS order_id, outer_spelled('x') AS status FROM generate_series(1, 9) n`); err != nil {
		t.Fatal(err)
	}
	c := source.Config{Representation: order.Legacy, DSN: dsn, Table: "public.orders", Key: "order_id", Fields: one(textField("status"))}
	if hint := source.Hint(readAll(t, c)); !strings.Contains(hint, "outer_spelled") || !strings.Contains(hint, "ALTER FUNCTION") {
		t.Errorf("hint %q", hint)
	}
}

func urlOf(t *testing.T, dsn string) *url.URL {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSomeErrorsPass(t *testing.T) {
	for code, passes := range map[string]bool{
		"55P03": true, "57014": true, "53300": true, "53200": true, "57P01": true, "57P03": true, "40001": true, "08006": true,
		"42P01": false, "42501": false, "22P02": false, "28P01": false, "3D000": false, "55000": false,
	} {
		err := fmt.Errorf("reading rows: %w", &pgconn.PgError{Code: code})
		if source.Passes(err) != passes {
			t.Errorf("%s: passes is %t", code, source.Passes(err))
		}
	}
	if source.Passes(errors.New("no such column")) {
		t.Error("any error passes")
	}
}

// TestAReadThatTakesTooLongIsNotALostServer: the next process would go on with the pass, and need too long too.
func TestAReadThatTakesTooLongIsNotALostServer(t *testing.T) {
	late := fmt.Errorf("reading rows: %w", context.DeadlineExceeded)
	if source.Lost(late) || !source.Unreachable(late) || !source.Passes(late) {
		t.Error("a read that was not answered in time")
	}
	for _, err := range []error{fmt.Errorf("%w: %w", session.ErrLost, late), &pgconn.PgError{Code: "57P01"}, &net.OpError{Op: "read", Err: io.EOF}} {
		if err = fmt.Errorf("reading rows: %w", err); !source.Lost(err) || !source.Unreachable(err) {
			t.Errorf("%v is not lost", err)
		}
	}
}
