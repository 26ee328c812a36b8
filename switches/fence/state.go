package fence

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Kind is the state of a fence in one word.
type Kind string

const (
	// None is a server on which nothing of the fence is.
	None Kind = "none"
	// Partly is a fence that some writer passes: [State.Missing] says which.
	Partly Kind = "partly"
	// Open is a fence that is installed and refuses nobody.
	Open Kind = "installed"
	// BySession is a fence that is closed as long as a session lives.
	BySession Kind = "closed by session"
	// Permanent is a fence that stays closed.
	Permanent Kind = "permanent"
)

// Server distinguishes servers, and a server from itself before a failover.
type Server struct {
	System   string // the identifier of the cluster
	Timeline int32
	Started  string // when; no two servers of a cluster have started at the same microsecond
	Database string
}

// State is what the server says of a fence.
type State struct {
	Server Server
	// Missing is what is not fenced, and why.
	Missing []string
	// Holders are sessions that keep it closed.
	Holders []Session
	// Sealed says that it is closed for everybody, whatever sessions live.
	Sealed bool
	// Slices are those that are closed permanently.
	Slices []string

	installed bool
}

// Kind is the state in one word. A fence that some writer passes is Partly, even if it is closed for others.
func (s State) Kind() Kind {
	switch {
	case !s.installed:
		return None
	case len(s.Missing) > 0:
		return Partly
	case s.Sealed:
		return Permanent
	case len(s.Holders) > 0:
		return BySession
	case len(s.Slices) > 0:
		return Permanent
	default:
		return Open
	}
}

// Closed reports whether writers are refused, all or those of some slices.
func (s State) Closed() bool { return s.Sealed || len(s.Holders) > 0 || len(s.Slices) > 0 }

// State asks the server that the dsn leads to now.
func (f *Fence) State(ctx context.Context) (s State, err error) {
	err = f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		s, err = f.stateOf(ctx, conn)
		return err
	})
	return s, err
}

func (f *Fence) stateOf(ctx context.Context, conn *pgx.Conn) (s State, err error) {
	if s.Server, err = serverOf(ctx, conn); err != nil {
		return s, err
	}
	functions, err := f.functionState(ctx, conn)
	if err != nil {
		return s, err
	}
	all, err := f.relations(ctx, conn)
	switch {
	case errors.Is(err, ErrTable):
		s.Missing = append(s.Missing, err.Error())
	case err != nil:
		return s, err
	}
	s.installed = functions.there
	s.Missing = append(s.Missing, functions.altered...)
	for _, r := range all {
		s.installed = s.installed || len(r.Triggers) > 0
		s.Missing = append(s.Missing, f.missing(r)...)
	}
	if !s.installed { // all is missing
		s.Missing = nil
	}
	if s.Holders, err = holders(ctx, conn, f.closing()); err != nil {
		return s, err
	}
	if !functions.seal {
		return s, nil
	}
	turn, err := f.readSeal(ctx, conn)
	if err != nil {
		return s, err
	}
	s.Sealed = turn >= everything
	if functions.turns {
		s.Slices, err = f.closedSlices(ctx, conn, turn)
	}
	return s, err
}

// serverOf says which server the session is of.
func serverOf(ctx context.Context, conn *pgx.Conn) (s Server, err error) {
	const q = `SELECT (SELECT system_identifier::text FROM pg_catalog.pg_control_system()), (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),
		pg_catalog.pg_postmaster_start_time()::text, pg_catalog.current_database()::text`
	if err := conn.QueryRow(ctx, q).Scan(&s.System, &s.Timeline, &s.Started, &s.Database); err != nil {
		return s, fmt.Errorf("asking which server this is: %w", err)
	}
	return s, nil
}

// functionState is what of the fence is there beside the triggers.
type functionState struct {
	there, seal, turns bool
	altered            []string // what is not as it should be
}

