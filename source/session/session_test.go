package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/source/session"
)

func open(t *testing.T, dsn string) *session.Pool {
	t.Helper()
	c, err := session.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	p, err := session.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// ways are all in which something can be read.
var ways = map[string]func(ctx context.Context, p *session.Pool, sql string) error{
	"Query": func(ctx context.Context, p *session.Pool, sql string) error {
		rows, err := p.Query(ctx, sql)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() { //nolint:revive // to the end
		}
		return rows.Err()
	},
	"QueryRow": func(ctx context.Context, p *session.Pool, sql string) error {
		var text string
		return p.QueryRow(ctx, sql).Scan(&text)
	},
	"Read": func(ctx context.Context, p *session.Pool, sql string) error {
		return p.Read(ctx, func(tx *session.Tx) error { return tx.QueryRow(ctx, sql).Scan(new(string)) })
	},
	"Begin": func(ctx context.Context, p *session.Pool, sql string) error {
		tx, err := p.Begin(ctx, time.Minute)
		if err != nil {
			return err
		}
		defer tx.Close()
		return tx.QueryRow(ctx, sql).Scan(new(string))
	},
}

// TestNoFunctionCanWrite, whatever settings it changes first, and whatever one before it has changed.
func TestNoFunctionCanWrite(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	superuser(t, dsn, `CREATE TABLE written (n int);
		CREATE FUNCTION write() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
			PERFORM set_config('default_transaction_read_only', 'off', false); INSERT INTO public.written VALUES (1); RETURN 'x'; END $$;
		CREATE FUNCTION unlock() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
			PERFORM set_config('default_transaction_read_only', 'off', false); RETURN 'x'; END $$;
		CREATE FUNCTION write_anyway() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
			PERFORM set_config('transaction_read_only', 'off', false); INSERT INTO public.written VALUES (1); RETURN 'x'; END $$`)
	for name, way := range ways {
		p := open(t, dsn)
		for _, call := range []string{"unlock", "write", "write_anyway"} {
			err := way(t.Context(), p, "SELECT public."+call+"()")
			if wrote := call != "unlock"; (err != nil) != wrote {
				t.Errorf("%s of %s(): %v", name, call, err)
			}
		}
	}
	if n := superuser(t, dsn, "SELECT count(*)::text FROM written"); n != "0" {
		t.Errorf("%s rows were written", n)
	}
}

// TestNothingOfUsOutlivesATransaction: not even what a function has set for the session.
func TestNothingOfUsOutlivesATransaction(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	const changed = "SELECT coalesce(string_agg(name || ' = ' || setting, ', ' ORDER BY name), '') FROM pg_catalog.pg_settings WHERE source = 'session'"
	for name, way := range ways {
		p := open(t, dsn)
		if err := way(t.Context(), p, "SELECT pg_catalog.set_config('work_mem', '77MB', false)"); err != nil {
			t.Fatal(err)
		}
		var within, after string
		if err := p.QueryRow(t.Context(), changed).Scan(&within); err != nil || !strings.Contains(within, "row_security = off") || strings.Contains(within, "work_mem") {
			t.Errorf("after %s, in a transaction: %s, %v", name, within, err)
		}
		err := p.Read(t.Context(), func(tx *session.Tx) error {
			if err := tx.Set(t.Context(), "ROLLBACK"); err != nil {
				return err
			}
			return tx.QueryRow(t.Context(), changed).Scan(&after)
		})
		if err != nil || after != "" {
			t.Errorf("after %s, outside: %q, %v", name, after, err)
		}
	}
}

// TestAConnectionIsFreeAfterEachRead, one that failed too.
func TestAConnectionIsFreeAfterEachRead(t *testing.T) {
	t.Parallel()
	p := open(t, pgtest.Database(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for name, way := range ways {
		for range 10 { // more than there are connections
			for sql, fails := range map[string]bool{"SELECT 'x'": false, "SELECT (1 / (n - 3))::text FROM generate_series(1, 5) n": true, "SELECT nothing": true} {
				if err := way(ctx, p, sql); (err != nil) != fails {
					t.Fatalf("%s of %s: %v", name, sql, err)
				}
			}
		}
	}
}

// TestEveryReadIsLimited holds each limit: without one, a read could wait or hold something back for ever.
func TestEveryReadIsLimited(t *testing.T) {
	t.Parallel()
	p := open(t, pgtest.Database(t))
	limits := map[string]string{
		"transaction_read_only": "on", "row_security": "off", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "5min",
		"statement_timeout": "1min", "tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3",
		"search_path": `""`,
	}
	value := "SELECT current_setting('%s')"
	check := func(way, setting, want string, row interface{ Scan(...any) error }) {
		t.Helper()
		var got string
		if err := row.Scan(&got); err != nil || got != want {
			t.Errorf("%s: %s is %q (%v), want %q", way, setting, got, err, want)
		}
	}
	tx, err := p.Begin(t.Context(), 3*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	for setting, want := range limits {
		sql := fmt.Sprintf(value, setting)
		check("QueryRow", setting, want, p.QueryRow(t.Context(), sql))
		if setting == "statement_timeout" {
			want = "3min" // what Begin was told
		}
		check("Begin", setting, want, tx.QueryRow(t.Context(), sql))
	}
	check("QueryRow", "tcp_user_timeout", "60000", p.QueryRow(t.Context(), fmt.Sprintf(value, "tcp_user_timeout")))
	check("Begin", "tcp_user_timeout", "600000", tx.QueryRow(t.Context(), fmt.Sprintf(value, "tcp_user_timeout")))
}

// TestALockOfOthersIsNotWaitedForLong: a read that waited would make others queue behind it.
func TestALockOfOthersIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	for _, sql := range []string{"CREATE TABLE orders (id int)", "BEGIN; LOCK TABLE orders"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	p := open(t, dsn)
	for way, read := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			err := read(t.Context(), p, "SELECT count(*)::text FROM public.orders")
			if failure, ok := errors.AsType[*pgconn.PgError](err); !ok || failure.Code != "55P03" {
				t.Errorf("the read ended with %v", err)
			}
		})
	}
}
