package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab/pgserver"
)

// This file has parts of the system that fail while it is cut over.

var errKeptOut = errors.New("the write was kept out")

var fenceSessionKilled = CutoverFault{
	Name:  "fence_session_killed",
	About: "the session that keeps legacy closed is ended by an administrator",
	After: "barrier",
	Must:  RollsBack,
	strike: func(ctx context.Context, d *Disturbance) error {
		return d.atLegacy(ctx, `SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	},
}

// failoverBetween: locks are not replicated, and a standby that was made by logical replication has no triggers either.
var failoverBetween = CutoverFault{
	Name:  "failover_between",
	About: "the server of all databases fails over to a standby, at the same address, that has no fence",
	After: "barrier",
	Must:  RollsBack,
	prepare: func(ctx context.Context, d *Disturbance) error {
		standby, err := pgserver.Start(ctx, pgserver.Options{Primary: d.lab.Server})
		if err != nil {
			return err
		}
		d.pending = func(ctx context.Context, d *Disturbance) error {
			if err := standby.Succeed(ctx); err != nil {
				return err
			}
			d.lab.replaceServer(standby)
			const bare = `DO $$ DECLARE t record; BEGIN FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal
				LOOP EXECUTE format('DROP TRIGGER %I ON orders', t.tgname); END LOOP; END $$`
			return d.atLegacy(ctx, bare)
		}
		d.lab.later(func(context.Context) error {
			if d.lab.Server == standby {
				return nil
			}
			return standby.Stop()
		})
		return nil
	},
}

// replaceServer has the lab stop the other one too.
func (l *Lab) replaceServer(by *pgserver.Server) {
	l.before = append(l.before, l.Server)
	l.Server = by
}

var stuckProjector = CutoverFault{
	Name:  "stuck_projector",
	About: "the projector stops just before the fence is asked for, with an event that it has not applied",
	After: "hold",
	Must:  RollsBack,
	strike: func(ctx context.Context, d *Disturbance) error {
		d.lab.Projector.halt(true)
		return d.lab.Desk.withRandom(func(random *rand.Rand) error {
			_, err := d.lab.Desk.create(ctx, random)
			return err
		})
	},
}

var switchFails = CutoverFault{
	Name:  "switch_fails",
	About: "the switch of writes is refused",
	After: BeforeCutover,
	Must:  RollsBack,
	prepare: func(ctx context.Context, d *Disturbance) error {
		d.lab.later(func(ctx context.Context) error {
			return d.atLegacy(ctx, "DROP TRIGGER stays ON app_config; DROP FUNCTION app_config_stays()")
		})
		return d.atLegacy(ctx, `CREATE FUNCTION app_config_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the mode of writes cannot be changed'; END $$;
			CREATE TRIGGER stays BEFORE UPDATE ON app_config FOR EACH ROW WHEN (NEW.name = 'write_mode' AND NEW.value = 'event_sourced') EXECUTE FUNCTION app_config_stays()`)
	},
}

// switchLies: whoever sets the mode of writes reads it back as it was set. Clients still read the old one, as from a cache.
var switchLies = CutoverFault{
	Name:  "switch_lies",
	About: "the switch of writes says that it has moved, and clients do not see it",
	After: BeforeCutover,
	Must:  RollsBack,
	prepare: func(ctx context.Context, d *Disturbance) error {
		d.lab.later(func(ctx context.Context) error {
			return d.atLegacy(ctx, "DROP VIEW app_config; DROP FUNCTION app_config_asked(); ALTER TABLE app_config_asked RENAME TO app_config")
		})
		return d.atLegacy(ctx, `ALTER TABLE app_config RENAME TO app_config_asked;
			CREATE VIEW app_config AS SELECT name, CASE WHEN name = 'write_mode' AND current_setting('`+clientSetting+`', true) = 'on' THEN 'legacy' ELSE value END AS value FROM app_config_asked;
			CREATE FUNCTION app_config_asked() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE app_config_asked SET value = NEW.value WHERE name = NEW.name; RETURN NEW; END $$;
			CREATE TRIGGER asked INSTEAD OF UPDATE ON app_config FOR EACH ROW EXECUTE FUNCTION app_config_asked()`)
	},
}

var coordinatorDies = CutoverFault{
	Name:   "coordinator_dies",
	About:  "the process that drives the cutover is killed, and another one finishes",
	After:  "barrier",
	Must:   RollsBack,
	strike: func(_ context.Context, d *Disturbance) error { return d.kill() },
}

var ledgerUnreachable = CutoverFault{
	Name:  "ledger_unreachable",
	About: "the ledger does not answer any more, until it is repaired",
	After: "fence",
	Must:  RollsBack,
	strike: func(ctx context.Context, d *Disturbance) error {
		tx, err := d.beginAt(ctx, d.lab.EventsDSN, pgx.ReadCommitted)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, fmt.Sprintf("LOCK TABLE %[1]s.lease, %[1]s.cutover_record IN ACCESS EXCLUSIVE MODE", LedgerSchema))
		return err
	},
}

// clockJump: nothing that a cutover decides may hang on clocks of the users' systems.
var clockJump = CutoverFault{
	Name:  "clock_jump",
	About: "the clock of desk and clients is an hour ahead, and jumps back by two while legacy is being closed",
	After: "hold",
	Must:  Completes,
	prepare: func(_ context.Context, d *Disturbance) error {
		d.lab.ahead.Store(int64(time.Hour))
		d.lab.later(func(context.Context) error { d.lab.ahead.Store(0); return nil })
		return nil
	},
	strike: func(_ context.Context, d *Disturbance) error {
		d.lab.ahead.Store(-int64(time.Hour))
		return nil
	},
}
