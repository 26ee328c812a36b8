package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/web"
)

// TestScripts runs testdata/script. Each script has what is in testdata/default unless it brings a file of that name.
// Beside testscript's own commands there are:
//
//	database NAME…          a fresh database each, with its DSN in $NAME_DSN (in capitals)
//	sql NAME STATEMENTS     run them there; what they return is stdout. STATEMENTS may be a file.sql
//	pair                    databases legacy and projection, each with the 2,000 orders of orders.sql; the ledger is migrated
//	role NAME DATABASE      a role that may log in, with $NAME_DSN to do so
//	exits CODE PROGRAM …    run it, and want this exit code
//	json PATH VALUE         the one JSON object on stdout holds the value at that path (a.0.b); ! json PATH: nothing
//	found 'ORDER KIND FIELDS'…  the divergences on stdout are exactly these, all of them open
//	criterion NAME VERDICT  of the decision on stdout
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               setUp,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"database": cmdDatabase, "sql": cmdSQL, "pair": cmdPair, "role": cmdRole,
			"exits": cmdExits, "json": cmdJSON, "found": cmdFound, "criterion": cmdCriterion,
		},
	})
}

type testingKey struct{}

func setUp(env *testscript.Env) error {
	env.Values[testingKey{}] = env.T()
	env.Setenv(collecting, os.Getenv(collecting))
	return filepath.WalkDir("testdata/default", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		to := filepath.Join(env.WorkDir, entry.Name())
		if _, err := os.Stat(to); err == nil {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, content, 0o600)
	})
}

// usage stops the script where a command was written wrongly.
func usage(ts *testscript.TestScript, ok bool, text string) {
	if !ok {
		ts.Fatalf("usage: %s", text)
	}
}

func cmdDatabase(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) > 0, "database NAME…")
	for _, name := range args {
		ts.Setenv(dsnVariable(name), pgtest.Database(ts.Value(testingKey{}).(testing.TB)))
	}
}

func dsnVariable(name string) string { return strings.ToUpper(name) + "_DSN" }

func cmdPair(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 0, "pair")
	orders, err := os.ReadFile(ordersFile)
	ts.Check(err)
	names := []string{"legacy", "projection"}
	if ts.ReadFile("orders.sql") != string(orders) {
		cmdDatabase(ts, false, names)
		for _, name := range names {
			cmdSQL(ts, false, []string{name, "orders.sql"})
		}
		return
	}
	for i, dsn := range ordersPair(ts.Value(testingKey{}).(testing.TB), string(orders)) {
		ts.Setenv(dsnVariable(names[i]), dsn)
	}
}

const ordersFile = "testdata/default/orders.sql"

// ordersPair are two databases with the same orders, copied from the first ones. The second has a ledger.
func ordersPair(t testing.TB, orders string) []string {
	return pgtest.Copies(t, []string{"orders", "orders_ledger"}, func(dsns []string) error {
		for _, dsn := range dsns {
			if _, err := query(dsn, orders); err != nil {
				return err
			}
		}
		return withLedger(t, dsns[1])
	})
}

func cmdRole(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "role NAME DATABASE")
	c, err := pgx.ParseConfig(ts.Getenv(dsnVariable(args[1])))
	ts.Check(err)
	role := args[0] + "_of_" + c.Database // roles belong to the server, and scripts run beside each other
	cmdSQL(ts, false, []string{args[1], "CREATE ROLE " + role + " LOGIN"})
	ts.Setenv(args[0], role)
	ts.Setenv(dsnVariable(args[0]), fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=disable", role, c.Host, c.Port, c.Database))
	ts.Defer(func() { cmdDropRole(ts, args[1], role) })
}

func cmdDropRole(ts *testscript.TestScript, database, role string) {
	if _, err := query(ts.Getenv(dsnVariable(database)), "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
		ts.Logf("dropping role %s: %v", role, err)
	}
}

