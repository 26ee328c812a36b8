package source_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lease"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// appending are transactions that add events, several at once, which end in any order.
type appending struct {
	t      *testing.T
	dsn    string
	random *rand.Rand
	now    *pgx.Conn
	open   []*pgx.Conn
}

func (a *appending) connect() *pgx.Conn {
	a.t.Helper()
	conn, err := pgx.Connect(a.t.Context(), a.dsn)
	if err != nil {
		a.t.Fatal(err)
	}
	return conn
}

func (a *appending) exec(conn *pgx.Conn, sql string) {
	a.t.Helper()
	if _, err := conn.Exec(a.t.Context(), sql); err != nil {
		a.t.Fatal(err)
	}
}

// appended gives events positions as a sequence does.
const appended = `INSERT INTO event_store SELECT nextval('positions'), %d, 'OrderCanceled', now(), '{"reason": null}' FROM generate_series(1, %d);`

func (a *appending) step() {
	a.t.Helper()
	insert := fmt.Sprintf(appended, a.random.IntN(1000), 1+a.random.IntN(3))
	switch a.random.IntN(4) {
	case 0:
		conn := a.connect()
		a.exec(conn, "BEGIN;"+insert)
		a.open = append(a.open, conn)
	case 1:
		if len(a.open) > 0 {
			a.end(a.random.IntN(len(a.open)))
		}
	case 2:
		a.exec(a.now, "BEGIN;"+insert+"SAVEPOINT s;"+insert+[]string{"ROLLBACK TO s; COMMIT", "ROLLBACK", "COMMIT"}[a.random.IntN(3)])
	default:
		a.exec(a.now, insert)
	}
}

// end ends a transaction: it is rolled back at times, and may add more before.
func (a *appending) end(i int) {
	a.t.Helper()
	conn := a.open[i]
	a.open = slices.Delete(a.open, i, i+1)
	a.exec(conn, []string{"COMMIT", "COMMIT", "ROLLBACK", fmt.Sprintf(appended, 7, 1) + "COMMIT"}[a.random.IntN(4)])
	_ = conn.Close(context.WithoutCancel(a.t.Context()))
}

// TestTheTailHasWhatTheWholeStoreHas after random histories of transactions that add events: the looks at the newest events find
// the same as looks at all, also of those that were committed long after newer ones.
func TestTheTailHasWhatTheWholeStoreHas(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("CROSSCHECK_SEED"), 10, 64); err == nil {
		seed = s
	}
	c := eventStore(t, "CREATE SEQUENCE positions", fmt.Sprintf(appended, 1, 5000), "ANALYZE event_store")
	a := &appending{t: t, dsn: c.DSN, random: rand.New(rand.NewPCG(seed, 1))}
	a.now = a.connect()
	defer func() {
		for _, conn := range append(a.open, a.now) {
			_ = conn.Close(context.WithoutCancel(t.Context()))
		}
	}()
	events := openEvents(t, c)
	at := time.Now()
	mark, err := events.Mark(t.Context(), verify.EventsQuery{At: at})
	if err != nil || mark.Tail == nil {
		t.Fatalf("the mark is %+v, %v", mark, err)
	}
	tails, found := 0, int64(0)
	// Transactions that stay open keep looks from the tail, so some histories need more rounds.
	for round := 0; round < rounds(25) || (tails == 0 || found == 0) && round < 1000; round++ {
		for range a.random.IntN(6) {
			a.step()
		}
		at = at.Add(time.Duration(a.random.IntN(40)) * time.Second)
		ask := func(tail bool) verify.WrittenEvents {
			found, err := events.Written(t.Context(), mark, verify.EventsQuery{Most: 10_000, At: at, Tail: tail})
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		w, all := ask(mark.Tail.Floor != nil), ask(false)
		if w.Now.Oldest != all.Now.Oldest { // a session that was closed has ended in between
			w, all = ask(mark.Tail.Floor != nil), ask(false)
		}
		if w.Tail {
			tails++
			found += w.Written
		}
		is := func(w verify.WrittenEvents) string {
			return fmt.Sprintln(w.Keys, w.Written, w.Old, w.Now.Events, w.Now.Oldest, w.Newest)
		}
		if diff := cmp.Diff(is(all), is(w)); diff != "" || all.Old != mark.Events {
			t.Fatalf("seed %d, round %d: %d old ones are %d; the look (tail: %v) differs: %s", seed, round, mark.Events, all.Old, w.Tail, diff)
		}
		if !mark.Tail.Holds(all) {
			t.Fatalf("seed %d, round %d: looks at the tail have found %+v, and there are %d with %s", seed, round, mark.Tail, all.Between, all.BetweenSum)
		}
		mark = w.Now
	}
	t.Logf("seed %d: %d looks at the tail found %d events", seed, tails, found)
	if tails == 0 || found == 0 {
		t.Error("nothing was proven")
	}
}

