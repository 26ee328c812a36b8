package source_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// TestEventsWrittenWhileOthersAreNotCommitted: a transaction that is still open is older than events that the mark's snapshot
// already shows. These count as written since the mark, and not as old ones that have vanished.
func TestEventsWrittenWhileOthersAreNotCommitted(t *testing.T) {
	c := eventStore(t, fmt.Sprintf(cancelled, "1,2,3"))
	open := func() *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), c.DSN)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		return conn
	}
	exec := func(conn *pgx.Conn, sql string) {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	late, other := open(), open()
	exec(late, "BEGIN; "+fmt.Sprintf(cancelled, "4"))
	exec(other, fmt.Sprintf(cancelled, "5"))
	events := openEvents(t, c)
	mark, err := events.Mark(t.Context(), verify.EventsQuery{})
	if err != nil || mark.Events != 3 {
		t.Fatalf("the mark is %+v, %v; want three events of older transactions", mark, err)
	}
	if brief, err := events.Mark(t.Context(), verify.EventsQuery{Hold: time.Nanosecond}); err != nil || brief.Events != 3 || brief.Oldest != mark.Oldest {
		t.Errorf("counted in later snapshots, the mark is %+v, %v", brief, err)
	}
	exec(late, "COMMIT")
	w := writtenEvents(t, events, mark)
	if w.Old != 3 || w.Written != 2 || len(w.Keys) != 2 || w.Now.Events != 5 {
		t.Errorf("written since are %+v; want 40 and 50", w)
	}
	if w := writtenEvents(t, events, w.Now); w.Old != 5 || w.Written != 0 {
		t.Errorf("written since then are %+v", w)
	}
	exec(other, "DELETE FROM event_store WHERE event_id = 2")
	if w := writtenEvents(t, events, mark); w.Old == mark.Events {
		t.Errorf("a deleted event is not missed: %+v", w)
	}
}

func writtenEvents(t *testing.T, events *source.Events, since verify.Mark) verify.WrittenEvents {
	t.Helper()
	w, err := events.Written(t.Context(), since, verify.EventsQuery{Most: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return w
}
