package session_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/source/session"
)

// hasty is what is long enough on a slow machine, and short for a test.
var hasty = session.Limits{Quiet: 300 * time.Millisecond, Idle: 5 * time.Second, Check: time.Second}

const patience = 2 * time.Minute

// proxy stands between crosscheck and a server.
type proxy struct {
	t        *testing.T
	listener net.Listener
	server   string

	mu     sync.Mutex
	silent bool
	closed bool
	conns  []net.Conn
	links  sync.WaitGroup
}

func newProxy(t *testing.T, dsn string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, listener: l, server: u.Host}
	p.links.Go(p.accept)
	t.Cleanup(func() { p.cut(); p.links.Wait() })
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *proxy) accept() {
	var dialer net.Dialer
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := dialer.DialContext(context.WithoutCancel(p.t.Context()), "tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		closed := p.closed
		p.mu.Unlock()
		if closed {
			_ = errors.Join(client.Close(), server.Close())
			return
		}
		p.links.Go(func() { p.copy(client, server) })
		p.links.Go(func() { p.copy(server, client) })
	}
}

// copy passes on what comes, until nothing is passed on any more: then it is swallowed, and nobody is told.
func (p *proxy) copy(to, from net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		silent := p.silent
		p.mu.Unlock()
		if silent {
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			_ = to.Close()
			return
		}
	}
}

// fallSilent swallows everything from now on, as a firewall that has lost its state. New connections find nobody.
func (p *proxy) fallSilent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}

// cut closes everything.
func (p *proxy) cut() {
	_ = p.listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, c := range p.conns {
		_ = c.Close()
	}
}

func through(t *testing.T, dsn string) *session.Pool {
	t.Helper()
	c, err := session.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	c.Limits = hasty
	p, err := session.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// ours is how many sessions of crosscheck the server has.
const ours = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'crosscheck' AND datname = current_database() AND (xact_start IS NOT NULL OR state = 'active')"

// eventually waits for the server to say something.
func eventually(t *testing.T, dsn, sql, want string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		got := superuser(t, dsn, sql)
		if got == want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s is %s, want %s", sql, got, want)
		}
	}
}

// sleeping runs a statement of ten minutes in a transaction that lasts, and returns its error when it has one.
func sleeping(t *testing.T, p *session.Pool, direct string) <-chan error {
	t.Helper()
	tx, err := p.Begin(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var nothing string
		failed <- tx.QueryRow(ctx, "SELECT pg_catalog.pg_sleep(600)::text").Scan(&nothing)
		tx.Close()
	}()
	eventually(t, direct, "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()", "1")
	return failed
}

// TestAConnectionThatFallsSilentIsGivenUp, long before the deadline of the statement that it waits for.
func TestAConnectionThatFallsSilentIsGivenUp(t *testing.T) {
	t.Parallel()
	direct := pgtest.Database(t)
	proxy, dsn := newProxy(t, direct)
	failed := sleeping(t, through(t, dsn), direct)
	proxy.fallSilent()
	if err := <-failed; !errors.Is(err, session.ErrLost) {
		t.Errorf("the read ended with %v", err)
	}
	proxy.cut()
	eventually(t, direct, ours, "0") // the server has looked whether we are still there
}

// TestAKeptConnectionThatFallsSilentIsGivenUp when the next transaction begins on it.
func TestAKeptConnectionThatFallsSilentIsGivenUp(t *testing.T) {
	t.Parallel()
	proxy, dsn := newProxy(t, pgtest.Database(t))
	p := through(t, dsn)
	proxy.fallSilent()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if tx, err := p.Begin(ctx, time.Hour); !errors.Is(err, session.ErrLost) {
		t.Errorf("it began %v, %v", tx, err)
	}
}

// TestATransactionThatFallsSilentIsEndedByTheServer: it holds back what vacuum may remove.
func TestATransactionThatFallsSilentIsEndedByTheServer(t *testing.T) {
	t.Parallel()
	direct := pgtest.Database(t)
	proxy, dsn := newProxy(t, direct)
	tx, err := through(t, dsn).Begin(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	eventually(t, direct, ours, "1")
	proxy.fallSilent()
	eventually(t, direct, ours, "0")
}

// TestATransactionIsKeptWhileWeAreThere, idle or at work, however long that takes.
func TestATransactionIsKeptWhileWeAreThere(t *testing.T) {
	t.Parallel()
	p := through(t, pgtest.Database(t))
	tx, err := p.Begin(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	const long = "SELECT pg_catalog.pg_sleep(7)::text" // than it may be idle
	var nothing string
	if err := p.QueryRow(t.Context(), long).Scan(&nothing); err != nil {
		t.Fatal(err)
	}
	if err := tx.QueryRow(t.Context(), long).Scan(&nothing); err != nil {
		t.Errorf("after having been idle, and while it worked: %v", err)
	}
}

// TestNoStatementGoesOnWithoutUs: what runs on the server ends when we are gone.
func TestNoStatementGoesOnWithoutUs(t *testing.T) {
	t.Parallel()
	direct := pgtest.Database(t)
	proxy, dsn := newProxy(t, direct)
	failed := sleeping(t, through(t, dsn), direct)
	proxy.cut()
	if err := <-failed; err == nil {
		t.Error("no error")
	}
	eventually(t, direct, ours, "0")
}
