package history_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// told says the deeds in the words of a store, at positions from 1 on.
func told(t rapid.TB, rules *order.Rules, speaker *history.Speaker, a history.Account) (out []order.Event) {
	t.Helper()
	for i, d := range a.Deeds {
		kind, payload, err := speaker.Say(d, history.Metadata{})
		if err != nil {
			t.Fatal(err)
		}
		e, err := order.Decode(order.RawEvent{Position: order.Position(i + 1), Key: "4711", Type: kind, At: d.At, Payload: payload}, rules)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// TestEachDeviationIsFound spoils the stored events of a drawn order in one way.
func TestEachDeviationIsFound(t *testing.T) {
	spoil := map[string]struct {
		change func(*rapid.T, []order.Event) []order.Event
		want   history.Deviation
	}{
		"nothing": {func(_ *rapid.T, events []order.Event) []order.Event { return events }, ""},
		"one is lost": {func(t *rapid.T, events []order.Event) []order.Event {
			i := rapid.IntRange(0, len(events)-1).Draw(t, "lost")
			return slices.Delete(events, i, i+1)
		}, history.MissingEvent},
		"one is there twice": {func(t *rapid.T, events []order.Event) []order.Event {
			return append(events, events[rapid.IntRange(0, len(events)-1).Draw(t, "twice")])
		}, history.ExtraEvent},
		"one has another time": {func(t *rapid.T, events []order.Event) []order.Event {
			e := &events[rapid.IntRange(0, len(events)-1).Draw(t, "late")]
			e.At = e.At.Add(17 * time.Second)
			return events
		}, history.DifferentEvent},
		"the last is stored first": {func(_ *rapid.T, events []order.Event) []order.Event {
			last := len(events) - 1
			return slices.Concat(events[last:], events[:last])
		}, history.DisorderedEvent},
	}
	for _, v := range vocabularies(t) {
		schema := history.Schema{Fields: fields, Rules: v.rules}
		speaker, err := history.NewSpeaker(v.spec, schema)
		if err != nil {
			t.Fatal(err)
		}
		for name, how := range spoil {
			t.Run(v.name+"/"+name, func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					l := lives(t, v.rules)
					a := schema.Reconstruct(l.row, l.record)
					if how.want == history.DisorderedEvent && len(a.Deeds) < 2 {
						return
					}
					wanted := told(t, v.rules, speaker, a)
					found := speaker.Match(a.Deeds, how.change(t, slices.Clone(wanted)))
					if how.want == "" && len(found) > 0 || how.want != "" && (len(found) == 0 || slices.ContainsFunc(found, func(d history.Deviant) bool { return d.Kind != how.want })) {
						t.Fatalf("found %+v, want %q", found, how.want)
					}
				})
			})
		}
	}
}

// TestAnImportedOrderIsWhatItsRowSays: the snapshot can be read again, in every set of rules, and folds to the row.
func TestAnImportedOrderIsWhatItsRowSays(t *testing.T) {
	for _, v := range vocabularies(t) {
		t.Run(v.name, func(t *testing.T) {
			a := auditor(t, v)
			row, _ := clean()
			unknown := history.Record{Audit: []history.Line{}, Trades: []history.Trade{}}
			events := told(t, v.rules, a.Speaker, a.Reconstruct(row, unknown))
			got := a.Audit(history.Case{Row: row, Record: unknown, Events: events})
			if len(events) != 1 || len(got.Deviants)+len(got.Ends) > 0 || got.Tally.Evidence[history.FromRow] != 1 {
				t.Errorf("%d events, %+v, %+v", len(events), got.Deviants, got.Ends)
			}
		})
	}
}
