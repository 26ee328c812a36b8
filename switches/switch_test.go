package switches_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/lab/pgserver/poolertest"
	"github.com/nordvarg/crosscheck/switches"
)

const appConfig = "CREATE TABLE app_config (name text PRIMARY KEY, value text); INSERT INTO app_config VALUES ('read_source', 'legacy'), ('write_mode', 'legacy')"

// reads is the default example: a row of app_config.
func reads(dsn string) switches.Switch {
	return switches.Switch{Name: "reads", Timeout: 10 * time.Second, Action: switches.SQL{
		DSN:  dsn,
		Do:   "UPDATE app_config SET value = 'event_sourced' WHERE name = 'read_source'",
		Undo: "UPDATE app_config SET value = 'legacy' WHERE name = 'read_source'",
		Asks: "SELECT value = 'event_sourced' FROM app_config WHERE name = 'read_source'",
	}}
}

// moves does, undoes and repeats both, and wants each to be done; only do is left out if it is so already.
func moves(t *testing.T, s switches.Switch) {
	t.Helper()
	for _, c := range []struct {
		step    switches.Step
		already bool
	}{{switches.Undo, false}, {switches.Do, false}, {switches.Do, true}, {switches.Undo, false}, {switches.Undo, false}, {switches.Do, false}} {
		o, err := s.Set(t.Context(), c.step, run)
		on, asked := s.On(t.Context(), run)
		if err != nil || o.Already != c.already || asked != nil || on != (c.step == switches.Do) {
			t.Fatalf("%s: %+v, %v; then on %v, %v", c.step, o, err, on, asked)
		}
	}
}

var run = switches.Run{Name: "orders-2026", Slice: "ACME", One: true}

func TestSQLSwitches(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	conn := connect(t, dsn)
	do(t, conn, appConfig)
	moves(t, reads(dsn))

	sliced := reads(dsn)
	sliced.Action = switches.SQL{
		DSN: dsn, Do: "INSERT INTO app_config VALUES (current_setting('crosscheck.slice'), current_setting('crosscheck.run'))", Undo: "DELETE FROM app_config WHERE name = current_setting('crosscheck.slice')",
		Asks: "SELECT count(*) = 1 FROM app_config WHERE name = 'ACME' AND value = 'orders-2026'",
	}
	moves(t, sliced)
}

// TestHowASwitchFails: what is known of it afterwards is told apart.
func TestHowASwitchFails(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	do(t, connect(t, dsn), appConfig)
	for _, test := range []struct {
		name, do, asks string
		want           error
		says           string
	}{
		{"do fails", "UPDATE nowhere SET value = 1", "", switches.ErrFailed, "nowhere"},
		{"the second statement fails, so that the first is undone", "UPDATE app_config SET value = 'event_sourced'; SELECT 1/0", "", switches.ErrFailed, "division by zero"},
		{"do changes nothing and says that it did", "UPDATE app_config SET value = 'event_sourced' WHERE name = 'readsource'", "", switches.ErrLies, "do of reads"},
		{"do takes too long", "SELECT pg_sleep(60)", "", switches.ErrUnknown, "timeout"},
		{"the check fails", "SELECT 1", "SELECT nothing", switches.ErrUnknown, "nothing"},
		{"the check has no row", "SELECT 1", "SELECT true WHERE false", switches.ErrUnknown, "0 rows"},
		{"the check has NULL", "SELECT 1", "SELECT NULL::boolean", switches.ErrUnknown, "NULL"},
		{"the check writes", "SELECT 1", "UPDATE app_config SET value = 'x' RETURNING true", switches.ErrUnknown, "read-only"},
	} {
		s := reads(dsn)
		a := s.Action.(switches.SQL)
		a.Do = test.do
		if test.asks != "" {
			a.Asks = test.asks
		}
		s.Action, s.Timeout = a, 2*time.Second
		_, err := s.Set(t.Context(), switches.Do, run)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.name, err)
		}
		if errors.Is(err, switches.ErrUnknown) == errors.Is(err, switches.ErrFailed) { // what may have an effect later has not failed
			t.Errorf("%s has failed, and is unknown, or neither: %v", test.name, err)
		}
	}
}

