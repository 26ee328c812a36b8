package session

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Tx is a read-only transaction. It is for one goroutine at a time.
type Tx struct {
	conn    *pgxpool.Conn
	process string // that runs it
	once    sync.Once

	// For a transaction that is watched:
	using   sync.Mutex // held while a statement runs, until its rows have been read
	wire    *wire
	lost    atomic.Bool // the watch has closed the wire
	ended   atomic.Pointer[pgconn.PgError]
	unwatch func()
}

// Close rolls back, even if the caller's context has ended. It may be called more than once.
func (t *Tx) Close() {
	t.once.Do(func() {
		if t.unwatch != nil {
			t.unwatch()
		}
		rollback(t.conn)
		t.conn.Release()
	})
}

func rollback(conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout) //nolint:forbidigo // must end the transaction after ctx has ended
	defer cancel()
	_, _ = conn.Exec(ctx, "ROLLBACK") // Release closes a connection on which it failed
}

// Query runs one statement. Its rows must have been closed before the next one.
func (t *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return t.query(ctx, func() {}, sql, args...)
}

// QueryRow is [Tx.Query] for one row.
func (t *Tx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	r, err := t.Query(ctx, sql, args...)
	return row{r, err}
}

// Set changes settings for the rest of the transaction. They must never contain text of the configuration: this is the
// only way to send several statements at once, and so to end the transaction.
func (t *Tx) Set(ctx context.Context, settings string) error {
	return t.Wire(func(conn *pgconn.PgConn) error { return conn.Exec(ctx, settings).Close() })
}

// Encoding is how the database stores text. Data on the wire of [Tx.Wire] is not encoded or decoded.
func (t *Tx) Encoding() Encoding {
	return encodingOf(t.conn.Conn().PgConn().ParameterStatus("server_encoding"))
}

// Wire lends the connection for what [pgx.Rows] cannot do.
func (t *Tx) Wire(fn func(*pgconn.PgConn) error) error {
	t.using.Lock()
	defer t.using.Unlock()
	return t.reason(fn(t.conn.Conn().PgConn()))
}

// query calls then after the rows have been read.
func (t *Tx) query(ctx context.Context, then func(), sql string, args ...any) (pgx.Rows, error) {
	t.using.Lock()
	done := sync.OnceFunc(func() { t.using.Unlock(); then() })
	e := t.Encoding()
	r, err := t.conn.Query(ctx, e.Encode(sql), e.arguments(args)...)
	if err != nil {
		done()
		return nil, t.reason(err)
	}
	return &rows{Rows: r, tx: t, encoding: e, done: done}, nil
}

// reason says why a connection failed that crosscheck has closed itself.
func (t *Tx) reason(err error) error {
	if said := t.ended.Load(); err != nil && said != nil {
		return fmt.Errorf("%w: %w", said, err)
	}
	if err != nil && t.lost.Load() {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	return err
}

// rows are rows with an action at their end.
type rows struct {
	pgx.Rows
	tx       *Tx
	encoding Encoding
	done     func()
}

// RawValues are texts as UTF-8, because crosscheck asks for all values as text.
func (r *rows) RawValues() [][]byte {
	raw := r.Rows.RawValues()
	for i := range raw {
		raw[i] = r.encoding.Decode(raw[i])
	}
	return raw
}

// Scan decodes texts.
func (r *rows) Scan(dest ...any) error {
	err := r.Rows.Scan(dest...)
	r.encoding.decodeInto(dest)
	return err
}

func (r *rows) Err() error { return r.tx.reason(r.Rows.Err()) }

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

// row is the first of some rows, or the reason why there are none.
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
