package session

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Tx is a read-only transaction. It is for one goroutine at a time.
type Tx struct {
	conn *pgxpool.Conn
	once sync.Once
}

// Close rolls back, whatever became of the caller's context. It may be called more than once.
func (t *Tx) Close() {
	t.once.Do(func() {
		rollback(t.conn)
		t.conn.Release()
	})
}

func rollback(conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout) //nolint:forbidigo // must end the transaction after ctx has ended
	defer cancel()
	_, _ = conn.Exec(ctx, "ROLLBACK") // a connection on which it failed is closed by Release
}

// Query runs one statement.
func (t *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return t.conn.Query(ctx, sql, args...)
}

// QueryRow is [Tx.Query] for one row.
func (t *Tx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return t.conn.QueryRow(ctx, sql, args...)
}

// Set changes settings for the rest of the transaction. They are ours, and never text of the configuration: this is the one
// way to send several statements at once, and so to end a transaction that others believe in.
func (t *Tx) Set(ctx context.Context, settings string) error {
	_, err := t.conn.Exec(ctx, settings)
	return err
}

// Wire lends the connection for what [pgx.Rows] cannot do.
func (t *Tx) Wire(fn func(*pgconn.PgConn) error) error { return fn(t.conn.Conn().PgConn()) }

// query calls done when the rows have been read.
func (t *Tx) query(ctx context.Context, done func(), sql string, args ...any) (pgx.Rows, error) {
	r, err := t.conn.Query(ctx, sql, args...)
	if err != nil {
		done()
		return nil, err
	}
	return &rows{Rows: r, done: done}, nil
}

// rows are rows after which something ends.
type rows struct {
	pgx.Rows
	done func()
}

func (r *rows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.done()
	return false
}

func (r *rows) Close() {
	r.Rows.Close()
	r.done()
}

// row is the first of some rows, or why there are none.
type row struct {
	rows pgx.Rows
	err  error
}

func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