// TestALostAnswerIsReadBack: the program fails after it has switched.
func TestALostAnswerIsReadBack(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/new"
	s := switches.Switch{Name: "writes", Action: switches.Exec{Do: []string{"sh", "-c", "touch " + file + "; exit 3"}, Undo: []string{"rm", file}, Asks: []string{"test", "-e", file}}}
	if o, err := s.Set(t.Context(), switches.Do, run); err != nil || o.Already {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestTheWayBackIsAlwaysGone, also if the check before it would fail, or says that nothing has moved.
func TestTheWayBackIsAlwaysGone(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/undone"
	s := switches.Switch{Name: "writes", Action: switches.Exec{Do: []string{"false"}, Undo: []string{"touch", file}, Asks: []string{"sh", "-c", "test -e " + file + " && exit 1; exit 2"}}}
	if o, err := s.Set(t.Context(), switches.Undo, run); err != nil || o.Already {
		t.Errorf("%+v, %v", o, err)
	}
	s.Action = switches.Exec{Do: []string{"false"}, Undo: []string{"rm", file}, Asks: []string{"sh", "-c", "exit 1"}}
	if o, err := s.Set(t.Context(), switches.Undo, run); err != nil || o.Already {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the undo was left out, because the check said legacy")
	}
}

func TestExecSwitches(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/new"
	e := switches.Exec{Do: []string{"sh", "-c", "test $CROSSCHECK_RUN.$CROSSCHECK_SLICE = orders-2026.ACME && touch " + file}, Undo: []string{"rm", file}, Asks: []string{"test", "-e", file}}
	s := switches.Switch{Name: "writes", Action: e}
	moves(t, s)
	for _, asks := range [][]string{{"sh", "-c", "exit 2"}, {"/nowhere/to/be/found"}, {}} {
		e.Asks = asks
		s.Action = e
		if _, err := s.On(t.Context(), run); !errors.Is(err, switches.ErrUnknown) {
			t.Errorf("%v: %v", asks, err)
		}
	}
}

// TestOutputIsBoundedAndHasNoSecrets, and a program that hangs ends with all that it has started.
func TestOutputIsBoundedAndHasNoSecrets(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/new"
	s := switches.Switch{
		Name: "writes", Mask: func(text string) string { return strings.ReplaceAll(text, "hunter2", "<secret>") },
		Action: switches.Exec{Do: []string{"sh", "-c", "echo begin hunter2; yes | head -c 100000; echo; echo end hunter2; touch " + file}, Undo: []string{"sh", "-c", "echo hunter2; sleep 1000 & sleep 1000"}, Asks: []string{"test", "-e", file}},
	}
	o, err := s.Set(t.Context(), switches.Do, run)
	if err != nil || len(o.Output) > 5000 || !strings.HasPrefix(o.Output, "begin <secret>") || !strings.HasSuffix(o.Output, "end <secret>\n") {
		t.Errorf("%d bytes: %.40q, %v", len(o.Output), o.Output, err)
	}
	s.Timeout = time.Second
	if _, err := s.Set(t.Context(), switches.Undo, run); !errors.Is(err, switches.ErrUnknown) || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("a program that hangs: %v", err)
	}
}

func TestHTTPSwitches(t *testing.T) {
	t.Parallel()
	var mode atomic.Value
	mode.Store("legacy")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Crosscheck-Run") != run.Name || r.Header.Get("X-Crosscheck-Slice") != run.Slice || r.Header.Get("Authorization") != "Bearer t":
			http.Error(w, "who are you?", http.StatusForbidden)
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/mode", http.StatusFound)
		case r.Method == http.MethodPost:
			mode.Store(strings.TrimPrefix(r.URL.Path, "/"))
		default:
			fmt.Fprintf(w, `{"mode": %q}`, mode.Load())
		}
	}))
	t.Cleanup(server.Close)
	headers := map[string]string{"Authorization": "Bearer t"}
	at := func(path string) switches.Request { return switches.Request{URL: server.URL + path, Headers: headers} }
	h := switches.HTTP{Do: at("/events"), Undo: at("/legacy"), Asks: at("/mode"), On: `"events"`, Off: `"legacy"`}
	s := switches.Switch{Name: "writes", Action: h}
	moves(t, s)
	mode.Store("maintenance")
	if _, err := s.On(t.Context(), run); !errors.Is(err, switches.ErrUnknown) {
		t.Errorf("an answer that is neither: %v", err)
	}
	h.Asks = at("/moved")
	s.Action = h
	if _, err := s.On(t.Context(), run); !errors.Is(err, switches.ErrUnknown) || !strings.Contains(err.Error(), "302") {
		t.Errorf("a redirect: %v", err)
	}
	h.Asks = switches.Request{URL: server.URL + "/mode?token=hunter2"}
	s.Action = h
	if _, err := s.On(t.Context(), run); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "who are you?") {
		t.Errorf("a refusal: %v", err)
	}
}

