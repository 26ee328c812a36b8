package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// The checks of the event store, in addition to those of a side. A column is a CheckField.
const (
	CheckPosition         = "position"
	CheckPositionIndex    = "position_index"
	CheckUniquePosition   = "unique_position"
	CheckPositionSequence = "position_sequence"
	CheckPositionOrder    = "position_order"
	CheckEventPlace       = "event_place"
)

// newestEvents is how many of the newest events are read.
const newestEvents = 10_000

// DiagnoseEvents examines the event store as Diagnose examines a side.
func DiagnoseEvents(ctx context.Context, c EventsConfig, now func() time.Time) []doctor.Finding {
	events := newEvents(c)
	e := &eventsExamination{examination: &examination{Side: events.side, now: now}, events: events}
	pool, err := connect(ctx, e.side(), c.DSN)
	if err != nil {
		return []doctor.Finding{ConnectionFailed(e.side(), c.DSN, err)}
	}
	e.pool = pool
	defer e.close()
	ctx, cancel := context.WithTimeout(ctx, diagnosisTimeout)
	defer cancel()
	e.examineServer(ctx)
	e.config.Where = "" // until it is known to be a condition
	if e.examineTable(ctx); !e.readable || !e.examineWhere(ctx) {
		return e.findings
	}
	e.config.Where = c.where()
	e.examineEventKey(ctx)
	if position, at, all := e.examineColumns(ctx); position != nil {
		e.examinePosition(ctx, *position)
		e.examineIDs(ctx)
		if at {
			if !e.events.config.PerOrder {
				e.examineNewest(ctx)
			}
			e.examineBelonging(ctx)
			e.examineTimes(ctx)
		}
		if all && e.lookup != "" { // else the key has its finding
			e.examinePlaces(ctx)
			e.examineEventReads(ctx)
		}
	}
	return e.findings
}

type eventsExamination struct {
	*examination
	events *Events
}

func (e *eventsExamination) examineEventKey(ctx context.Context) {
	if err := e.events.readKey(ctx); err != nil {
		e.unfit(CheckKey, err)
		return
	}
	keyType, ok := e.examineKeyType(ctx)
	if !ok {
		return
	}
	if c := e.events.config.Keys; c.DSN != "" { // if its type is not known, that side has the finding
		if t, err := keyTypeOf(ctx, c); err == nil && t != keyType {
			e.add(doctor.Error, CheckKey, fmt.Sprintf("the key is %s in %s and %s in the events: no order has events", t, c.Representation, keyType),
				KeysAdvice(ConfiguredKey{c.Representation, c.Key, t}, ConfiguredKey{order.Events, e.lookup, keyType}))
		}
	}
	switch l, err := e.keyServed(ctx, keyType); {
	case err != nil:
		e.failed(CheckKeyIndex, "looking for an index on the key", err)
	case !l.ok:
		e.addRemedy(doctor.Warning, CheckKeyIndex, "the key has no usable index"+l.passedOver()+": reading a history reads the whole table",
			e.keyIndexRemedy(ctx, l, false, cmp.Or(e.events.stored, e.lookup), e.events.config.Position))
	default:
		e.add(doctor.OK, CheckKeyIndex, "the key has an index", "")
	}
}

// examineColumns returns the position's column if it is usable. It also reports whether the time's column is usable,
// and whether all columns are.
func (e *eventsExamination) examineColumns(ctx context.Context) (position *native, at, all bool) {
	good := 0
	noTime := e.events.readTime(ctx)
	_ = e.events.readPayload(ctx) // an error is met again with the column
	columns := e.events.eventColumns()
	for _, c := range columns {
		n, err := e.typeOf(ctx, c.expr)
		switch {
		case c.name == "at" && noTime != nil:
			e.unfit(CheckField, noTime)
		case err != nil:
			e.column(CheckField, "events."+c.name+" "+c.expr, err)
		case !slices.Contains(c.oids, n.oid):
			e.unfit(CheckField, c.unfit(n))
		default:
			good++
			switch c.name {
			case "position":
				position = &n
			case "at":
				at = true
			}
		}
	}
	if good == len(columns) {
		e.add(doctor.OK, CheckField, "position, type, time and payload are of usable types", "")
	}
	return position, at, good == len(columns)
}

