package source

import (
	"cmp"
	"context"
	"fmt"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/human"
)

// CheckNewestIndex is the check of the index by which the newest events are found where positions count within one order.
const CheckNewestIndex = "newest_index"

// examineVersions is examinePosition for positions that count within one order.
func (e *eventsExamination) examineVersions(ctx context.Context) {
	c := e.events.config
	e.add(doctor.Info, CheckPosition, "positions count within one order: one that is left out or occurs twice is a finding; the stream cannot be followed, and the newest events are told by their times",
		"if the store has a position that grows over all orders, set events.position to that")
	key := cmp.Or(e.events.stored, e.lookup)
	switch unique, err := e.events.unique(ctx); {
	case err != nil:
		e.failed(CheckUniquePosition, "looking for a unique index on key and position", err)
	case !unique:
		e.addRemedy(doctor.Warning, CheckUniquePosition, "no unique index on key and position, without NULL, is known: a position could occur twice in an order", e.indexRemedy(ctx, true, key, c.Position))
	default:
		e.add(doctor.OK, CheckUniquePosition, "positions are unique within an order", "")
	}
	switch indexed, err := e.inOrder(ctx, fmt.Sprintf("SELECT 1 FROM %s AS t %s LIMIT 1", c.Table, c.newestFirst())); {
	case err != nil:
		e.failed(CheckNewestIndex, "looking for an index on the time", err)
	case !indexed:
		e.addRemedy(doctor.Warning, CheckNewestIndex, "the time has no usable index: each look for the newest events reads the whole table", e.indexRemedy(ctx, false, c.At))
	default:
		e.add(doctor.OK, CheckNewestIndex, "an index serves the look for the newest events", "")
	}
	var all, without int64
	err := e.pool.QueryRow(ctx, fmt.Sprintf("SELECT count(*), count(*) - count(p) FROM (SELECT (%s) AS p FROM %s %s LIMIT %d) AS newest",
		c.Position, e.from(), c.newestFirst(), newestEvents)).Scan(&all, &without)
	switch {
	case err != nil:
		e.failed(CheckPositionOrder, "reading the newest events", err)
	case all == 0:
		e.add(doctor.Warning, CheckRows, "there are no events", "check that the dsn, the table and the role's row-level security are right")
	case without > 0:
		e.add(doctor.Error, CheckPosition, fmt.Sprintf("%d of the newest %s no position", without, human.Quantity(all, "event has", "events have")), "give each event a position, and declare the column NOT NULL")
	}
}
