package faulttest

import (
	"slices"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// Language is how an event store puts into words what the application does, and which fields are compared.
type Language struct {
	Name  string
	Rules *order.Rules
	// fields are names of compared fields, by the model's.
	fields map[string]string
	// derives is true if the events do not tell the status: it follows from what is filled. Whole is true if they tell the
	// time of the creation in seconds.
	derives, whole bool
	// stored is an op as the store's reader decodes it, and published as a reader of the topic does.
	stored    func(op) order.Event
	published func(op) compare.StreamedMessage
}

// Orders is the language of the default schema.
var Orders = &Language{Name: "orders", Rules: order.Defaults(), stored: ordersEvent, published: ordersMessage}

// Fields are all judged fields.
func (l *Language) Fields() []order.Field { return l.named(AllFields()) }

// named gives fields their names in the language.
func (l *Language) named(fields []order.Field) []order.Field {
	fields = slices.Clone(fields)
	for i := range fields {
		fields[i].Name = l.name(fields[i].Name)
	}
	return fields
}

func (l *Language) name(field string) string {
	if name, ok := l.fields[field]; ok {
		return name
	}
	return field
}

// record is legacy's own record with the names of the language.
func (l *Language) record(h *history.Record) *history.Record {
	if h == nil || l.fields == nil || h.Audit == nil {
		return h
	}
	named := *h
	named.Audit = slices.Clone(h.Audit)
	for i := range named.Audit {
		named.Audit[i].Field = l.name(named.Audit[i].Field)
	}
	return &named
}

func decimal(units int64) apd.Decimal { return *apd.New(units, -4) }

func ordersEvent(o op) order.Event {
	e := ordertest.Event(o.position, Key, o.at, o.body())
	if o.broken {
		e.Said, e.Schema = nil, &order.SchemaError{Kind: order.MissingKey, Detail: "a key has another name"}
	}
	return e
}

func ordersMessage(o op) compare.StreamedMessage {
	m := compare.StreamedMessage{Event: ordersEvent(o)}
	if o.broken {
		m.Drift = errDrift
	}
	return m
}

func (o op) body() ordertest.Body {
	switch o.kind {
	case create:
		return ordertest.Created{
			Trader: o.trader, Symbol: o.symbol, Side: o.side, Quantity: decimal(o.quantity),
			Price: apd.NullDecimal{Decimal: decimal(o.price), Valid: !o.market},
		}
	case modify:
		old := order.Value{Text: amount(o.old)}
		if o.oldNull {
			old = order.Null
		}
		return ordertest.Modified{Field: o.field, Old: old, New: order.Value{Text: amount(o.new)}}
	case part:
		return ordertest.PartiallyFilled{
			Quantity: decimal(o.quantity), Price: decimal(o.price),
			Remaining: decimal(o.remaining),
		}
	case fill:
		return ordertest.Filled{Quantity: decimal(o.quantity), Price: decimal(o.price)}
	case cancel:
	}
	return ordertest.Canceled{Reason: order.Value{Text: o.reason}}
}

func (l *Language) events(ops []op) []order.Event {
	out := make([]order.Event, 0, len(ops))
	for _, o := range ops {
		out = append(out, l.stored(o))
	}
	return out
}
