package fence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Close closes the fence and waits until no writer is inside any more. From the moment at which it waits, new writers are refused. If
// writers are still inside at the deadline of the context, which it must have, the fence is open and the error is an [ObstructedError]
// that names them. Otherwise this object's session keeps the fence closed.
func (f *Fence) Close(ctx context.Context, scope Scope) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held != nil {
		return fmt.Errorf("%w for %s, by this session", ErrClosed, f.scope)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return errors.New("closing the fence needs a deadline")
	}
	conn, err := f.connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			hangUp(ctx, conn) // with the session, its locks are gone
		}
	}()
	s, err := f.stateOf(ctx, conn)
	switch {
	case err != nil:
		return err
	case s.Kind() == None || s.Kind() == Partly:
		return fmt.Errorf("%w: %v", ErrInstalled, s.Missing)
	}
	calls, condition, err := f.scoped(ctx, conn, scope)
	if err != nil {
		return err
	}
	for _, call := range calls {
		if err := f.queue(ctx, conn, call, deadline); err != nil {
			return f.notDrained(ctx, conn, condition, err)
		}
	}
	if err := f.complete(ctx, conn); err != nil { // whoever changed the triggers meanwhile was quicker
		return err
	}
	if f.fed, err = standbyNames(ctx, conn); err != nil {
		return err
	}
	f.held, f.scope, f.server = conn, scope, s.Server
	return nil
}

// queue waits for a lock. The server gives up before the deadline, so that it can still be asked who was inside. A server that does not look whether this
// process lives would go on to refuse writers for it, so it is asked again and again.
func (f *Fence) queue(ctx context.Context, conn *pgx.Conn, call string, deadline time.Time) error {
	const reserve, blind = 500 * time.Millisecond, 5 * time.Second
	looks := noticesDeath(ctx, conn)
	for {
		left := max(time.Until(deadline)-reserve, 50*time.Millisecond)
		try := left
		if !looks {
			try = min(left, blind)
		}
		if _, err := conn.Exec(ctx, "SELECT pg_catalog.set_config('lock_timeout', $1, false)", fmt.Sprint(try.Milliseconds())); err != nil {
			return fmt.Errorf("limiting the drain: %w", err)
		}
		_, err := conn.Exec(ctx, "SELECT "+call)
		if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != "55P03" || try == left {
			return err
		}
	}
}

// noticesDeath has the server look each second whether the client of a waiting session lives. It is false before PostgreSQL 14, and on some systems.
func noticesDeath(ctx context.Context, conn *pgx.Conn) bool {
	_, err := conn.Exec(ctx, "SELECT pg_catalog.set_config('client_connection_check_interval', '1s', false)")
	return err == nil
}

func (f *Fence) notDrained(ctx context.Context, conn *pgx.Conn, condition string, err error) error {
	if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != "55P03" {
		return fmt.Errorf("waiting until no writer is inside: %w", err)
	}
	inside, err := holders(ctx, conn, condition)
	if err != nil {
		return errors.Join(fmt.Errorf("waiting until no writer is inside: %w", ErrBusy), err)
	}
	return fmt.Errorf("waiting until no writer is inside: %w", &ObstructedError{Err: ErrBusy, Sessions: inside})
}

// scoped returns the locks that close a scope, and the condition for locks of those who are inside.
func (f *Fence) scoped(ctx context.Context, conn *pgx.Conn, scope Scope) (calls []string, inside string, err error) {
	if !scope.One {
		return []string{fmt.Sprintf("pg_catalog.pg_advisory_lock(%d)", f.keys.all)}, advisory + " AND " + ofBig(f.keys.all), nil
	}
	slice, err := f.canonical(ctx, conn, scope.Slice)
	if err != nil {
		return nil, "", err
	}
	var hash int32
	if err := conn.QueryRow(ctx, `SELECT pg_catalog.hashtext($1::text COLLATE pg_catalog."C")`, slice).Scan(&hash); err != nil {
		return nil, "", fmt.Errorf("finding the lock of %s: %w", scope, err)
	}
	calls = []string{fmt.Sprintf("pg_catalog.pg_advisory_lock_shared(%d)", f.keys.slices), fmt.Sprintf("pg_catalog.pg_advisory_lock(%d, %d)", f.keys.class, hash)}
	inside = fmt.Sprintf("%s AND (%s AND l.mode = 'ExclusiveLock' OR %s AND l.objid::bigint = %d)", advisory, ofBig(f.keys.slices), ofClass(f.keys.class), uint32(hash)) //nolint:gosec // as the server shows it
	return calls, inside, nil
}

// Canonical is a slice's value as the column prints it: "7" for "007" of integers. The empty value is that of rows whose column is NULL or empty.
func (f *Fence) Canonical(ctx context.Context, slice string) (text string, err error) {
	err = f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		text, err = f.canonical(ctx, conn, slice)
		return err
	})
	return text, err
}

