package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/doctor"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// The checks of which rows are events, and of times in payloads.
const (
	CheckWhere = "where"
	CheckTimes = "times"
)

// unfit adds an error about a column or an expression of the event store.
func (e *eventsExamination) unfit(check string, err error) {
	if u, ok := errors.AsType[*unfitError](err); ok {
		e.add(doctor.Error, check, u.what, u.instead)
		return
	}
	what, _, _ := strings.Cut(err.Error(), ": ")
	e.column(check, what, err)
}

// examineWhere returns false if nothing can be asked about the rows that belong.
func (e *eventsExamination) examineWhere(ctx context.Context) bool {
	if err := e.readWhere(ctx, e.events.config.Where); err != nil {
		e.unfit(CheckWhere, err)
		return false
	}
	return true
}

// keyServed asks whether an index serves the lookup of orders by the key as it is stored.
func (e *eventsExamination) keyServed(ctx context.Context, t order.KeyType) (serving, error) {
	if e.events.stored != "" {
		return e.served(ctx, e.events.stored, "text", zeroKey(t))
	}
	return e.served(ctx, e.lookup, keyCast(t), zeroKey(t))
}

// examineBelonging says how many of the newest rows belong here.
func (e *eventsExamination) examineBelonging(ctx context.Context) {
	c := e.events.config
	if e.events.belongs == "" {
		return
	}
	var all, belong int64
	err := e.pool.QueryRow(ctx, fmt.Sprintf(`SELECT count(*), count(*) FILTER (WHERE %[1]s)
		FROM (SELECT * FROM %[2]s AS t %[3]s LIMIT %[4]d) AS t`, e.events.belongs, c.Table, c.newestFirst(), newestEvents)).Scan(&all, &belong)
	by := strings.Join(e.limits(), " and ")
	switch {
	case err != nil:
		e.failed(CheckWhere, "counting the rows that belong here", err)
	case all > 0 && belong == 0:
		e.add(doctor.Warning, CheckWhere, fmt.Sprintf("none of the newest %s belongs here by %s", human.Quantity(all, "row", "rows"), by), "compare the condition and the prefix with what the table holds")
	default:
		e.add(doctor.OK, CheckWhere, fmt.Sprintf("%d of the newest %s belong here by %s", belong, human.Quantity(all, "row", "rows"), by), "")
	}
}

// orderLacking is what an event without an order lacks.
func (e *eventsExamination) orderLacking() string {
	if e.events.stored == "" {
		return "order"
	}
	what := e.events.stored
	if prefix := e.events.config.Strip; prefix != "" {
		what = fmt.Sprintf("what follows %q in %s", prefix, what)
	}
	return fmt.Sprintf("order (%s must be %s as PostgreSQL writes it, because it is looked up as it is stored)", what, map[order.KeyType]string{order.KeyUUID: "a uuid", order.KeyInteger: "an integer", order.KeyText: "a text"}[e.shape.keyType])
}

// payloadLacking is the condition for events that lack a payload. An event may say all by its type.
func (e *eventsExamination) payloadLacking() string {
	c := e.events.config
	lacking := "(" + c.Payload + ") IS NULL"
	types := c.Rules.NeedNoPayload()
	if len(types) == 0 {
		return lacking
	}
	for i, t := range types {
		types[i] = literal(t)
	}
	return lacking + " AND (" + c.Type + ")::text NOT IN (" + strings.Join(types, ",") + ")"
}

// limits are the settings that say which rows belong.
func (e *eventsExamination) limits() (out []string) {
	if e.events.config.Where != "" {
		out = append(out, "events.where")
	}
	if e.events.config.Strip != "" {
		out = append(out, "events.key.strip")
	}
	return out
}

// examineTimes looks at times that payloads have, or that have no zone.
func (e *eventsExamination) examineTimes(ctx context.Context) {
	c := e.events.config
	switch {
	case c.AtPath != nil:
		events := 0
		if err := e.events.timesInPayloads(ctx, newestEvents, func(time.Time, time.Time) { events++ }); err != nil {
			e.failed(CheckTimes, "reading the times in the newest payloads", err)
			return
		}
		if events == 0 {
			e.add(doctor.Error, CheckTimes, fmt.Sprintf("no payload of the newest %d events has a time at %s", newestEvents, c.AtPath),
				"check the path; a number needs its unit, and a text without a zone needs zone")
			return
		}
		e.add(doctor.OK, CheckTimes, fmt.Sprintf("%s of the newest have a time at %s", human.Quantity(int64(events), "event", "events"), c.AtPath), "")
	case e.events.clock != "":
		e.add(doctor.OK, CheckTimes, e.events.clock, "")
	case c.Zone != "":
		e.add(doctor.Info, CheckTimes, fmt.Sprintf("the time has a zone, so %s is not used", c.Zone), "leave out events.at.zone")
	}
}
