package main

import (
	gocmp "cmp"
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
)

// storesFolder is where scripts/stores has installed the libraries. Without it, tests read what the libraries have written before.
var storesFolder = os.Getenv("CROSSCHECK_STORES")

// writers are the programs that write with the real libraries, with their arguments after the DSN.
var writers = map[string]func(t *testing.T, dsn string) *exec.Cmd{
	"eventsourcing": func(t *testing.T, dsn string) *exec.Cmd {
		return exec.CommandContext(t.Context(), filepath.Join(storesFolder, "venv/bin/python"), "-Bc", "import sys; sys.path.append('testdata/stores'); import shop", dsn)
	},
	"emmett": func(t *testing.T, dsn string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "node", "testdata/stores/emmett.cjs", dsn, filepath.Join(storesFolder, "emmett"))
	},
	"message-db": func(t *testing.T, dsn string) *exec.Cmd {
		return exec.CommandContext(t.Context(), filepath.Join(storesFolder, "venv/bin/python"), "-B", "testdata/stores/message_db.py", dsn, filepath.Join(storesFolder, "package"))
	},
}

// TestRealStoresAreJudged by the configurations of their pages: nothing is found in what their libraries wrote, and then a lost
// event and a stale projection are, with hop and cause.
func TestRealStoresAreJudged(t *testing.T) {
	t.Parallel()
	for name := range writers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openStore(t, name, "legacy_orders")
			s.write()
			s.proposes = true
			s.judged("testdata/stores/" + name + "-plant.sql")
		})
	}
}

// documented are stores whose tables are made as they are documented, and filled from what a trading desk did. The statement
// loses the event that desk-plant.sql chose.
var documented = map[string]struct {
	lose string
	// change makes another form of the table, which the page describes with these words in place of those.
	page, change   string
	those, inPlace string
	// init is what a person adds to the proposal of config init.
	init string
}{
	"axon":              {init: "where: \"type = 'Order'\"", lose: "DELETE FROM domain_event_entry USING lost WHERE global_index = lost.position"},
	"commanded":         {lose: "DELETE FROM stream_events s USING desk.events e JOIN lost USING (position) WHERE s.event_id = e.id"},
	"debezium-outbox":   {init: "where: \"aggregatetype = 'order'\"", lose: "DELETE FROM outbox o USING lost WHERE o.position = lost.position"},
	"marten":            {lose: "DELETE FROM mt_events USING lost WHERE seq_id = lost.position"},
	"pekko":             {lose: "DELETE FROM event_journal USING lost WHERE ordering = lost.position"},
	"rails-event-store": {lose: "DELETE FROM event_store_events_in_streams s USING desk.events e JOIN lost USING (position) WHERE s.event_id = e.id"},
	"axon by Hibernate": {
		page: "axon", change: "ALTER TABLE domain_event_entry ALTER payload TYPE oid USING lo_from_bytea(0, payload)", those: "payload: payload ", inPlace: "payload: lo_get(payload) ",
		lose: "DELETE FROM domain_event_entry USING lost WHERE global_index = lost.position",
	},
}

// TestDocumentedStoresAreJudged by the configurations of their pages, as real ones are.
func TestDocumentedStoresAreJudged(t *testing.T) {
	t.Parallel()
	for name, is := range documented {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openStore(t, gocmp.Or(is.page, name), "orders")
			s.config = strings.Replace(s.config, is.those, is.inPlace, 1)
			s.do(read(t, "testdata/stores/desk.sql"))
			s.do(read(t, "testdata/stores/"+s.name+".sql"))
			s.do(is.change)
			s.proposes, s.added = is.change == "", is.init
			s.judged("testdata/stores/desk-plant.sql", is.lose)
		})
	}
}

// eventStore is a database that holds a store's events, legacy's table and the projection.
type eventStore struct {
	*testing.T
	name, dsn, legacy, config string
	conn                      *pgx.Conn
	proposes                  bool   // config init finds the store and its rules
	added                     string // to the proposal
}

func openStore(t *testing.T, name, legacy string) *eventStore {
	t.Helper()
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return &eventStore{t, name, dsn, legacy, pageYAML(t, name), conn, false, ""}
}

func (s *eventStore) do(sql string) {
	s.Helper()
	if _, err := s.conn.Exec(s.Context(), sql); err != nil {
		s.Fatal(err)
	}
}

// write fills a store with its library, or with what the library has written before.
func (s *eventStore) write() {
	s.Helper()
	if storesFolder == "" {
		s.do(read(s.T, "testdata/stores/"+s.name+".sql"))
		return
	}
	if out, err := writers[s.name](s.T, s.dsn).CombinedOutput(); err != nil {
		s.Fatalf("writing with the library: %v\n%s", err, out)
	}
}

