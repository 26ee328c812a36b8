// Package repair plans how open divergences can be repaired: events to append, and rows of the projection to rebuild from
// the fold of the events. What it writes is for people. Nothing is applied here.
//
// Invariant: stored events are never changed or removed, and nothing is planned that the evidence does not give. A statement
// changes nothing unless it finds the state that was seen, and takes itself back unless it leaves the state that was planned.
package repair

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/verify"
)

// Planner plans for orders one by one.
type Planner struct {
	Fields []order.Field // the compared ones
	Rules  *order.Rules
	// Schema has the fields of [Case.Past], and Speaker says deeds in the words of the store. It may not know all words:
	// each event is read back.
	Schema  history.Schema
	Speaker *history.Speaker
	Store   Store
	Rows    Rows
	// Apart says that store and projection are in different databases, so that no transaction sees both.
	Apart bool
	Batch string // stands in the events that are appended
}

// Case is all that is known of one order.
type Case struct {
	compare.Reading

	Open  []verify.Divergence   // of the order
	Audit []verify.AuditFinding // the open ones
	// Past is legacy's row, with the fields of the schema, and its record; nil if they are not known, or changed meanwhile.
	Past *history.Case
	// Stored are the order's rows in the table of [Planner.Rows]: the values of its columns.
	Stored []map[string]order.Value
}

// Plan is what can be done, and what cannot.
type Plan struct {
	Orders []Order // by cause, in the order in which data flows
	Decide []Undecided
	Gone   []Gone
}

// Order is one order that can be repaired, wholly or in part.
type Order struct {
	Key        order.Key
	Cause      compare.Cause // the first of its causes
	Statements []Statement
}

// Statement is one that checks, changes and checks again.
type Statement struct {
	Hop      order.Hop
	Cause    compare.Cause
	Evidence []string
	What     string // in a few words
	SQL      string
	In       order.Representation // the database: of events, or of the projection
}

// Undecided is a divergence for which nothing can be planned honestly.
type Undecided struct {
	Key    order.Key     `json:"order_id"`
	Hop    order.Hop     `json:"hop"`
	Cause  compare.Cause `json:"cause"`
	Found  string        `json:"found,omitempty"` // the kind of an audit's finding; empty for a divergence
	Why    string        `json:"why"`             // nothing is planned
	Decide string        `json:"decide"`          // what a person must decide
}

// Name is the cause, with what an audit has found.
func (u Undecided) Name() string {
	if u.Found == "" || u.Found == string(u.Cause) {
		return string(u.Cause)
	}
	return u.Found + " (" + string(u.Cause) + ")"
}

// Gone is a divergence, or an audit's finding, that is still open in the ledger, and was not seen any more.
type Gone struct {
	Key   order.Key `json:"order_id"`
	Hop   order.Hop `json:"hop"`
	Found string    `json:"found,omitempty"`
}

// Add plans for one order.
func (p *Planner) Add(to *Plan, c Case) {
	_, d := (compare.Oracle{Fields: p.Fields, Rules: p.Rules}).Judge(c.Reading)
	parts := d.Parts()
	var statements []Statement
	for _, open := range c.Open {
		hop := open.Mismatch.Hop
		i := slices.IndexFunc(parts, func(d compare.Diagnosis) bool { return d.Hop == hop })
		if i < 0 && hop != order.EventsToStream {
			to.Gone = append(to.Gone, Gone{c.Key, hop, ""})
			continue
		}
		u := Undecided{Key: c.Key, Hop: hop, Cause: open.Mismatch.Cause}
		var s Statement
		switch {
		case i >= 0 && hop == order.LegacyToEvents:
			u.Cause = parts[i].Cause
			s, u.Why = p.events(c, parts[i])
		case i >= 0 && hop == order.EventsToProjection:
			u.Cause = parts[i].Cause
			s, u.Why = p.row(c, parts[i])
		default:
			u.Why = "neither an appended event nor a row of the projection can repair it"
		}
		if u.Why != "" {
			u.Decide = decide(hop, u.Cause)
			to.Decide = append(to.Decide, u)
			continue
		}
		s.Hop, s.Cause, s.Evidence = hop, u.Cause, append([]string{parts[i].Reason}, s.Evidence...)
		statements = append(statements, s)
	}
	if s, ok := p.audited(to, c); ok {
		statements = append(statements, s)
	}
	if len(statements) > 0 {
		o := Order{Key: c.Key, Cause: statements[0].Cause, Statements: statements}
		// The row first: it is what the events give that the projector has applied. The projector applies the others itself.
		slices.SortStableFunc(o.Statements, func(a, b Statement) int { return -cmp.Compare(hopRank(a.Hop), hopRank(b.Hop)) })
		to.Orders = append(to.Orders, o)
	}
}

func hopRank(h order.Hop) int {
	if h == order.EventsToProjection {
		return 1
	}
	return 0
}

