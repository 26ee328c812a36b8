package session

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrShared is returned where a connection is no session of its own: a transaction pooler gives the server process to others
// between our transactions.
var ErrShared = errors.New("a pooler in transaction mode shares the session with others")

// process is under which name a connection remembers the server process of its first transaction.
const process = "crosscheck.process"

// stayed is ErrShared if another process than the one before runs the connection's transaction. It is asked of each.
func stayed(conn *pgxpool.Conn, now string) error {
	known := conn.Conn().PgConn().CustomData()
	if before, ok := known[process]; ok && before != now {
		return ErrShared
	}
	known[process] = now
	return nil
}

// rounds is how often two connections are compared. A pooler gives the process that was used last to the next client, so that
// one round is mostly enough.
const rounds = 3

const (
	protocolViolation = "08P01" // what a pooler in statement mode answers to BEGIN
	undefinedObject   = "42704" // what a server answers that does not know a setting
	invalidParameter  = "22023" // or whose system cannot do it
)

// prove begins a transaction, and finds out whether connections are sessions where a pooler stands in between. Whoever
// connects directly is told the number of its process; poolers tell a number of their own, with which a query is cancelled.
func (p *Pool) prove(ctx context.Context) error {
	a, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer a.Release()
	first, err := p.first(ctx, a)
	if err != nil {
		return err
	}
	direct := strconv.FormatUint(uint64(a.Conn().PgConn().PID()), 10)
	if strings.HasPrefix(first, direct+" ") {
		return nil
	}
	b, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer b.Release()
	for range rounds {
		if err := p.own(ctx, a, b); err != nil {
			return err
		}
	}
	return nil
}

// first begins a connection's first transaction, and leaves out the one setting that not every server has.
func (p *Pool) first(ctx context.Context, conn *pgxpool.Conn) (string, error) {
	defer rollback(conn)
	process, err := start(ctx, conn, p.readCommitted())
	refused, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && refused.Code == protocolViolation:
		return "", fmt.Errorf("%w: %w", ErrShared, err)
	case ok && (refused.Code == undefinedObject || refused.Code == invalidParameter):
		p.settings, _, _ = strings.Cut(p.settings, clientCheck)
		rollback(conn)
		return start(ctx, conn, p.readCommitted())
	}
	return process, err
}

// own is ErrShared if two connections are seen in one process, or one of them in two.
func (p *Pool) own(ctx context.Context, a, b *pgxpool.Conn) error {
	ours, err := start(ctx, a, p.readCommitted())
	if err != nil {
		return err
	}
	rollback(a)
	other, err := start(ctx, b, p.readCommitted()) // is open while the first begins again
	if err != nil {
		return err
	}
	defer rollback(b)
	if ours == other {
		return ErrShared
	}
	_, err = start(ctx, a, p.readCommitted())
	rollback(a)
	return err
}
