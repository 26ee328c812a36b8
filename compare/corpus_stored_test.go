package compare_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/order"
)

// storedField is "price numeric", or with its tolerance "price numeric 0.01".
type storedField string

func fieldsFrom(stored []storedField) (out []order.Field) {
	for _, s := range stored {
		part := strings.Fields(string(s))
		f := order.Field{Name: part[0], Type: order.FieldType(part[1])}
		if len(part) > 2 {
			f.Tolerance, _, _ = apd.NewFromString(part[2]) // nil, which is exact, for what is no number
		}
		out = append(out, f)
	}
	return out
}

// storedEvent is an event in the default schema, of order 42 where no other is named.
type storedEvent struct {
	Position order.Position  `json:"position"`
	Order    order.Key       `json:"order,omitempty"`
	Type     string          `json:"type"`
	At       time.Time       `json:"at"`
	Payload  json.RawMessage `json:"payload"`
}

func (e storedEvent) event() order.Event {
	raw := order.RawEvent{Position: e.Position, Key: e.Order, Type: e.Type, At: e.At, Payload: e.Payload}
	if raw.Key == "" {
		raw.Key = "42"
	}
	event, _ := order.Decode(raw, order.Vocabulary{}) // what cannot be read keeps its place, and is judged
	return event
}

func eventsFrom(stored []storedEvent) (out []order.Event) {
	for _, e := range stored {
		out = append(out, e.event())
	}
	return out
}

type storedRow struct {
	Values    []*string `json:"values"` // nil is NULL
	ChangedAt time.Time `json:"changed_at,omitzero"`
}

func rowsFrom(stored []storedRow) (out []order.Row) {
	for _, s := range stored {
		r := order.Row{Key: "42", ChangedAt: s.ChangedAt}
		for _, v := range s.Values {
			r.Values = append(r.Values, valueFrom(v))
		}
		out = append(out, r)
	}
	return out
}

func valueFrom(v *string) order.Value {
	if v == nil {
		return order.Null
	}
	return order.Value{Text: *v}
}

func valueText(v order.Value) string {
	if v.Null {
		return "NULL"
	}
	return v.Text
}

// storedHistory is legacy's own record; null is unknown, an empty list says that there was nothing.
type storedHistory struct {
	Audit  []storedChange `json:"audit"`
	Trades []storedTrade  `json:"trades"`
}

type storedChange struct {
	At    time.Time `json:"at"`
	Field string    `json:"field"`
	Old   *string   `json:"old"`
	New   *string   `json:"new"`
}

type storedTrade struct {
	At       time.Time `json:"at"`
	Quantity string    `json:"quantity"`
	Price    string    `json:"price"`
}

func (h storedHistory) history() compare.History {
	var out compare.History
	if h.Audit != nil {
		out.Audit = []compare.Change{}
	}
	for _, c := range h.Audit {
		out.Audit = append(out.Audit, compare.Change{At: c.At, Field: c.Field, Old: valueFrom(c.Old), New: valueFrom(c.New)})
	}
	if h.Trades != nil {
		out.Trades = []compare.Trade{}
	}
	for _, s := range h.Trades {
		trade, err := compare.NewTrade(s.At, s.Quantity, s.Price)
		if err != nil {
			panic(err) // the corpus holds numbers
		}
		out.Trades = append(out.Trades, trade)
	}
	return out
}

// What follows makes what is stored out of what the tests are made of.

func storedFields(fields []order.Field) (out []storedField) {
	for _, f := range fields {
		s := f.Name + " " + string(f.Type)
		if f.Tolerance != nil {
			s += " " + f.Tolerance.Text('f')
		}
		out = append(out, storedField(s))
	}
	return out
}

func storedEvents(events []order.Event) (out []storedEvent) {
	for _, e := range events {
		out = append(out, storedEventOf(e))
	}
	return out
}

// storedEventOf panics where the event does not come back as it was: then another one would be judged.
func storedEventOf(e order.Event) storedEvent {
	payload, err := json.Marshal(payloadOf(e.Body))
	if err != nil {
		panic(err)
	}
	s := storedEvent{Position: e.Position, Type: string(e.Type), At: e.At, Payload: payload}
	if e.Key != "42" {
		s.Order = e.Key
	}
	if e.Type == "" && e.Body != nil {
		s.Type = string(e.Body.Type())
	}
	said := order.Event{Key: s.event().Key, Type: order.EventType(s.Type), At: e.At, Body: e.Body}
	if d := compare.Published(said, s.event()); e.Body != nil && len(d) > 0 {
		panic(fmt.Sprintf("%+v cannot be stored: %+v", e, d))
	}
	return s
}

func payloadOf(body order.Body) map[string]any {
	number := func(d apd.Decimal) any { return json.Number(d.Text('f')) }
	orNull := func(d apd.NullDecimal) any {
		if !d.Valid {
			return nil
		}
		return number(d.Decimal)
	}
	switch b := body.(type) {
	case order.Created:
		return map[string]any{"trader_id": b.Trader, "symbol": b.Symbol, "side": b.Side, "quantity": number(b.Quantity), "price": orNull(b.Price)}
	case order.Modified:
		return map[string]any{"field": b.Field, "old_value": storedValue(*b.Old), "new_value": storedValue(b.New)}
	case order.PartiallyFilled:
		return map[string]any{"filled_quantity": number(b.Quantity), "remaining_quantity": orNull(b.Remaining), "price": number(b.Price)}
	case order.Filled:
		return map[string]any{"quantity": number(b.Quantity), "price": number(b.Price)}
	case order.Canceled:
		return map[string]any{"reason": storedValue(b.Reason)}
	default:
		return map[string]any{"unreadable": true}
	}
}

func storedValue(v order.Value) *string {
	if v.Null {
		return nil
	}
	return &v.Text
}

func storedRows(rows []order.Row) (out []storedRow) {
	for _, r := range rows {
		s := storedRow{ChangedAt: r.ChangedAt}
		for _, v := range r.Values {
			s.Values = append(s.Values, storedValue(v))
		}
		out = append(out, s)
	}
	return out
}

func storedHistoryOf(h compare.History) (out storedHistory) {
	if h.Audit != nil {
		out.Audit = []storedChange{}
	}
	for _, c := range h.Audit {
		out.Audit = append(out.Audit, storedChange{At: c.At, Field: c.Field, Old: storedValue(c.Old), New: storedValue(c.New)})
	}
	if h.Trades != nil {
		out.Trades = []storedTrade{}
	}
	for _, t := range h.Trades {
		out.Trades = append(out.Trades, storedTrade{At: t.At, Quantity: t.Quantity.Text('f'), Price: t.Price.Text('f')})
	}
	return out
}

func storedLookOf(o compare.Observation) storedLook {
	return storedLook{
		At: o.At, Legacy: o.LegacyState, Projection: o.ProjectionState, Events: o.EventsState, Differs: len(o.Mismatches) > 0,
		LegacyChangedAt: o.LegacyChangedAt, ProjectionReached: o.ProjectionReached,
	}
}
