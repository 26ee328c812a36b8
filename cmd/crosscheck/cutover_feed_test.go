package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// fedSystem is a system that can be cut over, with a reverse feed.
type fedSystem struct {
	*cutSystem
	feed string // how the feed connects to legacy
}

const feedTables = `CREATE TABLE feed_status (live bool); INSERT INTO feed_status VALUES (false);
	DO $$ BEGIN IF to_regrole('orders_feed') IS NULL THEN CREATE ROLE orders_feed LOGIN PASSWORD 'feed'; END IF; END $$;
	GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO orders_feed; GRANT SELECT ON orders_new TO orders_feed`

func newFedSystem(t *testing.T, sections ...string) *fedSystem {
	t.Helper()
	s := &fedSystem{cutSystem: newCutSystem(t)}
	rows(t, s.dsn, feedTables)
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("orders_feed", "feed")
	s.feed = u.String()
	s.config = s.configured(append([]string{fmt.Sprintf(`  reverse: {role: orders_feed, max_lag: 300ms, check: {sql: {dsn: %q, check: "select live from feed_status"}}}`, s.dsn)}, sections...)...)
	return s
}

// brings is one round of the feed.
func (s *fedSystem) brings() error {
	_, err := query(s.feed, `MERGE INTO orders o USING orders_new n ON o.order_id = n.order_id WHEN NOT MATCHED THEN INSERT VALUES (n.order_id, n.status, n.filled)
		WHEN MATCHED AND (o.status, o.filled) IS DISTINCT FROM (n.status, n.filled) THEN UPDATE SET status = n.status, filled = n.filled`)
	return err
}

// backPastAReplay goes back while the feed brings an old value again, after the proof and before the seal is open.
func (s *fedSystem) backPastAReplay() string {
	s.t.Helper()
	const lock = 4711
	held, err := pgx.Connect(s.t.Context(), s.dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = held.Close(context.WithoutCancel(s.t.Context())) }()
	if _, err := held.Exec(s.t.Context(), "SELECT pg_advisory_lock($1)", lock); err != nil {
		s.t.Fatal(err)
	}
	rows(s.t, s.dsn, fmt.Sprintf(`CREATE FUNCTION replay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(%d); RETURN NEW; END $$;
		CREATE TRIGGER replay BEFORE UPDATE ON app_config FOR EACH ROW WHEN (OLD.name = 'read_source' AND NEW.value = 'legacy') EXECUTE FUNCTION replay()`, lock))
	p := start(s.t, "cutover", "rollback", "--config", s.config)
	eventually(s.t, s.dsn, fmt.Sprintf(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %d AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, lock), "1")
	if _, err := query(s.feed, `UPDATE orders SET filled = 1 WHERE order_id = 7`); err == nil || !strings.Contains(err.Error(), "25006") {
		s.t.Errorf("after the proof the feed has brought an old value: %v", err)
	}
	if _, err := held.Exec(s.t.Context(), "SELECT pg_advisory_unlock($1)", lock); err != nil {
		s.t.Fatal(err)
	}
	if got := p.end(); got != exitAgrees {
		s.t.Fatalf("exit code %d: %s", got, p.stderr.String())
	}
	return p.stdout.String()
}

// fedRefusals are the ways in which a way back is refused before anything is touched.
var fedRefusals = []struct{ name, sql, want string }{
	{"stopped", `UPDATE feed_status SET live = false`, "cutover.reverse.check says that the feed is not live"},
	{"lying", `UPDATE feed_status SET live = true`, "order 501 at legacy->projection"},
	{"broken", `DELETE FROM feed_status`, "cutover.reverse.check"},
	{"without its rights", `INSERT INTO feed_status VALUES (true); REVOKE UPDATE ON orders FROM orders_feed`, "lacks UPDATE on public.orders"},
	{"before the fence is permanent again", `GRANT UPDATE ON orders TO orders_feed; SELECT setval('crosscheck_fence."orders-2026"', 1)`, "the fence is installed"},
}

