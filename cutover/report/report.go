// Package report says what became of a cutover, for people who were not there.
//
// Invariant: it is a projection of the journal and of what stands beside it. It asks nobody, and it hides no override, no finding and no
// failure.
package report

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/cutover"
	"github.com/nordvarg/crosscheck/cutover/clients"
	"github.com/nordvarg/crosscheck/cutover/run"
	"github.com/nordvarg/crosscheck/human"
)

// Source is what a report is made of.
type Source struct {
	Records []cutover.Record // of the run
	// Earlier are the journals of the runs before it, of which the forecasts were made.
	Earlier  [][]cutover.Record
	Requests []Request
	Clients  []clients.Seen
	System   System
	// Budget and Reserve are those of the configuration now. The journal's own are preferred.
	Budget, Reserve time.Duration
	// Driven says that a process drives the run now.
	Driven bool
	// Now is the ledger's time.
	Now time.Time
}

// System says which system was cut over.
type System struct {
	Name        string `json:"name,omitempty"`
	Environment string `json:"environment,omitempty"`
	// Legacy, Projection and Events are tables with their databases; Events is nil if there is no event store.
	Legacy     Place  `json:"legacy"`
	Projection Place  `json:"projection"`
	Events     *Place `json:"events,omitempty"`
	// Fenced are the tables that writers were kept out of.
	Fenced []string `json:"fenced_tables"`
	// Digest names the section cutover of the configuration as it is written now.
	Digest string `json:"-"`
}

// Place is a table, and the server and database that have it.
type Place struct {
	Table    string `json:"table"`
	Database string `json:"database"`
}

// Request is what a person has asked of whoever drove the run.
type Request struct {
	Asks string    `json:"asks"`
	Who  string    `json:"who"`
	At   time.Time `json:"at"`
}

// Outcome is what became of a run, in one word.
type Outcome string

// The outcomes. A run that has not ended is Running, Abandoned or Stranded.
const (
	Completed  Outcome = "completed"
	Findings   Outcome = "completed-with-findings" // the tail check found writes behind the fence
	RolledBack Outcome = "rolled-back"
	Refused    Outcome = "refused"   // nobody was kept out
	Rehearsed  Outcome = "rehearsed" // a rehearsal did all that it was to do
	Running    Outcome = "running"
	Abandoned  Outcome = "abandoned" // no process drives it
	Stranded   Outcome = "stranded"  // the same, and no side may take writes
)

// Report is what became of a run. Its JSON is for other programs; docs/cutover.md lists the fields.
type Report struct {
	Run     string    `json:"run"`
	Kind    string    `json:"kind"` // cutover or rehearsal
	Slice   string    `json:"slice,omitempty"`
	System  System    `json:"system"`
	At      time.Time `json:"at"` // when the report was made
	Outcome Outcome   `json:"outcome"`
	Summary string    `json:"summary"`
	// Warnings are what must not be overlooked.
	Warnings []string   `json:"warnings"`
	Began    time.Time  `json:"began"`
	Ended    *time.Time `json:"ended,omitempty"` // nil if it has not
	// Window is from when the fence was asked for until a side took writes; nil if it never was.
	Window *Window `json:"window,omitempty"`
	// WayBack is from its first action until legacy was open; nil if there was none.
	WayBack   *Span             `json:"way_back,omitempty"`
	Steps     []Step            `json:"steps"`
	People    People            `json:"people"`
	Evidence  []Evidence        `json:"evidence"`
	Positions map[string]string `json:"positions"` // what was read, the newest of each name
	// Clients are what was seen by the clients' way, each time that writers may have felt the run; empty if nothing was asked.
	Clients []clients.Seen `json:"clients"`
}

// Span is a time; it goes on if End is nil.
type Span struct {
	Began   time.Time  `json:"began"`
	Ended   *time.Time `json:"ended,omitempty"`
	Seconds float64    `json:"seconds"`
}

// Window is how long writers were kept out, and how long they might have been.
type Window struct {
	Span
	Budget  float64 `json:"budget_seconds"`
	Reserve float64 `json:"rollback_reserve_seconds"`
	// Forecast is what its steps took at most in earlier runs; nil if there were none.
	Forecast *float64 `json:"forecast_seconds,omitempty"`
}

