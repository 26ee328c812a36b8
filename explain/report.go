package explain

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/human"
	"github.com/nordvarg/crosscheck/order"
)

// Report is what explain says about an order. Other programs read its fields.
type Report struct {
	OrderID    string             `json:"order_id"`
	Verdict    compare.Verdict    `json:"verdict"`
	Hop        order.Hop          `json:"hop"`
	Cause      compare.Cause      `json:"cause"`
	Confidence compare.Confidence `json:"confidence,omitempty"`
	Or         []compare.Cause    `json:"or,omitempty"` // other causes that explain the same
	Reason     string             `json:"reason,omitempty"`
	NextStep   string             `json:"next_step,omitempty"`
	Further    []AtHop            `json:"further,omitempty"` // the other hops at which the order parts
	// Moved says that the order is at the new side. The verdict is about that side alone then; absent if legacy is its truth.
	Moved     *Moved `json:"moved,omitempty"`
	LagEvents int    `json:"lag_events"` // events that the projection does not show
	// Representations has, by name, the values of the compared fields; null for a representation without the order.
	Representations map[order.Representation]map[string]*string `json:"representations"`
	Timeline        []Moment                                    `json:"timeline"`
	PartsAt         string                                      `json:"parts_at"` // position of the first event at which they part
	// ChangedAt is when the rows of legacy and the projection last changed, as far as they tell.
	ChangedAt map[order.Representation]time.Time `json:"changed_at,omitempty"`
	// Stream is what the follower has found about the order and is still open; absent if there is nothing.
	Stream []Finding `json:"stream,omitempty"`
	// Topic says how much of the topic was read for the representation stream; absent if no stream is configured.
	Topic *TopicRead `json:"topic,omitempty"`

	// Steps are the events one by one, with legacy's records of the same moments; absent unless they were asked for.
	Steps []Step `json:"steps,omitempty"`
	// Faults are contradictions within legacy's own row and record; told with the steps.
	Faults []Fault `json:"legacy_faults,omitempty"`
	// Unrecorded is true if there are steps, and legacy's own record is not known.
	Unrecorded bool `json:"legacy_unrecorded,omitempty"`
	// AsOf is the order at the time that was asked for.
	AsOf *AsOf `json:"as_of,omitempty"`

	Fields []string `json:"-"` // the names of the compared fields, in order
}

// AtHop is what is wrong at a further hop.
type AtHop struct {
	Verdict    compare.Verdict    `json:"verdict"`
	Hop        order.Hop          `json:"hop"`
	Cause      compare.Cause      `json:"cause"`
	Confidence compare.Confidence `json:"confidence,omitempty"`
	Reason     string             `json:"reason,omitempty"`
	NextStep   string             `json:"next_step,omitempty"`
	PartsAt    string             `json:"parts_at,omitempty"`
}

// Moment is one thing that happened to the order, according to one record.
type Moment struct {
	At     time.Time `json:"at"`
	Source string    `json:"source"` // events, audit_log, trades, stream
	Event  string    `json:"event,omitempty"`
	ID     string    `json:"id,omitempty"` // of the event, if events have ids
	What   string    `json:"what"`
	// After is the order according to the events up to here; only for events.
	After map[string]*string `json:"after,omitempty"`
	Parts bool               `json:"parts,omitempty"` // the representations part here

	position order.Position // of the event; 0 for others
}

func (x *Explainer) report(l look, verdict compare.Verdict) Report {
	d, further := l.lead()
	r := Report{
		OrderID: string(l.Key), Verdict: verdict, Hop: d.Hop, Cause: d.Cause, Confidence: d.Confidence, Or: d.Or,
		Reason: d.Reason, NextStep: nextStep(d), LagEvents: l.diagnosis.Behind, Further: further, Representations: map[order.Representation]map[string]*string{},
		Timeline: []Moment{}, Stream: l.stream, Moved: x.Moved,
	}
	r.PartsAt = partsAt(d)
	for _, f := range x.Comparison.Fields {
		r.Fields = append(r.Fields, f.Name)
	}
	r.Representations[order.Legacy] = x.rowValues(l.Legacy)
	r.Representations[order.Projection] = x.rowValues(l.Projection)
	r.ChangedAt = changedAt(l)
	if l.EventStore {
		final, _ := order.Fold(l.Events)
		r.Representations[order.Events] = x.stateValues(&final)
		r.Timeline = append(r.Timeline, x.eventMoments(l)...)
	}
	if l.topic != nil {
		r.Topic = l.topic.read(l.stream)
		if values, ok := x.consumed(l.topic); ok {
			r.Representations[order.Stream] = values
		}
		r.Timeline = append(r.Timeline, l.topic.moments()...)
	}
	if h := l.History; h != nil {
		r.Timeline = append(r.Timeline, historyMoments(h)...)
	}
	inOrder(r.Timeline)
	if x.Step {
		r.Steps, r.Faults = x.walk(l)
		r.Unrecorded = l.History == nil
	}
	if !x.AsOf.IsZero() {
		r.AsOf = x.asOf(l, x.AsOf)
	}
	return r
}