// TestPgBouncersArePausedAndGoOn: a client waits meanwhile and loses nothing. One that does not pause in time leaves none paused.
func TestPgBouncersArePausedAndGoOn(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	name := connect(t, dsn).Config().Database
	var through, consoles []string
	for range 2 {
		dsn := poolertest.Start(t, dsn, "pool_mode = transaction", "ignore_startup_parameters = extra_float_digits", "admin_users = postgres")
		through, consoles = append(through, dsn), append(consoles, strings.Replace(dsn, "/"+name, "/pgbouncer", 1))
	}
	p := switches.PgBouncer{Instances: consoles, Database: name, Timeout: 2 * time.Second}
	s := switches.Switch{Name: "pool", Action: p, Timeout: 20 * time.Second}
	client := connect(t, through[1])
	do(t, client, "SELECT 1")
	do(t, connect(t, through[0]), "SELECT 1")
	moves(t, s)

	answered := make(chan error, 1)
	ctx := within(t, 30*time.Second)
	go func() {
		_, err := client.Exec(ctx, "SELECT 1")
		answered <- err
	}()
	if _, err := s.Set(t.Context(), switches.Undo, run); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("a client that waited: %v", err)
	}

	do(t, client, "BEGIN; SELECT 1") // the second instance waits for its end
	if _, err := s.Set(t.Context(), switches.Do, run); !errors.Is(err, switches.ErrFailed) || !strings.Contains(err.Error(), "instance 2: PAUSE") {
		t.Errorf("a client in a transaction: %v", err)
	}
	// A coordinator that died before it took its PAUSE back: only the first answers yes, and the way back goes all the same.
	asked := connect(t, consoles[0], pgx.QueryExecModeSimpleProtocol)
	do(t, asked, "PAUSE "+pgx.Identifier{name}.Sanitize())
	if _, err := s.On(t.Context(), run); !errors.Is(err, switches.ErrUnknown) {
		t.Errorf("one of two is paused: %v", err)
	}
	if _, err := s.Set(t.Context(), switches.Undo, run); err != nil {
		t.Errorf("the way back from one of two: %v", err)
	}
	one := p
	one.Instances = consoles[1:]
	waiting, second := make(chan error, 1), connect(t, consoles[1], pgx.QueryExecModeSimpleProtocol)
	go func() {
		_, err := second.Exec(ctx, "PAUSE "+pgx.Identifier{name}.Sanitize())
		waiting <- err
	}()
	for {
		_, err := one.Check(ctx, run)
		if err != nil && strings.Contains(err.Error(), "still waits") {
			break
		}
		if err != nil {
			t.Fatalf("a PAUSE that waits for a client: %v", err)
		}
	}
	do(t, client, "COMMIT")
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	if on, err := one.Check(ctx, run); !on || err != nil {
		t.Errorf("a PAUSE that has ended: %v, %v", on, err)
	}
	if _, err := s.Set(t.Context(), switches.Undo, run); err != nil {
		t.Error(err)
	}
	if on, err := s.On(t.Context(), run); on || err != nil {
		t.Errorf("after it: %v, %v", on, err)
	}
	p.Database = "elsewhere"
	s.Action = p
	if _, err := s.On(t.Context(), run); !errors.Is(err, switches.ErrUnknown) {
		t.Errorf("a database that it has not: %v", err)
	}
}

