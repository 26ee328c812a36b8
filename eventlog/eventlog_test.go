package eventlog_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/backfill"
	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/eventlog"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/throttle"
	"github.com/nordvarg/crosscheck/verify"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func database(t *testing.T, statements ...string) (string, *pgx.Conn) {
	t.Helper()
	dsn := pgtest.Database(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return dsn, conn
}

// streams is a store in other words: an enum, a time without a zone, a number, JSON in bytes.
func streams(dsn string) eventlog.Config {
	return eventlog.Config{
		DSN: dsn, Table: "streams", ReadTable: "streams", ReadKey: "stream", ReadPayload: "data", Strip: "order-", Zone: "America/New_York",
		Columns: map[string]string{
			"id": "{id}", "stream": "order-{key}", "kind": "{type}", "time": "{at}", "data": "{payload}", "version": "{number}", "origin": "backfill {batch}",
		},
	}
}

const createStreams = `CREATE TYPE kinds AS ENUM ('Placed', 'Filled');
	CREATE TABLE streams (position bigint GENERATED ALWAYS AS IDENTITY, id uuid NOT NULL, stream text NOT NULL, kind kinds NOT NULL, time timestamp NOT NULL,
		data bytea NOT NULL, version int NOT NULL, origin varchar(20), UNIQUE (stream, version))`

func event(key order.Key, number int64) backfill.Event {
	return backfill.Event{
		Key: key, Type: "Placed", Number: number, Batch: "b", Payload: []byte(`{"a":1,"_backfill":{"id":"x` + string(key) + `"}}`),
		Deed: history.Deed{ID: uuid.MustParse("6f3f1f0e-6a4e-5d0b-9d5f-1a2f8f5b7c11"), At: time.Date(2025, 1, 2, 3, 4, 5, 600_000_000, time.UTC)},
	}
}

func batch(number int64, events ...backfill.Event) backfill.Batch {
	b := backfill.Batch{Run: backfill.Run{Name: "r", Holder: "me", Claim: "c"}, Range: backfill.Range{Number: number, KeyRange: verify.KeyRange{From: "1", Below: "9"}, Again: []order.Key{"5"}, Left: map[backfill.Missing]int64{backfill.Moving: 3}}, Events: events}
	for _, e := range events {
		b.Keys = append(b.Keys, e.Key)
	}
	return b
}

func open(t *testing.T, c eventlog.Config) *eventlog.Log {
	t.Helper()
	l, err := eventlog.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	if err := l.MakeNotes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Claim(t.Context(), backfill.Run{Name: "r", Holder: "me", Claim: "c"}); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestEventsAreStoredInTheWordsOfTheTable: each column gets its value in its own type.
func TestEventsAreStoredInTheWordsOfTheTable(t *testing.T) {
	t.Parallel()
	dsn, conn := database(t, createStreams)
	l := open(t, streams(dsn))
	if err := l.Append(t.Context(), batch(1, event("4", 1))); err != nil {
		t.Fatal(err)
	}
	var got string
	const all = `SELECT concat_ws('|', id, stream, kind, time, convert_from(data, 'UTF8'), version, origin) FROM streams`
	if err := conn.QueryRow(t.Context(), all).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := `6f3f1f0e-6a4e-5d0b-9d5f-1a2f8f5b7c11|order-4|Placed|2025-01-01 22:04:05.6|{"a":1,"_backfill":{"id":"x4"}}|1|backfill b`; got != want {
		t.Errorf("stored\n%s, want\n%s", got, want)
	}
	known, err := l.Known(t.Context(), []order.Key{"4", "5"})
	if err != nil || len(known) != 1 || !known["x4"] {
		t.Errorf("known are %v, %v", known, err)
	}
	done, err := l.Claim(t.Context(), backfill.Run{Name: "r", Holder: "me", Claim: "c"})
	if err != nil || len(done) != 1 || done[0].From != "1" || done[0].Below != "9" || len(done[0].Again) != 1 || done[0].Left[backfill.Moving] != 3 {
		t.Errorf("done is %+v, %v", done, err)
	}
}

// TestNothingIsStoredInPart: whatever keeps a range from being stored, no event of it is, and it is not noted.
func TestNothingIsStoredInPart(t *testing.T) {
	t.Parallel()
	dsn, conn := database(t, createStreams)
	for _, s := range []string{
		`CREATE FUNCTION fills() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no space left on device' USING ERRCODE = '53100'; END$$`,
		`CREATE TRIGGER fills BEFORE INSERT ON streams FOR EACH ROW WHEN (NEW.stream = 'order-7') EXECUTE FUNCTION fills()`,
	} {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	c := streams(dsn)
	c.Publish = true
	l := open(t, c)
	bad := event("5", 1)
	bad.Type = "Unheard"
	tests := map[string]struct {
		batch backfill.Batch
		is    func(error) bool
	}{
		"an event that the column does not take": {batch(1, event("4", 1), bad), func(err error) bool {
			r, ok := errors.AsType[*backfill.RefusedError](err)
			return ok && r.Key == "5" && r.Type == "Unheard"
		}},
		"an event that is there": {batch(1, event("4", 1), event("6", 1), event("6", 1)), func(err error) bool {
			r, ok := errors.AsType[*backfill.RefusedError](err)
			return ok && r.Key == "6"
		}},
		"a disk that is full": {batch(1, event("4", 1), event("7", 1)), func(err error) bool {
			r, ok := errors.AsType[*backfill.RefusedError](err)
			return ok && r.Key == "7" && strings.Contains(err.Error(), "53100")
		}},
		"orders that have got another event": {func() backfill.Batch { b := batch(1, event("4", 1)); b.Stored = 3; return b }(), func(err error) bool { return errors.Is(err, backfill.ErrMoved) }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := l.Append(t.Context(), test.batch); !test.is(err) {
				t.Errorf("the error is %v", err)
			}
			var rows int
			if err := conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM streams) + (SELECT count(*) FROM crosscheck_backfill WHERE number > 0)").Scan(&rows); err != nil || rows != 0 {
				t.Errorf("%d rows, %v", rows, err)
			}
		})
	}
}

