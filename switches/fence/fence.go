// Package fence keeps writers out of legacy's tables, in PostgreSQL itself.
//
// Invariant: while the fence is closed, no transaction that writes to a fenced table can commit, whoever writes and
// however old its snapshot is. What would pass it is named by [Fence.State].
//
// # How it works
//
// Each table and partition has triggers that are ENABLE ALWAYS. A trigger takes a lock, an advisory one that is shared and ends
// with the transaction, and then reads the seal, which is a sequence:
//
//	writer                            coordinator
//	lock (shared, of the transaction) lock (exclusive, of the session)   waits for all writers inside: the drain
//	read the seal                     write the seal                      "permanent"
//	write, commit                     let the lock go
//
// A lock has no snapshot: old ones, replica roles and superusers meet it too, and a prepared transaction keeps it. If the
// coordinator's session dies, the server lets the lock go, and legacy is open.
//
// A sequence has no snapshot either. It is written in place, at once, for everybody, and is in the WAL. A writer reads it after it
// has the lock, in the same body of the function. So a writer that got the lock after the coordinator reads the seal that
// the coordinator wrote. Nothing is replaced, so no plan and no function that a session keeps can be too old
// (decision 27).
//
//	the seal                  means
//	1                         open
//	n, with n > 1             slices are closed: the last line of the table of turns for a slice says whether, up to turn n
//	n + 2^62                  everything is closed
//
// A snapshot that does not have turn n is refused with 40001: the application begins its transaction anew, as after any such
// error.
package fence

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

var (
	// ErrDSN is returned for a dsn that cannot be parsed. The library's error may hold a part of a password.
	ErrDSN = errors.New("cutover.fence.dsn is not a connection string of PostgreSQL, or it names files that cannot be read")
	// ErrPooler is returned if the dsn does not lead to the server itself. A pooler may keep the lock of a coordinator that is gone.
	ErrPooler = errors.New("cutover.fence.dsn leads through a pooler, and the fence needs a session of its own: name the server itself")
	// ErrStandby is returned if the server is read only.
	ErrStandby = errors.New("cutover.fence.dsn leads to a standby")
	// ErrTable is wrapped if a table cannot be fenced.
	ErrTable = errors.New("a table cannot be fenced")
	// ErrOther is wrapped if a fence of this name has another mode or slice.
	ErrOther = errors.New("a fence of this name is installed otherwise")
	// ErrBusy is wrapped in an [Obstructed] if others kept a lock until the deadline.
	ErrBusy = errors.New("others hold locks")
	// ErrInstalled is wrapped if the fence is not installed completely.
	ErrInstalled = errors.New("the fence is not installed completely")
	// ErrLost is wrapped if the session that held the fence is gone: legacy is open, unless the fence is permanent.
	ErrLost = errors.New("the session that held the fence is gone")
	// ErrElsewhere is wrapped if the dsn leads to another server than the one that is fenced.
	ErrElsewhere = errors.New("the connection string leads to another server than the one that is fenced")
	// ErrOpen is returned by what needs a closed fence.
	ErrOpen = errors.New("the fence is not closed by this session")
	// ErrClosed is wrapped by what needs an open fence.
	ErrClosed = errors.New("the fence is closed")
	// ErrStandbys is wrapped if a standby did not confirm the seal in time. The fence is permanent on the primary.
	ErrStandbys = errors.New("standbys have not confirmed the permanent fence")
)

const (
	connectTimeout = 10 * time.Second
	askTimeout     = 10 * time.Second
	lockTry        = 500 * time.Millisecond // how long writers may stand behind a change of the triggers
	cancelTimeout  = 2 * time.Second        // until a session counts as dead that does not answer to a cancel
	tick           = 100 * time.Millisecond

	application = "crosscheck-fence"
)

// Mode says what a refused writer sees.
type Mode string

const (
	// Refuse raises an error with the code 25006 at once.
	Refuse Mode = "error"
	// Wait makes a writer wait until the fence opens, or is permanent. TRUNCATE is refused anyway: it would make readers wait.
	Wait Mode = "wait"
)

