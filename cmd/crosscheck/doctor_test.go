package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/source"
)

// clinic is two databases and a ledger's that no problems found with, and the role that reads and records.
type clinic struct {
	t                          *testing.T
	role                       string
	legacy, projection, ledger string // DSNs as superuser
	dsn                        map[string]string
	window                     string
	sections                   string // more of the configuration
}

var patients atomic.Int64 // makes role names unique in the server

func newClinic(t *testing.T) *clinic {
	c := &clinic{t: t, role: fmt.Sprintf("doctor%d", patients.Add(1)), window: "30s"}
	server := pgtest.Server(t).DSN("postgres")
	c.exec(server, "CREATE ROLE "+c.role+" LOGIN")
	t.Cleanup(func() { c.exec(server, "DROP ROLE "+c.role) }) // after the databases in which it owns things
	c.legacy, c.projection, c.ledger = pgtest.Database(t), pgtest.Database(t), pgtest.Database(t)
	for _, dsn := range []string{c.legacy, c.projection} {
		c.exec(dsn, `CREATE TABLE public.orders (order_id bigint PRIMARY KEY, status text, updated_at timestamptz);
			CREATE INDEX ON public.orders (updated_at); INSERT INTO public.orders VALUES (1, 'OPEN', now()); GRANT SELECT ON public.orders TO `+c.role)
	}
	c.exec(c.ledger, "CREATE SCHEMA crosscheck AUTHORIZATION "+c.role)
	c.dsn = map[string]string{"LEGACY": c.as(c.legacy), "PROJECTION": c.as(c.projection), "LEDGER": c.as(c.ledger)}
	return c
}

func (c *clinic) as(dsn string) string {
	c.t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		c.t.Fatal(err)
	}
	u.User = url.UserPassword(c.role, "hunter2")
	return u.String()
}

func (c *clinic) exec(dsn, sql string) {
	c.t.Helper()
	ctx := context.WithoutCancel(c.t.Context())
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
}

// config writes the configuration's file.
func (c *clinic) config() string {
	c.t.Helper()
	file := filepath.Join(c.t.TempDir(), "config.yaml")
	text := fmt.Sprintf(`legacy: {dsn: "${LEGACY}", changed_at: updated_at}
projection: {dsn: "${PROJECTION}", table: public.orders, changed_at: updated_at}
ledger: {dsn: "${LEDGER}"}
compare: {fields: [{name: status, type: text}], settle: {window: %s}}
%s`, c.window, c.sections)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return file
}

func (c *clinic) getenv(name string) (string, bool) { v, ok := c.dsn[name]; return v, ok }

// doctor runs the command and returns its exit code and what it printed.
func (c *clinic) doctor(args ...string) (int, string) {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(c.t.Context(), append([]string{"doctor", "--config", c.config()}, args...), &stdout, &stderr, c.getenv)
	if stderr.Len() > 0 {
		c.t.Errorf("on standard error: %s", stderr.String())
	}
	if strings.Contains(stdout.String(), "hunter2") {
		c.t.Errorf("the password is in %s", stdout.String())
	}
	return code, stdout.String()
}

// diagnosis is what doctor --json prints.
func (c *clinic) diagnosis(wantCode int) diagnosis {
	c.t.Helper()
	code, out := c.doctor("--json")
	if code != wantCode {
		c.t.Errorf("exit code %d, want %d", code, wantCode)
	}
	var d diagnosis
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		c.t.Fatalf("%v in %s", err, out)
	}
	return d
}

// wants is a finding by its words, and the only one of its side that is not ok.
func (c *clinic) wants(d diagnosis, level doctor.Level, side, check, message string) {
	c.t.Helper()
	found := false
	for _, f := range d.Findings {
		if f.Side != side || f.Level == doctor.OK {
			continue
		}
		if f.Check == check && f.Level == level && strings.Contains(f.Message, message) && f.Hint != "" {
			found = true
			continue
		}
		c.t.Errorf("not expected: %+v", f)
	}
	if !found {
		c.t.Errorf("not found: %s of %s, %s %q in %+v", check, side, level, message, d.Findings)
	}
}

