package alerts_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/alerts"
	"github.com/nordvarg/crosscheck/alerts/slacktest"
	"github.com/nordvarg/crosscheck/incident"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/ledger"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var t0 = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// world is a real ledger, a Slack of our own, and a clock that only Wait moves.
type world struct {
	t      *testing.T
	ledger *ledger.Ledger
	conn   *pgx.Conn
	slack  *slacktest.Server
	api    *httptest.Server
	policy incident.Policy

	mu  sync.Mutex
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dsn := pgtest.Database(t)
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	if err := l.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	w := &world{t: t, ledger: l, conn: conn, policy: incident.Policy{UpdateEvery: 5 * time.Minute, MinCoverage: 1}}
	w.restart()
	t.Cleanup(func() { w.api.Close() })
	return w
}

// restart begins a new history: an empty ledger, an empty channel, the clock at its start. What a process asked for that was
// killed is answered before.
func (w *world) restart() {
	if w.api != nil {
		w.api.Close()
	}
	w.exec("TRUNCATE crosscheck.incident, crosscheck.outbox CASCADE")
	w.expire()
	w.now = t0
	w.slack = slacktest.New("xoxb-1", "C1", "#cutover")
	w.slack.Now = w.clock
	w.api = httptest.NewServer(w)
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.conn.Exec(context.WithoutCancel(w.t.Context()), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// expire ends the lease of a process that was killed, as time would.
func (w *world) expire() { w.exec("UPDATE crosscheck.lease SET expires_at = clock_timestamp()") }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) elapsed() time.Duration { return w.clock().Sub(t0) }

// run lets a process send until so much time has passed since the start, or until it dies.
func (w *world) run(until time.Duration, facts func(time.Duration) incident.Facts, death *death) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	death.kill = cancel
	ports := mortal{death, w.ledger, alerts.NewSlack("xoxb-1", "C1", w.api.URL)}
	a := &alerts.Alerter{
		Book: ports, Outbox: ports, Leases: ports, Sender: ports, Policy: w.policy, Holder: "test",
		Facts: func(context.Context) (incident.Facts, error) { return facts(w.elapsed()), nil },
		Log:   slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		Now:   w.clock,
		Wait: func(ctx context.Context, d time.Duration) error {
			if w.elapsed() > historyEnds+20*time.Minute && w.elapsed() < 23*time.Hour {
				d *= 20 // the night of a long outage is not watched second by second
			}
			w.pass(d)
			if w.elapsed() >= until {
				cancel()
			}
			return ctx.Err()
		},
	}
	if err := a.Run(ctx); err != nil {
		w.t.Fatal(err)
	}
}

var errDead = errors.New("the process is dead")

// death ends a process at one of its steps: before or after any call that leaves it.
type death struct {
	at, step int // at is 0 for never
	kill     func()
}

// call makes a call, if the process is alive, and kills it before or after it if it is time.
func (d *death) call(call func() error) error {
	due := func() bool {
		d.step++
		if d.at > 0 && d.step >= d.at {
			d.kill()
			return true
		}
		return false
	}
	if due() {
		return errDead
	}
	err := call()
	if due() {
		return errDead
	}
	return err
}

// mortal are the ports of a process that may die.
type mortal struct {
	*death
	ledger *ledger.Ledger
	sender alerts.Sender
}

func (m mortal) Incidents(ctx context.Context) (found []incident.Incident, err error) {
	err = m.call(func() (err error) { found, err = m.ledger.Incidents(ctx); return err })
	return found, err
}

func (m mortal) Apply(ctx context.Context, l lease.Lease, c []incident.Change, now time.Time) error {
	return m.call(func() error { return m.ledger.Apply(ctx, l, c, now) })
}

func (m mortal) NextDelivery(ctx context.Context, now time.Time) (d incident.Delivery, ok bool, err error) {
	err = m.call(func() (err error) { d, ok, err = m.ledger.NextDelivery(ctx, now); return err })
	return d, ok, err
}

func (m mortal) BeginDelivery(ctx context.Context, l lease.Lease, id int64, now, retryAt time.Time) error {
	return m.call(func() error { return m.ledger.BeginDelivery(ctx, l, id, now, retryAt) })
}

func (m mortal) EndDelivery(ctx context.Context, l lease.Lease, id int64, e incident.Ending, now time.Time) error {
	return m.call(func() error { return m.ledger.EndDelivery(ctx, l, id, e, now) })
}

func (m mortal) Acquire(ctx context.Context, job, holder string, ttl time.Duration) (l lease.Lease, err error) {
	err = m.call(func() (err error) { l, err = m.ledger.Acquire(ctx, job, holder, ttl); return err })
	return l, err
}

func (m mortal) Renew(ctx context.Context, l lease.Lease, ttl time.Duration) error {
	return m.ledger.Renew(ctx, l, ttl) // by the real clock, and so at no step of a history
}

func (m mortal) Release(ctx context.Context, l lease.Lease) error {
	return m.call(func() error { return m.ledger.Release(ctx, l) })
}

func (m mortal) Send(ctx context.Context, d incident.Delivery) (p alerts.Place, err error) {
	err = m.call(func() (err error) { p, err = m.sender.Send(ctx, d); return err })
	return p, err
}

func (m mortal) Find(ctx context.Context, d incident.Delivery) (p alerts.Place, found bool, err error) {
	err = m.call(func() (err error) { p, found, err = m.sender.Find(ctx, d); return err })
	return p, found, err
}

var someTime = regexp.MustCompile(`\b(\d+m)?\d+s\b`)

// threads is what people see, without the durations: they depend on when it was looked.
func (w *world) threads() string { return someTime.ReplaceAllString(w.slack.Threads(), "…") }