// changedAt is nil if no row tells.
func changedAt(l look) map[order.Representation]time.Time {
	out := map[order.Representation]time.Time{}
	for is, rows := range map[order.Representation][]order.Row{order.Legacy: l.Legacy, order.Projection: l.Projection} {
		if len(rows) > 0 && !rows[0].ChangedAt.IsZero() {
			out[is] = rows[0].ChangedAt.UTC()
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// inOrder sorts by time. Moments of the same time come by record, those of one record by position, and the rest as they are.
func inOrder(moments []Moment) {
	records := []string{string(order.Events), string(order.Stream), "audit_log", "trades"}
	slices.SortStableFunc(moments, func(a, b Moment) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(slices.Index(records, a.Source), slices.Index(records, b.Source)), cmp.Compare(a.position, b.position))
	})
}

// lead returns the diagnosis to begin with, and the others. If an order parts at several hops, it is the proven one
// nearest to the source.
func (l look) lead() (compare.Diagnosis, []AtHop) {
	parts := l.diagnosis.Parts()
	if len(parts) == 0 {
		return l.diagnosis, nil
	}
	i := max(0, slices.IndexFunc(parts, func(d compare.Diagnosis) bool { return l.hops[d.Hop] == compare.Diverged }))
	var further []AtHop
	for _, d := range slices.Delete(slices.Clone(parts), i, i+1) {
		further = append(further, AtHop{
			Verdict: cmp.Or(l.hops[d.Hop], compare.Lagging), Hop: d.Hop, Cause: d.Cause, Confidence: d.Confidence, Reason: d.Reason,
			NextStep: nextStep(d), PartsAt: partsAt(d),
		})
	}
	return parts[i], further
}

// partsAt returns the position as text; empty is unknown.
func partsAt(d compare.Diagnosis) string {
	if d.PartsAt == nil {
		return ""
	}
	return d.PartsAt.String()
}

func (x *Explainer) rowValues(rows []order.Row) map[string]*string {
	if len(rows) == 0 {
		return nil
	}
	out := map[string]*string{}
	for i, f := range x.Comparison.Fields {
		out[f.Name] = valueText(&rows[0].Values[i])
	}
	return out
}

// stateValues leaves out fields that events do not determine.
func (x *Explainer) stateValues(s *order.State) map[string]*string {
	if !s.Exists() {
		return nil
	}
	out := map[string]*string{}
	for _, f := range x.Comparison.Fields {
		if v, ok := s.Value(f.Name); ok {
			out[f.Name] = valueText(&v)
		}
	}
	return out
}

func (x *Explainer) eventMoments(l look) []Moment {
	state := order.State{}
	parts := l.diagnosis.Parts()
	var out []Moment
	for _, e := range l.Events {
		m := Moment{
			At: e.At, Source: string(order.Events), Event: e.Position.String(), ID: string(e.ID), What: string(e.Type), position: e.Position,
			Parts: slices.ContainsFunc(parts, func(d compare.Diagnosis) bool { return d.PartsAt != nil && e.Position == *d.PartsAt }),
		}
		var problems []string
		for _, p := range state.Apply(e) {
			problems = append(problems, p.Detail)
		}
		if len(problems) > 0 {
			m.What += " (" + strings.Join(problems, "; ") + ")"
		}
		m.After = x.stateValues(&state)
		out = append(out, m)
	}
	return out
}

func historyMoments(h *history.Record) []Moment {
	var out []Moment
	add := func(t Told) { out = append(out, Moment{At: t.At, Source: t.Source, What: t.What}) }
	for _, l := range h.Audit {
		add(toldByLine(l))
	}
	for _, t := range h.Trades {
		add(toldByTrade(t))
	}
	return out
}

// valueShown clips a value, because a moment is one line.
func valueShown(v order.Value) string {
	v.Text = human.Clipped(v.Text, 120)
	return human.ShownValue(valueText(&v))
}

// valueText returns a value for JSON; nil is NULL.
func valueText(v *order.Value) *string {
	if v.Null {
		return nil
	}
	return &v.Text
}

// nextStep says where to look next.
func nextStep(d compare.Diagnosis) string {
	if d.Cause == "" {
		return ""
	}
	return "docs/causes/" + string(d.Cause) + ".md says how to confirm and repair it"
}