// TestALiveEventAtTheWrongMomentIsNoRefusal: it has taken the number of an event, or its writer a lock. The range is read again.
func TestALiveEventAtTheWrongMomentIsNoRefusal(t *testing.T) {
	t.Parallel()
	dsn, _ := database(t, createStreams, `INSERT INTO streams (id, stream, kind, time, data, version) VALUES (gen_random_uuid(), 'order-4', 'Placed', now(), '{}', 1)`,
		`CREATE FUNCTION locked() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'locked' USING ERRCODE = '40P01'; END$$`,
		`CREATE TRIGGER locked BEFORE INSERT ON streams FOR EACH ROW WHEN (NEW.stream = 'order-5') EXECUTE FUNCTION locked()`)
	c := streams(dsn)
	c.Publish = true
	l := open(t, c)
	for _, key := range []order.Key{"4", "5"} {
		err := l.Append(t.Context(), batch(1, event(key, 1)))
		if _, refused := errors.AsType[*backfill.RefusedError](err); refused || !errors.Is(err, backfill.ErrMoved) {
			t.Errorf("order %s: the error is %v", key, err)
		}
	}
	again := batch(1, event("4", 1))
	again.Stored = 1 // the event was there when the order was read
	if err := l.Append(t.Context(), again); errors.Is(err, backfill.ErrMoved) {
		t.Errorf("the error is %v", err)
	}
}

// TestARangeIsStoredOnce, under the claim that holds, whoever has it.
func TestARangeIsStoredOnce(t *testing.T) {
	t.Parallel()
	dsn, conn := database(t, createStreams)
	l, other := open(t, streams(dsn)), open(t, streams(dsn))
	b := batch(1, event("4", 1))
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := other.Append(t.Context(), b); !errors.Is(err, backfill.ErrStored) {
		t.Errorf("the same range once more: %v", err)
	}
	stranger := batch(2, event("5", 1))
	stranger.Run.Claim = "a stranger's"
	if err := other.Append(t.Context(), stranger); !errors.Is(err, backfill.ErrTaken) {
		t.Errorf("a range under another claim: %v", err)
	}
	b.Again, b.Events, b.Keys, b.Range.Again = true, nil, nil, nil
	if err := other.Append(t.Context(), b); err != nil {
		t.Errorf("looked at again: %v", err)
	}
	done, err := l.Stored(t.Context(), b.Run, []int64{1, 2})
	if err != nil || len(done) != 1 || len(done[0].Again) != 0 {
		t.Errorf("stored are %+v, %v", done, err)
	}
	if now, err := l.Claimed(t.Context()); err != nil || now != b.Run {
		t.Errorf("claimed by %+v, %v", now, err)
	}
	if err := l.Finish(t.Context(), stranger.Run); !errors.Is(err, backfill.ErrTaken) {
		t.Errorf("finished under another claim: %v", err)
	}
	if done, err := l.Stored(t.Context(), b.Run, []int64{1}); err != nil || len(done) != 1 {
		t.Errorf("stored are %+v, %v", done, err)
	}
	if err := l.Finish(t.Context(), b.Run); err != nil {
		t.Fatal(err)
	}
	if now, err := l.Claimed(t.Context()); err != nil || now.Name != b.Run.Name || now.Claim != "" {
		t.Errorf("finished, and claimed by %+v, %v", now, err)
	}
	var stored int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM streams").Scan(&stored); err != nil || stored != 1 {
		t.Errorf("%d events, %v", stored, err)
	}
}