// Step is one attempt at an action.
type Step struct {
	Span
	Action  string          `json:"action"` // such as "do fence"
	Step    cutover.Step    `json:"step,omitempty"`
	Outcome cutover.Outcome `json:"outcome,omitempty"` // empty if none is known
	Epoch   int64           `json:"epoch"`             // another one is another process
	// Share is the part of the window that it took; 0 outside of it.
	Share    float64  `json:"share"`
	Forecast *float64 `json:"forecast_seconds,omitempty"`
	Detail   string   `json:"detail,omitempty"`
}

// People are who answered for the run, as the journal has it.
type People struct {
	ExecutedBy    string    `json:"executed_by,omitempty"`
	LoggedIn      string    `json:"os_user,omitempty"` // who was logged in where it was executed
	ApprovedBy    string    `json:"approved_by,omitempty"`
	Ticket        string    `json:"ticket,omitempty"`
	ApprovedUntil string    `json:"approved_until,omitempty"`
	Approval      string    `json:"approval,omitempty"` // its link of the chain
	Decision      string    `json:"decision,omitempty"` // of the gate, right before the fence
	Override      string    `json:"override,omitempty"` // why it was done without decision or approval
	Requests      []Request `json:"requests"`
}

// Evidence is what a step has found.
type Evidence struct {
	Step  cutover.Step `json:"step"`
	Asked string       `json:"asked"`
	Found string       `json:"found"`
	Holds bool         `json:"holds"`
}

// New makes the report.
func New(from Source) (Report, error) {
	status, err := run.Look(from.Records)
	if err != nil {
		return Report{}, err
	}
	r := Report{
		Run: status.Run, Kind: "cutover", Slice: status.State.Slice, System: from.System, At: from.Now.UTC(), Began: status.Began, Warnings: []string{},
		Positions: positions(from.Records), Clients: append([]clients.Seen{}, clients.Together(from.Clients)...),
	}
	if run.IsRehearsal(r.Run) {
		r.Kind = "rehearsal"
	}
	if status.State.Ended() {
		r.Ended = &status.Newest.At
	}
	r.people(from.Requests)
	r.spans(from)
	r.steps(from)
	r.evidence(from.Records)
	r.outcome(status, from)
	r.warn(from)
	return r, nil
}

func positions(records []cutover.Record) map[string]string {
	all := map[string]string{}
	for _, r := range records {
		maps.Copy(all, r.Positions)
	}
	return all
}

// basis are the positions that say on what a run was begun, and are shown as such.
var basis = []string{"who", "os_user", "approved_by", "ticket", "approved_until", "approval", "decision", "override", "budget", "rollback_reserve", run.UntilKey, run.RequestKey}

func (r *Report) people(asked []Request) {
	at := r.Positions
	r.People = People{
		ExecutedBy: at["who"], LoggedIn: at["os_user"], ApprovedBy: at["approved_by"], Ticket: at["ticket"], ApprovedUntil: at["approved_until"], Approval: at["approval"],
		Decision: at["decision"], Override: at["override"], Requests: append([]Request{}, asked...),
	}
}

// spans finds the window and the way back.
func (r *Report) spans(from Source) {
	var window, back *Span
	for _, rec := range from.Records {
		done := rec.Outcome == cutover.Done || rec.Outcome == cutover.Accepted
		undo, step := rec.Action.Verb == cutover.Undo, rec.Action.Step
		opens := undo && step == cutover.Fence && done
		switch {
		case window == nil && rec.Outcome == "" && !undo && step == cutover.Fence:
			window = &Span{Began: rec.At}
		case window != nil && window.Ended == nil && (opens || !undo && step == cutover.SwitchWrites && done):
			window.Ended = &rec.At
		}
		switch {
		case undo && rec.Outcome == "" && (back == nil || back.Ended != nil):
			back = &Span{Began: rec.At}
		case opens && back != nil:
			back.Ended = &rec.At
		}
	}
	if back != nil {
		r.WayBack = new(back.until(from.Now))
	}
	if window == nil {
		return
	}
	r.Window = &Window{Span: window.until(from.Now), Budget: from.Budget.Seconds(), Reserve: from.Reserve.Seconds()}
	for name, into := range map[string]*float64{"budget": &r.Window.Budget, "rollback_reserve": &r.Window.Reserve} {
		if d, err := time.ParseDuration(r.Positions[name]); err == nil {
			*into = d.Seconds()
		}
	}
	if forecast := run.Forecast(from.Earlier); len(forecast) > 0 {
		var sum time.Duration
		for _, took := range forecast {
			sum += took
		}
		r.Window.Forecast = new(sum.Seconds())
	}
}

