package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
)

// spoken collects what a command prints while it runs.
type spoken struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// sees lets the role know what others do.
func (c *clinic) sees() *clinic {
	c.exec(c.legacy, "GRANT pg_read_all_stats TO "+c.role)
	return c
}

// busy runs statements on legacy's server until the returned function is called.
func (c *clinic) busy(sessions int) (stop func()) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	var wg sync.WaitGroup
	for range sessions {
		conn, err := pgx.Connect(ctx, c.legacy)
		if err != nil {
			c.t.Fatal(err)
		}
		wg.Go(func() {
			_, _ = conn.Exec(ctx, "SELECT pg_sleep(600)")
			_ = conn.Close(context.WithoutCancel(ctx))
		})
	}
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	c.t.Cleanup(stop)
	return stop
}

// verifying runs verify until it ends.
func (c *clinic) verifying(ctx context.Context, flags ...string) (out *spoken, code chan int) {
	out, code = &spoken{}, make(chan int, 1)
	args := append([]string{"verify", "--config", c.config()}, flags...)
	go func() { code <- run(ctx, args, out, out, c.getenv) }()
	return out, code
}

const newestPass = "SELECT state || ' ' || coalesce(verdict, '') || ' ' || coalesce(slowed->0->>'reason', '') FROM crosscheck.pass ORDER BY id DESC LIMIT 1"

// TestVerifyWaitsForBusySessions, says so, and goes on when they end.
func TestVerifyWaitsForBusySessions(t *testing.T) {
	c := newClinic(t).sees()
	c.window, c.sections = "0s", "throttle: {max_sessions: 3}"
	stop := c.busy(5)
	out, code := c.verifying(t.Context())
	eventually(t, c.ledger, newestPass, "scanning  max_sessions")
	stop()
	if got := <-code; got != exitAgrees {
		t.Errorf("exit code %d: %s", got, out)
	}
	if !regexp.MustCompile(`crosscheck: waiting: \d+ active sessions on legacy, limit 3\n`).MatchString(out.String()) {
		t.Errorf("it does not say what it waited for: %s", out)
	}
	eventually(t, c.ledger, newestPass, "done match ")
}

// TestVerifyThatIsStoppedWhileItWaitsEndsWell: the pass is on record, and nothing says that it still waits.
func TestVerifyThatIsStoppedWhileItWaitsEndsWell(t *testing.T) {
	c := newClinic(t).sees()
	c.window, c.sections = "0s", "throttle: {max_sessions: 3}"
	c.busy(5)
	ctx, cancel := context.WithCancel(t.Context())
	out, code := c.verifying(ctx)
	eventually(t, c.ledger, newestPass, "scanning  max_sessions")
	cancel()
	if got := <-code; got != exitUnverified {
		t.Errorf("exit code %d: %s", got, out)
	}
	eventually(t, c.ledger, "SELECT state || ' ' || verdict FROM crosscheck.pass", "done unverified")
}

// TestVerifyWaitsForTheHours, unless it is told not to.
func TestVerifyWaitsForTheHours(t *testing.T) {
	c := newClinic(t)
	later := time.Now().UTC().Add(12 * time.Hour)
	c.window, c.sections = "0s", fmt.Sprintf("throttle: {hours: %q}", later.Format("15:04")+"-"+later.Add(time.Hour).Format("15:04"))
	ctx, cancel := context.WithCancel(t.Context())
	out, code := c.verifying(ctx)
	eventually(t, c.ledger, newestPass, "scanning  hours")
	cancel()
	if got := <-code; got != exitUnverified || !strings.Contains(out.String(), "waiting: outside the hours") {
		t.Errorf("exit code %d: %s", got, out)
	}
	out, code = c.verifying(t.Context(), "--any-hour")
	if got := <-code; got != exitAgrees {
		t.Errorf("exit code %d: %s", got, out)
	}
}

// TestALimitThatCannotBeKeptIsAnError, of verify and of doctor, and no pass begins.
func TestALimitThatCannotBeKeptIsAnError(t *testing.T) {
	for _, limit := range []string{"max_sessions: 1000", "max_replica_lag: 1h"} {
		c := newClinic(t)
		c.sections = "throttle: {" + limit + "}"
		out, code := c.verifying(t.Context())
		if got := <-code; got != exitError || !strings.Contains(out.String(), "GRANT pg_read_all_stats") {
			t.Errorf("%s: exit code %d: %s", limit, got, out)
		}
		d := c.diagnosis(exitError)
		c.wants(d, doctor.Error, "legacy", checkThrottle, "may not see the other sessions")
		c.wants(d, doctor.Error, "projection", checkThrottle, "may not see the other sessions")
	}
}

// TestDoctorSaysHowLongAPassTakes at its rate, and which sides are read without pauses.
func TestDoctorSaysHowLongAPassTakes(t *testing.T) {
	c := newClinic(t).sees()
	c.exec(c.legacy, "INSERT INTO orders SELECT i, 'OPEN', now() FROM generate_series(2, 10000) AS i; ANALYZE orders")
	c.exec(c.projection, "ALTER TABLE orders DROP CONSTRAINT orders_pkey; ALTER TABLE orders RENAME TO unindexed; CREATE VIEW orders AS SELECT * FROM unindexed; GRANT SELECT ON orders TO "+c.role)
	c.sections = `throttle: {rows_per_second: 1, max_sessions: 1000, max_replica_lag: 1h, hours: "03:00-04:00"}`
	d := c.diagnosis(exitAgrees)
	for _, want := range []struct{ side, message string }{
		{"config", "outside throttle.hours (03:00-04:00 UTC)"},
		{"legacy", "at 1 rows per second a full verification takes about 2h 46m, longer than throttle.hours"},
		{"projection", "its rows have no addresses and its keys no index"},
	} {
		found := false
		for _, f := range d.Findings {
			found = found || f.Check == checkThrottle && f.Side == want.side && f.Level == doctor.Warning && strings.Contains(f.Message, want.message)
		}
		if !found {
			t.Errorf("no warning %+v in %+v", want, d.Findings)
		}
	}
}
