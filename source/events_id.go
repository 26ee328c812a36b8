package source

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// The checks of ids.
const (
	CheckIDIndex  = "id_index"
	CheckUniqueID = "unique_id"
	CheckIDs      = "ids"
)

// idTypes are the types that an id may have.
var idTypes = map[uint32]order.KeyType{
	pgtype.UUIDOID: order.KeyUUID, pgtype.TextOID: order.KeyText, pgtype.VarcharOID: order.KeyText,
	pgtype.Int2OID: order.KeyInteger, pgtype.Int4OID: order.KeyInteger, pgtype.Int8OID: order.KeyInteger,
}

// IDType is the type of the events' ids; empty if positions identify events.
func (e *Events) IDType() order.KeyType { return e.idType }

// readID finds out of which type ids are. One that is a cast is NULL where the cast fails, so that one event cannot prevent
// reading the others. An index proves that there is no such event, and is only used for the id as it is configured.
func (e *Events) readID(ctx context.Context) error {
	if e.config.ID == "" {
		return nil
	}
	n, err := e.side.typeOf(ctx, e.config.ID)
	if err != nil {
		return fmt.Errorf("events.id %s: %w", e.config.ID, err)
	}
	e.idType = idTypes[n.oid]
	guarded := cautious(e.config.ID)
	if guarded == e.config.ID || e.idType == "" {
		return nil
	}
	l, err := e.side.served(ctx, e.config.ID, keyCast(e.idType), zeroKey(e.idType))
	if err == nil && !l.ok {
		e.config.ID = guarded
	}
	return err
}

// idSQL is an event's id as text; NULL if it has none, or if positions identify events.
func (e *Events) idSQL() string {
	if e.config.ID == "" {
		return "NULL::text"
	}
	return "(" + e.config.ID + ")::text"
}

// examineIDs asks for the index by which messages find their events, and looks at the ids of the newest events.
func (e *eventsExamination) examineIDs(ctx context.Context) {
	if err := e.events.readID(ctx); err != nil || e.events.idType == "" { // that was reported with the columns
		return
	}
	id := e.events.config.ID
	switch l, err := e.served(ctx, id, keyCast(e.events.idType), zeroKey(e.events.idType)); {
	case err != nil:
		e.failed(CheckIDIndex, "looking for an index on the id", err)
	case !l.ok:
		e.addRemedy(doctor.Warning, CheckIDIndex, "the id has no usable index"+l.passedOver()+": each message of the stream reads the whole table", e.keyIndexRemedy(ctx, l, true, id))
	default:
		e.add(doctor.OK, CheckIDIndex, "an index serves the lookup by id", "")
	}
	e.examineUniqueID(ctx)
	var all, without, twice int64
	err := e.pool.QueryRow(ctx, fmt.Sprintf("SELECT count(*), count(*) - count(id), count(id) - count(DISTINCT id) FROM (SELECT (%s) AS id FROM %s %s LIMIT %d) AS newest",
		id, e.from(), e.events.config.newestFirst(), newestEvents)).Scan(&all, &without, &twice)
	switch {
	case err != nil:
		e.failed(CheckIDs, "reading the newest ids", err)
	case without > 0:
		e.add(doctor.Error, CheckIDs, fmt.Sprintf("%d of the newest %s no id, so no message can be matched with them", without, human.Quantity(all, "event has", "events have")),
			"give each event an id, and declare the column NOT NULL")
	case twice > 0:
		e.add(doctor.Error, CheckIDs, fmt.Sprintf("%d of the newest %s the id of another event: a message could belong to either", twice, human.Quantity(all, "event has", "events have")),
			"give each event an id of its own, and the column a unique index")
	default:
		e.add(doctor.OK, CheckIDs, fmt.Sprintf("each of the newest %s an id of its own", human.Quantity(all, "event has", "events has")), "")
	}
}

func (e *eventsExamination) examineUniqueID(ctx context.Context) {
	n, err := e.typeOf(ctx, e.events.config.ID)
	unique := false
	if err == nil && e.ownColumn(n) {
		unique, err = e.unique(ctx, n)
	}
	switch {
	case err != nil:
		e.failed(CheckUniqueID, "looking for a unique index on the id", err)
	case !e.ownColumn(n):
		e.add(doctor.Info, CheckUniqueID, "for a view or an expression it is not known whether an id can occur twice", "make sure that ids are unique")
	case !unique:
		e.addRemedy(doctor.Warning, CheckUniqueID, "no unique index prevents duplicate ids: a message could belong to either event", e.indexRemedy(ctx, true, e.events.config.ID))
	default:
		e.add(doctor.OK, CheckUniqueID, "ids are unique", "")
	}
}
