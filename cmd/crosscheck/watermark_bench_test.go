package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab"
)

const (
	watermarkVariable = "WATERMARK_ORDERS" // how many orders the lab has
	watermarkRate     = 200                // deals in a second
	watermarkSeconds  = 120
	watermarkBehind   = 15 * time.Second // limits
	watermarkLoad     = 0.05
)

// BenchmarkWatermark measures how old the watermark of a sidecar is while the desk trades, with a delta pass every ten seconds,
// and how much processor time crosscheck's sessions take in the server, at legacy and in all. A limit that is missed is printed, and is no
// failure: times depend on the machine.
func BenchmarkWatermark(t *testing.B) {
	orders := wholeNumber(t, watermarkVariable, 1_000_000)
	s, filling := large(t, orders, lab.Options{Rate: watermarkRate, RefreshEvery: time.Hour})
	s.live()
	p := s.scheduledOn("public.orders_projection", `{schedule: off, full: off, delta: 10s}`, s.eventSections())
	spent := newSessionTime(t, s.EventsDSN)
	spent.settled(filling, t)
	began := time.Now()
	before, legacyBefore := spent.look(t)
	var ages []time.Duration
	for time.Since(began) < watermarkSeconds*time.Second {
		ages = append(ages, spent.behind(t))
		for range 10 { // a session lasts for a second or more after its scan
			spent.look(t)
			time.Sleep(50 * time.Millisecond) //nolint:forbidigo // a measurement
		}
	}
	all, legacy := spent.look(t)
	seconds := time.Since(began).Seconds()
	load, legacyLoad := (all-before).Seconds()/seconds, (legacy-legacyBefore).Seconds()/seconds
	slices.Sort(ages)
	worst, median := ages[len(ages)-1], ages[len(ages)/2]
	counts := rows(t, s.EventsDSN, `SELECT count(*) FILTER (WHERE verdict = 'match'), count(*), max(finished_at - started_at) FROM crosscheck.pass WHERE kind = 'delta'`)
	t.Logf("%d orders, %s events, %d deals a second, a delta pass every 10 s; delta passes that matched, all, longest: %s", orders,
		rows(t, s.EventsDSN, "SELECT count(*) FROM event_store"), watermarkRate, counts)
	t.ReportMetric(0, "ns/op")
	t.ReportMetric(worst.Seconds(), "s-behind")
	t.ReportMetric(legacyLoad*100, "%-of-a-core")
	t.ReportMetric(load*100, "%-of-a-core-with-all")
	t.Logf("seconds behind: worst %.1f, median %.1f (limit %.0f)", worst.Seconds(), median.Seconds(), watermarkBehind.Seconds())
	t.Logf("load of legacy's primary: %.1f %% of a core (limit %.0f %%); with events, projection and ledger on the same server %.1f %%", legacyLoad*100, watermarkLoad*100, load*100)
	if worst > watermarkBehind || legacyLoad > watermarkLoad {
		t.Log("missed")
	}
	p.drains()
}

// sessionTime adds up the processor time of crosscheck's sessions in a server on this machine, and of those at legacy.
type sessionTime struct {
	conn   *pgx.Conn
	of     map[int]time.Duration // process → time so far
	legacy map[int]bool          // processes that serve legacy's database
}

func newSessionTime(t testing.TB, dsn string) *sessionTime {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &sessionTime{conn, map[int]time.Duration{}, map[int]bool{}}
}

// settled waits until delta passes read only new events.
func (s *sessionTime) settled(ctx context.Context, t testing.TB) {
	t.Helper()
	for {
		var is bool
		err := s.conn.QueryRow(ctx, `SELECT count(*) > 0 FROM information_schema.columns WHERE table_schema = 'crosscheck' AND table_name = 'pass' AND column_name = 'proves'`).Scan(&is)
		if is && err == nil {
			err = s.conn.QueryRow(ctx, `SELECT count(*) > 0 FROM crosscheck.pass WHERE proves AND facts ? 'old_events'`).Scan(&is)
		}
		switch {
		case err != nil:
			t.Fatal(err)
		case is:
			return
		}
		time.Sleep(time.Second) //nolint:forbidigo // a measurement
	}
}

// behind is the age of the watermark, read past the sidecar, whose page would cost the server more.
func (s *sessionTime) behind(t testing.TB) time.Duration {
	t.Helper()
	var through time.Time
	if err := s.conn.QueryRow(t.Context(), "SELECT max(through) FROM crosscheck.pass WHERE proves").Scan(&through); err != nil {
		t.Fatal(err)
	}
	return time.Since(through)
}

func (s *sessionTime) look(t testing.TB) (all, legacy time.Duration) {
	t.Helper()
	found, err := s.conn.Query(t.Context(), "SELECT pid, datname = 'legacy' AS legacy FROM pg_stat_activity WHERE application_name LIKE 'crosscheck%' AND application_name <> 'crosscheck-lab'")
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := pgx.CollectRows(found, pgx.RowToStructByName[struct {
		PID    int
		Legacy bool
	}])
	if err != nil {
		t.Fatal(err)
	}
	for _, session := range sessions {
		s.legacy[session.PID] = session.Legacy
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(session.PID), "schedstat"))
		if err != nil {
			continue // it has just ended
		}
		if ran, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64); err == nil {
			s.of[session.PID] = time.Duration(ran)
		}
	}
	for pid, took := range s.of {
		all += took
		if s.legacy[pid] {
			legacy += took
		}
	}
	return all, legacy
}
