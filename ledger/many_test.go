package ledger_test

import (
	"slices"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/lab/pgserver/pgtest"
	"github.com/nordvarg/crosscheck/ledger"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// TestManySuspectsAreReadByKey queues and settles many orders on a ledger that has no statistics: with plans for few rows,
// each batch read whole tables.
func TestManySuspectsAreReadByKey(t *testing.T) {
	t.Parallel()
	const n, batch = 12_000, 1000
	dsn := pgtest.Database(t)
	conn := connect(t, dsn)
	l := migrated(t, dsn)
	exec(t, conn, "ALTER TABLE crosscheck.suspect SET (autovacuum_enabled = off)")
	exec(t, conn, "ALTER TABLE crosscheck.divergence SET (autovacuum_enabled = off)")
	held := acquire(t, l, "full")
	id := begin(t, l, held, verify.Start{Kind: verify.Full})
	mismatches := map[order.Key][]compare.Mismatch{} // the queue does not keep them
	for part := range slices.Chunk(suspects(n), batch) {
		for _, s := range part {
			mismatches[s.Key()] = s.Observation.Mismatches
		}
		if err := l.AddSuspects(t.Context(), held, id, part); err != nil {
			t.Fatal(err)
		}
	}
	var from order.Key
	for {
		due, err := l.DueSuspects(t.Context(), id, t0.Add(time.Minute), from, batch)
		if err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 {
			break
		}
		from = due[len(due)-1].Key().Next()
		for i := range due {
			due[i].Observation.Mismatches = mismatches[due[i].Key()]
		}
		settled := outcomes(due, compare.Diverged)
		for i := range settled {
			settled[i].Suspect.Observation.Agreed = []order.Hop{order.LegacyToEvents, order.EventsToProjection}
		}
		if err := l.Settle(t.Context(), held, id, settled, t0); err != nil {
			t.Fatal(err)
		}
	}
	if open := openKeys(t, l, id, batch); open != n {
		t.Errorf("%d of %d are open", open, n)
	}
	l.Close() // its statistics are written when its sessions end
	var read int64
	eventually(t, "the statistics are there", func() bool {
		var written int64
		err := conn.QueryRow(t.Context(), `SELECT coalesce(sum(seq_tup_read), 0), coalesce(sum(n_tup_ins), 0) FROM pg_stat_user_tables
			WHERE relname IN ('suspect', 'divergence')`).Scan(&read, &written)
		return err == nil && written >= 2*n
	})
	if read > n {
		t.Errorf("%d rows were read without an index to settle %d orders", read, n)
	}
}

// openKeys counts the orders with an open divergence, a page at a time.
func openKeys(t *testing.T, l *ledger.Ledger, id verify.PassID, page int) (n int) {
	t.Helper()
	var from order.Key
	for {
		keys, err := l.OpenKeys(t.Context(), id, from, page)
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			return n
		}
		n, from = n+len(keys), keys[len(keys)-1].Next()
	}
}