// Config says what is fenced.
type Config struct {
	// DSN is of a role that owns the tables. It leads to the server itself.
	DSN string
	// Name is that of the run, and of everything that is installed.
	Name string
	// Tables are names of tables; their partitions and heirs belong to them.
	Tables []string
	// Mode is Refuse if it is empty.
	Mode Mode
	// Slice is the column of all tables by whose values parts may be closed; may be empty. A transaction holds a lock for each
	// value that it writes, so there must not be many.
	Slice string
	// Reverse is the role of a feed that writes these tables while the fence is permanent, and at no other time; may be empty, and is not allowed with
	// Slice. It is the role with which a session has logged in: SET ROLE, functions of others and the owner's rights do not change that.
	Reverse string
}

// Scope is what is closed: everything, or one slice.
type Scope struct {
	Slice string
	One   bool // only Slice
}

func (s Scope) String() string {
	if s.One {
		return "slice " + strconv.Quote(s.Slice)
	}
	return "everything"
}

// Fence is one fence. Its methods may be called at the same time.
type Fence struct {
	config Config
	keys   keys

	mu     sync.Mutex // guards what follows, and the session
	held   *pgx.Conn  // holds the lock; nil if the fence was not closed here
	scope  Scope
	server Server
	fed    []string // standbys that were connected when it was closed
}

var goodName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// New connects to nothing yet.
func New(c Config) (*Fence, error) {
	if _, err := pgx.ParseConfig(c.DSN); err != nil {
		return nil, ErrDSN
	}
	if !goodName.MatchString(c.Name) {
		return nil, fmt.Errorf("the name %q must be 1 to 32 of a-z, 0-9, - and _", c.Name)
	}
	if c.Mode == "" {
		c.Mode = Refuse
	}
	if c.Reverse != "" && c.Slice != "" {
		return nil, errors.New("a reverse feed cannot be used with slices")
	}
	return &Fence{config: c, keys: keysOf(c.Name)}, nil
}

// keys are the advisory locks of a run.
type keys struct {
	all    int64 // writers share it, who closes everything has it alone
	slices int64 // who closes a slice shares it, TRUNCATE has it alone
	turns  int64 // who changes the table of turns
	class  int32 // of the locks of slices, whose other half is the hash of the value
}

func keysOf(name string) keys {
	sum := sha256.Sum256([]byte("crosscheck fence " + name))
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(sum[i:])) }  //nolint:gosec // any bits will do
	return keys{all: at(0), slices: at(8), turns: at(16), class: int32(at(24))} //nolint:gosec // any bits will do
}

// connect opens a session of the server itself.
func (f *Fence) connect(ctx context.Context) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(f.config.DSN)
	if err != nil {
		return nil, ErrDSN
	}
	c.ConnectTimeout = connectTimeout
	c.DefaultQueryExecMode = pgx.QueryExecModeExec // what is asked once is not prepared
	c.RuntimeParams["application_name"] = application
	// The end of a context cancels the statement and not the session, because the session may hold the fence.
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelTimeout}
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("connecting to legacy: %w", err)
	}
	var pid uint32
	var standby bool
	err = conn.QueryRow(ctx, settle).Scan(&pid, &standby)
	switch {
	case err != nil:
		err = fmt.Errorf("setting up the session: %w", err)
	case pid != conn.PgConn().PID():
		err = ErrPooler
	case standby:
		err = ErrStandby
	}
	if err != nil {
		hangUp(ctx, conn)
		return nil, err
	}
	return conn, nil
}

// settle keeps the server from ending an idle session, and lets it notice within seconds that the coordinator's machine is gone.
// Not every version has all settings.
const settle = `SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery() FROM (
	SELECT count(pg_catalog.set_config(v.name, v.value, false)) AS n FROM (VALUES
		('statement_timeout', '0'), ('lock_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'), ('transaction_timeout', '0'),
		('default_transaction_read_only', 'off'), ('default_transaction_isolation', 'read committed'), ('synchronous_commit', 'on'), ('row_security', 'off'), ('search_path', ''), ('standard_conforming_strings', 'on'), ('TimeZone', 'UTC'),
		('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'), ('tcp_user_timeout', '10000')
	) AS v (name, value) JOIN pg_catalog.pg_settings s USING (name)) AS done WHERE done.n > 0`

// ask runs fn in a session of its own, with a deadline.
func (f *Fence) ask(ctx context.Context, fn func(ctx context.Context, conn *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := f.connect(ctx)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	return fn(ctx, conn)
}

// unhurried is a context for what must be done although the other one ends, with a deadline of its own.
func unhurried(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
}

// hangUp ends a session, whose server may be silent.
func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := unhurried(ctx)
	defer cancel()
	conn.Close(ctx)
}

// wait returns false if the context ends first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
