package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/throttle"
)

// Checks are the names of doctor's checks.
const (
	CheckWrite       = "write"
	CheckCheckpoints = "checkpoints"
	CheckSlots       = "slots"
)

const side = "backfill"

// Diagnose finds out whether events can be written, without writing any.
func Diagnose(ctx context.Context, c Config, reserve int64) []doctor.Finding {
	l, err := Open(ctx, c)
	if err != nil {
		f := doctor.Finding{Side: side, Check: CheckWrite, Level: doctor.Error, Message: doctor.OneLine(err.Error()), Hint: "docs/backfill.md says what backfill.table and backfill.columns are"}
		if errors.Is(err, ErrPublished) {
			f.Hint = "set backfill.publish: true if old events may be passed on, or disable the trigger or the publication meanwhile"
		}
		return []doctor.Finding{f}
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return []doctor.Finding{l.mayWrite(ctx), l.mayNote(ctx), l.watched(ctx, reserve)}
}

func (l *Log) mayWrite(ctx context.Context) doctor.Finding {
	f := doctor.Finding{Side: side, Check: CheckWrite, Level: doctor.Error}
	var insert, reads bool
	var role string
	err := l.pool.QueryRow(ctx, "SELECT pg_catalog.has_table_privilege($1::oid, 'INSERT'), pg_catalog.has_table_privilege($1::oid, 'SELECT'), current_user::text", l.table.oid).Scan(&insert, &reads, &role)
	switch {
	case err != nil:
		f.Message = doctor.OneLine(err.Error())
	case !insert || !reads:
		f.Message = fmt.Sprintf("the role may not insert into %s and read it", l.table)
		f = granted(f, fmt.Sprintf("GRANT SELECT, INSERT ON %s TO ", pgx.Identifier{l.table.schema, l.table.name}.Sanitize()), role)
	default:
		f.Level, f.Message = doctor.OK, fmt.Sprintf("events can be appended to %s", l.table)
	}
	return f
}

// granted gives a finding the statement that grants a right to the role.
func granted(f doctor.Finding, grant, role string) doctor.Finding {
	f.Hint = grant + pgx.Identifier{role}.Sanitize()
	f.Fixes = []doctor.Fix{{As: "the owner of what is granted", SQL: []string{f.Hint}}}
	return f
}

// mayNote asks whether ranges can be noted beside the store.
func (l *Log) mayNote(ctx context.Context) doctor.Finding {
	f := doctor.Finding{Side: side, Check: CheckCheckpoints, Level: doctor.OK}
	var may, owns bool
	var role string
	err := l.pool.QueryRow(ctx, "SELECT current_user::text").Scan(&role)
	if err != nil {
		return doctor.Finding{Side: side, Check: CheckCheckpoints, Level: doctor.Error, Message: doctor.OneLine(err.Error())}
	}
	if l.notes != "" {
		if err := l.pool.QueryRow(ctx, "SELECT pg_catalog.pg_has_role(relowner, 'USAGE') FROM pg_catalog.pg_class WHERE oid = $1::text::regclass", l.notes).Scan(&owns); err != nil {
			return doctor.Finding{Side: side, Check: CheckCheckpoints, Level: doctor.Error, Message: doctor.OneLine(err.Error())}
		}
		err = l.pool.QueryRow(ctx, "SELECT pg_catalog.has_table_privilege($1::text::regclass, 'SELECT') AND pg_catalog.has_table_privilege($1::text::regclass, 'INSERT') "+
			"AND pg_catalog.has_table_privilege($1::text::regclass, 'UPDATE') AND pg_catalog.has_table_privilege($1::text::regclass, 'DELETE')", l.notes).Scan(&may)
	} else {
		err = l.pool.QueryRow(ctx, "SELECT pg_catalog.has_schema_privilege($1::text, 'CREATE')", l.table.schema).Scan(&may)
	}
	switch {
	case err != nil:
		f.Level, f.Message = doctor.Error, doctor.OneLine(err.Error())
	case !may && l.notes != "":
		f.Level, f.Message = doctor.Error, fmt.Sprintf("the role may not write %s, which says what is done", l.notes)
		f = granted(f, fmt.Sprintf("GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO ", l.notes), role)
	case !may:
		f.Level, f.Message = doctor.Info, fmt.Sprintf("the role may not create %s, so the ledger notes what is done, after each commit", l.notesIn())
		f = granted(f, fmt.Sprintf("GRANT CREATE ON SCHEMA %s TO ", pgx.Identifier{l.table.schema}.Sanitize()), role)
		f.Hint += ", to have both in one transaction"
		f.Fixes[0].Optional = true
	case len(l.lacking) > 0 && owns:
		f.Level, f.Message = doctor.Info, fmt.Sprintf("%s is of another build of crosscheck; the next backfill adds the columns that it lacks", l.notes)
	case len(l.lacking) > 0:
		f.Level, f.Message, f.Hint = doctor.Error, fmt.Sprintf("%s is of another build of crosscheck, and lacks columns", l.notes), "its owner has to run: "+l.mending()
		f.Fixes = []doctor.Fix{{As: "the owner of " + l.notes, SQL: []string{l.mending()}, Step: doctor.Change}}
	case l.notes == "":
		f.Message = fmt.Sprintf("%s will be created, in which each range is noted with its events", strings.ReplaceAll(l.notesIn(), `"`, ""))
	default:
		f.Message = fmt.Sprintf("%s notes each range with its events", strings.ReplaceAll(l.notes, `"`, ""))
	}
	return f
}

// watched says how near the replication slots are to losing WAL, and which have lost some.
func (l *Log) watched(ctx context.Context, reserve int64) doctor.Finding {
	f := doctor.Finding{Side: side, Check: CheckSlots, Level: doctor.OK, Message: "no replication slot has a limit of WAL"}
	list, err := slots(ctx, l.pool)
	if err != nil {
		f.Level, f.Message = doctor.Warning, doctor.OneLine(err.Error())
		return f
	}
	var said, gone []string
	for _, s := range list {
		if s.Status == lost {
			gone = append(gone, s.Name)
			continue
		}
		said = append(said, fmt.Sprintf("replication slot %s is %s, and %d MiB of WAL can be written before it loses something", s.Name, s.Status, s.Safe>>20))
		if (throttle.Limits{SlotReserve: reserve}).ForSlot(throttle.Load{Slot: s}) {
			f.Level, f.Hint = doctor.Warning, "backfill waits until its consumer has read more, or max_slot_wal_keep_size is larger"
		}
	}
	if len(gone) > 0 {
		said = append(said, "WAL that their consumers need was removed for the slots "+strings.Join(gone, ", "))
		f.Level, f.Hint = doctor.Warning, "build what these consumers keep anew, or drop the slots; "+cmp.Or(f.Hint, "backfill does not wait for them")
	}
	if len(said) > 0 {
		f.Message = strings.Join(said, "; ")
	}
	return f
}
