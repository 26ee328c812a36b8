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

// ErrShared is returned if a connection does not have its own session: a transaction pooler gives the server process to
// other clients between our transactions.
var ErrShared = errors.New("a pooler in transaction mode shares the session with others")

// process is the name under which a connection remembers the server process of its first transaction.
const process = "crosscheck.process"

// stayed returns ErrShared if another process than before runs the connection's transaction. It is called for each
// transaction.
func stayed(conn *pgxpool.Conn, now string) error {
	known := conn.Conn().PgConn().CustomData()
	if before, ok := known[process]; ok && before != now {
		return ErrShared
	}
	known[process] = now
	return nil
}

// rounds is how often two connections are compared. A pooler gives the last used process to the next client, so one
// round is usually enough.
const rounds = 3

const (
	protocolViolation = "08P01" // the answer of a pooler in statement mode to BEGIN
	undefinedObject   = "42704" // the answer of a server that does not know a setting
	invalidParameter  = "22023" // or of one whose system does not support it
)

// prove begins a transaction, and finds out whether connections are sessions behind a pooler. A direct connection is
// told the number of its process. Poolers tell their own number, which is for cancelling a query.
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

// first begins a connection's first transaction. It leaves out the one setting that not every server has.
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

// own returns ErrShared if two connections use one process, or if one connection uses two.
func (p *Pool) own(ctx context.Context, a, b *pgxpool.Conn) error {
	ours, err := start(ctx, a, p.readCommitted())
	if err != nil {
		return err
	}
	rollback(a)
	other, err := start(ctx, b, p.readCommitted()) // stays open while the first begins again
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
