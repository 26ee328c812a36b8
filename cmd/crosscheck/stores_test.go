package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// storesFolder is where scripts/stores has installed the libraries. Without it, tests read what the libraries have written before.
var storesFolder = os.Getenv("CROSSCHECK_STORES")

// writers are the programs that write with the real libraries, with their arguments after the DSN.
var writers = map[string]func(t *testing.T, dsn string) *exec.Cmd{
	"eventsourcing": func(t *testing.T, dsn string) *exec.Cmd {
		return exec.CommandContext(t.Context(), filepath.Join(storesFolder, "venv/bin/python"), "-Bc", "import sys; sys.path.append('testdata/stores'); import shop", dsn)
	},
	"message-db": func(t *testing.T, dsn string) *exec.Cmd {
		return exec.CommandContext(t.Context(), filepath.Join(storesFolder, "venv/bin/python"), "-B", "testdata/stores/message_db.py", dsn, filepath.Join(storesFolder, "package"))
	},
}

// TestRealStoresAreJudged by the configurations of their pages: nothing is found in what their libraries wrote, and then a lost
// event and a stale projection are, with hop and cause.
func TestRealStoresAreJudged(t *testing.T) {
	for name := range writers {
		t.Run(name, func(t *testing.T) {
			dsn := pgtest.Database(t)
			conn, err := pgx.Connect(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context()) //nolint:errcheck // the server ends after it
			do := func(sql string) {
				t.Helper()
				if _, err := conn.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			write(t, name, dsn, do)
			do("CREATE TABLE public.order_view (LIKE public.legacy_orders INCLUDING ALL); INSERT INTO public.order_view SELECT * FROM public.legacy_orders")
			t.Setenv("LEGACY_DSN", dsn)
			t.Setenv("EVENTS_DSN", dsn)
			file := writeConfig(t, name, strings.Replace(pageYAML(t, name), "compare:\n", "compare:\n  settle: {window: 1s, rechecks: 5, max_lag: 1m}\n", 1))
			if code, r := pass(t, "verify", "--config", file); code != 0 || r.Verdict != "match" || r.Compared != 40 {
				t.Fatalf("a sound store: exit code %d, %+v", code, r)
			}
			do(read(t, "testdata/stores/"+name+"-plant.sql"))
			var lost, stale string
			if err := conn.QueryRow(t.Context(), "SELECT (SELECT order_id::text FROM lost), (SELECT order_id::text FROM stale)").Scan(&lost, &stale); err != nil {
				t.Fatal(err)
			}
			_, r := pass(t, "verify", "--config", file)
			got := map[string]string{}
			for _, d := range r.Divergences {
				got[string(d.OrderID)] = string(d.Hop) + " " + string(d.Cause)
			}
			if d := cmp.Diff(map[string]string{lost: "legacy->events lost_shadow_write", stale: "events->projection stale_projection"}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// write fills a store with its library, or with what the library has written before.
func write(t *testing.T, name, dsn string, do func(sql string)) {
	t.Helper()
	if storesFolder == "" {
		do(read(t, "testdata/stores/"+name+".sql"))
		return
	}
	if out, err := writers[name](t, dsn).CombinedOutput(); err != nil {
		t.Fatalf("writing with the library: %v\n%s", err, out)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // a file of the repository
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pageYAML is the configuration of a store's page.
func pageYAML(t *testing.T, store string) string {
	t.Helper()
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(read(t, "../../docs/stores/"+store+".md"))
	if found == nil {
		t.Fatal("the page has no configuration")
	}
	return found[1]
}
