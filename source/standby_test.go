package source_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/source"
	"github.com/nordvarg/crosscheck/verify"
)

// replicated is a pair whose sides are two tables that are read from a standby. Its connections are to the primary.
type replicated struct {
	*pair
	standby *pgx.Conn
}

func newReplicated(t *testing.T) *replicated {
	t.Helper()
	p := newPair(t, []source.Field{textField("status"), numericField("filled")})
	p.exec(p.legacy, `CREATE TABLE orders (order_id bigint PRIMARY KEY, status text, filled numeric);
		INSERT INTO orders SELECT g, 'OPEN', g FROM generate_series(1, 5000) g; CREATE TABLE current_orders AS TABLE orders;
		ALTER TABLE current_orders ADD PRIMARY KEY (order_id)`)
	standby := pgtest.Standby(t, map[string]string{"max_standby_streaming_delay": "0", "hot_standby_feedback": "off"})
	database := p.legacy.Config().Database
	p.config[0].DSN, p.config[1].DSN = standby.DSN(database), standby.DSN(database)
	p.config[1].Table = "public.current_orders"
	conn, err := pgx.Connect(t.Context(), standby.DSN(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return &replicated{pair: p, standby: conn}
}

// vacuum removes rows on the primary that older snapshots may need, and waits until the standby has done so too.
func (r *replicated) vacuum() {
	r.t.Helper()
	r.exec(r.legacy, "UPDATE orders SET filled = filled + 1; UPDATE current_orders SET filled = filled + 1")
	r.exec(r.legacy, "VACUUM orders")
	r.exec(r.legacy, "VACUUM current_orders")
	r.replays()
}

// replays waits until the standby has replayed what the primary has written.
func (r *replicated) replays() {
	r.t.Helper()
	var lsn string
	if err := r.legacy.QueryRow(r.t.Context(), "SELECT pg_switch_wal()::text").Scan(&lsn); err != nil {
		r.t.Fatal(err)
	}
	for replayed := false; !replayed; {
		if err := r.standby.QueryRow(r.t.Context(), "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", lsn).Scan(&replayed); err != nil {
			r.t.Fatal(err)
		}
	}
}

// disturbed lets something happen before the first digests of a side, which has its snapshot then.
type disturbed struct {
	verify.Side
	times   int
	disturb func()
}

func (d *disturbed) Begin(ctx context.Context) (verify.Snapshot, error) {
	n, err := d.Side.Begin(ctx)
	return &disturbedSnapshot{n, d}, err
}

type disturbedSnapshot struct {
	verify.Snapshot
	of *disturbed
}

func (n *disturbedSnapshot) Digests(ctx context.Context, q verify.DigestQuery, progress func(int64)) ([]verify.Digest, error) {
	if n.of.times > 0 {
		n.of.times--
		n.of.disturb()
	}
	return n.Snapshot.Digests(ctx, q, progress)
}

// TestPassesOnAStandby are on one, because each is a copy of the whole server.
func TestPassesOnAStandby(t *testing.T) {
	t.Parallel()
	r := newReplicated(t)
	t.Run("conflicts", r.aFullPassEndsDespiteConflicts)
	t.Run("replays no more", r.whatReplaysNoMoreIsNoMatch)
}

// aFullPassEndsDespiteConflicts: the primary removes old rows during the first attempts, and the standby cancels what
// reads them.
func (r *replicated) aFullPassEndsDespiteConflicts(t *testing.T) {
	for _, test := range []struct {
		conflicts int
		want      compare.Verdict
	}{{2, compare.Match}, {5, compare.Unverified}} {
		c := r.comparison()
		c.Conflict = source.Conflict
		c.Legacy = &disturbed{c.Legacy, test.conflicts, r.vacuum}
		pass, err := r.leased(c, fullOf(t))
		if pass.Result.Verdict != test.want || errors.Is(err, verify.ErrConflicts) != (test.want == compare.Unverified) {
			t.Fatalf("%d conflicts: %+v, %v", test.conflicts, pass.Result, err)
		}
		if test.want == compare.Unverified {
			if hint := source.Hint(err); !strings.Contains(hint, "hot_standby_feedback") {
				t.Errorf("the hint is %q", hint)
			}
			continue
		}
		facts := pass.Scan.Facts.(verify.FullFacts)
		if facts.Restarts != test.conflicts || facts.Legacy != 5000 {
			t.Errorf("started again %d times, %d rows", facts.Restarts, facts.Legacy)
		}
		for _, at := range []verify.Position{facts.Positions.Legacy, facts.Positions.Projection} {
			if !at.Standby || at.LSN == "" || at.Stopped != "" || at.Lag == nil {
				t.Errorf("the position is %+v", at)
			}
		}
	}
}

// whatReplaysNoMoreIsNoMatch, whether it is paused or has lost its primary; doctor says so.
func (r *replicated) whatReplaysNoMoreIsNoMatch(t *testing.T) {
	check := func(when string, want compare.Verdict, stopped string) {
		t.Helper()
		c := r.comparison()
		if want == compare.Unverified { // a standby that replays is always a little behind
			c.Settle.MaxLag = time.Millisecond
		}
		pass, err := r.leased(c, fullOf(t))
		if pass.Result.Verdict != want || errors.Is(err, verify.ErrStale) != (want == compare.Unverified) {
			t.Errorf("%s: %+v, %v", when, pass.Result, err)
		}
		legacy, _ := r.open()
		if at, err := legacy.Position(t.Context()); err != nil || at.Stopped != stopped || !at.Standby || at.LSN == "" {
			t.Errorf("%s: %+v, %v", when, at, err)
		}
		var found []string
		for _, f := range source.Diagnose(t.Context(), r.config[0], r.config[1], time.Now) {
			if f.Check == source.CheckReplica {
				found = append(found, string(f.Level)+" "+f.Message)
			}
		}
		if len(found) != 2 || !strings.Contains(found[0], stopped) || (stopped == "") != strings.HasPrefix(found[0], "info") {
			t.Errorf("%s: doctor says %q", when, found)
		}
	}
	r.exec(r.legacy, "UPDATE orders SET filled = filled WHERE order_id = 1")
	r.replays()
	check("replaying", compare.Match, "")
	r.exec(r.standby, "SELECT pg_wal_replay_pause()")
	for state := ""; state != "paused"; {
		if err := r.standby.QueryRow(t.Context(), "SELECT pg_get_wal_replay_pause_state()").Scan(&state); err != nil {
			t.Fatal(err)
		}
	}
	check("paused", compare.Unverified, "replay is paused")
	r.exec(r.standby, "SELECT pg_wal_replay_resume()")
	r.exec(r.standby, "ALTER SYSTEM SET primary_conninfo = ''")
	r.exec(r.standby, "SELECT pg_reload_conf()")
	for alone := false; !alone; {
		if err := r.standby.QueryRow(t.Context(), "SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)").Scan(&alone); err != nil {
			t.Fatal(err)
		}
	}
	check("alone", compare.Unverified, "it receives nothing from its primary")
}
