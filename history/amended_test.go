package history_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// amending is the store of desk that changes quantity and price with one type, and tells when an order was accepted.
func amending(t *testing.T) (vocabulary, *history.Auditor, error) {
	t.Helper()
	spec := desk()
	spec.Events = maps.Clone(spec.Events)
	open := "OPEN"
	spec.Events["Amended"] = order.EventRule{Set: map[string]order.Source{"quantity": {Path: "$.qty"}, "price": {Path: "$.px"}}}
	spec.Events["Accepted"] = order.EventRule{Set: map[string]order.Source{"status": {Text: &open}}}
	delete(spec.Events, "PriceChanged")
	delete(spec.Events, "QuantityChanged")
	rules, err := order.NewRules(spec, compared())
	if err != nil {
		t.Fatal(err)
	}
	a := &history.Auditor{Schema: history.Schema{Fields: fields, Rules: rules}, Judged: []string{"quantity", "price", "status"}}
	a.Speaker, err = history.NewSpeaker(spec, a.Schema)
	return vocabulary{spec: spec, rules: rules}, a, err
}

// TestATypeThatChangesSeveralFields: one event tells what two lines of one time say.
func TestATypeThatChangesSeveralFields(t *testing.T) {
	v, a, err := amending(t)
	if !errors.Is(err, history.ErrCannotTurn) || !strings.Contains(err.Error(), `"price" only together with others`) {
		t.Errorf("error %v: a backfill cannot say one change with it", err)
	}
	row, record := clean()
	record.Audit = []history.Line{line(1, "price", "10.0000", "10.5000"), line(1, "quantity", "120.0000", "100.0000"), line(2, "quantity", "100.0000", "110"), line(3, "quantity", "110", "100.0000")}
	deeds := a.Reconstruct(row, record).Deeds
	var events []order.Event
	add := func(at history.Deed, kind string, payload []byte) {
		e, err := order.Decode(order.RawEvent{Position: order.Position(len(events) + 1), Key: row.Key, Type: kind, At: at.At, Payload: payload}, v.rules)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	for i, d := range deeds {
		switch {
		case d.Kind != history.Modified:
			kind, payload, err := a.Speaker.Say(d, history.Metadata{})
			if err != nil {
				t.Fatal(err)
			}
			add(d, kind, payload)
		case !d.At.Equal(deeds[i-1].At): // of two lines, one event
			qty := "100"
			if d.New.Text == "110" {
				qty = "110"
			}
			add(d, "Amended", []byte(`{"qty": `+qty+`, "px": 10.5}`))
		}
		if i == 0 {
			add(d, "Accepted", []byte(`{}`))
		}
	}
	for _, test := range []struct {
		what   string
		change func([]order.Event) []order.Event
		want   []history.Deviation
		told   int64
	}{
		{"nothing", func(e []order.Event) []order.Event { return e }, nil, 4},
		{"a lost change of two fields", func(e []order.Event) []order.Event { return slices.Delete(e, 2, 3) }, []history.Deviation{history.MissingEvent, history.MissingEvent}, 2},
		{"a change that is there twice", func(e []order.Event) []order.Event { return slices.Insert(e, 3, e[2]) }, []history.Deviation{history.ExtraEvent}, 4},
		{"a wrong quantity", func(e []order.Event) []order.Event { e[2].Said = e[3].Said; return e }, []history.Deviation{history.DifferentEvent}, 3},
	} {
		got := a.Audit(history.Case{Row: row, Record: record, Events: test.change(slices.Clone(events))})
		var kinds []history.Deviation
		for _, d := range got.Deviants {
			kinds = append(kinds, d.Kind)
		}
		if n := got.Tally; !slices.Equal(kinds, test.want) || n.LinesTold != (history.Share{Of: test.told, All: 4}) || n.Silent != 1 || n.Excused != 0 {
			t.Errorf("%s: %+v, %+v", test.what, got.Deviants, n)
		}
		if test.want == nil && (len(got.Moments)+len(got.Ends) > 0 || got.Tally.EventsKnown != history.Share{Of: 6, All: 6}) {
			t.Errorf("moments %+v, ends %+v, %+v", got.Moments, got.Ends, got.Tally)
		}
	}
}

// TestACreationBelongsToTheMomentOfItsTime: one transaction creates and changes an order.
func TestACreationBelongsToTheMomentOfItsTime(t *testing.T) {
	for _, v := range vocabularies(t) {
		a := auditor(t, v)
		row, record := clean()
		record.Audit[0].At = row.CreatedAt
		got := a.Audit(history.Case{Row: row, Record: record, Events: told(t, v.rules, a.Speaker, a.Reconstruct(row, record))})
		if len(got.Deviants)+len(got.Moments) > 0 || got.Tally.Moments.All != 2 {
			t.Errorf("%s: %+v, %+v", v.name, got.Deviants, got.Moments)
		}
	}
}