func TestDoctorFindsNothingWrongWithAHealthySystem(t *testing.T) {
	c := newClinic(t)
	d := c.diagnosis(exitAgrees)
	for _, f := range d.Findings {
		if f.Level != doctor.OK {
			t.Errorf("%+v", f)
		}
	}
	if d.Worst != doctor.OK || !d.has("ledger", source.CheckIdentity) || !d.has("both", source.CheckHash) {
		t.Errorf("%+v", d)
	}
	code, text := c.doctor()
	if code != exitAgrees || !regexp.MustCompile(`^no problems found\n\d\d checks passed\n$`).MatchString(text) {
		t.Errorf("exit code %d: %s", code, text)
	}
	migrate(t, c.dsn["LEDGER"])
	if d := c.diagnosis(exitAgrees); d.Worst != doctor.OK {
		t.Errorf("with a ledger: %+v", d)
	}
}

func migrate(t *testing.T, dsn string) {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestDoctorExits(t *testing.T) {
	for _, c := range []struct {
		name  string
		harm  func(*clinic)
		code  int
		level doctor.Level
		side  string
		check string
		text  string
	}{
		{"0 with warnings", func(c *clinic) { c.window = "0s" }, exitAgrees, doctor.Warning, "config", "settle", "window is 0"},
		{"2 when a column is missing", func(c *clinic) { c.exec(c.legacy, "ALTER TABLE orders RENAME status TO state") }, exitError, doctor.Error, "legacy", "field", "does not exist"},
		{"2 when a database is unknown", func(c *clinic) { c.dsn["PROJECTION"] += "&dbname=nothing" }, exitError, doctor.Error, "projection", "login", "does not exist"},
		{"3 when a side is unreachable", func(c *clinic) { c.dsn["LEGACY"] = "postgres://u:hunter2@127.0.0.1:1/d" }, exitUnverified, doctor.Error, "legacy", "connection", "refused"},
		{"3 when the ledger is unreachable", func(c *clinic) { c.dsn["LEDGER"] = "postgres://u:hunter2@127.0.0.1:1/d" }, exitUnverified, doctor.Error, "ledger", "connection", "refused"},
		{"2 when the ledger's role is unknown", func(c *clinic) { c.dsn["LEDGER"] = strings.Replace(c.dsn["LEDGER"], c.role, "stranger", 1) }, exitError, doctor.Error, "ledger", "login", "stranger"},
		{"2 when the ledger may not create its schema", func(c *clinic) { c.exec(c.ledger, "DROP SCHEMA crosscheck") }, exitError, doctor.Error, "ledger", "schema", "may not create it"},
		{"2 when the ledger may not create tables", func(c *clinic) {
			c.exec(c.ledger, "ALTER SCHEMA crosscheck OWNER TO postgres; GRANT USAGE ON SCHEMA crosscheck TO "+c.role)
		}, exitError, doctor.Error, "ledger", "schema", "may not create tables"},
		{"2 when the ledger may not be written", func(c *clinic) {
			migrate(c.t, c.ledger)
		}, exitError, doctor.Error, "ledger", "schema", "may not read and write all tables"},
		{"2 when the ledger can only be read", func(c *clinic) {
			c.exec(c.ledger, "ALTER ROLE "+c.role+" SET default_transaction_read_only = on")
		}, exitError, doctor.Error, "ledger", "server", "can only be read"},
		{"0 when the ledger is in the legacy database", func(c *clinic) {
			c.exec(c.legacy, "CREATE SCHEMA crosscheck AUTHORIZATION "+c.role)
			c.dsn["LEDGER"] = c.dsn["LEGACY"]
		}, exitAgrees, doctor.Warning, "ledger", "identity", "system of record"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clinic := newClinic(t)
			c.harm(clinic)
			d := clinic.diagnosis(c.code)
			clinic.wants(d, c.level, c.side, c.check, c.text)
			if d.Worst != c.level {
				t.Errorf("worst is %s, want %s", d.Worst, c.level)
			}
		})
	}
}

func TestDoctorWarnsOfDeltasThatCannotBe(t *testing.T) {
	c := newClinic(t)
	c.exec(c.legacy, "ALTER TABLE orders RENAME TO rows; CREATE VIEW orders AS SELECT * FROM rows; GRANT SELECT ON orders TO "+c.role)
	for sections, want := range map[string]doctor.Level{"": doctor.Info, "sampler: {delta: 10s}": doctor.Warning} {
		c.sections = sections
		is := func(f doctor.Finding) bool {
			return f.Side == "legacy" && f.Check == source.CheckDelta && f.Level == want
		}
		if d := c.diagnosis(exitAgrees); !slices.ContainsFunc(d.Findings, is) {
			t.Errorf("with %q, no %s of delta passes: %+v", sections, want, d.Findings)
		}
	}
}