func (s Span) until(now time.Time) Span {
	end := now
	if s.Ended != nil {
		end = *s.Ended
	}
	s.Seconds = max(0, end.Sub(s.Began).Seconds())
	return s
}

// steps has a line for each attempt: an intent and its outcome, or what was seen instead.
func (r *Report) steps(from Source) {
	forecast := run.Forecast(from.Earlier)
	seq := -1 // of the newest line
	for _, rec := range from.Records {
		open := seq == rec.Seq && r.Steps[len(r.Steps)-1].Outcome == ""
		if rec.Outcome == "" || !open {
			if open { // begun again after a lost reply
				continue
			}
			s := Step{Span: Span{Began: rec.At}, Action: rec.Action.String(), Step: rec.Action.Step, Epoch: rec.Epoch}
			if took, ok := forecast[rec.Action.Step]; ok && rec.Action.InWindow() {
				s.Forecast = new(took.Seconds())
			}
			r.Steps, seq = append(r.Steps, s), rec.Seq
		}
		if rec.Outcome != "" {
			s := &r.Steps[len(r.Steps)-1]
			s.Outcome, s.Detail, s.Ended, s.Epoch = rec.Outcome, rec.Detail, &rec.At, rec.Epoch
		}
	}
	for i, s := range r.Steps {
		r.Steps[i].Span = s.until(from.Now)
		r.Steps[i].Share = r.share(r.Steps[i].Span)
	}
}

// share is the part of the window that a step took.
func (r *Report) share(s Span) float64 {
	if r.Window == nil || r.Window.Seconds == 0 {
		return 0
	}
	from, to := s.Began, s.Began.Add(seconds(s.Seconds))
	if w := r.Window; from.Before(w.Began) {
		from = w.Began
	}
	if end := r.Window.Began.Add(seconds(r.Window.Seconds)); to.After(end) {
		to = end
	}
	return max(0, to.Sub(from).Seconds()) / r.Window.Seconds
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// questions are what the steps ask, in the order in which they ask it.
var questions = []struct {
	step  cutover.Step
	asked string
}{
	{cutover.Hold, "Did both sides agree before legacy was closed?"},
	{cutover.Fence, "Is legacy closed, with no writer inside?"},
	{cutover.Barrier, "Has everything arrived that legacy had acknowledged?"},
	{cutover.FinalVerification, "Do both sides agree while legacy is closed?"},
	{cutover.TailCheck, "Did nobody write legacy after it was closed?"},
	{cutover.Proof, "Does legacy have all that the new side acknowledged?"},
}

// evidence has the newest answer to each question.
func (r *Report) evidence(records []cutover.Record) {
	r.Evidence = []Evidence{}
	for _, q := range questions {
		i := slices.IndexFunc(records, func(rec cutover.Record) bool { return q.step == rec.Action.Step && answers(rec) })
		for j := i + 1; i >= 0 && j < len(records); j++ {
			if records[j].Action.Step == q.step && answers(records[j]) {
				i = j
			}
		}
		if i >= 0 {
			holds := records[i].Outcome == cutover.Done || records[i].Outcome == cutover.Accepted && q.step != cutover.Proof
			r.Evidence = append(r.Evidence, Evidence{Step: q.step, Asked: q.asked, Found: records[i].Detail, Holds: holds})
		}
	}
}

func answers(rec cutover.Record) bool {
	return rec.Action.Verb == cutover.Do && rec.Detail != "" && slices.Contains([]cutover.Outcome{cutover.Done, cutover.Accepted, cutover.Failed}, rec.Outcome)
}

// Further are the positions that are shown nowhere else, by name.
func (r Report) Further() []string {
	names := slices.Sorted(maps.Keys(r.Positions))
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(basis, name) })
}

func took(s float64) string { return human.Duration(seconds(s)) }

// InWindow says how long writers were kept out, of what.
func (w Window) text() string {
	text := fmt.Sprintf("%s of the budget of %s", took(w.Seconds), took(w.Budget))
	if w.Forecast != nil {
		text += fmt.Sprintf(" (forecast %s)", took(*w.Forecast))
	}
	return text
}