// TestTheYoungestOpenTransactionIsWaitedFor: none that is younger has ended, so the snapshot's xmax is its own number. Its event has a
// position below the newest one that can be seen.
func TestTheYoungestOpenTransactionIsWaitedFor(t *testing.T) {
	c := eventStore(t, "CREATE SEQUENCE positions", fmt.Sprintf(appended, 1, 5000), "ANALYZE event_store")
	a := &appending{t: t, dsn: c.DSN}
	events, at := openEvents(t, c), time.Now()
	mark, err := events.Mark(t.Context(), verify.EventsQuery{At: at})
	if err != nil {
		t.Fatal(err)
	}
	look := func() (w verify.WrittenEvents) {
		t.Helper()
		at = at.Add(time.Minute)
		if w, err = events.Written(t.Context(), mark, verify.EventsQuery{Most: 10, At: at, Tail: mark.Tail.Floor != nil}); err != nil {
			t.Fatal(err)
		}
		mark = w.Now
		return w
	}
	older, youngest := a.connect(), a.connect()
	a.exec(older, "BEGIN;"+fmt.Sprintf(appended, 2, 1))
	a.exec(youngest, "BEGIN;"+fmt.Sprintf(appended, 3, 1))
	a.exec(older, fmt.Sprintf(appended, 4, 1)+"COMMIT")
	look()
	look()
	a.exec(youngest, "COMMIT")
	if w := look(); !slices.Equal(w.Keys, []order.Key{"3"}) {
		t.Errorf("the look (tail: %v) has found events of the orders %v, want 3", w.Tail, w.Keys)
	}
	for _, conn := range []*pgx.Conn{older, youngest} {
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// tailed is a chain with an event store, of which scheduled passes read the tail.
func tailed(t *testing.T) (c *chain, at *time.Time) {
	t.Helper()
	p := newPair(t, []source.Field{field("status", order.Text), field("quantity", order.Numeric)})
	p.both(`CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, quantity numeric);
		INSERT INTO orders SELECT g, 'OPEN', 5 FROM generate_series(1, 2000) g`)
	p.exec(p.projection, `CREATE TABLE event_store (event_id bigint PRIMARY KEY, order_id bigint, event_type text, timestamp timestamptz, payload jsonb);
		INSERT INTO event_store SELECT 10 * g, g, `+createdEvent+` FROM generate_series(1, 2000) g`)
	p.exec(p.projection, "ANALYZE event_store")
	config := source.EventsConfig{
		DSN: p.config[1].DSN, Table: "public.event_store", Position: "event_id", Key: "order_id", Type: "event_type", At: `"timestamp"`, Payload: "payload",
		Rules: order.Defaults(),
	}
	c = newChain(p)
	var fields []order.Field
	for _, f := range p.config[0].Fields {
		fields = append(fields, f.Field)
	}
	c.c.Events = openEvents(t, config)
	c.c.Folded = &verify.Folded{Legacy: c.c.Legacy, Events: openFold(t, source.FoldConfig{Events: config, Fields: fields}), Fields: fields}
	now := time.Now()
	c.c.Now = func() time.Time { return now }
	c.clean()
	return c, &now
}

const createdEvent = `'OrderCreated', now(), '{"trader_id": 1, "symbol": "A", "side": "BUY", "quantity": 5, "price": 1}'`

// TestOldEventsAreReadLaterAndNamed: a scheduled pass says since when it has not looked for edits of old events, and a later one
// finds them.
func TestOldEventsAreReadLaterAndNamed(t *testing.T) {
	c, now := tailed(t)
	scheduled := func(after time.Duration) (pass verify.Pass, old *verify.OldEvents) {
		t.Helper()
		*now = now.Add(after)
		pass, _ = c.run(c.c, c.store, func(l lease.Lease) (verify.Pass, error) {
			return c.c.Delta(t.Context(), l, verify.Start{Trigger: "schedule", At: *now})
		})
		if f, ok := pass.Scan.Facts.(verify.DeltaFacts); ok {
			return pass, f.OldEvents
		}
		return pass, nil
	}
	if _, old := scheduled(time.Second); old != nil {
		t.Errorf("before the floor is known, old events were left out: %+v", old)
	}
	scheduled(time.Minute)
	looked := *now
	if pass, old := scheduled(time.Minute); old == nil || old.UpTo != 20000 || !old.LookedAt.Equal(looked) || pass.Kind != verify.Delta {
		t.Fatalf("the scheduled pass has read old events again: %+v", old)
	}
	if pass, _ := c.delta(); pass.Scan.Facts.(verify.DeltaFacts).OldEvents != nil {
		t.Error("a pass of a person has left out old events")
	}
	looked = *now
	// Its position was given long before. The order differs from now on.
	c.exec(c.projection, `INSERT INTO event_store VALUES (75, 7, 'OrderCanceled', now(), '{"reason": "late"}')`)
	if pass, old := scheduled(time.Minute); old == nil || !old.LookedAt.Equal(looked) || pass.Kind != verify.Delta {
		t.Errorf("an event far below the floor was seen at once: %+v by %+v", old, pass)
	}
	if pass, _ := scheduled(5 * time.Minute); !strings.Contains(instead(pass), "long after") || pass.Result.Diverged != 1 {
		t.Errorf("five minutes later it was not found: %q, %+v", instead(pass), pass.Result)
	}
	c.both("UPDATE orders SET status = 'CANCELED' WHERE order_id = 7")
	scheduled(time.Minute)
	if pass, old := scheduled(2 * time.Minute); old != nil || pass.Kind != verify.Delta || pass.Result.Verdict != "match" {
		t.Errorf("positions are trusted again: %+v by %+v", old, pass)
	}
}

// TestACountedEditIsLookedForAtOnce, before the whole store is due.
func TestACountedEditIsLookedForAtOnce(t *testing.T) {
	c, now := tailed(t)
	pass := verify.Pass{}
	next := func() {
		*now = now.Add(time.Second)
		pass, _ = c.run(c.c, c.store, func(l lease.Lease) (verify.Pass, error) {
			return c.c.Delta(t.Context(), l, verify.Start{Trigger: "schedule", At: *now})
		})
	}
	*now = now.Add(time.Minute)
	next()
	if next(); pass.Scan.Facts.(verify.DeltaFacts).OldEvents == nil {
		t.Fatal("the pass has read old events again")
	}
	other, err := pgx.ConnectConfig(t.Context(), c.projection.Config())
	if err != nil {
		t.Fatal(err)
	}
	c.exec(other, "DELETE FROM event_store WHERE event_id = 80")
	_ = other.Close(t.Context()) // the server counts when a session ends, at the latest
	for range 200 {
		if next(); pass.Kind == verify.Full {
			break
		}
	}
	if !strings.Contains(instead(pass), "edited or deleted") || pass.Result.Diverged != 1 {
		t.Errorf("a deleted event was not found: %+v", pass)
	}
}