func TestDoctorLooksAtEventsAndHistory(t *testing.T) {
	c := newClinic(t)
	c.sections = "events: {dsn: \"${PROJECTION}\"}\nhistory: {trades: public.deals, created_at: now()}\n"
	c.exec(c.projection, `CREATE TABLE event_store (event_id bigint GENERATED ALWAYS AS IDENTITY (CACHE 20) PRIMARY KEY, order_id bigint, event_type text,
			timestamp timestamptz, payload jsonb);
		CREATE INDEX ON event_store (order_id); INSERT INTO event_store (order_id, event_type, timestamp, payload) VALUES (1, 'OrderCreated', now(), '{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": 1, "price": 1}');
		GRANT SELECT ON event_store TO `+c.role)
	c.exec(c.legacy, `CREATE TABLE audit_log (entity_id bigint, timestamp timestamptz, field_changed text, old_value text, new_value text);
		CREATE INDEX ON audit_log (entity_id); GRANT SELECT ON audit_log TO `+c.role)
	d := c.diagnosis(exitError)
	c.wants(d, doctor.Warning, "events", source.CheckPositionSequence, "CACHE 20")
	c.wants(d, doctor.Error, "history", source.CheckTable, "there is no table public.deals")
}

func TestLedgerFindings(t *testing.T) {
	fine := ledger.Checkup{Server: "15.14", Database: "d", Role: "r", Encoding: "UTF8", SchemaExists: true, MayCreateTables: true, MayWrite: true, Version: 3, WantVersion: 3}
	for _, c := range []struct {
		name  string
		harm  func(*ledger.Checkup)
		check string // empty: all are ok
		level doctor.Level
	}{
		{"fine", func(*ledger.Checkup) {}, "", doctor.OK},
		{"nothing to create", func(c *ledger.Checkup) { c.MayCreateTables = false }, "", doctor.OK},
		{"will be created", func(c *ledger.Checkup) {
			*c = ledger.Checkup{Encoding: "UTF8", MayCreateSchema: true, MayWrite: true, WantVersion: 3}
		}, "", doctor.OK},
		{"newer", func(c *ledger.Checkup) { c.Version = 4 }, "version", doctor.Error},
		{"older", func(c *ledger.Checkup) { c.Version = 2 }, "version", doctor.Info},
		{"encoding", func(c *ledger.Checkup) { c.Encoding = "LATIN1" }, "encoding", doctor.Info},
		{"encoding without some letters", func(c *ledger.Checkup) { c.Encoding = "EUC_JP" }, "encoding", doctor.Warning},
		{"standby", func(c *ledger.Checkup) { c.ReadOnly = true }, "server", doctor.Error},
	} {
		checkup := fine
		c.harm(&checkup)
		for _, f := range ledgerFindings(checkup, "crosscheck") {
			want := doctor.OK
			if f.Check == c.check {
				want = c.level
			}
			if f.Level != want || (f.Hint == "") != (want == doctor.OK) {
				t.Errorf("%s: %+v, want %s", c.name, f, want)
			}
		}
	}
}

func TestDoctorText(t *testing.T) {
	d := diagnosis{Findings: []doctor.Finding{
		{Side: "legacy", Check: "delta", Level: doctor.Info, Message: "not configured"},
		{Side: "config", Check: "settle", Level: doctor.OK, Message: "a difference counts after both sides have held still for 30s"},
		{Side: "projection", Check: "key_index", Level: doctor.Warning, Message: "no index", Hint: "CREATE INDEX"},
		{Side: "both", Check: "hash", Level: doctor.Error, Message: "steered \x1b[2J", Hint: "by a \x07name"},
		{Side: "both", Check: "key", Level: doctor.Error, Message: "bad", Hint: "mend it"},
	}}
	problems := `error    both        hash       steered \x1b[2J
                                hint: by a \aname
error    both        key        bad
                                hint: mend it
warning  projection  key_index  no index
                                hint: CREATE INDEX
`
	for all, want := range map[bool]string{
		false: problems + "\n2 errors, 1 warning\n1 check passed, 1 note (crosscheck doctor --all shows them)\n",
		true: problems + `info     legacy      delta      not configured
ok       config      settle     a difference counts after both sides have held still for 30s

2 errors, 1 warning
1 check passed, 1 note
`,
	} {
		var got strings.Builder
		if err := d.writeText(&got, all); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSettleFinding(t *testing.T) {
	if f := settleFinding(compare.Settle{Window: time.Second}); f.Level != doctor.OK {
		t.Errorf("%+v", f)
	}
}