// canonical is as [Fence.Canonical], in a session.
func (f *Fence) canonical(ctx context.Context, conn *pgx.Conn, slice string) (text string, err error) {
	if f.config.Slice == "" {
		return "", fmt.Errorf("%w: there are no slices without cutover.fence.slice", ErrTable)
	}
	all, err := f.relations(ctx, conn)
	if err != nil {
		return "", err
	}
	of, err := f.sliceType(ctx, conn, all)
	if err != nil {
		return "", err
	}
	if slice == "" { // of NULL too, whatever the type is
		return "", nil
	}
	if err := conn.QueryRow(ctx, "SELECT ($1::text::"+of+")::text", slice).Scan(&text); err != nil {
		return "", fmt.Errorf("reading the slice %q as %s: %w", slice, of, err)
	}
	return text, nil
}

// Blockers are those who are inside: who holds off, or would hold off, whoever closes the scope.
func (f *Fence) Blockers(ctx context.Context, scope Scope) (inside []Session, err error) {
	err = f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, condition, err := f.scoped(ctx, conn, scope)
		if err != nil {
			return err
		}
		inside, err = holders(ctx, conn, "("+condition+") AND NOT ("+f.closing()+") AND coalesce(a.application_name, '') <> '"+application+"'")
		return err
	})
	return inside, err
}

// Held proves that this object keeps the fence closed: its session lives, the server that the dsn leads to now knows the lock, and no writer
// passes the triggers. It returns ErrOpen, ErrLost, ErrElsewhere or ErrInstalled otherwise.
func (f *Fence) Held(ctx context.Context) error {
	pid, server, err := f.alive(ctx)
	if err != nil {
		return err
	}
	return f.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		now, err := serverOf(ctx, conn)
		if err != nil {
			return err
		}
		found, err := holders(ctx, conn, f.closing()+" AND l.pid = $1", int32(pid)) //nolint:gosec // a process number
		switch {
		case err != nil:
			return err
		case now.System != server.System || now.Started != server.Started:
			return fmt.Errorf("%w: it is %+v, and was %+v", ErrElsewhere, now, server)
		case len(found) == 0:
			return ErrLost
		}
		return f.complete(ctx, conn)
	})
}

// alive asks the session that holds the fence whether it lives.
func (f *Fence) alive(ctx context.Context) (pid uint32, server Server, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held == nil {
		return 0, server, ErrOpen
	}
	bounded, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if _, err := f.held.Exec(bounded, "SELECT 1"); err != nil {
		return 0, server, f.lost(ctx, err)
	}
	return f.held.PgConn().PID(), f.server, nil
}

// complete returns ErrInstalled if some writer passes. Tables and triggers may have changed since it was asked last.
func (f *Fence) complete(ctx context.Context, conn *pgx.Conn) error {
	s, err := f.stateOf(ctx, conn)
	if err == nil && (!s.installed || len(s.Missing) > 0) {
		err = fmt.Errorf("%w: %v", ErrInstalled, s.Missing)
	}
	return err
}

// lost forgets the session if it is gone.
func (f *Fence) lost(ctx context.Context, err error) error {
	if !f.held.IsClosed() {
		return err
	}
	hangUp(ctx, f.held)
	f.held = nil
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// Watch returns when the fence is not held any more, with the reason, or when the context ends. It asks again each time that the period
// has passed. A question that fails proves nothing, and is asked once more at once. A server that does not answer then counts as lost.
func (f *Fence) Watch(ctx context.Context, every time.Duration) error {
	for {
		err := f.Held(ctx)
		if err != nil && !proven(err) {
			err = f.Held(ctx)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case err != nil || !wait(ctx, every):
			return ctx.Err()
		}
	}
}

// proven reports whether an error of [Fence.Held] says that the fence is not held, and not that a question has failed.
func proven(err error) bool {
	return slices.ContainsFunc([]error{ErrLost, ErrOpen, ErrElsewhere, ErrInstalled}, func(known error) bool { return errors.Is(err, known) })
}

// Release lets the lock go: legacy is open, unless the fence is permanent.
func (f *Fence) Release(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.release(ctx)
}

// release ends the session. The server may need a moment to notice, so the locks are let go before.
func (f *Fence) release(ctx context.Context) error {
	if f.held == nil {
		return nil
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	_, err := f.held.Exec(bounded, "SELECT pg_catalog.pg_advisory_unlock_all()")
	if err != nil {
		err = f.lost(ctx, fmt.Errorf("letting the fence go: %w", err))
	}
	if f.held != nil {
		f.held.Close(bounded)
		f.held = nil
	}
	return err
}
