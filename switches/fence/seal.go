package fence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Permanent closes the scope of the session for good: it stays closed when the session ends. The session must hold the fence. Then it
// waits until all standbys that are connected have it on disk; ErrStandbys says that one has not until the deadline of the context.
// Done twice, it does nothing more.
func (f *Fence) Permanent(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held == nil {
		return ErrOpen
	}
	if err := f.setSeal(ctx, f.held, f.scope, true); err != nil {
		return f.lost(ctx, fmt.Errorf("making the fence permanent: %w", err))
	}
	return f.standbys(ctx, f.held)
}

// setSeal closes or opens the seal, and reads it back. Only one session at a time changes it.
func (f *Fence) setSeal(ctx context.Context, conn *pgx.Conn, scope Scope, closed bool) (err error) {
	if _, err := conn.Exec(ctx, "SELECT pg_catalog.pg_advisory_lock($1)", f.keys.turns); err != nil {
		return fmt.Errorf("waiting for others that change the seal: %w", err)
	}
	defer func() {
		_, unlocked := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_catalog.pg_advisory_unlock($1)", f.keys.turns)
		err = errors.Join(err, unlocked)
	}()
	turn, err := f.readSeal(ctx, conn)
	if err != nil {
		return err
	}
	want := turn % everything
	switch {
	case scope.One:
		if want, err = f.takeTurn(ctx, conn, scope.Slice, want, closed); err != nil {
			return err
		}
		want += turn - turn%everything
	case closed:
		want += everything
	}
	if want == turn {
		return nil
	}
	if _, err := conn.Exec(ctx, "SELECT pg_catalog.setval("+literal(f.seal())+", $1::bigint)", want); err != nil {
		return fmt.Errorf("setting the seal: %w", err)
	}
	now, err := f.readSeal(ctx, conn)
	if err == nil && now != want {
		err = fmt.Errorf("the seal is %d, and was set to %d", now, want)
	}
	return err
}

// takeTurn writes the next line of the table of turns, and returns its number. The line counts once the seal has this number, so it is
// committed before. One that a process left there before it died does not count and is removed.
func (f *Fence) takeTurn(ctx context.Context, conn *pgx.Conn, slice string, turn int64, closed bool) (next int64, err error) {
	slice, err = f.canonical(ctx, conn, slice)
	if err != nil {
		return 0, err
	}
	now, err := f.closedSlices(ctx, conn, turn)
	if err != nil {
		return 0, err
	}
	if slices.Contains(now, slice) == closed {
		return turn, nil
	}
	return turn + 1, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM "+f.turns()+" WHERE turn > $1", turn); err != nil {
			return fmt.Errorf("removing turns that do not count: %w", err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO "+f.turns()+" (turn, slice, closed) VALUES ($1, $2, $3)", turn+1, slice, closed); err != nil {
			return fmt.Errorf("writing the turn of the slice: %w", err)
		}
		return nil
	})
}

// standbys waits until all standbys that are connected have on disk what is written by now.
func (f *Fence) standbys(ctx context.Context, conn *pgx.Conn) error {
	var written string
	if err := conn.QueryRow(ctx, "SELECT pg_catalog.pg_current_wal_insert_lsn()::text").Scan(&written); err != nil {
		return fmt.Errorf("asking how far the WAL is: %w", err)
	}
	for {
		rows, err := conn.Query(ctx, `SELECT coalesce(nullif(application_name, ''), 'pid ' || pid) || CASE WHEN state IS NULL THEN ' (its position is hidden: GRANT pg_monitor TO the role)' ELSE '' END
			FROM pg_catalog.pg_stat_replication WHERE (state IS NULL OR state IN ('streaming', 'catchup')) AND coalesce(flush_lsn < $1::text::pg_lsn, true)
				AND pid NOT IN (SELECT active_pid FROM pg_catalog.pg_replication_slots WHERE slot_type = 'logical' AND active_pid IS NOT NULL) ORDER BY 1`, written)
		if err != nil {
			return fmt.Errorf("asking the standbys: %w", err)
		}
		behind, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("asking the standbys: %w", err)
		}
		if len(behind) == 0 {
			return nil
		}
		if last, ok := ctx.Deadline(); !ok || time.Until(last) < 2*tick || !wait(ctx, tick) { // the session must outlive this
			return fmt.Errorf("%w: %s", ErrStandbys, strings.Join(behind, ", "))
		}
	}
}

// Open opens the scope that this object has closed, permanently or not, and lets its session go. If the session is gone, use
// [Fence.Unfence].
func (f *Fence) Open(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held == nil {
		return ErrOpen
	}
	if err := f.setSeal(ctx, f.held, f.scope, false); err != nil {
		return f.lost(ctx, fmt.Errorf("opening the fence: %w", err))
	}
	return f.release(ctx)
}

// Unfence opens the scope whoever has closed it: it opens the seal, and ends the sessions that keep the fence closed.
func (f *Fence) Unfence(ctx context.Context, scope Scope) error {
	return f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if s, err := f.stateOf(ctx, conn); err != nil || s.Kind() == None {
			return err
		}
		if err := f.setSeal(ctx, conn, scope, false); err != nil {
			return fmt.Errorf("opening the fence: %w", err)
		}
		_, condition, err := f.scoped(ctx, conn, scope)
		if err != nil {
			return err
		}
		condition += " AND l.objsubid = 2" // a TRUNCATE inside holds the other kind
		if !scope.One {
			condition = f.closing()
		}
		if _, err := conn.Exec(ctx, "SELECT pg_catalog.pg_terminate_backend(l.pid) FROM pg_catalog.pg_locks l WHERE l.granted AND l.mode = 'ExclusiveLock' AND "+condition); err != nil {
			return fmt.Errorf("ending the sessions that keep the fence closed: %w", err)
		}
		return nil
	})
}
