package source

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/cutover/evidence"
	"github.com/nordvarg/crosscheck/source/session"
	"github.com/nordvarg/crosscheck/verify"
)

var (
	_ evidence.Server = (*Side)(nil)
	_ evidence.Server = (*Events)(nil)
)

// momentSQL takes its snapshot before it reads the locks. A transaction that has a number holds a lock on it, and so does each of its
// subtransactions. The snapshot knows neither subtransactions nor those that began after the last one that ended. One that the snapshot knows and
// that holds no lock is about to take it, or has ended. A subtransaction that was released holds no lock any more; the server still says of it that
// it is in progress, and is asked so of each number since the oldest open one, if these are not too many.
const momentSQL = `
	WITH locked AS MATERIALIZED (SELECT l.transactionid::text AS xid, coalesce(a.datname, p.database, pg_catalog.current_database()) AS database
		FROM pg_catalog.pg_locks AS l LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
			LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction = l.transactionid
		WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted),
	listed AS MATERIALIZED (SELECT x::xid::text AS xid FROM pg_catalog.pg_snapshot_xip(pg_catalog.pg_current_snapshot()) AS x),
	range AS MATERIALIZED (SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::numeric AS low, pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric AS high),
	released AS MATERIALIZED (SELECT x::text::xid8::xid::text AS xid FROM range, pg_catalog.generate_series(low, high - 1) AS x
		WHERE high - low <= ` + mostAsked + ` AND pg_catalog.pg_xact_status(x::text::xid8) = 'in progress')
	SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text,
		ARRAY(SELECT xid FROM listed UNION SELECT xid FROM locked UNION SELECT xid FROM released),
		ARRAY(SELECT xid FROM locked WHERE database = pg_catalog.current_database() UNION SELECT xid FROM listed WHERE xid NOT IN (SELECT xid FROM locked)),
		pg_catalog.current_database()::text,
		pg_catalog.pg_is_in_recovery(), pg_catalog.clock_timestamp()`

// mostAsked is how many transactions are asked one by one whether they are in progress.
const mostAsked = "100000"

// Moment implements [evidence.Server].
func (s *Side) Moment(ctx context.Context) (m evidence.Moment, err error) {
	defer s.observe("moment")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var next string
	var open, here []string
	var at time.Time
	if err := s.pool.QueryRow(ctx, momentSQL).Scan(&next, &open, &here, &m.Database, &m.Standby, &at); err != nil {
		return m, fmt.Errorf("asking %s which transactions are open: %w", s.config.Representation, err)
	}
	if m.System, err = s.told(ctx, "SELECT system_identifier::text FROM pg_catalog.pg_control_system()"); err != nil {
		return m, fmt.Errorf("identifying the server of %s: %w", s.config.Representation, err)
	}
	wal, err := s.told(ctx, "SELECT pg_catalog.pg_current_wal_lsn()::text")
	if err != nil {
		return m, fmt.Errorf("asking %s for its place in the log: %w", s.config.Representation, err)
	}
	m.Further = map[string]string{"wal": wal, "time": at.UTC().Format(time.RFC3339Nano)}
	if m.Next, err = strconv.ParseUint(next, 10, 64); err != nil {
		return m, fmt.Errorf("reading the transactions of %s: %w", s.config.Representation, err)
	}
	for _, list := range []struct {
		texts []string
		into  *[]uint32
	}{{open, &m.Open}, {here, &m.Here}} {
		for _, text := range list.texts {
			xid, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				return m, fmt.Errorf("reading the transactions of %s: %w", s.config.Representation, err)
			}
			*list.into = append(*list.into, uint32(xid))
		}
	}
	return m, nil
}

// named is how many orders are named of those that were written.
const named = 20

// WrittenAfter implements [evidence.Server]. It reads the whole table.
func (s *Side) WrittenAfter(ctx context.Context, m evidence.Moment) (evidence.Written, error) {
	return s.writtenAfter(ctx, m, "true")
}

// part is the rows of a side for which a condition holds.
type part struct {
	*Side
	condition string
}

// Part is the side as far as a condition holds of its rows, for what was written after a moment.
func (s *Side) Part(condition string) evidence.Server { return part{s, condition} }

// WrittenAfter implements [evidence.Server].
func (p part) WrittenAfter(ctx context.Context, m evidence.Moment) (evidence.Written, error) {
	return p.writtenAfter(ctx, m, condition(p.condition))
}

func (s *Side) writtenAfter(ctx context.Context, m evidence.Moment, of string) (w evidence.Written, err error) {
	defer s.observe("written")()
	ctx, cancel := context.WithTimeout(ctx, digestTimeout)
	defer cancel()
	n, err := s.begin(ctx, "SELECT 1 FROM "+s.from()+" LIMIT 0")
	if err != nil {
		return w, err
	}
	defer n.Close()
	open := make([]string, len(m.Open))
	for i, xid := range m.Open {
		open[i] = strconv.FormatUint(uint64(xid), 10)
	}
	after := fmt.Sprintf("(%s OR t.xmin::text = ANY($1::text[]))", writtenSince(verify.Mark{Oldest: int64(m.Next)})) //nolint:gosec // 2^63 transactions
	err = n.tx.QueryRow(ctx, fmt.Sprintf("SELECT count(*) FILTER (WHERE %s), count(*) FILTER (WHERE %s) FROM %s WHERE %s", after, s.within(), s.itself(), of), open).Scan(&w.Rows, &w.All)
	if err == nil && w.Rows > 0 {
		w.Some, err = someKeys(ctx, n.tx, fmt.Sprintf("SELECT coalesce((%s)::text, 'without a key') FROM %s WHERE %s AND %s LIMIT %d", s.config.Key, s.itself(), of, after, named), open)
	}
	if err != nil {
		return w, fmt.Errorf("looking for rows of %s that were written: %w", s.config.Representation, err)
	}
	return w, nil
}

func someKeys(ctx context.Context, tx *session.Tx, query string, args ...any) ([]string, error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Blind implements [evidence.Server].
func (s *Side) Blind(ctx context.Context) (why string, err error) {
	if s.isSubquery() {
		return "rows of a subquery do not tell which transaction has written them", nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	n, err := s.begin(ctx, "SELECT 1 FROM "+s.from()+" LIMIT 0")
	if err != nil {
		return "", err
	}
	defer n.Close()
	var standby bool
	files, err := s.files(ctx, n.tx)
	if err == nil {
		err = n.tx.QueryRow(ctx, "SELECT pg_catalog.pg_is_in_recovery()").Scan(&standby)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("looking for the files of %s: %w", s.config.Representation, err)
	case standby:
		return "it is read from a standby, which does not know which transactions are open at its primary", nil
	}
	for _, f := range files {
		if why == "" {
			why = f.blind()
		}
	}
	return why, nil
}

// Moment implements [evidence.Server].
func (e *Events) Moment(ctx context.Context) (evidence.Moment, error) { return e.side.Moment(ctx) }

// Part is as that of a [Side].
func (e *Events) Part(condition string) evidence.Server { return e.side.Part(condition) }

// WrittenAfter implements [evidence.Server].
func (e *Events) WrittenAfter(ctx context.Context, m evidence.Moment) (evidence.Written, error) {
	return e.side.WrittenAfter(ctx, m)
}

// Blind implements [evidence.Server].
func (e *Events) Blind(ctx context.Context) (string, error) { return e.side.Blind(ctx) }
