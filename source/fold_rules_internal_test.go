package source

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/verify"
)

// TestCellsOfRulesOfAUserAreThoseOfTheFold fills cells from a plain order in three ways: without an allocation, from its exact
// state, and from what decoding and folding event by event make of it.
func TestCellsOfRulesOfAUserAreThoseOfTheFold(t *testing.T) {
	rules, fields := ordertest.DeskRules(), ordertest.DeskFields()
	fold := &Fold{events: &Events{config: EventsConfig{Rules: rules}}, fields: fields, groupBy: -1}
	hash := newRowHash(order.KeyInteger, fields, verify.Hash{Seed: 7})
	packed, exact, known := newDigester(fold, hash), newDigester(fold, hash), newDigester(fold, hash)
	replay := order.NewReplay(rules)
	histories, plain := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		raw := ordertest.DeskRaw(t, "42", 0, 8)
		replay.Start([]byte("42"))
		var state order.State
		for _, e := range raw {
			replay.Apply(order.StoredRow{Position: e.Position, Type: []byte(e.Type), At: e.At, Payload: e.Payload})
			event, _ := order.Decode(e, rules)
			state.Apply(event)
		}
		histories++
		if state.Exists() != replay.Exists() || state.Flawed() != replay.Flawed() {
			t.Fatalf("exists %v and %v, flawed %v and %v", state.Exists(), replay.Exists(), state.Flawed(), replay.Flawed())
		}
		if !state.Exists() {
			return
		}
		exact.exact(replay)
		known.known(&state)
		key := cellKey{n: 42, text: []byte("42")}
		want := hash.row(key, known.cells)
		if got := hash.row(key, exact.cells); got != want {
			t.Errorf("exactly %d, by the fold %d:\n%+v\n%+v", got, want, exact.cells, known.cells)
		}
		if !packed.plain(replay) {
			return
		}
		plain++
		if got := hash.row(key, packed.cells); got != want {
			t.Errorf("plainly %d, by the fold %d:\n%+v\n%+v", got, want, packed.cells, known.cells)
		}
	})
	if plain < histories/10 {
		t.Errorf("of %d histories only %d are plain", histories, plain)
	}
}

// known fills the cells from the texts of the fold.
func (d *digester) known(state *order.State) {
	for i, f := range d.fold.fields {
		v, _ := state.Value(f.Name)
		d.cells[i] = cell{null: v.Null}
		if at, ok := state.Time(d.registers[i]); ok {
			d.cells[i].n = at.UnixMicro() + unixEpoch
			continue
		}
		d.cells[i].setText(f.Type, []byte(v.Text))
	}
}

// TestAnEmptyTextIsNoNumber: a column of integers has none, and 0 is another value.
func TestAnEmptyTextIsNoNumber(t *testing.T) {
	rules, fields := ordertest.DeskRules(), []order.Field{{Name: "desk", Type: order.Integer}}
	d := newDigester(&Fold{events: &Events{config: EventsConfig{Rules: rules}}, fields: fields, groupBy: -1}, newRowHash(order.KeyInteger, fields, verify.Hash{}))
	replay := order.NewReplay(rules)
	replay.Start([]byte("42"))
	replay.Apply(order.StoredRow{Position: 1, Type: []byte("Placed"), At: ordertest.Start, Payload: []byte(`{"side": "1", "account": "x", "day": "2024-02-29",
		"desk": "", "orderQty": 1, "limitPrice": {"amount": 1}, "placedAt": 0, "priority": 1}`)})
	if !d.plain(replay) || !d.cells[0].alien {
		t.Errorf("plain %v, an empty text as an integer is %+v", d.plain(replay), d.cells[0])
	}
}
