package history_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// TestAProofHoldsOnlyForEventsThatGiveTheRow: the short way says yes to drawn orders, and never where the long way says no.
func TestAProofHoldsOnlyForEventsThatGiveTheRow(t *testing.T) {
	for _, v := range vocabularies(t) {
		t.Run(v.name, func(t *testing.T) {
			a := auditor(t, v)
			rapid.Check(t, func(t *rapid.T) {
				l := lives(t, v.rules)
				deeds := a.Reconstruct(l.row, l.record).Deeds
				spoiled := rapid.IntRange(0, 2).Draw(t, "spoiled")
				switch at := rapid.IntRange(0, len(deeds)-1).Draw(t, "at"); spoiled {
				case 1:
					deeds = append(deeds[:at:at], deeds[at+1:]...)
				case 2:
					deeds = append(deeds, deeds[at])
				}
				p := a.Proof()
				p.Start(l.row.Key)
				var events []order.Event
				var payloads []byte
				for i := range deeds {
					from := len(payloads)
					kind, all, err := a.Speaker.SayTo(payloads, &deeds[i], history.Metadata{Batch: "b"})
					if err != nil {
						t.Fatal(err)
					}
					payloads = all
					row := order.StoredRow{Position: order.Position(i + 1), At: deeds[i].At, Payload: payloads[from:]}
					p.Say(kind, row)
					e, _ := order.Decode(order.RawEvent{Position: row.Position, Key: l.row.Key, Type: kind, At: row.At, Payload: row.Payload}, v.rules)
					events = append(events, e)
				}
				problems, differ := a.Outcome(history.Case{Row: l.row, Events: events})
				right := len(differ) == 0
				for _, problem := range problems {
					right = right && !problem.Kind.Impossible()
				}
				if holds := p.Holds(l.row); holds && !right || !holds && spoiled == 0 {
					t.Fatalf("the proof is %t, and the events have %+v and differ in %+v", holds, problems, differ)
				}
			})
		})
	}
}
