package fence_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/switches/fence"
)

// TestPermanentWaitsForStandbys until they have it on disk. It is not parallel, because the standby is one of all databases.
func TestPermanentWaitsForStandbys(t *testing.T) {
	l := fenced(t, fence.Config{})
	standby := pgtest.Standby(t, nil)
	on := connect(t, standby.DSN(l.owner.Config().Database))
	l.until(on, "EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')")
	l.close()
	receiver := int(l.number(on, "SELECT pid FROM pg_stat_wal_receiver"))
	if err := syscall.Kill(receiver, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	err := l.Permanent(within(t, 5*time.Second))
	if cont := syscall.Kill(receiver, syscall.SIGCONT); cont != nil {
		t.Fatal(cont)
	}
	if !errors.Is(err, fence.ErrStandbys) || !strings.Contains(err.Error(), "walreceiver") {
		t.Errorf("a standby that has stopped: %v", err)
	}
	l.is(fence.Permanent)
	l.must(l.Held(l.soon()))
	l.must(l.Permanent(l.soon()))
	l.do(on, "ALTER SYSTEM SET primary_conninfo = ''")
	l.do(on, "SELECT pg_reload_conf()")
	l.until(l.owner, "NOT EXISTS (SELECT FROM pg_stat_replication)")
	if err := l.Permanent(within(t, 5*time.Second)); !errors.Is(err, fence.ErrStandbys) || !strings.Contains(err.Error(), "walreceiver, which was connected") {
		t.Errorf("a standby that was there and is gone: %v", err)
	}
	successor, err := fence.New(fence.Config{DSN: l.dsn, Name: "orders-2026", Tables: []string{"public.orders"}})
	l.must(err)
	l.must(successor.Confirmed(l.soon())) // it knows of none
	successor.Expect(l.Fed())
	if err := successor.Confirmed(within(t, 3*time.Second)); !errors.Is(err, fence.ErrStandbys) || !strings.Contains(err.Error(), "walreceiver, which was connected") {
		t.Errorf("a standby that the one before had seen: %v", err)
	}
	l.until(on, `(SELECT last_value > 1 FROM crosscheck_fence."orders-2026")`)
	f, err := fence.New(fence.Config{DSN: on.Config().ConnString(), Name: "orders-2026", Tables: []string{"public.orders"}})
	l.must(err)
	if _, err := f.State(l.soon()); !errors.Is(err, fence.ErrStandby) {
		t.Errorf("a dsn that leads to a standby: %v", err)
	}
}

// TestAFailoverIsSeen: the standby had lost its primary before the fence was installed, and is promoted while the coordinator still holds
// the fence of the old primary.
func TestAFailoverIsSeen(t *testing.T) {
	first := newLegacy(t, pgtest.Database(t), fence.Config{}, createOrders)
	database := first.owner.Config().Database
	standby := pgtest.Standby(t, nil)
	on := connect(t, standby.DSN(database))
	first.until(on, "EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')")
	first.do(on, "ALTER SYSTEM SET primary_conninfo = ''")
	first.do(on, "SELECT pg_reload_conf()")
	first.until(on, "NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")

	primary, err := url.Parse(pgtest.Server(t).DSN(database))
	first.must(err)
	both := *primary // the promoted one is found first
	both.Host = fmt.Sprintf("127.0.0.1:%d,%s", standby.Port(), primary.Host)
	both.RawQuery = "sslmode=disable&target_session_attrs=read-write"
	l := &legacy{t: t, dsn: both.String(), owner: first.owner}
	if l.Fence, err = fence.New(fence.Config{DSN: l.dsn, Name: "orders-2026", Tables: []string{"public.orders"}}); err != nil {
		t.Fatal(err)
	}
	l.must(l.Install(l.soon()))
	l.close()
	l.must(l.Held(l.soon()))
	l.do(on, "SELECT pg_promote()")
	l.is(fence.None)
	l.probes(fence.Scope{}, fence.Passed)
	if err := l.Held(l.soon()); !errors.Is(err, fence.ErrElsewhere) {
		t.Errorf("the fence of another server counts as held: %v", err)
	}
	l.must(l.Release(l.soon()))
}
