package explain

import (
	"fmt"
	"slices"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// Step is one event of the order with legacy's record of the same deed, or a record of legacy that no event tells.
type Step struct {
	At       time.Time `json:"at"`
	Event    string    `json:"event,omitempty"` // its position; absent for a record that no event tells
	ID       string    `json:"id,omitempty"`
	Type     string    `json:"type,omitempty"`
	Says     []Said    `json:"says,omitempty"`    // the values of its payload
	Changes  []Change  `json:"changes,omitempty"` // what it changed of the order
	Problems []string  `json:"problems,omitempty"`
	// Records are what legacy has of the moment: the row, lines of the audit log, trades.
	Records []Told `json:"records,omitempty"`
	// Parts says what the representations contradict each other in at this step.
	Parts []string `json:"parts,omitempty"`
	// After is the order according to the events up to here.
	After map[string]*string `json:"after,omitempty"`
	// Shows are the rows that have the order as it is after this event.
	Shows []order.Representation `json:"shows,omitempty"`

	position order.Position
}

// Said is one value of an event's payload.
type Said struct {
	Path  string  `json:"path"`
	Value *string `json:"value"`
}

// Change is a field before and after an event.
type Change struct {
	Field string  `json:"field"`
	From  *string `json:"from"`
	To    *string `json:"to"`
}

// Told is what one row of legacy tells.
type Told struct {
	Source string    `json:"source"` // orders, audit_log, trades
	Key    string    `json:"key,omitempty"`
	At     time.Time `json:"at"`
	What   string    `json:"what"`
}

// Fault is a contradiction within legacy's own row and record.
type Fault struct {
	Kind   history.Contradiction `json:"kind"`
	At     *time.Time            `json:"at,omitempty"`
	Detail string                `json:"detail"`
}

// steps go through the events of one order, with legacy's records beside them.
type steps struct {
	x      *Explainer
	look   look
	schema history.Schema
	deeds  []history.Deed
	faults []history.Finding
	steps  []Step // one for each event, in the order of their positions
	beside []Step // records that no event tells
}

// walk makes the steps of an order, and tells how legacy contradicts itself.
func (x *Explainer) walk(l look) ([]Step, []Fault) {
	s := steps{x: x, look: l, schema: x.schema()}
	s.events()
	if len(l.Legacy) > 0 && l.History != nil {
		s.records()
	} else if l.History != nil {
		s.lines(*l.History)
	}
	for _, d := range l.diagnosis.Parts() {
		for i := range s.steps {
			if d.PartsAt != nil && s.steps[i].position == *d.PartsAt {
				s.steps[i].Parts = append(s.steps[i].Parts, fmt.Sprintf("%s: %s", d.Hop, d.Reason))
			}
		}
	}
	var faults []Fault
	for _, f := range s.faults {
		fault := Fault{Kind: f.Kind, Detail: f.Detail}
		if at := f.At.UTC(); !f.At.IsZero() {
			fault.At = &at
		}
		faults = append(faults, fault)
	}
	return s.merged(), faults
}

func (x *Explainer) schema() history.Schema {
	s := history.Schema{Rules: x.Comparison.Rules, Compared: x.Comparison.Fields}
	for _, f := range x.Comparison.Fields {
		s.Fields = append(s.Fields, f.Name)
	}
	return s
}

// legacyRow is legacy's row. The time of its creation is known if it is compared.
func legacyRow(schema history.Schema, l look) history.Row {
	row := history.Row{Key: l.Key, Values: l.Legacy[0].Values, ChangedAt: l.Legacy[0].ChangedAt}
	if i := slices.Index(schema.Fields, schema.Rules.CreatedAt()); i >= 0 {
		row.CreatedAt, _ = time.Parse("2006-01-02 15:04:05.999999999Z07", row.Values[i].Text) // as PostgreSQL prints it; zero is unknown
	}
	return row
}

// events makes a step of each event.
func (s *steps) events() {
	var state order.State
	for _, e := range s.look.Events {
		step := Step{At: e.At.UTC(), Event: e.Position.String(), ID: string(e.ID), Type: string(e.Type), position: e.Position}
		if e.Said != nil {
			for _, v := range e.Said.Values() {
				step.Says = append(step.Says, Said{v.Path, valueText(&v.Value)})
			}
		}
		before := state
		for _, p := range state.Apply(e) {
			step.Problems = append(step.Problems, p.Detail)
		}
		step.After = s.x.stateValues(&state)
		step.Changes = s.changes(&before, &state)
		for side, rows := range map[order.Representation][]order.Row{order.Legacy: s.look.Legacy, order.Projection: s.look.Projection} {
			if s.shows(rows, &state) {
				step.Shows = append(step.Shows, side)
			}
		}
		slices.Sort(step.Shows)
		s.steps = append(s.steps, step)
	}
}

func (s *steps) changes(before, after *order.State) (out []Change) {
	for _, f := range s.x.Comparison.Fields {
		was, had := before.Value(f.Name)
		is, has := after.Value(f.Name)
		if has && (!had || !compare.Equal(f, was, is)) {
			c := Change{Field: f.Name, To: valueText(&is)}
			if had {
				c.From = valueText(&was)
			}
			out = append(out, c)
		}
	}
	return out
}

// shows is true if the row has what the events determine.
func (s *steps) shows(rows []order.Row, state *order.State) bool {
	if len(rows) != 1 || !state.Exists() {
		return false
	}
	for i, f := range s.x.Comparison.Fields {
		if v, ok := state.Value(f.Name); ok && s.schema.Rules.Judges(f) && !compare.Equal(f, rows[0].Values[i], v) {
			return false
		}
	}
	return true
}

// records puts legacy's records beside the events that tell the same, and what parts there.
func (s *steps) records() {
	account := s.schema.Reconstruct(legacyRow(s.schema, s.look), *s.look.History)
	s.faults = account.Findings
	s.deeds = slices.DeleteFunc(account.Deeds, func(d history.Deed) bool { return d.Kind == history.Imported }) // it only repeats the row
	speaker, _ := history.NewSpeaker(s.x.Fold, s.schema)                                                        // of rules that cannot all be turned round, those that can
	of, deviants := speaker.Pair(s.deeds, s.look.Events)
	for i := range s.deeds {
		told := toldBy(&s.deeds[i], *s.look.History)
		if at := of[i]; at >= 0 {
			s.steps[at].Records = append(s.steps[at].Records, told)
		} else {
			s.aside(told)
		}
	}
	s.lines(*s.look.History)
	for _, d := range deviants {
		switch {
		case d.Event != nil:
			step := &s.steps[slices.IndexFunc(s.look.Events, func(e order.Event) bool { return e.Identity() == d.Event.Identity() })]
			step.Parts = append(step.Parts, d.Detail)
		case d.Deed != nil:
			step := s.at(toldBy(d.Deed, *s.look.History))
			step.Parts = append(step.Parts, d.Detail)
		}
	}
	_, moments := s.schema.Moments(*s.look.History, s.look.Events)
	for _, m := range moments {
		detail := fmt.Sprintf("before it, %s is %s by the audit log, and %s by the events", m.Field, valueShown(m.Log), valueShown(m.Fold))
		for _, line := range s.look.History.Audit {
			if line.Field == m.Field && line.At.Equal(m.At) {
				step := s.at(toldByLine(line))
				step.Parts = append(step.Parts, detail)
				break
			}
		}
	}
}

// lines adds what no deed stands for: a line of the audit log that another deed explains, or none. An event of the same
// time takes it.
func (s *steps) lines(h history.Record) {
	for _, line := range h.Audit {
		told := toldByLine(line)
		if s.at(told) != nil {
			continue
		}
		if at := slices.IndexFunc(s.look.Events, func(e order.Event) bool { return order.SameTime(e.At, line.At) }); at >= 0 {
			s.steps[at].Records = append(s.steps[at].Records, told)
			continue
		}
		s.aside(told)
	}
	for _, t := range h.Trades {
		if told := toldByTrade(t); s.at(told) == nil {
			s.aside(told)
		}
	}
}

// at is the step with a record; nil if there is none.
func (s *steps) at(told Told) *Step {
	for _, list := range [][]Step{s.steps, s.beside} {
		for i := range list {
			if slices.Contains(list[i].Records, told) {
				return &list[i]
			}
		}
	}
	return nil
}

// aside makes a step of a record that no event tells. Records of one time are one step.
func (s *steps) aside(told Told) {
	if n := len(s.beside); n > 0 && s.beside[n-1].At.Equal(told.At) {
		s.beside[n-1].Records = append(s.beside[n-1].Records, told)
		return
	}
	s.beside = append(s.beside, Step{At: told.At, Records: []Told{told}})
}

// merged puts each record that no event tells before the first event that is newer.
func (s *steps) merged() []Step {
	slices.SortStableFunc(s.beside, func(a, b Step) int { return a.At.Compare(b.At) })
	out := make([]Step, 0, len(s.steps)+len(s.beside))
	next := 0
	for _, step := range s.steps {
		for ; next < len(s.beside) && s.beside[next].At.Before(step.At); next++ {
			out = append(out, s.beside[next])
		}
		out = append(out, step)
	}
	return append(out, s.beside[next:]...)
}

// toldBy is the row of legacy that a deed comes from.
func toldBy(d *history.Deed, h history.Record) Told {
	if d.From.Table == "trades" {
		for _, t := range h.Trades {
			if t.At.Equal(d.At) && t.Quantity.Cmp(&d.Quantity) == 0 && t.Price.Cmp(&d.Price) == 0 && (t.Key == "" || t.Key == d.From.Key) {
				return toldByTrade(t)
			}
		}
	}
	if d.From.Table == "audit_log" {
		for _, l := range h.Audit {
			same := d.Kind == history.Modified && l.Field == d.Field && l.Old == d.Old && l.New == d.New || d.Kind == history.Canceled && l.New.Text == d.Status
			if same && l.At.Equal(d.At) && (l.Key == "" || l.Key == d.From.Key) {
				return toldByLine(l)
			}
		}
	}
	told := Told{Source: d.From.Table, At: d.At.UTC(), What: fmt.Sprintf("%s (%s)", d.Kind, d.Evidence)}
	if d.Kind == history.Modified {
		told.What = fmt.Sprintf("%s: %s -> %s, and no line says when (%s)", d.Field, valueShown(d.Old), valueShown(d.New), d.Evidence)
	}
	return told
}

func toldByLine(l history.Line) Told {
	return Told{Source: "audit_log", Key: l.Key, At: l.At.UTC(), What: fmt.Sprintf("%s: %s -> %s", l.Field, valueShown(l.Old), valueShown(l.New))}
}

func toldByTrade(t history.Trade) Told {
	return Told{Source: "trades", Key: t.Key, At: t.At.UTC(), What: fmt.Sprintf("%s at %s", t.Quantity.Text('f'), t.Price.Text('f'))}
}
