package cutover

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrOldEpoch is returned for a record that was written by a process from which another had taken over.
	ErrOldEpoch = errors.New("record is of an earlier epoch")

	// ErrJournal is returned for records that no coordinator writes. Nothing must be done by such a journal.
	ErrJournal = errors.New("journal contradicts itself")
)

// Record is one line of the journal: the intent to do what the state asks for, or what was seen of it. The ledger accepts
// a record only under the newest epoch, and one intent and one outcome for each number.
type Record struct {
	Run       string            `json:"run"`
	Epoch     int64             `json:"epoch"` // the fencing token of who wrote it
	Seq       int               `json:"seq"`   // of the state that asked for the action
	Action    Action            `json:"action"`
	Outcome   Outcome           `json:"outcome,omitempty"` // empty for an intent
	At        time.Time         `json:"at"`
	Positions map[string]string `json:"positions,omitempty"` // what the action read, by name
	Detail    string            `json:"detail,omitempty"`
}

// Replay is the state after all records of one run and slice, in their order. A journal may end after any record: the next
// process writes a [Takeover] under its higher epoch, and does what the state then asks for. An action without an intent
// has not been begun, and one with an intent may have been; a takeover treats both alike.
func Replay(records []Record) (State, error) {
	if len(records) == 0 {
		return State{}, fmt.Errorf("%w: it is empty", ErrJournal)
	}
	of := replay{run: records[0].Run, epoch: records[0].Epoch, state: Start(records[0].Action.Slice)}
	for i, r := range records {
		if err := of.add(r); err != nil {
			return of.state, fmt.Errorf("reading record %d of run %s: %w", i+1, r.Run, err)
		}
	}
	return of.state, nil
}

// TailChecked is what the newest tail check has said; it has no outcome if there was none. It may not be the last record: who asks for
// the way back and dies may have written one behind it.
func TailChecked(records []Record) (said Record) {
	for _, r := range records {
		if r.Action.Verb == Do && r.Action.Step == TailCheck && r.Outcome != "" {
			said = r
		}
	}
	return said
}

type replay struct {
	run      string
	epoch    int64
	state    State
	intended bool // the action that the state asks for may have been begun
}

func (of *replay) add(r Record) error {
	switch {
	case r.Epoch < of.epoch:
		return ErrOldEpoch
	case r.Epoch > of.epoch != (r.Outcome == Takeover):
		return fmt.Errorf("%w: a new epoch begins with a takeover, and only with one", ErrJournal)
	case r.Run != of.run || r.Action.Slice != of.state.Slice:
		return fmt.Errorf("%w: it has records of several runs", ErrJournal)
	case r.Seq < of.state.Seq && r.Outcome != Takeover:
		return nil // written twice, because the first reply was lost
	case r.Seq != of.state.Seq || r.Action != of.state.Action():
		return fmt.Errorf("%w: %s as number %d, but the state asks for %s as number %d", ErrJournal, r.Action, r.Seq, of.state.Action(), of.state.Seq)
	case r.Outcome.begun() && !of.intended:
		return fmt.Errorf("%w: %s has an outcome without an intent", ErrJournal, r.Action)
	}
	of.epoch, of.intended = r.Epoch, true
	if r.Outcome != "" {
		of.state, _ = Next(of.state, Observation{Seq: r.Seq, Outcome: r.Outcome})
		of.intended = false
	}
	return nil
}