// judged has the sound store verified, plants, and has it verified again. What is planted is in the tables lost and stale. The
// same is done with what config init proposes, with what a person added.
func (s *eventStore) judged(plantFile string, lose ...string) {
	s.Helper()
	s.do("CREATE TABLE public.order_view (LIKE public." + s.legacy + " INCLUDING ALL); INSERT INTO public.order_view SELECT * FROM public." + s.legacy)
	file := s.file("page", s.config)
	files := []string{file}
	if s.proposes {
		files = append(files, s.file("proposed", s.proposal()))
	}
	for _, file := range files {
		if code, r := pass(s.T, "verify", "--config", file); code != exitAgrees || r.Verdict != "match" || r.Compared != 40 || len(r.NotJudged) > 0 {
			s.Fatalf("a sound store: exit code %d, %+v", code, r)
		}
	}
	if asked := s.indexesAskedFor(file); !slices.Equal(asked, pageSQL(s.T, s.name)) {
		s.Errorf("doctor asks for %q", asked)
	}
	s.do(strings.Join(append([]string{read(s.T, plantFile)}, lose...), ";"))
	var lost, stale string
	if err := s.conn.QueryRow(s.Context(), "SELECT (SELECT order_id::text FROM lost), (SELECT order_id::text FROM stale)").Scan(&lost, &stale); err != nil {
		s.Fatal(err)
	}
	for _, file := range files {
		_, r := pass(s.T, "verify", "--config", file)
		got := map[string]string{}
		for _, d := range r.Divergences {
			got[string(d.OrderID)] = string(d.Hop) + " " + string(d.Cause)
		}
		if d := cmp.Diff(map[string]string{lost: "legacy->events lost_shadow_write", stale: "events->projection stale_projection"}, got); d != "" {
			s.Errorf("%s: %s", file, d)
		}
	}
}

// file is a configuration with the store's database and short windows.
func (s *eventStore) file(name, text string) string {
	s.Helper()
	return writeConfig(s.T, name, strings.NewReplacer("${LEGACY_DSN}", s.dsn, "${EVENTS_DSN}", s.dsn,
		"schema: crosscheck", "schema: crosscheck_"+name, "compare:\n", "compare:\n  settle: {window: 1s, rechecks: 5, max_lag: 1m}\n").Replace(text))
}

var update = flag.Bool("update", false, "rewrite golden files")

// proposal is what config init prints. Of what a library has just written its numbers and examples differ each time.
func (s *eventStore) proposal() string {
	s.Helper()
	_, real := writers[s.name]
	args := []string{"config", "init", "--legacy", s.dsn, "--events", s.dsn}
	if subquery := regexp.MustCompile(`(?s)table: >-\n *\((.*?)\)\n +position`).FindStringSubmatch(s.config); subquery != nil {
		s.do("CREATE VIEW public.order_events AS " + subquery[1])
		args = append(args, "--events-table", "public.order_events")
	}
	if !real { // beside the tables of the desk
		args = append(args, "--legacy-table", "public.orders", "--projection-table", "public.order_view")
	}
	p := start(s.T, args...)
	if code := p.end(); code != exitAgrees {
		s.Fatalf("config init: exit code %d", code)
	}
	text, golden := p.stdout.String(), "testdata/stores/"+s.name+"-init.yaml"
	if real && *update {
		if err := os.WriteFile(golden, []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
	}
	if real && storesFolder == "" {
		if d := cmp.Diff(read(s.T, golden), text); d != "" {
			s.Error(d)
		}
	}
	return strings.Replace(text, "events:\n", "events:\n  "+s.added+"\n", 1)
}

// TestStoresAreCounted as the table of stores says: how many lines each configuration needs for the events.
func TestStoresAreCounted(t *testing.T) {
	for _, row := range regexp.MustCompile(`(?m)^\| \[.*\]\((\S+)\.md\) \| .* \| (\d+) \| right \| right \| (\w+)`).FindAllStringSubmatch(read(t, "../../docs/stores/README.md"), -1) {
		_, events, _ := strings.Cut(pageYAML(t, row[1]), "events:")
		events, _, _ = strings.Cut(events, "compare:")
		if got := strconv.Itoa(strings.Count(events, "\n")); got != row[2] {
			t.Errorf("%s: %s lines", row[1], got)
		}
		_, real := writers[row[1]]
		is, known := documented[row[1]]
		if known == real {
			t.Errorf("%s is not judged", row[1])
		}
		changed := "0"
		if is.init != "" {
			changed = "1"
		}
		if row[3] != changed {
			t.Errorf("%s: config init needs %s lines", row[1], changed)
		}
	}
}

// indexesAskedFor are those of the event store. All folds of the projection must be equal to it.
func (s *eventStore) indexesAskedFor(file string) (sql []string) {
	s.Helper()
	p := start(s.T, "doctor", "--json", "--config", file)
	var r struct{ Findings []doctor.Finding }
	if code := p.end(); code != exitAgrees {
		s.Errorf("doctor: exit code %d", code)
	}
	if err := json.Unmarshal(p.stdout.Bytes(), &r); err != nil {
		s.Fatal(err)
	}
	for _, f := range r.Findings {
		if f.Side == "events" && f.Level != doctor.OK && strings.HasPrefix(f.Hint, "CREATE") && !slices.Contains(sql, f.Hint) {
			sql = append(sql, f.Hint)
		}
	}
	if !strings.Contains(p.stdout.String(), "40 of 40 folds equal the projection") {
		s.Error("doctor finds folds that differ")
	}
	return sql
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // a file of the repository
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pageSQL are the statements of a store's page: the indexes that it needs.
func pageSQL(t *testing.T, store string) []string {
	t.Helper()
	found := regexp.MustCompile("(?s)```sql\n(.*?);?\n```").FindStringSubmatch(read(t, "../../docs/stores/"+store+".md"))
	if found == nil {
		return nil
	}
	return strings.Split(found[1], ";\n")
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
