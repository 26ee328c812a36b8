package fence_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// as is the database for another role.
func (l *legacy) as(role string) *pgx.Conn {
	l.t.Helper()
	u, err := url.Parse(l.dsn)
	l.must(err)
	u.User = url.UserPassword(role, "feed")
	return connect(l.t, u.String())
}

// TestOnlyTheFeedPasses the permanent fence, and nobody who only looks like it. At no other time does it pass: neither before, nor while a session
// keeps the fence closed, nor after it was opened.
func TestOnlyTheFeedPasses(t *testing.T) {
	t.Parallel()
	for _, mode := range []fence.Mode{fence.Refuse, fence.Wait} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			role := "Feed's " + string(mode) // roles are of the server, which tests share
			quoted := pgx.Identifier{role}.Sanitize()
			l := newLegacy(t, pgtest.Database(t), fence.Config{Mode: mode, Reverse: role}, createOrders+`; DO $$ BEGIN IF to_regrole('`+strings.ReplaceAll(quoted, "'", "''")+`') IS NULL THEN CREATE ROLE `+quoted+` LOGIN PASSWORD 'feed'; END IF; END $$;
				GRANT SELECT, INSERT, UPDATE ON orders TO `+quoted)
			early := l.as(role)
			if err := l.Install(l.soon()); !errors.Is(err, fence.ErrOther) || !strings.Contains(err.Error(), "1 sessions have logged in as the role "+role) {
				t.Errorf("a role that is in use: %v", err)
			}
			early.Close(t.Context())
			l.until(l.owner, "NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = "+"'"+strings.ReplaceAll(role, "'", "''")+"')")
			l.must(l.Install(l.soon()))
			l.is(fence.Open)
			feed, other := l.as(role), connect(t, l.dsn)
			l.do(l.owner, "CREATE FUNCTION feed_it() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'UPDATE orders SET filled = 8 WHERE order_id = 1'; ALTER FUNCTION feed_it() OWNER TO "+quoted)
			l.do(other, "CREATE TABLE payments (n int); CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN UPDATE orders SET filled = NEW.n; RETURN NEW; END $$; CREATE TRIGGER follow AFTER INSERT ON payments FOR EACH ROW EXECUTE FUNCTION follow(); GRANT INSERT ON payments TO "+quoted)
			writes := func(conn *pgx.Conn, want, statement string) {
				t.Helper()
				if _, err := conn.Exec(l.soon(), statement, pgx.QueryExecModeSimpleProtocol); code(err) != want {
					t.Errorf("%s: %v, want %q", statement, err, want)
				}
			}
			const update = "UPDATE orders SET filled = filled + 1 WHERE order_id = 1"
			writes(feed, "25006", update)
			writes(other, "", update)
			l.close()
			writes(feed, map[fence.Mode]string{fence.Refuse: "25006", fence.Wait: "55P03"}[mode], "SET lock_timeout = '50ms'; "+update)
			l.must(l.Permanent(l.soon()))
			l.must(l.Release(l.soon()))
			l.is(fence.Permanent)
			for _, statement := range []string{update, "INSERT INTO orders VALUES (3, 'ACME', 0)", "SELECT feed_it()", "INSERT INTO payments VALUES (7)"} {
				writes(feed, "", statement)
			}
			writes(feed, "42501", "DELETE FROM orders")
			l.do(l.owner, "GRANT DELETE, TRUNCATE ON orders TO "+quoted)
			writes(feed, "", "DELETE FROM orders WHERE order_id = 3")
			writes(feed, "25006", "TRUNCATE orders")
			for _, statement := range []string{update, "SELECT feed_it()", "INSERT INTO payments VALUES (7)", "SET ROLE " + quoted + "; " + update, "SET session_replication_role = replica; " + update} {
				writes(other, "25006", statement)
			}
			l.probes(fence.Scope{}, fence.Refused)
			if got, err := l.Feed(l.soon()); err != nil || got.Sessions != 1 || len(got.Faults())+len(got.Doubts()) > 0 {
				t.Errorf("the feed is %+v, %v", got, err)
			}
			// Whoever closes the fence waits for the feed's transaction, and keeps it out then.
			l.do(feed, "BEGIN; "+update)
			if err := l.Close(within(t, patience/30), fence.Scope{}); !errors.Is(err, fence.ErrBusy) || !strings.Contains(err.Error(), role) {
				t.Errorf("a feed inside: %v", err)
			}
			l.do(feed, "COMMIT")
			l.must(l.Unfence(l.soon(), fence.Scope{}))
			writes(feed, "25006", update)
			writes(other, "", update)
		})
	}
}

// TestARoleThatCannotFeedIsNamed, and so is one that could do more.
func TestARoleThatCannotFeedIsNamed(t *testing.T) {
	t.Parallel()
	l := newLegacy(t, pgtest.Database(t), fence.Config{Reverse: "nobody"}, createOrders)
	of := func(role string) string {
		f, err := fence.New(fence.Config{DSN: l.dsn, Name: "orders-2026", Tables: []string{"public.orders"}, Reverse: role})
		l.must(err)
		feed, err := f.Feed(l.soon())
		l.must(err)
		return strings.Join(append(feed.Faults(), feed.Doubts()...), "; ")
	}
	l.do(l.owner, "CREATE ROLE feed_owner; CREATE ROLE feed_super SUPERUSER; CREATE ROLE feed_poor; ALTER TABLE orders OWNER TO feed_owner; GRANT INSERT ON orders TO feed_poor")
	for role, want := range map[string]string{
		"nobody": "does not exist", "feed_super": "is a superuser", "feed_owner": "the owner of public.orders", "feed_poor": "lacks UPDATE on public.orders, DELETE on public.orders",
	} {
		if got := of(role); !strings.Contains(got, want) {
			t.Errorf("%s: %s", role, got)
		}
	}
	l.do(l.owner, "DROP OWNED BY feed_owner, feed_poor; DROP ROLE feed_owner, feed_super, feed_poor")
	if _, err := fence.New(fence.Config{DSN: l.dsn, Name: "orders-2026", Reverse: "feed", Slice: "symbol"}); err == nil {
		t.Error("slices with a feed are not refused")
	}
}
