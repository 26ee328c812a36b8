package config

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/nordvarg/crosscheck/order"
)

// Events is the append-only event store in PostgreSQL. It is a value and not a pointer, because fmt prints the target
// of a nested pointer without using Secret's methods.
type Events struct {
	// DSN is the connection string. Required.
	DSN Secret
	// Table is a table, a view or "(select …)", one row for each event. Default public.event_store.
	Table string
	// Where is an SQL condition for the rows that belong here. Default all.
	Where string
	// Position is the column that grows with every event. Default event_id.
	Position string
	// PerOrder says that the position counts the events of each order by itself. Default false: of all orders.
	PerOrder bool
	// ID is the column that identifies an event on the stream. Default "": its position does.
	ID string
	// Key is the column with the order. Default order_id.
	Key string
	// Strip is what the column has before the order's key. Rows without it do not belong here. Default nothing.
	Strip string
	// AsStored is true for a column without such a beginning that is looked up as it is stored: a text may hold a uuid.
	AsStored bool
	// Type is the column with the event's type. Default event_type.
	Type string
	// At is the column with the event's time. Default timestamp.
	At string
	// Zone is the zone of a column without one.
	Zone string
	// Unit is that of a column with numbers since 1970: s, ms, us or ns.
	Unit string
	// AtPath is where payloads have the time. Nil if a column has it.
	AtPath *order.TimePath
	// Payload is the column, or the SQL expression, with the event's content: json, jsonb, or text or bytea that holds
	// JSON. Default payload.
	Payload string
	// Archived is an SQL condition for rows of legacy: orders whose events were moved out of the store. Default none.
	Archived string
	// Fold says what each event type does to the fields. Default the preset "orders": the default schema.
	Fold order.FoldRules
}

// History is legacy's own record of its orders, in the legacy database.
type History struct {
	// AuditLog is the table with entity_id, timestamp, field_changed, old_value, new_value. Default public.audit_log.
	AuditLog string
	// Trades is the table with order_id, executed_at, quantity, price. Default public.trades.
	Trades string
	// Actor is the column of the audit log that says who changed a field. Default "": there is none.
	Actor string
	// CreatedAt is the SQL of the time at which an order was created, over the columns of legacy's table. Default the
	// compared field created_at, if there is one.
	CreatedAt string
}

// Given reports whether the configuration has the section.
func (e Events) Given() bool { return !e.DSN.Empty() }

// Given reports whether the configuration has the section.
func (h History) Given() bool { return h != History{} }

// readEventStore returns the zero value if the section is absent. Then there is no event store.
func readEventStore(o *object) Events {
	if o == nil {
		return Events{}
	}
	e := Events{Table: "public.event_store", Position: "event_id", Key: "order_id", Type: "event_type", At: `"timestamp"`, Payload: "payload"}
	o.dsn(&e.DSN)
	for key, into := range map[string]*string{
		"table": &e.Table, "id": &e.ID, "type": &e.Type, "payload": &e.Payload,
	} {
		o.relation(key, into, o.text)
	}
	o.condition("where", &e.Where)
	o.eventPosition(&e)
	o.eventKey(&e)
	o.eventTime(&e)
	if e.PerOrder && e.AtPath != nil {
		o.at(target(o.values["at"]), join(o.path, "at"), "must be a column where positions count within one order", "the newest events are told by their times; name a column with the time of storing")
	}
	o.sql("archived", &e.Archived)
	readFold(o, &e)
	o.removed()
	o.done()
	return e
}

// readHistory returns the zero value if the section is absent.
func readHistory(o *object) History {
	if o == nil {
		return History{}
	}
	h := History{AuditLog: "public.audit_log", Trades: "public.trades"}
	o.relation("audit_log", &h.AuditLog, o.text)
	o.relation("trades", &h.Trades, o.text)
	o.relation("actor", &h.Actor, o.text)
	o.relation("created_at", &h.CreatedAt, o.text)
	o.done()
	return h
}

// ignoredTypes reads types that are passed over. One that changes orders is refused.
func (o *object) ignoredTypes(own order.FoldRules, into *[]string) {
	o.list("ignore_types", func(n *yaml.Node, path string) {
		s, ok := o.value(n, path)
		if !ok {
			return
		}
		text, ok := o.filled(s)
		if ok && slices.Contains(changing(own), text) {
			o.at(target(n), path, fmt.Sprintf("%q changes orders and cannot be ignored", text), "list types that belong to others or change no order")
			ok = false
		}
		if ok {
			*into = append(*into, text)
		}
	})
}

// changing are the types that change orders.
func changing(fold order.FoldRules) (names []string) {
	for name, rule := range fold.Events {
		if !rule.Ignore {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ownTypes reads the types of messages that belong here. If one that changes orders were not among them, its stored events
// would be called lost.
func (o *object) ownTypes(own order.FoldRules, into *[]string) {
	o.eachText("types", func(text string) { *into = append(*into, text) })
	for _, name := range changing(own) {
		if len(*into) > 0 && !slices.Contains(*into, name) {
			o.at(target(o.child("types")), join(o.path, "types"), fmt.Sprintf("lacks %q, which changes orders", name), "list every type that changes orders, also if it is rare")
		}
	}
}

// eachText reads a list of texts.
func (o *object) eachText(key string, read func(string)) {
	o.list(key, func(n *yaml.Node, path string) {
		if s, ok := o.value(n, path); ok {
			if text, ok := o.filled(s); ok {
				read(text)
			}
		}
	})
}
