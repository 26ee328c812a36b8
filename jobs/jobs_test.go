package jobs_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/jobs"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/verify/jobstest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// schema has a name that must be quoted.
const schema = `cross-check "jobs"`

func execute(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func opened(t *testing.T, dsn string) *jobs.Queue {
	t.Helper()
	q, err := jobs.Open(t.Context(), jobs.Config{DSN: dsn, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

// TestJobsConform migrates with several programs at once, and holds two of them to the contract.
func TestJobsConform(t *testing.T) {
	t.Parallel()
	dsn := pgtest.Database(t)
	execute(t, dsn, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize())
	one, other := opened(t, dsn), opened(t, dsn)
	var g sync.WaitGroup
	for _, q := range []*jobs.Queue{one, other, one, other} {
		g.Go(func() {
			if err := q.Migrate(t.Context()); err != nil {
				t.Errorf("migrating: %v", err)
			}
		})
	}
	g.Wait()
	if t.Failed() {
		return
	}
	jobstest.Exercise(t, one, other)
	execute(t, dsn, "INSERT INTO "+pgx.Identifier{schema}.Sanitize()+".river_migration (line, version) VALUES ('main', 9999)")
	if err := one.Migrate(t.Context()); !errors.Is(err, jobs.ErrNewer) {
		t.Errorf("tables of a newer program: %v", err)
	}
}

func TestADSNThatCannotBeParsedIsNotQuoted(t *testing.T) {
	if _, err := jobs.Open(t.Context(), jobs.Config{DSN: "postgres://u:secret@[", Schema: "s"}); !errors.Is(err, jobs.ErrDSN) || err.Error() != jobs.ErrDSN.Error() {
		t.Errorf("%v", err)
	}
}
