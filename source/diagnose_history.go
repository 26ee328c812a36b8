package source

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/order"
)

// historyTable is a table of legacy's own record, with the columns that are read.
type historyTable struct {
	setting, table, key string
	columns             []historyColumn
	read                func(n *snapshot, ctx context.Context, c HistoryConfig, keys []order.Key, whole bool, to *records) error
}

type historyColumn struct {
	name   string
	oids   []uint32 // empty if any type will do
	wanted string
}

func (c HistoryConfig) tables() []historyTable {
	text := []uint32{pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.NameOID}
	instant := []uint32{pgtype.TimestamptzOID, pgtype.TimestampOID} // the latter in UTC
	decimal := []uint32{pgtype.NumericOID, pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID}
	tables := []historyTable{
		{"audit_log", c.AuditLog, "entity_id", []historyColumn{
			{`"timestamp"`, instant, "timestamptz"}, {"field_changed", text, "text"}, {"old_value", nil, ""}, {"new_value", nil, ""},
		}, (*snapshot).changes},
		{"trades", c.Trades, "order_id", []historyColumn{
			{"executed_at", instant, "timestamptz"}, {"quantity", decimal, "numeric"}, {"price", decimal, "numeric"},
		}, (*snapshot).trades},
	}
	if c.Actor != "" {
		tables[0].columns = append(tables[0].columns, historyColumn{c.Actor, nil, ""})
	}
	return tables
}

// DiagnoseHistory examines audit log and trades, which are in legacy's database. If legacy's own connection or key is
// wrong, it says nothing, because that has a finding already.
func DiagnoseHistory(ctx context.Context, legacy Config, c HistoryConfig, now func() time.Time) []doctor.Finding {
	pool, err := connect(ctx, string(legacy.Representation), legacy.DSN)
	if err != nil {
		return nil
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(ctx, diagnosisTimeout)
	defer cancel()
	keyType, _, err := (&Side{config: legacy, pool: pool}).resolveKey(ctx)
	if err != nil {
		return nil
	}
	var findings []doctor.Finding
	for _, t := range c.tables() {
		side := Config{Representation: order.Legacy, DSN: legacy.DSN, Table: t.table, Key: t.key}
		e := &examination{Side: &Side{config: side, pool: pool}, named: "history", now: now}
		e.examineServer(ctx) // to know the role; findings about the server were made for legacy
		e.findings = nil
		if e.examineTable(ctx); e.readable {
			e.examineRecords(ctx, t, keyType)
			e.tryRecords(ctx, t, c, &Side{config: legacy, pool: pool, shape: shape{keyType: keyType}})
		}
		findings = append(findings, e.findings...)
	}
	return append(findings, diagnoseAudit(ctx, &Side{config: legacy, pool: pool}, c, now)...)
}

// CheckAudit is the check whether the history can be audited.
const CheckAudit = "audit"

// diagnoseAudit examines the column that only audits need. Without it all else works.
func diagnoseAudit(ctx context.Context, legacy *Side, c HistoryConfig, now func() time.Time) []doctor.Finding {
	if c.CreatedAt == "" {
		return nil
	}
	e := &examination{Side: legacy, named: "history", now: now}
	n, err := e.typeOf(ctx, c.CreatedAt)
	hint := "name the column of legacy's table that tells when an order was created in history.created_at"
	switch {
	case err != nil && e.lost("looking for history.created_at", err):
	case err != nil:
		e.add(doctor.Warning, CheckAudit, fmt.Sprintf("crosscheck audit is not possible: history.created_at %s: %s", c.CreatedAt, saidBy(err)), hint)
	case !slices.Contains(instants, n.oid):
		e.add(doctor.Warning, CheckAudit, fmt.Sprintf("crosscheck audit is not possible: history.created_at %s is %s, and no time", c.CreatedAt, n.name), hint)
	default:
		e.noteZoneless(c.CreatedAt, n)
		e.examineZone(ctx)
		e.add(doctor.OK, CheckAudit, fmt.Sprintf("the history can be audited: %s tells when an order was created", c.CreatedAt), "")
	}
	return e.findings
}

// tryRecords reads the record of an order as passes do.
func (e *examination) tryRecords(ctx context.Context, t historyTable, c HistoryConfig, legacy *Side) {
	if e.hasError() {
		return
	}
	opened, err := legacy.Begin(ctx)
	if err == nil {
		defer opened.Close()
		if n, ok := opened.(*snapshot); ok {
			keys := []order.Key{order.Key(zeroKey(legacy.shape.keyType))}
			err = t.read(n, ctx, c, keys, false, newRecords(keys))
		}
	}
	if err != nil {
		e.failed(CheckReads, fmt.Sprintf("reading history.%s", t.setting), err)
	}
}

func (e *examination) examineRecords(ctx context.Context, t historyTable, keyType order.KeyType) {
	good := 0
	for _, c := range t.columns {
		n, err := e.typeOf(ctx, c.name)
		switch {
		case err != nil:
			e.column(CheckField, fmt.Sprintf("%s of history.%s", c.name, t.setting), err)
		case c.oids != nil && !slices.Contains(c.oids, n.oid):
			e.add(doctor.Error, CheckField, fmt.Sprintf("%s of history.%s is %s, not %s", c.name, t.setting, n.name, c.wanted),
				fmt.Sprintf("name a view in history.%s that has %s as %s", t.setting, c.name, c.wanted))
		default:
			e.noteZoneless(c.name, n)
			good++
		}
	}
	if good == len(t.columns) {
		e.add(doctor.OK, CheckField, fmt.Sprintf("all columns of history.%s can be read", t.setting), "")
	}
	if e.isSubquery() {
		e.add(doctor.Info, CheckTable, fmt.Sprintf("history.%s is a subquery, so its lines have no primary key: those that are equal in all columns are not told apart", t.setting),
			"name a table or a view of one if findings should name a line by its key; docs/audit.md says more")
	}
	e.examineZone(ctx)
	if _, err := e.typeOf(ctx, t.key); err != nil {
		e.column(CheckKey, fmt.Sprintf("%s of history.%s", t.key, t.setting), err)
		return
	}
	switch l, err := e.served(ctx, e.stored(), keyCast(keyType), zeroKey(keyType)); {
	case err != nil && e.lost("looking for an index on "+t.key, err):
	case err != nil:
		e.add(doctor.Error, CheckKey, fmt.Sprintf("%s of history.%s cannot be compared with legacy's key: %s", t.key, t.setting, saidBy(err)),
			fmt.Sprintf("name a view in history.%s that has %s as %s", t.setting, t.key, keyCast(keyType)))
	case !l.ok:
		e.addRemedy(doctor.Warning, CheckKeyIndex, fmt.Sprintf("%s of %s has no usable index%s: each order that is looked at reads the whole table", t.key, t.table, l.passedOver()),
			e.keyIndexRemedy(ctx, l, false, t.key))
	default:
		e.add(doctor.OK, CheckKeyIndex, fmt.Sprintf("%s of %s has an index", t.key, t.table), "")
	}
}
