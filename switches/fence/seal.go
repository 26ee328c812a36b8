package fence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Permanent closes the scope of the session for good: it stays closed when the session ends. The session must hold the fence. Then it
// waits until all standbys have it on disk: those that are connected, or were so at [Fence.Close]. ErrStandbys says that one has not
// until the deadline of the context.
// Done twice, it does nothing more.
func (f *Fence) Permanent(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held == nil {
		return ErrOpen
	}
	if err := f.complete(ctx, f.held); err != nil {
		return f.lost(ctx, fmt.Errorf("making the fence permanent: %w", err))
	}
	if err := f.setSeal(ctx, f.held, f.scope, true); err != nil {
		return f.lost(ctx, fmt.Errorf("making the fence permanent: %w", err))
	}
	return standbys(ctx, f.held, f.fed)
}

// setSeal closes or opens the seal, and reads it back. Only one session at a time changes it.
func (f *Fence) setSeal(ctx context.Context, conn *pgx.Conn, scope Scope, closed bool) (err error) {
	if _, err := conn.Exec(ctx, "SELECT pg_catalog.pg_advisory_lock($1)", f.keys.turns); err != nil {
		return fmt.Errorf("waiting for others that change the seal: %w", err)
	}
	defer func() {
		soon, cancel := unhurried(ctx)
		defer cancel()
		_, unlocked := conn.Exec(soon, "SELECT pg_catalog.pg_advisory_unlock($1)", f.keys.turns)
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
// committed before. One that a process left there before it died does not count and is removed. No number is used twice, because a
// snapshot may have the line of a dead process: the new line is above all that were ever committed.
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
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, "SELECT greatest(max(turn), $1) + 1 FROM "+f.turns(), turn).Scan(&next); err != nil {
			return fmt.Errorf("looking for the last turn: %w", err)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM "+f.turns()+" WHERE turn > $1", turn); err != nil {
			return fmt.Errorf("removing turns that do not count: %w", err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO "+f.turns()+" (turn, slice, closed) VALUES ($1, $2, $3)", next, slice, closed); err != nil {
			return fmt.Errorf("writing the turn of the slice: %w", err)
		}
		return nil
	})
	return next, err
}

// Open opens the scope that this object has closed, permanently or not, and lets its session go. If the session is gone, use
// [Fence.Unfence]. Standbys are not waited for: one that misses this is still closed.
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

// Unfence opens the scope whoever has closed it. It ends the sessions that keep it closed or wait for that, and those that keep the seal for
// seconds. When none is left it opens the seal, and reads both back. Standbys are not waited for: one that misses this is still closed.
func (f *Fence) Unfence(ctx context.Context, scope Scope) error {
	return f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if s, err := f.stateOf(ctx, conn); err != nil || s.Kind() == None {
			return err
		}
		closers, err := f.closers(ctx, conn, scope)
		if err != nil {
			return err
		}
		if err := f.evict(ctx, conn, closers); err != nil {
			return fmt.Errorf("ending the sessions that keep the fence closed: %w", err)
		}
		if err := f.setSeal(ctx, conn, scope, false); err != nil {
			return fmt.Errorf("opening the fence: %w", err)
		}
		left, err := count(ctx, conn, closers)
		if err == nil && left > 0 {
			err = fmt.Errorf("%w again, by a session that came meanwhile", ErrClosed)
		}
		return err
	})
}

// closers is the condition for the locks of those who keep a scope closed, or wait for that.
func (f *Fence) closers(ctx context.Context, conn *pgx.Conn, scope Scope) (string, error) {
	if !scope.One {
		return f.closing(), nil
	}
	_, condition, err := f.scoped(ctx, conn, scope)
	return "l.mode = 'ExclusiveLock' AND l.objsubid = 2 AND " + condition, err // a TRUNCATE inside holds the other kind
}

// Evict ends the sessions of others that keep the scope closed or wait for that, and those that keep the seal for seconds, and returns when
// none is left. The session of this object lives on, and the seal stays as it is.
func (f *Fence) Evict(ctx context.Context, scope Scope) error {
	own := f.pid()
	return f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if s, err := f.stateOf(ctx, conn); err != nil || s.Kind() == None {
			return err
		}
		closers, err := f.closers(ctx, conn, scope)
		if err != nil {
			return err
		}
		if err := f.evict(ctx, conn, fmt.Sprintf("l.pid <> %d AND (%s)", own, closers)); err != nil {
			return fmt.Errorf("ending the sessions of others at the fence: %w", err)
		}
		return nil
	})
}

// pid is that of the session that holds the fence here, 0 if there is none.
func (f *Fence) pid() uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held == nil {
		return 0
	}
	return f.held.PgConn().PID()
}

// evict ends the sessions with these locks, granted or not, and waits until none is left and this session may change the seal. The lock for
// that it keeps: setSeal takes it once more, and the end of the session lets it go.
func (f *Fence) evict(ctx context.Context, conn *pgx.Conn, closers string) error {
	const politeness = 2 * time.Second // for another that changes the seal just now
	for begun := time.Now(); ; {
		condition := closers
		if time.Since(begun) > politeness {
			condition = "(" + closers + " OR " + advisory + " AND " + ofBig(f.keys.turns) + ")"
		}
		if _, err := conn.Exec(ctx, "SELECT pg_catalog.pg_terminate_backend(l.pid) FROM pg_catalog.pg_locks l WHERE l.pid <> pg_catalog.pg_backend_pid() AND "+condition); err != nil {
			return err
		}
		var free bool
		if err := conn.QueryRow(ctx, "SELECT pg_catalog.pg_try_advisory_lock($1)", f.keys.turns).Scan(&free); err != nil {
			return err
		}
		left, err := count(ctx, conn, closers)
		if err != nil || free && left == 0 {
			return err
		}
		if !wait(ctx, tick) {
			return ctx.Err()
		}
	}
}

// count counts the locks of others, granted or not.
func count(ctx context.Context, conn *pgx.Conn, condition string) (n int, err error) {
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_catalog.pg_locks l WHERE l.pid <> pg_catalog.pg_backend_pid() AND "+condition).Scan(&n); err != nil {
		return 0, fmt.Errorf("asking who holds locks: %w", err)
	}
	return n, nil
}
