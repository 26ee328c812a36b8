package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/source"
)

// TestFixSQLMendsWhatDoctorFinds runs what is printed, each part in the database that its comment names.
func TestFixSQLMendsWhatDoctorFinds(t *testing.T) {
	c := newClinic(t)
	c.sections = `events: {dsn: "${PROJECTION}", table: '"Event ""S""".store', at: at}` + "\n"
	c.exec(c.legacy, `REVOKE ALL ON orders FROM `+c.role+`; REVOKE USAGE ON SCHEMA public FROM PUBLIC; ALTER TABLE orders DROP CONSTRAINT orders_pkey; DROP INDEX orders_updated_at_idx`)
	c.exec(c.projection, `DROP TABLE orders;
		CREATE TABLE orders (order_id bigint, status text, updated_at timestamptz) PARTITION BY RANGE (order_id);
		CREATE TABLE low PARTITION OF orders FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (order_id);
		CREATE TABLE "low ""one""" PARTITION OF low FOR VALUES FROM (0) TO (50);
		CREATE TABLE high PARTITION OF orders FOR VALUES FROM (100) TO (1000);
		INSERT INTO orders VALUES (1, 'OPEN', now()); GRANT SELECT ON orders TO `+c.role+`;
		CREATE SCHEMA "Event ""S""";
		CREATE TABLE "Event ""S""".store (event_id bigint GENERATED ALWAYS AS IDENTITY (CACHE 20), order_id bigint, event_type text, at timestamptz, payload jsonb);
		INSERT INTO "Event ""S""".store (order_id, event_type, at, payload) VALUES (1, 'OrderCreated', now(), '{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": 1, "price": 1}');
		GRANT USAGE ON SCHEMA "Event ""S""" TO `+c.role+`; GRANT SELECT ON "Event ""S""".store TO `+c.role)
	c.exec(c.ledger, "DROP SCHEMA crosscheck")

	code, script := c.doctor("--fix-sql")
	if code != exitError {
		t.Errorf("exit code %d", code)
	}
	n := c.apply(script)
	for _, f := range c.diagnosis(exitAgrees).Findings {
		if f.Level.Worse(doctor.Info) {
			t.Errorf("after %d statements: %+v", n, f)
		}
	}
	if code, again := c.doctor("--fix-sql"); code != exitAgrees || again != "" || t.Failed() {
		t.Errorf("exit code %d\n%s\nand then\n%s", code, script, again)
	}

	c.dsn["LEGACY"] = "postgres://u:hunter2@127.0.0.1:1/d"
	var stdout, stderr bytes.Buffer
	run(t.Context(), []string{"doctor", "--config", c.config(), "--fix-sql"}, &stdout, &stderr, c.getenv)
	if stdout.Len() > 0 || !strings.Contains(stderr.String(), "no statement mends 1 problem") {
		t.Errorf("%s%s", &stdout, &stderr)
	}
}

// apply runs a script's statements as a superuser, one by one, and says how many there were.
func (c *clinic) apply(script string) (n int) {
	c.t.Helper()
	places := map[string]string{}
	for _, dsn := range []string{c.legacy, c.projection, c.ledger} {
		at := source.FoundAt(dsn)
		places["-- Server "+at.Server+", database "+at.Database+"."] = dsn
	}
	dsn := ""
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "-- Server "):
			if dsn = places[line]; dsn == "" {
				c.t.Fatalf("%q is nowhere", line)
			}
		case line != "" && !strings.HasPrefix(line, "--"):
			c.exec(dsn, line)
			n++
		}
	}
	return n
}
