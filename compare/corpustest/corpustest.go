// Package corpustest decodes the corpus of answers (compare/testdata/corpus), for the tests of compare and of the packages
// that must judge as compare does.
//
// Invariant: what is decoded is what was judged when the answer was stored. An event that cannot be read keeps its place.
package corpustest

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// Key is the order of all cases.
const Key order.Key = "42"

// Order is all that is known of an order.
type Order struct {
	Fields            []Field   `json:"fields"`
	Events            []Event   `json:"events"`
	Legacy            []Row     `json:"legacy"`
	Projection        []Row     `json:"projection"`
	History           *History  `json:"history,omitempty"`
	ProjectionReached time.Time `json:"projection_reached,omitzero"`
	Silent            bool      `json:"silent,omitempty"`
}

// Evidence decodes everything but the fields.
func (o Order) Evidence() compare.Evidence {
	e := compare.Evidence{
		Events: Events(o.Events), Legacy: rows(o.Legacy), Projection: rows(o.Projection),
		ProjectionReached: o.ProjectionReached, Silent: o.Silent,
	}
	if o.History != nil {
		h := o.History.Decode()
		e.History = &h
	}
	return e
}

// Field is "price numeric", or "price numeric 0.01" with a tolerance.
type Field string

// Fields decodes fields.
func Fields(stored []Field) (out []order.Field) {
	for _, s := range stored {
		out = append(out, s.Decode())
	}
	return out
}

// Decode decodes the field.
func (f Field) Decode() order.Field {
	part := strings.Fields(string(f))
	field := order.Field{Name: part[0], Type: order.FieldType(part[1])}
	if len(part) > 2 {
		field.Tolerance, _, _ = apd.NewFromString(part[2]) // nil, which is exact, for what is no number
	}
	return field
}

// Event is an event in the default schema, of the order [Key] if no other is named.
type Event struct {
	Position order.Position  `json:"position"`
	Order    order.Key       `json:"order,omitempty"`
	Type     string          `json:"type"`
	At       time.Time       `json:"at"`
	Payload  json.RawMessage `json:"payload"`
}

// Decode decodes the event.
func (e Event) Decode() order.Event {
	raw := order.RawEvent{Position: e.Position, Key: e.Order, Type: e.Type, At: e.At, Payload: e.Payload}
	if raw.Key == "" {
		raw.Key = Key
	}
	event, _ := order.Decode(raw, order.Defaults()) // the event itself says that it cannot be read
	return event
}

// Events decodes events.
func Events(stored []Event) (out []order.Event) {
	for _, e := range stored {
		out = append(out, e.Decode())
	}
	return out
}

// Row is a row of the order.
type Row struct {
	Values    []*string `json:"values"` // nil is NULL
	ChangedAt time.Time `json:"changed_at,omitzero"`
}

func rows(stored []Row) (out []order.Row) {
	for _, s := range stored {
		r := order.Row{Key: Key, ChangedAt: s.ChangedAt}
		for _, v := range s.Values {
			r.Values = append(r.Values, Value(v))
		}
		out = append(out, r)
	}
	return out
}

// Value decodes a value; nil is NULL.
func Value(v *string) order.Value {
	if v == nil {
		return order.Null
	}
	return order.Value{Text: *v}
}

// History is legacy's own record. A list that is nil is unknown. An empty one says that there was nothing.
type History struct {
	Audit  []Change `json:"audit"`
	Trades []Trade  `json:"trades"`
}

// Change is a line of the audit log.
type Change struct {
	At    time.Time `json:"at"`
	Field string    `json:"field"`
	Old   *string   `json:"old"`
	New   *string   `json:"new"`
}

// Trade is a trade.
type Trade struct {
	At       time.Time `json:"at"`
	Quantity string    `json:"quantity"`
	Price    string    `json:"price"`
}

// Decode decodes the record.
func (h History) Decode() (out history.Record) {
	if h.Audit != nil {
		out.Audit = []history.Line{}
	}
	for _, c := range h.Audit {
		out.Audit = append(out.Audit, history.Line{At: c.At, Field: c.Field, Old: Value(c.Old), New: Value(c.New)})
	}
	if h.Trades != nil {
		out.Trades = []history.Trade{}
	}
	for _, t := range h.Trades {
		trade, err := history.NewTrade(t.At, t.Quantity, t.Price)
		if err != nil {
			panic(err) // the corpus holds numbers
		}
		out.Trades = append(out.Trades, trade)
	}
	return out
}
