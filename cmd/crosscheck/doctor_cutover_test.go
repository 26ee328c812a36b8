package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/config"
)

// TestDoctorNamesWhatIsNotFenced: a partition that was added after the fence.
func TestDoctorNamesWhatIsNotFenced(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	rows(t, s.dsn, `DROP TABLE orders; CREATE TABLE orders (order_id bigint PRIMARY KEY, status text NOT NULL, filled numeric NOT NULL) PARTITION BY RANGE (order_id);
		CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM (0) TO (1000)`)
	c, err := config.Load(s.config, environment)
	if err != nil {
		t.Fatal(err)
	}
	says := func(want string) {
		t.Helper()
		got := ""
		for _, f := range diagnoseFence(t.Context(), c) {
			got += fmt.Sprintf("%s %s", f.Level, f.Message)
		}
		if got != want {
			t.Errorf("doctor says %q, want %q", got, want)
		}
	}
	says("info the fence is not installed yet")
	s.does(exitAgrees, "cutover", "install")
	says("ok the fence is on public.orders, and is installed")
	rows(t, s.dsn, `CREATE TABLE orders_next PARTITION OF orders FOR VALUES FROM (1000) TO (2000)`)
	const lacks = "public.orders_next has no trigger for "
	says("warning some writers pass the fence: " + lacks + "insert; " + lacks + "update; " + lacks + "delete; " + lacks + "truncate")
}

// TestDoctorAndTheFenceNameTheFeed: the role that passes, and what speaks against it.
func TestDoctorAndTheFenceNameTheFeed(t *testing.T) {
	t.Parallel()
	s := newCutSystem(t)
	s.config = s.configured(fmt.Sprintf(`  reverse: {role: cut_feed_seen, check: {sql: {dsn: %q, check: "select true"}}}`, s.dsn))
	c, err := config.Load(s.config, environment)
	if err != nil {
		t.Fatal(err)
	}
	says := func(want string) {
		t.Helper()
		found := diagnoseFence(t.Context(), c)
		if f := found[len(found)-1]; fmt.Sprintf("%s %s %s", f.Check, f.Level, f.Message) != want {
			t.Errorf("doctor says %+v, want %q", f, want)
		}
	}
	says("reverse error the role cut_feed_seen of cutover.reverse does not exist in legacy")
	rows(t, s.dsn, `CREATE ROLE cut_feed_seen; ALTER TABLE orders OWNER TO cut_feed_seen`)
	defer rows(t, s.dsn, `DROP OWNED BY cut_feed_seen CASCADE; DROP ROLE cut_feed_seen`)
	says("reverse warning the role cut_feed_seen of cutover.reverse has the rights of the owner of public.orders, who can take the fence off")
	rows(t, s.dsn, `ALTER TABLE orders OWNER TO CURRENT_USER; GRANT INSERT, UPDATE, DELETE ON orders TO cut_feed_seen`)
	says("reverse ok the role cut_feed_seen feeds legacy once the fence is permanent")
	s.does(exitAgrees, "cutover", "install")
	text := s.does(exitAgrees, "cutover", "fence")
	s.does(exitAgrees, "cutover", "close", "--yes")
	text += s.does(exitAgrees, "cutover", "fence", "--json")
	for _, want := range []string{"who logs in as cut_feed_seen is refused as long as", `"role":"cut_feed_seen","passes":true,"sessions":0`} {
		if !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(text, "\n", ""), " ", ""), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("the fence says %s, want %s", text, want)
		}
	}
}
