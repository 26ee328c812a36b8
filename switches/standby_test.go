package switches_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/switches"
)

// TestStandbysLackWhatTheyHaveNotReplayed. It is not parallel, because the standby is one of all databases.
func TestStandbysLackWhatTheyHaveNotReplayed(t *testing.T) {
	dsn := pgtest.Database(t)
	primary := connect(t, dsn)
	standby := pgtest.Standby(t, nil).DSN(primary.Config().Database)
	on := connect(t, standby)
	place := func() []switches.Place {
		p, err := switches.PlaceOf(t.Context(), dsn)
		if err != nil || p.Standby || p.System == "" {
			t.Fatalf("the primary is at %+v, %v", p, err)
		}
		return []switches.Place{{System: "1", Log: new(big.Int)}, p}
	}
	lacks := func(of []switches.Place) string {
		text, err := switches.Lacks(t.Context(), standby, of)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	arrives := func(of []switches.Place) {
		for ctx := within(t, 30*time.Second); lacks(of) != ""; {
			select {
			case <-ctx.Done():
				t.Fatalf("the standby lacks %s", lacks(of))
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	arrives(place())
	var receiver int
	if err := on.QueryRow(t.Context(), "SELECT pid FROM pg_stat_wal_receiver").Scan(&receiver); err != nil {
		t.Fatal(err)
	}
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(receiver, s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	do(t, primary, "CREATE TABLE late (n int)")
	before := place()
	got := lacks(before)
	signal(syscall.SIGCONT)
	if !strings.HasSuffix(got, " bytes of the log") {
		t.Errorf("a standby that has stopped lacks %q", got)
	}
	arrives(before)

	if _, err := switches.Lacks(t.Context(), dsn, before); !errors.Is(err, switches.ErrNoStandby) || !strings.Contains(err.Error(), "takes writes") {
		t.Errorf("a primary as a standby: %v", err)
	}
	if _, err := switches.Lacks(t.Context(), standby, before[:1]); !errors.Is(err, switches.ErrNoStandby) || !strings.Contains(err.Error(), "not one of 1") {
		t.Errorf("a standby of another server: %v", err)
	}
}

// TestTheLogEndsBeforeTheHeaderOfANewPage: a standby replays up to the end of the last record.
func TestTheLogEndsBeforeTheHeaderOfANewPage(t *testing.T) {
	conn := connect(t, pgtest.Database(t))
	at, end := -1, -1
	for range 200 { // other tests write too
		err := conn.QueryRow(t.Context(), "SELECT (pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') % 8192)::int, ("+switches.LogEnd+" % 8192)::int").Scan(&at, &end)
		if err != nil {
			t.Fatal(err)
		}
		if at == 24 && end == 0 {
			return
		}
		text := 8192 - at - 57 // the rest of the page, without the header of the record
		if text < 230 {
			text += 3
		}
		do(t, conn, fmt.Sprintf("SELECT pg_logical_emit_message(false, 'p', repeat('x', %d))", max(text, 0)))
	}
	t.Errorf("no message has filled a page: the newest has ended at %d, for the server at %d", end, at)
}
