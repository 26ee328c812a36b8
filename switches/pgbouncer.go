package switches

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// PgBouncer holds the clients of several PgBouncers: do pauses a database, so that they wait for a server connection, and undo lets them
// go on, over new server connections. The instances are asked one after another, each with a timeout of its own.
type PgBouncer struct {
	// Instances are connection strings of administration consoles, whose database is pgbouncer.
	Instances []string
	Database  string
	Timeout   time.Duration // of each instance; 5s if it is 0
}

var _ Action = PgBouncer{}

// Run implements [Action]. If an instance does not pause in time, it and those before it go on: PgBouncer keeps a database paused whose
// PAUSE nobody waits for any more.
func (p PgBouncer) Run(ctx context.Context, step Step, _ Run) (string, error) {
	if step == Do {
		output, err := p.each(ctx, false, p.pause)
		if err != nil {
			if _, undone := p.each(context.WithoutCancel(ctx), true, p.resume); undone != nil {
				return output, errors.Join(err, undone)
			}
			err = &RefusedError{err}
		}
		return output, err
	}
	return p.each(ctx, true, p.resume)
}

// Check implements [Action]: true if all are paused, false if none is. One that still waits for its clients is neither.
func (p PgBouncer) Check(ctx context.Context, _ Run) (bool, error) {
	paused := 0
	_, err := p.each(ctx, false, func(ctx context.Context, conn *pgx.Conn) error {
		is, err := p.paused(ctx, conn)
		if err != nil || !is {
			return err
		}
		paused++
		return p.drained(ctx, conn)
	})
	if err == nil && paused > 0 && paused < len(p.Instances) {
		err = fmt.Errorf("%d of %d instances are paused", paused, len(p.Instances))
	}
	return paused > 0, err
}

// each asks the instances one after another. With all, an error does not keep it from the next one.
func (p PgBouncer) each(ctx context.Context, all bool, fn func(context.Context, *pgx.Conn) error) (string, error) {
	var errs []error
	var done []string
	for i, dsn := range p.Instances {
		name := fmt.Sprintf("instance %d", i+1)
		if err := p.one(ctx, dsn, fn); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			if !all {
				break
			}
			continue
		}
		done = append(done, name)
	}
	return strings.Join(done, ", "), errors.Join(errs...)
}

func (p PgBouncer) one(ctx context.Context, dsn string, fn func(context.Context, *pgx.Conn) error) error {
	limit := p.Timeout
	if limit == 0 {
		limit = 5 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return errors.New("it is not a connection string")
	}
	c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // the console knows no other
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return fmt.Errorf("connecting to the console: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return fn(ctx, conn)
}

func (p PgBouncer) command(ctx context.Context, conn *pgx.Conn, word string) error {
	if _, err := conn.Exec(ctx, word+" "+pgx.Identifier{p.Database}.Sanitize()); err != nil {
		return fmt.Errorf("%s: %w", word, err)
	}
	return nil
}

// pause repeats a PAUSE that was asked for before: PgBouncer shows a database as paused from the moment at which somebody asks.
func (p PgBouncer) pause(ctx context.Context, conn *pgx.Conn) error {
	return p.command(ctx, conn, "PAUSE")
}

// resume gives the clients connections to where the database is now.
func (p PgBouncer) resume(ctx context.Context, conn *pgx.Conn) error {
	if is, err := p.paused(ctx, conn); err != nil || !is {
		return err
	}
	if err := p.command(ctx, conn, "RECONNECT"); err != nil {
		return err
	}
	return p.command(ctx, conn, "RESUME")
}

// paused reads the line of the database. It is so as soon as somebody has asked for it.
func (p PgBouncer) paused(ctx context.Context, conn *pgx.Conn) (bool, error) {
	found, err := show(ctx, conn, "DATABASES")
	if err != nil {
		return false, err
	}
	for _, row := range found {
		if row["name"] == p.Database {
			return fmt.Sprint(row["paused"]) == "1", nil
		}
	}
	return false, fmt.Errorf("it has no database %q", p.Database)
}

// drained returns an error while clients use server connections of the database.
func (p PgBouncer) drained(ctx context.Context, conn *pgx.Conn) error {
	found, err := show(ctx, conn, "POOLS")
	if err != nil {
		return err
	}
	for _, row := range found {
		for _, used := range []string{"sv_active", "sv_tested", "sv_active_cancel", "sv_being_canceled"} { // not every version has all
			if n := fmt.Sprint(row[used]); row["database"] == p.Database && row[used] != nil && n != "0" {
				return fmt.Errorf("it is to pause and still waits: %s is %s", used, n)
			}
		}
	}
	return nil
}

func show(ctx context.Context, conn *pgx.Conn, what string) ([]map[string]any, error) {
	rows, err := conn.Query(ctx, "SHOW "+what)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", what, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", what, err)
	}
	return found, nil
}