// TestAFeedIsTheWayBack after the point of no return, and no write is lost: nobody goes back before legacy has all, and then the feed is kept out.
func TestAFeedIsTheWayBack(t *testing.T) {
	t.Parallel()
	s := newFedSystem(t)
	s.does(exitAgrees, "cutover", "install")
	s.does(exitAgrees, "verify")
	if text := s.does(exitDiverged, "cutover", "plan"); !strings.Contains(text, "pass reverse    the reverse feed will pass the permanent fence as orders_feed, and its check says that it is not live yet") {
		t.Errorf("the plan says %s", text)
	}
	if err := s.brings(); err != nil { // it has nothing to bring
		t.Error(err)
	}
	s.does(exitAgrees, "cutover", "execute", "--confirm", "orders-2026", "--override", "a test")
	s.is(atNew)
	rows(t, s.dsn, `INSERT INTO orders_new VALUES (501, 'OPEN', 0); UPDATE orders_new SET filled = 77 WHERE order_id = 7`)
	for _, refusal := range fedRefusals {
		rows(t, s.dsn, refusal.sql)
		p := start(t, "cutover", "rollback", "--config", s.config)
		if got := p.end(); got != exitDiverged || !strings.Contains(p.stderr.String(), refusal.want) {
			t.Errorf("a feed that is %s: exit code %d, %s", refusal.name, got, p.stderr.String())
		}
	}
	s.does(exitAgrees, "cutover", "close", "--yes")
	s.is(atNew)
	if got := rows(t, s.dsn, `SELECT count(*) FROM crosscheck.cutover_record WHERE verb = 'undo'`); got != "0" {
		t.Errorf("%s records of a way back that was refused", got)
	}

	if text := s.does(exitDiverged, "cutover", "frozen"); !strings.Contains(text, "is not live and verified: legacy is not what the new side is") {
		t.Errorf("a legacy that lacks writes is told as %s", text)
	}
	// The feed is verified, and dies before the last write: the new side is opened again.
	if err := s.brings(); err != nil {
		t.Fatal(err)
	}
	if text := s.does(exitAgrees, "cutover", "frozen"); !strings.Contains(text, "orders_feed writes it. It has what the new side has") {
		t.Errorf("a legacy that is fed is told as %s", text)
	}
	rows(t, s.dsn, `CREATE FUNCTION last_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO orders_new VALUES (502, 'OPEN', 0); RETURN NEW; END $$;
		CREATE TRIGGER last_write BEFORE UPDATE ON app_config FOR EACH ROW WHEN (OLD.name = 'write_mode' AND NEW.value = 'legacy') EXECUTE FUNCTION last_write()`)
	if text := s.does(exitDiverged, "cutover", "rollback"); !strings.Contains(text, "The reverse feed is live and verified: ") || !strings.Contains(text, "it is not proven that the reverse feed has brought all to legacy") {
		t.Errorf("a feed that died is told as %s", text)
	}
	s.is(atNew)
	if got := rows(t, s.dsn, `SELECT string_agg(r.step || ' ' || r.outcome, ', ') FROM crosscheck.cutover_record r WHERE r.positions->>'request' = (SELECT max(id)::text FROM crosscheck.cutover_request)`); got != " reverse" {
		t.Errorf("the request is journalled as obeyed by %q, so that no other process obeys it again", got)
	}
	rows(t, s.dsn, `DROP TRIGGER last_write ON app_config`)
	if err := s.brings(); err != nil {
		t.Fatal(err)
	}
	if text := s.backPastAReplay(); !strings.Contains(text, "the reverse feed has brought all to legacy") {
		t.Errorf("the way back is told as %s", text)
	}
	s.is(atLegacy)
	if got := rows(t, s.dsn, `SELECT string_agg(order_id || ' ' || filled, ', ' ORDER BY order_id) FROM orders WHERE order_id IN (7, 501, 502)`); got != "7 77, 501 0, 502 0" {
		t.Errorf("legacy has %s", got)
	}
	rows(t, s.dsn, `UPDATE orders SET filled = 78 WHERE order_id = 7`)
	if err := s.brings(); err == nil || !strings.Contains(err.Error(), "25006") {
		t.Errorf("the feed overwrites what legacy has acknowledged since: %v", err)
	}
	if text := s.does(exitAgrees, "cutover", "report"); !strings.Contains(text, "asked for the way back") {
		t.Errorf("the report says %s", text)
	}
}
