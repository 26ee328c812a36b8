package compare_test

import (
	"encoding/json"
	"fmt"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/compare/corpustest"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// What is here makes what is stored out of what the tests are made of. Package corpustest does the reverse.

func valueText(v order.Value) string {
	if v.Null {
		return "NULL"
	}
	return v.Text
}

func storedFields(fields []order.Field) (out []corpustest.Field) {
	for _, f := range fields {
		s := f.Name + " " + string(f.Type)
		if f.Tolerance != nil {
			s += " " + f.Tolerance.Text('f')
		}
		out = append(out, corpustest.Field(s))
	}
	return out
}

func storedEvents(events []order.Event) (out []corpustest.Event) {
	for _, e := range events {
		out = append(out, storedEventOf(e))
	}
	return out
}

// storedEventOf panics where the event does not come back as it was: then another one would be judged.
func storedEventOf(e order.Event) corpustest.Event {
	payload, err := json.Marshal(payloadOf(e.Said))
	if err != nil {
		panic(err)
	}
	s := corpustest.Event{Position: e.Position, Type: string(e.Type), At: e.At, Payload: payload}
	if e.Key != corpustest.Key {
		s.Order = e.Key
	}
	if e.Type == "" && e.Said != nil {
		s.Type = e.Said.Type()
	}
	said := order.Event{Key: s.Decode().Key, Type: order.EventType(s.Type), At: e.At, Said: e.Said}
	if d := compare.Published(said, s.Decode()); e.Said != nil && len(d) > 0 {
		panic(fmt.Sprintf("%+v cannot be stored: %+v", e, d))
	}
	return s
}

func payloadOf(said *order.Said) map[string]any {
	if said == nil {
		return map[string]any{"unreadable": true}
	}
	return ordertest.Payload(said)
}

func storedValue(v order.Value) *string {
	if v.Null {
		return nil
	}
	return &v.Text
}

func storedRows(rows []order.Row) (out []corpustest.Row) {
	for _, r := range rows {
		s := corpustest.Row{ChangedAt: r.ChangedAt}
		for _, v := range r.Values {
			s.Values = append(s.Values, storedValue(v))
		}
		out = append(out, s)
	}
	return out
}

func storedHistoryOf(h history.Record) (out corpustest.History) {
	if h.Audit != nil {
		out.Audit = []corpustest.Change{}
	}
	for _, c := range h.Audit {
		out.Audit = append(out.Audit, corpustest.Change{At: c.At, Field: c.Field, Old: storedValue(c.Old), New: storedValue(c.New)})
	}
	if h.Trades != nil {
		out.Trades = []corpustest.Trade{}
	}
	for _, t := range h.Trades {
		out.Trades = append(out.Trades, corpustest.Trade{At: t.At, Quantity: t.Quantity.Text('f'), Price: t.Price.Text('f')})
	}
	return out
}

func storedLookOf(o compare.Observation) storedLook {
	return storedLook{
		At: o.At, Legacy: o.LegacyState, Projection: o.ProjectionState, Events: o.EventsState, Differs: len(o.Mismatches) > 0,
		LegacyChangedAt: o.LegacyChangedAt, ProjectionReached: o.ProjectionReached,
	}
}