// TestSlotsAreWatched: one that keeps WAL is named with what is left of its limit, by the metric's reader and by doctor.
func TestSlotsAreWatched(t *testing.T) {
	t.Parallel()
	dsn, conn := database(t, createStreams)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	slot := "watched_" + strings.Trim(u.Path, "/")
	for name, reserves := range map[string]bool{slot: true, slot + "_unused": false} { // one without WAL has no status
		if _, err := conn.Exec(t.Context(), "SELECT pg_create_physical_replication_slot($1, $2)", name, reserves); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := conn.Exec(context.WithoutCancel(t.Context()), "SELECT pg_drop_replication_slot($1)", name); err != nil {
				t.Error(err)
			}
		})
	}
	s, err := eventlog.OpenSlots(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, err := s.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var limit int64
	if err := conn.QueryRow(t.Context(), "SELECT pg_size_bytes(current_setting('max_slot_wal_keep_size'))").Scan(&limit); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(s throttle.Slot) bool { return s.Name == slot })
	if i < 0 || list[i].Status != "reserved" || list[i].Safe <= 0 || list[i].Limit != limit {
		t.Errorf("the slots are %+v", list)
	}
	for _, f := range eventlog.Diagnose(t.Context(), streams(dsn), 1<<50) {
		if f.Check == eventlog.CheckSlots && !strings.Contains(f.Message, "replication slot "+slot+" is reserved, and ") {
			t.Errorf("found %+v", f)
		}
	}
}

// TestNotesAreMadeOnce, also if two processes begin at the same time.
func TestNotesAreMadeOnce(t *testing.T) {
	t.Parallel()
	dsn, conn := database(t, createStreams)
	first := open(t, streams(dsn))
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept (LIKE crosscheck_backfill INCLUDING ALL); DROP TABLE crosscheck_backfill"); err != nil {
		t.Fatal(err)
	}
	first.Close()
	second, err := eventlog.Open(t.Context(), streams(dsn))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "CREATE TABLE crosscheck_backfill (LIKE kept INCLUDING ALL)"); err != nil {
		t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- second.MakeNotes(t.Context()) }()
	for waiting := 0; waiting == 0; {
		const query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = (SELECT transactionid FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'transactionid')"
		if err := tx.QueryRow(t.Context(), query).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-end; err != nil || !second.Keeps() {
		t.Errorf("the table is kept: %v, %v", second.Keeps(), err)
	}
}

// TestNotesOfAnotherBuildAreMended, or it is said who must do that.
func TestNotesOfAnotherBuildAreMended(t *testing.T) {
	t.Parallel()
	dsn, conn := database(t, createStreams)
	open(t, streams(dsn))
	forget := func() {
		t.Helper()
		if _, err := conn.Exec(t.Context(), "ALTER TABLE crosscheck_backfill DROP COLUMN remained, DROP COLUMN working"); err != nil {
			t.Fatal(err)
		}
	}
	found := func(level doctor.Level, text string) {
		t.Helper()
		for _, f := range eventlog.Diagnose(t.Context(), streams(dsn), 0) {
			if f.Check == eventlog.CheckCheckpoints && (f.Level != level || !strings.Contains(f.Message+f.Hint, text)) {
				t.Errorf("found %+v, want %s with %q", f, level, text)
			}
		}
	}
	forget()
	found(doctor.Info, "the next backfill adds the columns")
	if err := open(t, streams(dsn)).Append(t.Context(), batch(1, event("4", 1))); err != nil {
		t.Error(err)
	}
	found(doctor.OK, "notes each range")

	dsn = role(t, dsn, "GRANT SELECT, INSERT ON streams TO %[1]s", "GRANT ALL ON crosscheck_backfill TO %[1]s")
	forget()
	const statement = "ALTER TABLE \"public\".\"crosscheck_backfill\" ADD COLUMN IF NOT EXISTS remained jsonb NOT NULL DEFAULT '{}', ADD COLUMN IF NOT EXISTS working"
	found(doctor.Error, statement)
	l, err := eventlog.Open(t.Context(), streams(dsn))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.MakeNotes(t.Context()); !errors.Is(err, eventlog.ErrNotes) || !strings.Contains(err.Error(), statement) {
		t.Errorf("the error is %v", err)
	}
}