// examineLowest looks for the one integer that is no position. To crosscheck such an event has none.
func (e *eventsExamination) examineLowest(ctx context.Context) {
	var found bool
	query := fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE (%s) = '%d'::bigint)", e.from(), e.events.config.Position, int64(order.NoPosition))
	if err := e.pool.QueryRow(ctx, query).Scan(&found); err != nil {
		e.failed(CheckPosition, "looking for the lowest position", err)
	} else if found {
		e.add(doctor.Error, CheckPosition, fmt.Sprintf("an event has the position %d, which stands for none", int64(order.NoPosition)), "give the event another position")
	}
}

func (e *eventsExamination) examinePosition(ctx context.Context, n native) {
	if e.events.config.PerOrder {
		e.examineVersions(ctx)
		return
	}
	p := e.events.config.Position
	switch indexed, err := e.positionIndexed(ctx, n); {
	case err != nil:
		e.failed(CheckPositionIndex, "looking for an index on the position", err)
	case !indexed:
		e.addRemedy(doctor.Warning, CheckPositionIndex, "the position has no usable index: each message of the stream, and each look for the newest event, reads the whole table",
			e.indexRemedy(ctx, true, p))
	default:
		e.add(doctor.OK, CheckPositionIndex, "the position has an index", "")
		e.examineLowest(ctx)
	}
	if !e.ownColumn(n) {
		e.add(doctor.Info, CheckUniquePosition, "for a view or an expression it is not known whether a position can occur twice, or how it is assigned",
			"make sure that positions are unique, and come from a sequence with CACHE 1 in the transaction that stores the event")
		return
	}
	switch unique, err := e.unique(ctx, n); {
	case err != nil:
		e.failed(CheckUniquePosition, "looking for a unique index on the position", err)
	case !unique:
		e.addRemedy(doctor.Warning, CheckUniquePosition, "no unique index prevents duplicate positions: a message could belong to either event",
			e.indexRemedy(ctx, true, p))
	default:
		e.add(doctor.OK, CheckUniquePosition, "positions are unique", "")
	}
	e.examineSequence(ctx, n)
}

