package source

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

var _ follow.EventStore = (*Events)(nil)

// Between implements [follow.EventStore].
func (e *Events) Between(ctx context.Context, from, to order.Position, fn func(order.Position, order.Key, order.ID) error) error {
	defer e.side.observe("range")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	p := "(" + e.config.Position + ")"
	rows, err := e.side.pool.Query(ctx, fmt.Sprintf(`SELECT %[1]s::bigint, coalesce((%[3]s)::text, ''), coalesce(%[4]s, '') FROM %[2]s
		WHERE %[1]s BETWEEN $1::bigint AND $2::bigint ORDER BY %[1]s`, p, e.side.from(), e.config.Key, e.idSQL()), int64(from), int64(to))
	if err != nil {
		return fmt.Errorf("reading positions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var position int64
		var key, id string
		if err := rows.Scan(&position, &key, &id); err != nil {
			return fmt.Errorf("reading positions: %w", err)
		}
		if err := fn(order.Position(position), order.Key(key), order.ID(id)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading positions: %w", err)
	}
	return nil
}

// Horizon implements [follow.EventStore]. It reads the position first, and then which transactions have begun. These
// include all that could still add an event at or below the position, if a position is given by the transaction that
// stores it and grows (a sequence without CACHE). Horizon needs only the right to read, and works for a view and for a
// replica too.
func (e *Events) Horizon(ctx context.Context) (follow.Horizon, error) {
	defer e.side.observe("horizon")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var h follow.Horizon
	var err error
	if h.Position, err = e.outermost(ctx, "DESC"); err != nil {
		return follow.Horizon{}, fmt.Errorf("reading the newest position: %w", err)
	}
	var below int64
	if err := e.side.pool.QueryRow(ctx, begun).Scan(&below); err != nil {
		return follow.Horizon{}, fmt.Errorf("asking which transactions have begun: %w", err)
	}
	h.Below = uint64(below) //nolint:gosec // it is positive
	return h, nil
}

// First implements [follow.EventStore].
func (e *Events) First(ctx context.Context) (order.Position, error) {
	defer e.side.observe("first")()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	first, err := e.outermost(ctx, "ASC")
	if err != nil {
		return first, fmt.Errorf("reading the first position: %w", err)
	}
	return first, nil
}

// outermost is the first position in a direction of sorting; NoPosition without events.
func (e *Events) outermost(ctx context.Context, direction string) (order.Position, error) {
	p := "(" + e.config.Position + ")"
	found := int64(order.NoPosition)
	err := e.side.pool.QueryRow(ctx, fmt.Sprintf(`SELECT %[1]s::bigint FROM %[2]s WHERE %[1]s IS NOT NULL ORDER BY %[1]s %[3]s LIMIT 1`,
		p, e.side.from(), direction)).Scan(&found)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return order.Position(found), err
}

// Oldest implements [follow.EventStore]. The snapshot of a statement lists the running transactions of all databases of
// the server, and it is taken before the activity is read. So a transaction is left out only if its session was seen in
// another database, from which nobody can write here. On a replica, sessions are not those of the transactions, and
// behind a foreign table there is another database: then all transactions count. It needs only the right to read; when
// another role's transaction began is known to members of pg_read_all_stats.
func (e *Events) Oldest(ctx context.Context) (follow.Running, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var found struct {
		xmin, xmax, xid, database, application, gid string
		pid                                         int32
		began                                       *time.Time
		replica                                     bool
	}
	err := e.side.pool.QueryRow(ctx, runningSQL, e.foreign).Scan(&found.xmin, &found.xmax, &found.replica,
		&found.xid, &found.pid, &found.database, &found.application, &found.gid, &found.began)
	if err != nil {
		return follow.Running{}, fmt.Errorf("reading which transactions run: %w", err)
	}
	r := follow.Running{Since: found.began}
	text := found.xmax // nothing below it runs that can write here
	switch {
	case found.replica && found.xmin != found.xmax:
		text, r.Holder = found.xmin, "a transaction of the primary (a replica does not know which)"
	case found.gid != "":
		text, r.Holder = found.xid, fmt.Sprintf("the prepared transaction %q of database %s", found.gid, found.database)
	case found.pid != 0:
		text, r.Holder = found.xid, fmt.Sprintf("the transaction of process %d (application %q, database %s)", found.pid, found.application, found.database)
	case found.xid != "":
		text, r.Holder = found.xid, "transaction "+found.xid
	}
	if r.Oldest, err = strconv.ParseUint(text, 10, 64); err != nil {
		return follow.Running{}, fmt.Errorf("reading which transactions run: %w", err)
	}
	return r, nil
}

// runningSQL returns the ends of the snapshot, and the oldest running transaction that may write in this database. With
// $1 true, a transaction of any database counts.
const runningSQL = `
	SELECT pg_catalog.pg_snapshot_xmin(s)::text, pg_catalog.pg_snapshot_xmax(s)::text, pg_catalog.pg_is_in_recovery(),
		coalesce(o.xid, ''), coalesce(o.pid, 0), coalesce(o.database, ''), coalesce(o.application, ''), coalesce(o.gid, ''), o.began
	FROM pg_catalog.pg_current_snapshot() AS s LEFT JOIN LATERAL (
		SELECT x.xid::text AS xid, a.pid, coalesce(a.datname, p.database)::text AS database, a.application_name AS application,
			p.gid, coalesce(a.xact_start, p.prepared) AS began
		FROM pg_catalog.pg_snapshot_xip(s) AS x(xid)
		LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.backend_xid = x.xid::xid
		LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction = x.xid::xid
		WHERE $1 OR coalesce(a.datname, p.database, pg_catalog.current_database()) = pg_catalog.current_database()
		ORDER BY x.xid LIMIT 1) AS o ON true`
