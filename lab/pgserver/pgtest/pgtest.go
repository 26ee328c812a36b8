// Package pgtest gives tests a real PostgreSQL: one server per test process, a fresh database per test.
//
// Invariant: a test never sees another test's rows, and the server ends with the process.
package pgtest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/nordvarg/crosscheck/lab/child/childtest"
	"github.com/nordvarg/crosscheck/lab/pgserver"
)

const timeout = 30 * time.Second

// settings spare the tests the compiling of queries on tables that are small.
var settings = map[string]string{"jit": "off", "max_prepared_transactions": "20"}

var (
	one = childtest.One[*pgserver.Server]{
		Name: "pgtest",
		Start: func(ctx context.Context) (*pgserver.Server, error) {
			return pgserver.Start(ctx, pgserver.Options{Settings: settings})
		},
	}
	counter atomic.Int64 // makes names of databases unique

	filling sync.Mutex // guards filled, and is held while a template is filled or copied
	filled  = map[string]bool{}
)

// Main is called by a package's TestMain. It runs the tests, stops the server, and fails the run if a goroutine was
// left behind.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a TestMain that does more. It returns the exit code instead of ending the process. The tests may be
// more than a testing.M, such as a type that also stops other servers. Goroutines of a library may be left out of what must not be left behind.
func Run(m interface{ Run() int }, leaveOut ...goleak.Option) int { return one.Run(m, leaveOut...) }

// Server returns the test process's server. The first call starts it.
func Server(t testing.TB) *pgserver.Server {
	t.Helper()
	s, err := one.Get()
	if err != nil {
		t.Fatalf("starting PostgreSQL: %v", err)
	}
	return s
}

// Versions are the major versions of PostgreSQL that are supported.
var Versions = []int{13, 14, 15, 16, 17, 18}

// Version starts a server of a major version, for this test alone. If the machine lacks one, it skips the test, or fails
// it on CI.
func Version(t testing.TB, major int) *pgserver.Server {
	t.Helper()
	bin, err := pgserver.OfVersion(major)
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := pgserver.Start(t.Context(), pgserver.Options{Bin: bin, Settings: settings})
	if err != nil {
		t.Fatalf("starting PostgreSQL %d: %v", major, err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Standby starts a physical standby of [Server], for this test alone.
func Standby(t testing.TB, own map[string]string) *pgserver.Server {
	t.Helper()
	with := maps.Clone(settings)
	maps.Copy(with, own)
	s, err := pgserver.Start(t.Context(), pgserver.Options{Primary: Server(t), Settings: with})
	if err != nil {
		t.Fatalf("starting a standby: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if err := s.Forget(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Database creates an empty database for the test and returns its DSN. It is dropped when the test has ended.
func Database(t testing.TB) string {
	t.Helper()
	return DatabaseIn(t, "UTF8")
}

// DatabaseIn is [Database] in an encoding.
func DatabaseIn(t testing.TB, encoding string) string {
	t.Helper()
	if encoding == "UTF8" {
		return create(t, "")
	}
	return create(t, " ENCODING '"+encoding+"' LOCALE 'C' TEMPLATE template0")
}

// Copy is [Database] with the content that fill gives to the first one of that kind. Fill leaves no connection open.
func Copy(t testing.TB, kind string, fill func(dsn string) error) string {
	t.Helper()
	return Copies(t, []string{kind}, func(dsns []string) error { return fill(dsns[0]) })[0]
}

// Copies is [Copy] for databases that are filled together, and always named together.
func Copies(t testing.TB, kinds []string, fill func(dsns []string) error) []string {
	t.Helper()
	filling.Lock()
	defer filling.Unlock()
	var templates, copies []string
	for _, kind := range kinds {
		templates = append(templates, "template_"+kind)
	}
	if first := templates[0]; !filled[first] {
		s := Server(t)
		var dsns []string
		for _, template := range templates {
			exec(t, s, "DROP DATABASE IF EXISTS "+template) // what a test has left whose filling failed
			exec(t, s, "CREATE DATABASE "+template)
			dsns = append(dsns, s.DSN(template))
		}
		if err := fill(dsns); err != nil {
			t.Fatalf("filling %s: %v", first, err)
		}
		filled[first] = true
	}
	for _, template := range templates {
		copies = append(copies, create(t, " TEMPLATE "+template))
	}
	return copies
}

// create creates a database, and drops it when the test has ended.
func create(t testing.TB, how string) string {
	t.Helper()
	s := Server(t)
	name := fmt.Sprintf("t%d_%s", counter.Add(1), plain(t.Name()))
	exec(t, s, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+how)
	t.Cleanup(func() { exec(t, s, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)") })
	return s.DSN(name)
}

func exec(t testing.TB, s *pgserver.Server, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		t.Fatalf("connecting to the test server: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// plain turns a test's name into a readable part of a database name.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(name))
	return name[:min(len(name), 40)]
}