func (f *Fence) functionState(ctx context.Context, conn *pgx.Conn) (s functionState, err error) {
	if err := conn.QueryRow(ctx, "SELECT pg_catalog.to_regclass($1) IS NOT NULL, pg_catalog.to_regclass($2) IS NOT NULL", f.seal(), f.turns()).Scan(&s.seal, &s.turns); err != nil {
		return s, fmt.Errorf("looking for the seal of the fence: %w", err)
	}
	rows, err := conn.Query(ctx, `SELECT p.proname::text, p.prosrc FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
		JOIN pg_catalog.pg_language l ON l.oid = p.prolang
		WHERE n.nspname = '`+schema+`' AND p.proname = ANY ($1::text[]) AND l.lanname = 'plpgsql' AND NOT p.prosecdef AND p.proconfig IS NULL AND p.provolatile = 'v'`, f.functions())
	if err != nil {
		return s, fmt.Errorf("looking for the functions of the fence: %w", err)
	}
	bodies := map[string]string{}
	var name, body string
	if _, err := pgx.ForEachRow(rows, []any{&name, &body}, func() error { bodies[name] = body; return nil }); err != nil {
		return s, fmt.Errorf("looking for the functions of the fence: %w", err)
	}
	s.there = s.seal || s.turns || len(bodies) > 0
	if !s.there {
		return s, nil
	}
	for _, e := range allEvents {
		if got := bodies[f.config.Name+" "+string(e)]; got != f.body(e) {
			s.altered = append(s.altered, fmt.Sprintf("the function for %s is not the one of this configuration", e))
		}
	}
	if !s.seal || s.turns != (f.config.Slice != "") {
		s.altered = append(s.altered, "the seal is not the one of this configuration")
	}
	return s, nil
}

func (f *Fence) readSeal(ctx context.Context, conn *pgx.Conn) (turn int64, err error) {
	if err := conn.QueryRow(ctx, "SELECT "+f.sealed()).Scan(&turn); err != nil {
		return 0, fmt.Errorf("reading the seal of the fence: %w", err)
	}
	return turn, nil
}

// closedSlices are those whose last turn, up to that of the seal, closed them.
func (f *Fence) closedSlices(ctx context.Context, conn *pgx.Conn, turn int64) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT slice FROM (SELECT DISTINCT ON (slice) slice, closed FROM `+f.turns()+` WHERE turn <= $1 AND slice IS NOT NULL ORDER BY slice, turn DESC) AS latest
		WHERE closed ORDER BY slice`, turn%everything)
	if err != nil {
		return nil, fmt.Errorf("reading which slices are closed: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// closing is the condition for locks of those who keep the fence closed.
func (f *Fence) closing() string {
	return "l.mode = 'ExclusiveLock' AND " + advisory + " AND (" + ofBig(f.keys.all) + " OR " + ofClass(f.keys.class) + ")"
}

// advisory is the condition for advisory locks of this database; other databases have their own.
const advisory = "l.locktype = 'advisory' AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())"

// ofBig is the condition for locks of a key of 64 bits.
func ofBig(key int64) string {
	return fmt.Sprintf("(l.classid::bigint << 32 | l.objid::bigint) = %d AND l.objsubid = 1", key)
}

// ofClass is the condition for locks of a key of two parts, whatever the second one is.
func ofClass(class int32) string {
	return fmt.Sprintf("l.classid::bigint = %d AND l.objsubid = 2", uint32(class)) //nolint:gosec // as the server shows it
}

// ByHand is the line of SQL with which a person opens legacy, whatever crosscheck is doing: it opens the seal, and ends the sessions
// that keep the fence closed.
func (f *Fence) ByHand() string {
	line := fmt.Sprintf("SELECT pg_catalog.setval(%s, 1), (SELECT count(pg_catalog.pg_terminate_backend(l.pid)) FROM pg_catalog.pg_locks l WHERE l.granted AND %s);", literal(f.seal()), f.closing())
	if f.config.Slice != "" {
		line = fmt.Sprintf("DELETE FROM %s WHERE turn > 1; ", f.turns()) + line
	}
	return strings.ReplaceAll(line, "\n", " ")
}