// Sort puts orders with one cause together.
func (p *Plan) Sort() {
	rank := map[compare.Cause]int{}
	for i, info := range compare.Causes() {
		rank[info.Cause] = i - len(compare.Causes()) // below the 0 of those that only an audit tells
	}
	by := func(a, b compare.Cause) int { return cmp.Or(rank[a]-rank[b], cmp.Compare(a, b)) }
	slices.SortStableFunc(p.Orders, func(a, b Order) int { return by(a.Cause, b.Cause) })
	slices.SortStableFunc(p.Decide, func(a, b Undecided) int { return by(a.Cause, b.Cause) })
}

// events plans the events that are missing. Why says why it cannot.
func (p *Planner) events(c Case, d compare.Diagnosis) (s Statement, why string) {
	if d.Cause != compare.LostShadowWrite {
		return s, stays
	}
	return p.appended(c)
}

const (
	stays = "what is stored cannot be taken back or changed"
	told  = "each of legacy's records has its event"
)

// appended plans to append what legacy's record has and the store misses.
func (p *Planner) appended(c Case) (s Statement, why string) {
	if c.Past == nil || c.History == nil {
		return s, "legacy's row or its own record is not known, or changed while it was read"
	}
	missing, evidence, why := p.missing(c)
	if why != "" {
		return s, why
	}
	appended, inserts, why := p.said(c, missing)
	if why != "" {
		return s, why
	}
	if why := p.contradicts(c, appended); why != "" {
		return s, why
	}
	what := "append " + quantity(len(missing), "event")
	return Statement{Evidence: evidence, What: what, In: order.Events, SQL: p.appendSQL(c, missing, inserts)}, ""
}

// missing are the deeds of legacy's record that no event tells.
func (p *Planner) missing(c Case) (missing []history.Deed, evidence []string, why string) {
	account := p.Schema.Reconstruct(c.Past.Row, c.Past.Record)
	for _, f := range account.Findings {
		if f.Kind != history.ActorMissing {
			return nil, nil, "legacy contradicts its own record: " + f.Detail
		}
	}
	for _, d := range p.Speaker.Match(account.Deeds, c.Events) {
		switch {
		case d.Kind != history.MissingEvent:
			return nil, nil, "more than events is missing: " + d.Detail
		case d.Deed.Evidence != history.Exact && d.Deed.Evidence != history.Derived:
			return nil, nil, fmt.Sprintf("no record says when the order was %s, or what was", d.Deed.Kind)
		}
		missing = append(missing, *d.Deed)
		evidence = append(evidence, fmt.Sprintf("%s; %s %s is the record (%s)", d.Detail, d.Deed.From.Table, d.Deed.From.Key, d.Deed.Evidence))
	}
	if len(missing) == 0 {
		return nil, nil, told
	}
	return missing, evidence, ""
}

// said are the missing events, as they will be read, and their INSERT statements.
func (p *Planner) said(c Case, missing []history.Deed) (events []order.Event, inserts []string, why string) {
	last, number := order.Position(0), int64(len(c.Events))
	if n := len(c.Events); n > 0 {
		last = c.Events[n-1].Position
	}
	for _, d := range missing {
		last++
		number++
		if p.Store.PerOrder {
			number = int64(last)
		}
		kind, payload, err := p.Speaker.Say(d, history.Metadata{Batch: p.Batch})
		if err != nil {
			return nil, nil, line(err.Error())
		}
		e, err := order.Decode(order.RawEvent{Position: last, ID: order.ID(d.ID.String()), Key: c.Key, Type: kind, At: d.At, Payload: payload}, p.Rules)
		if err != nil {
			return nil, nil, "the event would not be read as it is meant: " + line(err.Error())
		}
		e.PerOrder = p.Store.PerOrder
		insert, why := p.Store.insert(newEvent{c.Key, kind, d.ID.String(), p.Batch, d.At, payload, number})
		if why != "" {
			return nil, nil, why
		}
		events, inserts = append(events, e), append(inserts, insert)
	}
	return events, inserts, ""
}

// contradicts says why the events, with others after them, are not what legacy has; empty if they are.
func (p *Planner) contradicts(c Case, appended []order.Event) string {
	if len(c.Legacy) != 1 {
		return "legacy has the order more than once"
	}
	problems, differ := p.auditor().Outcome(history.Case{Row: c.Past.Row, Events: slices.Concat(c.Events, appended)})
	for _, problem := range problems {
		if slices.ContainsFunc(appended, func(e order.Event) bool { return e.Position == problem.Position }) || problem.Kind.Impossible() {
			return "a store appends at its end, and there the event cannot be: " + problem.Detail
		}
	}
	for _, end := range differ {
		return fmt.Sprintf("with the missing events at the end of the store, %s would be %s, and legacy has %s", end.Field, shown(end.Fold), shown(end.Log))
	}
	return ""
}

func (p *Planner) auditor() *history.Auditor {
	a := &history.Auditor{Schema: p.Schema, Speaker: p.Speaker}
	for _, f := range p.Fields {
		if p.Rules.Judges(f) {
			a.Judged = append(a.Judged, f.Name)
		}
	}
	return a
}