// role is the dsn of a role of its own, which may do what it is granted.
func role(t *testing.T, dsn string, grants ...string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := "writer_" + strings.Trim(u.Path, "/")
	run := func(ctx context.Context, statements ...string) {
		t.Helper()
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			if _, err := conn.Exec(ctx, strings.ReplaceAll(s, "%[1]s", name)); err != nil {
				t.Errorf("%s: %v", s, err)
			}
		}
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	run(t.Context(), append([]string{"CREATE ROLE %[1]s LOGIN"}, grants...)...)
	t.Cleanup(func() { run(context.WithoutCancel(t.Context()), "DROP OWNED BY %[1]s", "DROP ROLE %[1]s") })
	u.User = url.User(name)
	return u.String()
}

// TestATableThatCannotTakeEventsIsRefused before anything is read.
func TestATableThatCannotTakeEventsIsRefused(t *testing.T) {
	t.Parallel()
	dsn, conn := database(t, createStreams)
	refused := func(want string, is error, change func(*eventlog.Config)) {
		t.Helper()
		c := streams(dsn)
		change(&c)
		if _, err := eventlog.Open(t.Context(), c); !errors.Is(err, is) || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
	refused("column version", eventlog.ErrTable, func(c *eventlog.Config) { delete(c.Columns, "version") })
	refused("events.at.unit", eventlog.ErrTable, func(c *eventlog.Config) { c.Columns["version"] = "{at}" })
	refused("no column ghost", eventlog.ErrTable, func(c *eventlog.Config) { c.Columns["ghost"] = "1" })
	refused("{kee}", eventlog.ErrTable, func(c *eventlog.Config) { c.Columns["origin"] = "{kee}" })
	for _, s := range []string{
		"CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'", "CREATE TRIGGER outbox BEFORE INSERT ON streams FOR EACH ROW EXECUTE FUNCTION tell()",
	} {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	refused("trigger outbox", eventlog.ErrPublished, func(*eventlog.Config) {})
	c := streams(dsn)
	c.Publish = true
	findings := eventlog.Diagnose(t.Context(), c, 0)
	if len(findings) != 3 || findings[0].Level != doctor.OK || findings[1].Level != doctor.OK || findings[2].Level != doctor.OK {
		t.Errorf("the diagnosis is %+v", findings)
	}
}

// TestAPartitionThatIsPublishedIsSeen, and a trigger of one.
func TestAPartitionThatIsPublishedIsSeen(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string][]string{
		"publication told": {"CREATE PUBLICATION told FOR TABLE streams"},
		"trigger outbox": {
			"CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'", "CREATE TRIGGER outbox BEFORE INSERT ON leaf FOR EACH ROW EXECUTE FUNCTION tell()",
		},
	} {
		dsn, _ := database(t, append([]string{
			`CREATE TABLE streams (id uuid, stream text, kind text, time timestamp, data bytea, version int, origin text) PARTITION BY LIST (kind)`, "CREATE TABLE leaf PARTITION OF streams DEFAULT",
		}, statements...)...)
		if _, err := eventlog.Open(t.Context(), streams(dsn)); !errors.Is(err, eventlog.ErrPublished) || !strings.Contains(err.Error(), name) {
			t.Errorf("the error is %v, want one with %q", err, name)
		}
	}
}

// TestACommitInDoubtIsWaitedFor: without notes in the store nothing fences a process that was killed while its commit is on the
// way. Whoever writes the same events then waits, and finds them.
func TestACommitInDoubtIsWaitedFor(t *testing.T) {
	t.Parallel()
	dsn, conn := database(t, createStreams, "ALTER TABLE streams DROP CONSTRAINT streams_stream_version_key",
		`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END$$`,
		`CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON streams DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold()`, "SELECT pg_advisory_lock(1)")
	c := streams(dsn)
	c.Publish = true
	ends := make(chan error, 2)
	for range cap(ends) {
		l, err := eventlog.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() { ends <- l.Append(t.Context(), batch(1, event("4", 1))) }()
	}
	for waiting := 0; waiting < cap(ends); {
		const query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
		if err := conn.QueryRow(t.Context(), query).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_unlock(1)"); err != nil {
		t.Fatal(err)
	}
	first, second := <-ends, <-ends
	if first != nil {
		first, second = second, first
	}
	var rows int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM streams").Scan(&rows); err != nil || rows != 1 || first != nil || !errors.Is(second, backfill.ErrMoved) {
		t.Errorf("%d rows, %v; the errors are %v and %v", rows, err, first, second)
	}
}

