package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrLost is returned if the server no longer answers on a connection that is not closed.
var ErrLost = errors.New("the server no longer answers on this connection")

// watch watches a transaction that may run long, while it is open. While it is idle, the server gets a sign of life, so
// the server can end it soon after crosscheck has gone. While a statement is silent, which may be right for an hour,
// the server is asked on another connection whether it still works.
func (t *Tx) watch(ctx context.Context, p *Pool) {
	tick := time.NewTicker(p.limits.Quiet)
	defer tick.Stop()
	var before int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if t.using.TryLock() {
			t.beat(ctx)
			t.using.Unlock()
			continue
		}
		now := t.wire.received.Load()
		silent := now == before && t.wire.waiting.Load()
		before = now
		if silent && !t.works(ctx, p) && t.wire.received.Load() == now && ctx.Err() == nil {
			t.lost.Store(true)
			_ = t.wire.Close() // ends the waiting read
			return
		}
	}
}

// beat sends a statement that does nothing. If it is not answered, pgx closes the connection, and the next statement
// fails. What the server said at the end, such as that a standby has ended the session, is kept for it.
func (t *Tx) beat(ctx context.Context) {
	conn := t.conn.Conn().PgConn()
	if conn.IsClosed() {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	err := conn.Exec(bounded, "SELECT 1").Close()
	if said, ok := errors.AsType[*pgconn.PgError](err); ok {
		t.ended.Store(said)
	}
	t.lost.Store(conn.IsClosed() && ctx.Err() == nil)
}

// works returns false if the server says that it does not work for this connection, or cannot be asked twice in a row.
// In doubt the server works, because the statement has a deadline.
func (t *Tx) works(ctx context.Context, p *Pool) bool {
	for range 2 {
		state, err := p.ask(ctx, t.process)
		if err == nil {
			return !strings.HasPrefix(state, "idle") && state != "gone" && state != "active ClientWrite"
		}
		if _, answered := errors.AsType[*pgconn.PgError](err); answered {
			return true
		}
	}
	return false
}

// ask asks the server, on a separate connection, what a process does: "idle in transaction", "active IO", "gone". It is
// "elsewhere" if the connection came to another server.
func (p *Pool) ask(ctx context.Context, process string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, p.Config())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	pid, started, _ := strings.Cut(process, " ")
	results, err := conn.Exec(ctx, fmt.Sprintf("BEGIN READ ONLY; SELECT CASE WHEN %s <> '%s' THEN 'elsewhere' ELSE coalesce((SELECT concat_ws(' ', state, wait_event) "+
		"FROM pg_catalog.pg_stat_activity WHERE pid = %s), 'gone') END; ROLLBACK", serverStarted, started, pid)).ReadAll()
	if err != nil {
		return "", err
	}
	return string(results[1].Rows[0][0]), nil
}
