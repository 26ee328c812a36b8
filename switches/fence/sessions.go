package fence

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Session is a session of the server, or a prepared transaction.
type Session struct {
	PID                        int32  // 0 of a prepared transaction
	Prepared                   string // its name
	Application, User, Address string
	State                      string
	// Age is since its transaction began, or was prepared.
	Age time.Duration
	// Hidden says that the role may not see the age.
	Hidden bool
}

func (s Session) String() string {
	if s.PID == 0 {
		return fmt.Sprintf("the prepared transaction %q of %s, %v old", s.Prepared, s.User, s.Age.Round(time.Second))
	}
	if s.Hidden {
		return fmt.Sprintf("pid %d (%s, %s, of a hidden age: GRANT pg_monitor TO the role)", s.PID, orUnknown(s.Application), orUnknown(s.User))
	}
	return fmt.Sprintf("pid %d (%s, %s from %s, %s, its transaction %v old)", s.PID, orUnknown(s.Application), orUnknown(s.User), orUnknown(s.Address), orUnknown(s.State), s.Age.Round(time.Second))
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

// ObstructedError says who was in the way.
type ObstructedError struct {
	Err      error
	Sessions []Session
}

// Error implements error.
func (o *ObstructedError) Error() string {
	names := make([]string, len(o.Sessions))
	for i, s := range o.Sessions {
		names[i] = s.String()
	}
	if len(names) == 0 {
		names = []string{"somebody who has gone meanwhile"}
	}
	return o.Err.Error() + ": " + strings.Join(names, "; ")
}

// Unwrap returns the reason.
func (o *ObstructedError) Unwrap() error { return o.Err }

// holders are those who hold locks, other than this session. The condition is of pg_locks l.
func holders(ctx context.Context, conn *pgx.Conn, condition string, args ...any) ([]Session, error) {
	return locking(ctx, conn, "l.granted AND ("+condition+")", args...)
}

// locking are those who hold locks or wait for them, other than this session.
func locking(ctx context.Context, conn *pgx.Conn, condition string, args ...any) ([]Session, error) {
	rows, err := conn.Query(ctx, `SELECT DISTINCT ON (l.virtualtransaction) coalesce(l.pid, 0), coalesce(x.gid, ''), coalesce(a.application_name, ''),
			coalesce(a.usename::text, x.owner::text, ''), coalesce(host(a.client_addr), 'this server'), coalesce(a.state, a.backend_type, ''),
			coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(a.xact_start, x.prepared))::float8, 0), coalesce(a.query = '<insufficient privilege>', false)
		FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
		LEFT JOIN (pg_catalog.pg_locks p JOIN pg_catalog.pg_prepared_xacts x ON p.locktype = 'transactionid' AND p.transactionid = x.transaction)
			ON l.pid IS NULL AND p.pid IS NULL AND p.virtualtransaction = l.virtualtransaction
		WHERE l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
			AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND (`+condition+") ORDER BY l.virtualtransaction, x.gid", args...)
	if err != nil {
		return nil, fmt.Errorf("asking who holds locks: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Session, err error) {
		var age float64
		err = row.Scan(&s.PID, &s.Prepared, &s.Application, &s.User, &s.Address, &s.State, &age, &s.Hidden)
		s.Age = time.Duration(age * float64(time.Second))
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("asking who holds locks: %w", err)
	}
	return found, nil
}

// Client is a group of sessions that are still connected to legacy.
type Client struct {
	Application, User, Address string
	Sessions                   int
	// Active is how long ago the last of them did something.
	Active time.Duration
}

func (c Client) String() string {
	return fmt.Sprintf("%d sessions of %s (%s from %s), the last active %v ago", c.Sessions, orUnknown(c.Application), orUnknown(c.User), c.Address, c.Active.Round(time.Second))
}

// Clients are the sessions that others have in legacy's database: after a switch, those that have not moved.
func (f *Fence) Clients(ctx context.Context) (clients []Client, err error) {
	err = f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT coalesce(application_name, ''), coalesce(usename::text, ''), coalesce(host(client_addr), 'this server'), count(*),
				coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - max(state_change))::float8, 0)
			FROM pg_catalog.pg_stat_activity WHERE datname = pg_catalog.current_database() AND backend_type NOT LIKE 'autovacuum%' AND backend_type <> 'parallel worker'
				AND pid <> pg_catalog.pg_backend_pid() AND application_name NOT LIKE 'crosscheck%' GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3`)
		if err != nil {
			return fmt.Errorf("asking who is connected to legacy: %w", err)
		}
		clients, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Client, err error) {
			var seconds float64
			err = row.Scan(&c.Application, &c.User, &c.Address, &c.Sessions, &seconds)
			c.Active = time.Duration(seconds * float64(time.Second))
			return c, err
		})
		return err
	})
	return clients, err
}