// TestARoleThatMayCreateNoTableWritesWithoutNotes: the ledger keeps them then.
func TestARoleThatMayCreateNoTableWritesWithoutNotes(t *testing.T) {
	t.Parallel()
	dsn, _ := database(t, createStreams, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	dsn = role(t, dsn, "GRANT SELECT, INSERT ON streams TO %[1]s")
	l := open(t, streams(dsn))
	if l.Keeps() {
		t.Error("it keeps notes")
	}
	if err := l.Append(t.Context(), batch(1, event("4", 1))); err != nil {
		t.Error(err)
	}
	for _, f := range eventlog.Diagnose(t.Context(), streams(dsn), 0) {
		if want := map[string]doctor.Level{eventlog.CheckWrite: doctor.OK, eventlog.CheckCheckpoints: doctor.Info, eventlog.CheckSlots: doctor.OK}[f.Check]; f.Level != want {
			t.Errorf("found %+v", f)
		}
	}
}

// TestUsualTypesAreStoredAsTheyAre, though they are not sent by way of the library.
func TestUsualTypesAreStoredAsTheyAre(t *testing.T) {
	t.Parallel()
	dsn, conn := database(t, `CREATE TABLE plain (id uuid, of bigint, small smallint, middle int, name text, short varchar(9), at timestamptz, millis bigint, data jsonb, text json, bytes bytea)`)
	c := eventlog.Config{
		DSN: dsn, Table: "plain", ReadTable: "plain", ReadKey: "of", ReadPayload: "data",
		Columns: map[string]string{
			"id": "{id}", "of": "{key}", "small": "{number}", "middle": "1{number}", "name": "{type} é of {id}", "short": "{batch}", "at": "{at}", "data": "{payload}", "text": "{payload}", "bytes": "{payload}",
		},
	}
	l := open(t, c)
	if err := l.Append(t.Context(), batch(1, event("4", 1), event("-5", 2))); err != nil {
		t.Fatal(err)
	}
	var got string
	const all = `SELECT string_agg(concat_ws('|', id, of, small, middle, name, short, at AT TIME ZONE 'UTC', data->>'a', text->'_backfill'->>'id', convert_from(bytes, 'UTF8')::json->>'a'), ' ' ORDER BY small) FROM plain`
	if err := conn.QueryRow(t.Context(), all).Scan(&got); err != nil {
		t.Fatal(err)
	}
	const id = "6f3f1f0e-6a4e-5d0b-9d5f-1a2f8f5b7c11"
	if want := id + "|4|1|11|Placed é of " + id + "|b|2025-01-02 03:04:05.6|1|x4|1 " + id + "|-5|2|12|Placed é of " + id + "|b|2025-01-02 03:04:05.6|1|x-5|1"; got != want {
		t.Errorf("stored\n%s, want\n%s", got, want)
	}
	for reason, spoil := range map[string]func(*backfill.Event){
		"a number that is too large":  func(e *backfill.Event) { e.Number = 40_000 },
		"a text that is too long":     func(e *backfill.Event) { e.Batch = "0123456789" },
		"a text with a zero":          func(e *backfill.Event) { e.Type = "\x00" },
		"a key that is not a number":  func(e *backfill.Event) { e.Key = "ORD" },
		"a payload that is no object": func(e *backfill.Event) { e.Payload = []byte("{") },
	} {
		good, bad := event("8", 1), event("9", 1)
		spoil(&bad)
		err := l.Append(t.Context(), batch(2, good, bad))
		if refused, ok := errors.AsType[*backfill.RefusedError](err); !ok || refused.Key != bad.Key {
			t.Errorf("%s: the error is %v", reason, err)
		}
	}
	var rows int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM plain").Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d rows, %v", rows, err)
	}
}
