package fence

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Other says that it is installed for another mode, slice or feed. It is removed and installed anew then.
	Other bool
	// Holders are sessions that keep it closed.
	Holders []Session
	// Waiting are sessions that wait to close it; new writers are refused meanwhile.
	Waiting []Session
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

// Sealed reports whether the scope stays closed whatever sessions live, and no writer passes. Standbys are asked by [Fence.Confirmed].
func (f *Fence) Sealed(ctx context.Context, scope Scope) (sealed bool, err error) {
	return f.closed(ctx, scope, func(s State) bool { return s.installed && len(s.Missing) == 0 })
}

// Shut reports whether the seal closes the scope, although some writer may pass the fence: through a partition that was made since, say.
func (f *Fence) Shut(ctx context.Context, scope Scope) (shut bool, err error) {
	return f.closed(ctx, scope, func(State) bool { return true })
}

// closed reads the seal of a fence that is as it must be.
func (f *Fence) closed(ctx context.Context, scope Scope, must func(State) bool) (sealed bool, err error) {
	err = f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		s, err := f.stateOf(ctx, conn)
		if err != nil || !must(s) {
			return err
		}
		if sealed = s.Sealed; sealed || !scope.One {
			return nil
		}
		slice, err := f.canonical(ctx, conn, scope.Slice)
		sealed = err == nil && slices.Contains(s.Slices, slice)
		return err
	})
	return sealed, err
}

// Free reports whether no session keeps the scope closed, or waits for that.
func (f *Fence) Free(ctx context.Context, scope Scope) (free bool, err error) {
	err = f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		closers, err := f.closers(ctx, conn, scope)
		if err != nil {
			return err
		}
		left, err := count(ctx, conn, closers)
		free = err == nil && left == 0
		return err
	})
	return free, err
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
	s.Missing, s.Other = append(s.Missing, functions.altered...), len(functions.altered) > 0
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
	if s.Waiting, err = locking(ctx, conn, "NOT l.granted AND "+f.closing()); err != nil {
		return s, err
	}
	if !functions.seal {
		return s, nil
	}
	turn, err := f.readSeal(ctx, conn)
	switch {
	case errors.Is(err, errNoValue):
		s.Missing = append(s.Missing, err.Error())
		return s, nil
	case err != nil:
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
		return s, nil
	}
	var readable bool
	turns := ""
	if s.turns {
		turns = f.turns()
	}
	if err := conn.QueryRow(ctx, `SELECT pg_catalog.has_schema_privilege('public', '`+schema+`', 'USAGE') AND pg_catalog.has_sequence_privilege('public', $1, 'SELECT')
			AND ($2 = '' OR pg_catalog.has_table_privilege('public', nullif($2, ''), 'SELECT'))`, f.seal(), turns).Scan(&readable); err != nil {
		return s, fmt.Errorf("asking who may read the seal of the fence: %w", err)
	}
	if !readable {
		s.altered = append(s.altered, "not all writers may read the seal, and those are refused")
	}
	return s, nil
}

// errNoValue is wrapped if no writer passes, because of what happened to the seal.
var errNoValue = errors.New("the seal has no value")

func (f *Fence) readSeal(ctx context.Context, conn *pgx.Conn) (int64, error) {
	var turn *int64
	if err := conn.QueryRow(ctx, "SELECT "+f.sealed()).Scan(&turn); err != nil {
		return 0, fmt.Errorf("reading the seal of the fence: %w", err)
	}
	if turn == nil {
		return 0, fmt.Errorf("%w, so all writers are refused: was it restarted or restored? Open it by hand", errNoValue)
	}
	return *turn, nil
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

// ByHand is the line of SQL with which a person opens legacy, whatever crosscheck is doing: it ends the sessions that keep the fence closed,
// wait for that, or change the seal. When none is left, or after ten seconds, it opens the seal. It shows the seal, and who is left.
func (f *Fence) ByHand() string {
	closers := fmt.Sprintf("FROM pg_catalog.pg_locks l WHERE l.pid <> pg_catalog.pg_backend_pid() AND l.mode = 'ExclusiveLock' AND %s AND (%s OR %s OR %s)", advisory, ofBig(f.keys.all), ofClass(f.keys.class), ofBig(f.keys.turns))
	turns := ""
	if f.config.Slice != "" { // the line stays, so that its number and those before it are not used again
		turns = fmt.Sprintf("WITH gone AS (DELETE FROM %[1]s WHERE turn > 1 RETURNING turn) INSERT INTO %[1]s (turn, closed) SELECT max(turn) + 1, false FROM gone HAVING count(*) > 0; ", f.turns())
	}
	line := fmt.Sprintf("DO $$ BEGIN FOR i IN 1..100 LOOP BEGIN PERFORM pg_catalog.pg_terminate_backend(l.pid) %[1]s; EXCEPTION WHEN insufficient_privilege THEN NULL; END; EXIT WHEN NOT EXISTS (SELECT %[1]s); PERFORM pg_catalog.pg_sleep(0.1); END LOOP; "+
		"%[2]sPERFORM pg_catalog.setval(%[3]s, 1); END $$; SELECT %[4]s AS seal, (SELECT count(*) %[1]s) AS closers;", closers, turns, literal(f.seal()), f.sealed())
	return strings.ReplaceAll(line, "\n", " ")
}