func cmdSQL(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "sql NAME STATEMENTS")
	statements := args[1]
	if strings.HasSuffix(statements, ".sql") {
		statements = ts.ReadFile(statements)
	}
	out, err := query(ts.Getenv(dsnVariable(args[0])), statements)
	ts.Check(err)
	_, err = io.WriteString(ts.Stdout(), out)
	ts.Check(err)
}

// query runs statements, and returns all rows of all of them, columns separated by a bar.
func query(dsn, statements string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", fmt.Errorf("connecting to run SQL: %w", err)
	}
	defer conn.Close(ctx)
	return queryOn(ctx, conn, statements)
}

func queryOn(ctx context.Context, conn *pgx.Conn, statements string) (string, error) {
	results, err := conn.PgConn().Exec(ctx, statements).ReadAll()
	if err != nil {
		return "", fmt.Errorf("running %s: %w", statements, err)
	}
	var out strings.Builder
	for _, result := range results {
		for _, row := range result.Rows {
			for i, column := range row {
				if i > 0 {
					out.WriteString("|")
				}
				out.Write(column)
			}
			out.WriteString("\n")
		}
	}
	return out.String(), nil
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "exits CODE PROGRAM [ARGUMENT…]")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code, err := 0, ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// object decodes the one JSON object that stdout must hold, and nothing else.
func object(ts *testscript.TestScript, into any) {
	text := ts.ReadFile("stdout")
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		ts.Fatalf("stdout is no JSON object: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}\n") {
		ts.Fatalf("stdout holds more than one JSON object")
	}
}

func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == map[bool]int{false: 2, true: 1}[neg], "json PATH VALUE, or ! json PATH")
	var at any = map[string]any{}
	object(ts, &at)
	for step := range strings.SplitSeq(args[0], ".") {
		switch in := at.(type) {
		case map[string]any:
			value, ok := in[step]
			if !ok && neg {
				return
			}
			if !ok {
				ts.Fatalf("nothing at %s of %s", step, args[0])
			}
			at = value
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(in) {
				ts.Fatalf("a list of %d has no %s (of %s)", len(in), step, args[0])
			}
			at = in[i]
		default:
			ts.Fatalf("%v has no %s (of %s)", at, step, args[0])
		}
	}
	got := fmt.Sprint(at)
	if at == nil {
		got = "null"
	}
	if neg {
		ts.Fatalf("%s is %s", args[0], got)
	}
	if got != args[1] {
		ts.Fatalf("%s is %s, want %s", args[0], got, args[1])
	}
}

func cmdFound(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg, "found ['ORDER KIND FIELDS'…]")
	var report passReport
	object(ts, &report)
	got := described(report.Divergences)
	want := slices.Sorted(slices.Values(args))
	if diff := cmp.Diff(want, got); len(want)+len(got) > 0 && diff != "" {
		ts.Fatalf("wanted (-) and found (+):\n%s", diff)
	}
	for _, d := range report.Divergences {
		if d.State != "open" || d.Hop != "legacy->projection" || d.FirstSeen.IsZero() || d.AgeSeconds < 0 {
			ts.Fatalf("divergence %+v", d)
		}
	}
}

// described are divergences as "ORDER KIND FIELDS", sorted.
func described(divergences []web.Divergence) []string {
	out := make([]string, 0, len(divergences))
	for _, d := range divergences {
		text := d.OrderID + " " + d.Kind
		for i, f := range d.Fields {
			text += map[bool]string{true: " ", false: ","}[i == 0] + f.Name
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

func cmdCriterion(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "criterion NAME VERDICT")
	var decision struct {
		Criteria []struct{ Name, Verdict, Reason string }
	}
	object(ts, &decision)
	for _, c := range decision.Criteria {
		if c.Name != args[0] {
			continue
		}
		if c.Verdict != args[1] || c.Reason == "" {
			ts.Fatalf("%s is %q because of %q, want %s", c.Name, c.Verdict, c.Reason, args[1])
		}
		return
	}
	ts.Fatalf("no criterion %s", args[0])
}
