package cutover

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
)

// journal writes what a coordinator writes on a path of the search. It also returns the state after each record.
func journal(path []step) (records []Record, states []State) {
	s, epoch := Start("symbol=ACME"), int64(7)
	add := func(o Outcome) {
		records = append(records, Record{Run: "orders-2026", Epoch: epoch, Seq: s.Seq, Action: s.Action(), Outcome: o})
		if o != "" {
			s, _ = Next(s, Observation{Seq: s.Seq, Outcome: o})
		}
		states = append(states, s)
	}
	for _, by := range path {
		if by.World != "" || by.Really == never {
			continue
		}
		if by.Outcome.begun() || by.Really != hadNone || len(records) == 0 {
			add("") // where nothing was begun, the process may have ended before it could write the intent
		}
		if by.Outcome == Takeover {
			epoch++
		}
		if by.Outcome != "" {
			add(by.Outcome)
		}
	}
	return records, states
}

// TestAJournalMayEndAfterAnyRecord cuts the journal of each path after each record. What another process makes of it is a
// state that the model knows, so that all that follows has been searched.
func TestAJournalMayEndAfterAnyRecord(t *testing.T) {
	m := newModel(shipped, false, true, "")
	cuts := 0
	for _, p := range paths(explore[world](m)) {
		records, states := journal(p)
		for i := range records {
			cuts++
			got, err := Replay(throughJSON(t, records[:i+1]))
			if err != nil || got != states[i] {
				t.Fatalf("after %d records of %v: %+v instead of %+v, %v", i+1, p, got, states[i], err)
			}
			if got.Ended() {
				continue
			}
			next := Record{Run: records[i].Run, Epoch: records[i].Epoch + 1, Seq: got.Seq, Action: got.Action(), Outcome: Takeover}
			taken, err := Replay(append(slices.Clone(records[:i+1]), next))
			if err != nil {
				t.Fatal(err)
			}
			taken.Slice, taken.Seq = "", 1
			if !slices.Contains(m.states, taken) {
				t.Fatalf("the model does not know %+v", taken)
			}
		}
	}
	t.Logf("%d journals", cuts)
}

func throughJSON(t *testing.T, records []Record) (read []Record) {
	t.Helper()
	written, err := json.Marshal(records)
	if err == nil {
		err = json.Unmarshal(written, &read)
	}
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestAJournalThatNoCoordinatorWritesIsRefused(t *testing.T) {
	preflight := Action{Verb: Do, Step: Preflight}
	intent := Record{Run: "r", Epoch: 2, Action: preflight}
	done := Record{Run: "r", Epoch: 2, Action: preflight, Outcome: Done}
	hold := Record{Run: "r", Epoch: 2, Seq: 1, Action: Action{Verb: Do, Step: Hold}}
	with := func(r Record, change func(*Record)) Record {
		change(&r)
		return r
	}
	for _, c := range []struct {
		name    string
		records []Record
		want    error
	}{
		{"none", nil, ErrJournal},
		{"an outcome without an intent", []Record{done}, ErrJournal},
		{"an outcome of another action", []Record{intent, with(done, func(r *Record) { r.Action.Step = Fence })}, ErrJournal},
		{"a record is missing", []Record{intent, hold}, ErrJournal},
		{"another slice", []Record{intent, with(done, func(r *Record) { r.Action.Slice = "A" })}, ErrJournal},
		{"another run", []Record{intent, with(done, func(r *Record) { r.Run = "s" })}, ErrJournal},
		{"an earlier epoch", []Record{intent, with(done, func(r *Record) { r.Epoch = 1 })}, ErrOldEpoch},
		{"a new epoch without a takeover", []Record{intent, with(done, func(r *Record) { r.Epoch = 3 })}, ErrJournal},
		{"a takeover in the same epoch", []Record{intent, with(done, func(r *Record) { r.Outcome = Takeover })}, ErrJournal},
		{"an outcome written twice", []Record{intent, done, done, hold}, nil},
		{"an intent written twice", []Record{intent, intent, done, hold}, nil},
	} {
		if _, err := Replay(c.records); !errors.Is(err, c.want) {
			t.Errorf("%s: %v instead of %v", c.name, err, c.want)
		}
	}
}