// TestTheSequenceOfAColumn is found for identity and serial columns, and how far it is ahead.
func TestTheSequenceOfAColumn(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	do(t, connect(t, dsn), `CREATE TABLE orders (id bigint); INSERT INTO orders VALUES (100); CREATE TABLE orders_new (id bigint GENERATED BY DEFAULT AS IDENTITY (START 1100), nr bigserial, plain bigint)`)
	for column, want := range map[string]int64{"id": 1000, "nr": -99} {
		name, err := switches.SequenceOf(within(t, 30*time.Second), dsn, "orders_new", column)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := switches.ReadSequence(within(t, 30*time.Second), dsn, dsn, name, "orders", "id"); err != nil || s.Ahead() != want {
			t.Errorf("%s is ahead by %d, %v", name, s.Ahead(), err)
		}
	}
	if _, err := switches.SequenceOf(within(t, 30*time.Second), dsn, "orders_new", "plain"); err == nil || !strings.Contains(err.Error(), "must be named") {
		t.Errorf("a column without a sequence: %v", err)
	}
}

func TestSequencesAreAhead(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	do(t, connect(t, dsn), `CREATE TABLE legacy (id bigint); INSERT INTO legacy VALUES (100); CREATE TABLE none (id bigint);
		CREATE SEQUENCE behind START 100; CREATE SEQUENCE ahead START 101; CREATE SEQUENCE used START 50; SELECT setval('used', 100); CREATE SEQUENCE steps INCREMENT 10; SELECT setval('steps', 91); CREATE SEQUENCE down INCREMENT -1;
		CREATE SEQUENCE restarted; ALTER SEQUENCE restarted RESTART WITH 101; CREATE SEQUENCE low START 200; SELECT setval('low', 50, false); CREATE SEQUENCE cached START 200 CACHE 20;
		CREATE SEQUENCE round START 200 CYCLE; CREATE SEQUENCE used_up MAXVALUE 150; SELECT setval('used_up', 150)`)
	for _, test := range [][3]string{
		{"behind", "legacy", "behind gives 100 next, and legacy has given 100"},
		{"ahead", "legacy", ""},
		{"used", "legacy", ""},
		{"steps", "legacy", ""},
		{"down", "legacy", "down counts down, so it will meet numbers that legacy has given"},
		{"behind", "none", ""},
		{"restarted", "legacy", ""},
		{"low", "legacy", "low gives 50 next, and legacy has given 100"},
		{"cached", "legacy", "cached is CACHE 20, so sessions may still give older numbers than it shows"},
		{"round", "legacy", "round is CYCLE, so it will meet numbers that legacy has given"},
		{"used_up", "legacy", "used_up has given its last number, 150"},
	} {
		s, err := switches.ReadSequence(within(t, 30*time.Second), dsn, dsn, "public."+test[0], test[1], "id")
		if got := strings.ReplaceAll(s.Behind(), "public.", ""); err != nil || got != test[2] {
			t.Errorf("%s: %q, %v", test[0], got, err)
		}
	}
	if _, err := switches.ReadSequence(within(t, 30*time.Second), dsn, dsn, "public.gone", "legacy", "id"); err == nil {
		t.Error("a sequence that is not there was read")
	}
}
