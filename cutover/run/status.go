package run

import (
	"maps"
	"strconv"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
)

// Status is where a run stands, as its journal says.
type Status struct {
	Run     string         `json:"run"`
	Epoch   int64          `json:"epoch"`
	State   cutover.State  `json:"state"`
	Action  cutover.Action `json:"action"`           // what is next; no verb if the run has ended
	Begun   bool           `json:"begun"`            // the action may have been begun
	Began   time.Time      `json:"began"`            // the run
	Fenced  *time.Time     `json:"fenced,omitempty"` // when the fence was first asked for; nil before
	Newest  cutover.Record `json:"newest"`
	Records int            `json:"records"`
	Tail    cutover.Record `json:"-"` // what the newest tail check has said
	// ByHand says what a person has to do before the run can go on; empty if a process can.
	ByHand string `json:"by_hand,omitempty"`
	// Held is what is known at the hold point; nil if the run is not there. The journal does not have it.
	Held *Held `json:"held,omitempty"`
}

// TailFailed reports whether the run was completed although somebody wrote legacy behind the fence.
func (s Status) TailFailed() bool {
	return s.State.Phase == cutover.Completed && s.Tail.Outcome == cutover.Failed
}

// byHandKey is the position under which a record says what a person has to do.
const byHandKey = "by_hand"

// RequestKey is the position under which a record says up to which request the run has heard people.
const RequestKey = "request"

// Heard is the number of the newest request that a run has obeyed or dropped; 0 if it has heard none. None up to it is to be heard again.
func Heard(records []cutover.Record) (newest int64) {
	for _, r := range records {
		n, _ := strconv.ParseInt(r.Positions[RequestKey], 10, 64) // most records have none
		newest = max(newest, n)
	}
	return newest
}

// Look reads the journal of a run.
func Look(records []cutover.Record) (Status, error) {
	state, err := cutover.Replay(records)
	if err != nil {
		return Status{}, err
	}
	newest := records[len(records)-1]
	s := Status{
		Run: newest.Run, Epoch: newest.Epoch, State: state, Action: state.Action(), Begun: newest.Outcome == "",
		Began: records[0].At, Newest: newest, Records: len(records), Tail: cutover.TailChecked(records),
	}
	if state.Phase == cutover.Forward && state.Step == newest.Action.Step { // or the run has turned
		s.ByHand = newest.Positions[byHandKey]
	}
	for _, r := range records {
		if r.Outcome == "" && r.Action.Verb == cutover.Do && r.Action.Step == cutover.Fence {
			s.Fenced = &r.At
			break
		}
	}
	return s, nil
}

// Positions are what a run has read, the newest of each name.
func Positions(records []cutover.Record) map[string]string {
	all := map[string]string{}
	for _, r := range records {
		maps.Copy(all, r.Positions)
	}
	return all
}

// late are the attempts that may still take effect, and until when, by the journal's clock. None lasts longer than its limit, nor into the
// reserve of the window if the run may still go back.
func late(records []cutover.Record, limit func(cutover.Step) time.Duration, b cutover.Budget) map[cutover.Action]time.Time {
	until := map[cutover.Action]time.Time{}
	var fenced time.Time
	returnable := true
	for _, r := range records {
		if fenced.IsZero() && r.Outcome == "" && r.Action == (cutover.Action{Verb: cutover.Do, Step: cutover.Fence, Slice: r.Action.Slice}) {
			fenced = r.At
		}
		returnable = returnable && r.Outcome != cutover.Accepted
		switch {
		case r.Outcome == "" && r.Action.Verb != cutover.Evict:
			until[r.Action] = r.At.Add(limit(r.Action.Step))
			if end := fenced.Add(b.Total - b.Reserve); r.Action.InWindow() && returnable && end.Before(until[r.Action]) {
				until[r.Action] = end
			}
		case r.Outcome == cutover.Done && r.Action.Verb == cutover.Evict:
			clear(until)
		case r.Outcome == cutover.Done, r.Outcome == cutover.Accepted, r.Outcome == cutover.Failed:
			delete(until, r.Action)
		}
	}
	return until
}

// Foremost is the place of the run that people have to know of: the one that has not ended; else the newest that is completed, because all
// that was refused after it has changed nothing; else the newest that kept writers out; else the newest. It is -1 if there is none.
func Foremost(journals [][]cutover.Record) (int, error) {
	at, rank := -1, 0
	for i, records := range journals {
		s, err := Look(records)
		if err != nil {
			return -1, err
		}
		is := 1
		switch {
		case !s.State.Ended():
			is = 4
		case s.State.Phase == cutover.Completed:
			is = 3
		case s.Fenced != nil:
			is = 2
		}
		if is >= rank {
			at, rank = i, is
		}
	}
	return at, nil
}