// positionIndexed asks the catalogue if possible, because the planner would also use an index on key and position.
func (e *eventsExamination) positionIndexed(ctx context.Context, n native) (indexed bool, err error) {
	if !e.ownColumn(n) {
		return e.ordered(ctx, "("+e.events.config.Position+")", "bigint", "1")
	}
	err = e.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
			JOIN pg_catalog.pg_am a ON a.oid = c.relam
		WHERE i.indrelid = $1 AND i.indkey[0] = $2 AND i.indisvalid AND i.indpred IS NULL AND a.amname = 'btree')`, n.table, int16(n.column)).Scan(&indexed)
	return indexed, err
}

// sequenceOf finds the sequence that a column owns, or takes its default from.
const sequenceOf = `SELECT format('%I.%I', n.nspname, c.relname), s.seqcache FROM pg_catalog.pg_sequence s
	JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE s.seqrelid IN (
		SELECT d.objid FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
			AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = $1 AND d.refobjsubid = $2
		UNION SELECT d.refobjid FROM pg_catalog.pg_attrdef a JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass
			AND d.objid = a.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass WHERE a.adrelid = $1 AND a.adnum = $2)
	ORDER BY s.seqcache DESC LIMIT 1`

// examineSequence looks for ids that sessions take before using them. Such ids become visible after larger ones.
func (e *eventsExamination) examineSequence(ctx context.Context, n native) {
	const late = "events become visible out of order; a missing message is reported only after two settle windows, and a projector that reads by position may skip an event"
	var sequence string
	var cache int64
	err := e.pool.QueryRow(ctx, sequenceOf, n.table, int32(n.column)).Scan(&sequence, &cache)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		e.add(doctor.Info, CheckPositionSequence, "positions do not come from a sequence of the column; if they are taken in blocks, or before the transaction that stores them, "+late,
			"take each position in the transaction that stores the event, from a sequence with CACHE 1")
	case err != nil:
		e.failed(CheckPositionSequence, "looking for the position's sequence", err)
	case cache > 1:
		e.addRemedy(doctor.Warning, CheckPositionSequence, fmt.Sprintf("sequence %s has CACHE %d: %s", sequence, cache, late),
			e.ownersFix(doctor.Change, fmt.Sprintf("ALTER SEQUENCE %s CACHE 1", sequence)))
	default:
		e.add(doctor.OK, CheckPositionSequence, "sequence "+sequence+" gives one position at a time", "")
	}
}

// examineNewest looks at the newest events: whether they have positions, and whether these are unique and grow with
// time.
func (e *eventsExamination) examineNewest(ctx context.Context) {
	c := e.events.config
	var all, without, twice, back int64
	err := e.pool.QueryRow(ctx, fmt.Sprintf(`SELECT count(*), count(*) - count(p), count(p) - count(DISTINCT p), count(*) FILTER (WHERE at < before - interval '1 minute')
		FROM (SELECT p, at, max(at) OVER (ORDER BY p ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
			FROM (SELECT (%[1]s) AS p, %[2]s AS at FROM %[3]s ORDER BY (%[1]s) DESC LIMIT %[4]d) AS newest) AS ordered`,
		c.Position, tellable(c.At, c.At), e.from(), newestEvents)).Scan(&all, &without, &twice, &back)
	switch {
	case err != nil:
		e.failed(CheckPositionOrder, "reading the newest events", err)
	case all == 0:
		e.add(doctor.Warning, CheckRows, "there are no events", "check that the dsn, the table and the role's row-level security are right")
	case without > 0:
		e.add(doctor.Error, CheckPosition, fmt.Sprintf("%d of the newest %d events have no position", without, all), "give each event a position, and declare the column NOT NULL")
	case twice > 0:
		e.add(doctor.Error, CheckPosition, fmt.Sprintf("%d of the newest %d events have the same position as another event", twice, all), "give each event a position of its own, and the column a unique index")
	case back*100 > all:
		e.add(doctor.Warning, CheckPositionOrder, fmt.Sprintf("positions do not grow with time: of the newest %d events, %d are more than a minute older than an event before them", all, back),
			"set position to the column that gives the order of storing; histories are replayed in this order")
	default:
		e.add(doctor.OK, CheckPositionOrder, fmt.Sprintf("positions grow with time in the newest %s", human.Quantity(int64(all), "event", "events")), "")
	}
}

// examinePlaces looks for events that no check can judge. The checks can only name them.
func (e *eventsExamination) examinePlaces(ctx context.Context) {
	c := e.events.config
	lacks := []struct{ what, condition string }{
		{e.orderLacking(), "(" + e.lookup + ") IS NULL"},
		{"type", "(" + c.Type + ") IS NULL"},
		{"time within the years 1 to 9999", e.events.timed("true") + " IS NULL"},
		{"payload", e.payloadLacking()},
	}
	for _, l := range lacks {
		var count int64
		var first []int64
		err := e.pool.QueryRow(ctx, fmt.Sprintf(`SELECT count(*), coalesce((array_agg(p ORDER BY p DESC))[1:3], '{}')
			FROM (SELECT (%s)::bigint AS p, %s AS lacks FROM %s %s LIMIT %d) AS newest WHERE lacks`,
			c.Position, l.condition, e.from(), c.newestFirst(), newestEvents)).Scan(&count, &first)
		if err != nil {
			e.failed(CheckEventPlace, "reading the newest events", err)
			return
		}
		if count > 0 {
			e.add(doctor.Warning, CheckEventPlace, fmt.Sprintf("%d of the newest events have no %s: %s", count, l.what, strings.Trim(fmt.Sprint(first), "[]")),
				"repair or delete these events, and declare the column NOT NULL; checks can only report such events")
		}
	}
}
