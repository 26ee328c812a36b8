package source_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// writer is a function that switches off whatever default forbids it to write, writes if it can, and says nothing of it.
const writer = `CREATE TABLE written (n int);
	CREATE FUNCTION sly() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN
		PERFORM set_config('default_transaction_read_only', 'off', false);
		BEGIN
			PERFORM set_config('transaction_read_only', 'off', false);
		EXCEPTION WHEN OTHERS THEN NULL; END;
		BEGIN
			INSERT INTO public.written VALUES (1);
		EXCEPTION WHEN OTHERS THEN NULL; END;
		RETURN 1; END $$;`

// TestNoReadWrites: each read of each side, and doctor's, run a function of the configuration that would like to write, twice.
func TestNoReadWrites(t *testing.T) {
	c := newChronicle(t)
	c.exec(writer + `INSERT INTO orders SELECT generate_series(1, 9); ALTER TABLE orders ADD status text DEFAULT 'OPEN', ADD updated_at timestamptz DEFAULT now();
		GRANT ALL ON ALL TABLES IN SCHEMA public TO ` + c.role)
	sly := func(table string) string {
		return "(SELECT *, public.sly() AS sly FROM public." + table + " OFFSET 0)"
	}
	c.legacy.Table, c.legacy.ChangedAt, c.legacy.Fields = sly("orders"), "updated_at", []source.Field{textField("status")}
	c.events.Table = sly("event_store")
	c.history = source.HistoryConfig{AuditLog: sly("audit_log") + " AS t", Trades: sly("trades") + " AS t"}

	for range 2 {
		side, err := source.Open(t.Context(), c.legacy)
		if err != nil {
			t.Fatal(err)
		}
		defer side.Close()
		fold := openFold(t, source.FoldConfig{Events: c.events, Fields: []order.Field{{Name: "status", Type: order.Text}}})
		readSide(t, side)
		readSide(t, fold)
		readEvents(t, openEvents(t, c.events))
		_, _ = (&source.Records{Legacy: side, Config: c.history}).Records(t.Context(), []order.Key{"1"})
		c.diagnose()
		source.Diagnose(t.Context(), c.legacy, c.legacy, time.Now)
	}
	var written int
	if err := c.conn.QueryRow(t.Context(), "SELECT count(*) FROM written").Scan(&written); err != nil || written > 0 {
		t.Errorf("%d rows were written, %v", written, err)
	}
}

// readSide makes a side run everything that it can; that it is asked matters, and not what it answers.
func readSide(t *testing.T, side interface {
	verify.Side
	NewestChange(ctx context.Context) (time.Time, error)
	Ping(ctx context.Context) error
	Origin(ctx context.Context) (source.Origin, error)
},
) {
	t.Helper()
	x := t.Context()
	for range 2 {
		_ = side.Ping(x)
		_, _ = side.Origin(x)
		_, _ = side.NewestChange(x)
		_, _ = side.Probe(x, verify.Hash{Seed: 1})
	}
	n, err := side.Begin(x)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	layout := verify.Layout{ByBounds: true, Bounds: []order.Key{"5"}}
	for name, read := range map[string]func() error{
		"extent":  func() error { _, err := n.Extent(x); return err },
		"bounds":  func() error { _, err := n.Bounds(x, verify.Extent{Min: "1", Max: "9", Rows: 9}); return err },
		"rows":    func() error { _, err := n.Rows(x, []order.Key{"1"}); return err },
		"digests": func() error { _, err := n.Digests(x, verify.DigestQuery{Layout: layout}, func(int64) {}); return err },
		"scan":    func() error { return n.Scan(x, layout, []int64{0, 1}, func(order.Row) error { return nil }) },
	} {
		if err := read(); err != nil {
			t.Errorf("%s of %s: %v", name, side.Representation(), err)
		}
	}
}

func readEvents(t *testing.T, events *source.Events) {
	t.Helper()
	x := t.Context()
	for range 2 {
		for name, read := range map[string]func() error{
			"histories": func() error { _, err := events.Histories(x, []order.Key{"1"}); return err },
			"newest":    func() error { _, err := events.Newest(x); return err },
			"after":     func() error { _, _, err := events.After(x, time.Time{}); return err },
			"rows":      func() error { return events.Rows(x, []order.Position{1}, func(order.StoredRow) error { return nil }) },
			"between": func() error {
				return events.Between(x, 1, 9, func(order.Position, order.Key, order.ID) error { return nil })
			},
			"count":   func() error { _, _, err := events.CountPositions(x, 1, 9, 2, 100); return err },
			"horizon": func() error { _, err := events.Horizon(x); return err },
			"first":   func() error { _, err := events.First(x); return err },
			"oldest":  func() error { _, err := events.Oldest(x); return err },
			"ping":    func() error { return events.Ping(x) },
			"origin":  func() error { _, err := events.Origin(x); return err },
		} {
			if err := read(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestNothingReachesAServerPastSessions: this package holds no connection and makes none.
func TestNothingReachesAServerPastSessions(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range file.Imports {
			if strings.Contains(imported.Path.Value, "pgxpool") || strings.Contains(imported.Path.Value, "database/sql") {
				t.Errorf("%s imports %s", name, imported.Path.Value)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if from, ok := s.X.(*ast.Ident); ok && (from.Name == "pgx" || from.Name == "pgconn") && strings.HasPrefix(s.Sel.Name, "Connect") && s.Sel.Name != "ConnectError" {
					t.Errorf("%s calls %s.%s", name, from.Name, s.Sel.Name)
				}
			}
			return true
		})
	}
}
