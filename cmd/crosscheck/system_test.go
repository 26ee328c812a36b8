package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab"
	"github.com/nordvarg/crosscheck/lab/broker"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/ledger"
)

// commandTimeout ends a crosscheck that hangs.
const commandTimeout = 10 * time.Minute

// eventualTimeout outlasts twice the lease of a sidecar that lost its server: nobody runs its passes until the lease has
// run out.
const eventualTimeout = 90 * time.Second

// system is a lab that trades, in databases of its own.
type system struct {
	*lab.Lab
	t testing.TB
}

func newSystem(t *testing.T, o lab.Options) *system {
	t.Helper()
	o.History.Events, o.History.Seed = true, 7
	if o.Server == nil {
		o.Server, o.Copied = pgtest.Server(t), true
		legacy, events := withHistory(t, o.History)
		o.LegacyDatabase, o.EventsDatabase = nameOf(legacy), nameOf(events)
	}
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	l, err := lab.Up(deadline(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &system{l, t}
}

// withHistory are two databases that are copied from the first ones with that history. The ledger is migrated: what migrating does is
// for tests with a ledger of another name.
func withHistory(t *testing.T, h lab.History) (legacy, events string) {
	t.Helper()
	kind := strings.ToLower(fmt.Sprintf("%d_%d_%t", h.Orders, h.Backfilled, h.Store == nil))
	dsns := pgtest.Copies(t, []string{"legacy_" + kind, "events_" + kind}, func(dsns []string) error {
		if err := lab.Generate(deadline(t), dsns[0], dsns[1], h); err != nil {
			return err
		}
		return withLedger(t, dsns[1])
	})
	return dsns[0], dsns[1]
}

// nameOf is the name of the database.
func nameOf(dsn string) string {
	dsn, _, _ = strings.Cut(dsn, "?")
	return dsn[strings.LastIndexByte(dsn, '/')+1:]
}

// withLedger makes the tables of the ledger in a database that is to be copied.
func withLedger(t testing.TB, dsn string) error {
	l, err := ledger.Open(deadline(t), ledger.Config{DSN: dsn, Schema: lab.LedgerSchema})
	if err != nil {
		return err
	}
	defer l.Close()
	return l.Migrate(deadline(t))
}

func newBroker(t *testing.T, o broker.Options) *broker.Broker {
	t.Helper()
	b, err := broker.Start(deadline(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// newTopic is a topic of three partitions. It ends after the system that publishes to it.
func newTopic(t *testing.T, brokers []string) *lab.Kafka {
	t.Helper()
	topic, err := lab.OpenKafka(deadline(t), brokers, "orders", 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := topic.Close(); err != nil {
			t.Error(err)
		}
	})
	return topic
}

// live lets the desk trade, and the projection follow with its lag.
func (s *system) live() {
	s.StartProjector()
	s.StartDesk()
}

// rest stops the desk, and makes everything that it wrote visible.
func (s *system) rest() {
	s.t.Helper()
	if err := errors.Join(s.StopDesk(), s.Refresh(deadline(s.t))); err != nil {
		s.t.Fatal(err)
	}
}

// config writes a configuration with a ledger of that name in the events database, and further sections.
func (s *system) config(ledger string, window time.Duration, sections ...string) string {
	s.t.Helper()
	return writeConfig(s.t, ledger, fmt.Sprintf(`
legacy:     {dsn: %q, table: public.orders, key: order_id, changed_at: updated_at}
projection: {dsn: %q, table: public.current_orders, key: order_id, changed_at: updated_at}
ledger:     {dsn: %q, schema: %s}
compare:
  settle: {window: %s, rechecks: 5, max_lag: 1m}
  fields:
%s%s`, s.LegacyDSN, s.EventsDSN, s.EventsDSN, ledger, window, s.Store.Fields, strings.Join(sections, "\n")))
}

func writeConfig(t testing.TB, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// process is a crosscheck under way, in a process of its own.
type process struct {
	*exec.Cmd
	t              testing.TB
	stdout, stderr bytes.Buffer
}

func start(t testing.TB, args ...string) *process {
	t.Helper()
	p := prepare(t, args...)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// prepare is a process that is not started yet. A sidecar may live as long as its test.
func prepare(t testing.TB, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	if args[0] != "run" {
		ctx, cancel = context.WithTimeout(ctx, commandTimeout+2*loadTime(t, 0))
		t.Cleanup(cancel)
	}
	p := &process{Cmd: exec.CommandContext(ctx, "crosscheck", args...), t: t}
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	return p
}

// end waits for the process, and returns its exit code; -1 for a killed one.
func (p *process) end() int {
	p.t.Helper()
	err := p.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("crosscheck: %v", err)
	}
	p.t.Logf("%s: exit code %d\n%.2000s%s", strings.Join(p.Args, " "), p.ProcessState.ExitCode(), &p.stdout, bothEnds(p.stderr.String()))
	return p.ProcessState.ExitCode()
}

// bothEnds is a long text without its middle: why a process went wrong is at its end.
func bothEnds(text string) string {
	const end = 1500
	if len(text) <= 2*end {
		return text
	}
	return text[:end] + "\n…\n" + text[len(text)-end:]
}

// report reads what verify or sample printed.
func (p *process) report() passReport {
	p.t.Helper()
	var r passReport
	if err := json.Unmarshal(p.stdout.Bytes(), &r); err != nil {
		p.t.Fatalf("crosscheck printed no report: %v", err)
	}
	return r
}

// pass runs verify or sample to its end.
func pass(t testing.TB, args ...string) (int, passReport) {
	t.Helper()
	p := start(t, append(args, "--json")...)
	code := p.end()
	return code, p.report()
}

// criteria runs gate, and returns the decision and each criterion's verdict.
func criteria(t *testing.T, config string) (decision string, verdicts map[string]string) {
	t.Helper()
	p := start(t, "gate", "--json", "--config", config)
	p.end()
	var d struct {
		Decision string
		Criteria []struct{ Name, Verdict string }
	}
	if err := json.Unmarshal(p.stdout.Bytes(), &d); err != nil {
		t.Fatalf("crosscheck gate printed no decision: %v", err)
	}
	verdicts = map[string]string{}
	for _, c := range d.Criteria {
		verdicts[c.Name] = c.Verdict
	}
	return d.Decision, verdicts
}

// asFound describes planted orders as found divergences are described.
func asFound(planted []lab.Planted) []string {
	out := make([]string, 0, len(planted))
	for _, p := range planted {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%d %s %s", p.OrderID, p.Kind, strings.Join(p.Fields, ","))))
	}
	slices.Sort(out)
	return out
}

// rows runs SQL and returns what it printed, without the last line feed.
func rows(t testing.TB, dsn, statements string) string {
	t.Helper()
	out, err := query(dsn, statements)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(out, "\n")
}

// eventually polls until the SQL prints what is wanted. It keeps its connection: opening one costs the server more than a
// hundred answers.
func eventually(t testing.TB, dsn, statements, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), eventualTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var conn *pgx.Conn
	defer func() { hangUp(conn) }()
	for {
		var got string
		var err error
		if conn == nil || conn.IsClosed() {
			conn, err = pgx.Connect(ctx, dsn)
		}
		if err == nil {
			got, err = queryOn(ctx, conn, statements)
		}
		if err == nil && strings.TrimSuffix(got, "\n") == want {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: still %q (%v), want %q", statements, got, err, want)
		case <-tick.C:
		}
	}
}

func hangUp(conn *pgx.Conn) {
	if conn != nil {
		conn.Close(context.Background()) //nolint:errcheck // it has shown what was asked for
	}
}

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute+loadTime(t, 0))
	t.Cleanup(cancel)
	return ctx
}
