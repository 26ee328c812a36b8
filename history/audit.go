package history

import (
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// Auditor audits orders one by one.
type Auditor struct {
	Schema
	Speaker *Speaker
	// Judged are the fields that events determine: those that the end of the events is compared in.
	Judged []string
}

// Case is all that is known of one order.
type Case struct {
	Row    Row // of legacy
	Record Record
	Events []order.Event // in the order of their positions
}

// Audited is the audit of one order. The three lists keep legacy's own faults apart from those of the migration.
type Audited struct {
	Deeds    []Deed
	excused  map[*Deed]bool // of Deeds: nobody can ask for their events
	Legacy   []Finding      // legacy against its own record
	Deviants []Deviant      // stored events against what the records allow
	Moments  []Moment       // the fold against the audit log
	Ends     []Moment       // the fold of all events against the row
	Tally    Tally
}

// Audit judges one order.
func (a *Auditor) Audit(c Case) Audited {
	c.Events = a.judged(c.Events)
	account := a.account(c)
	out := Audited{Deeds: account.Deeds, Legacy: account.Findings, Deviants: a.Speaker.Match(account.Deeds, c.Events)}
	out.excuse(a.Speaker)
	var compared int
	var state order.State
	compared, out.Moments, state = a.replay(c.Record, c.Events)
	out.Ends = a.ends(c.Row, &state)
	for _, e := range c.Events {
		if a.Speaker.silent[string(e.Type)] {
			out.Tally.Silent++
		}
	}
	out.tally(c, compared)
	return out
}

// account reconstructs the order. If legacy has neither a record of it nor the time of its creation, that of the events stands: nothing
// contradicts it.
func (a *Auditor) account(c Case) Account {
	row := c.Row
	known := !row.CreatedAt.IsZero() || len(c.Record.Audit)+len(c.Record.Trades) > 0
	if known || len(c.Events) == 0 || string(c.Events[0].Type) != a.Speaker.creates.name || !row.ChangedAt.IsZero() && c.Events[0].At.After(row.ChangedAt) {
		return a.Reconstruct(row, c.Record)
	}
	row.CreatedAt = c.Events[0].At
	out := a.Reconstruct(row, c.Record)
	for i := range out.Deeds {
		if out.Deeds[i].Kind == Created {
			out.Deeds[i].Evidence = Approximated
		}
	}
	return out
}

// judged are the events without those whose types the rules pass over.
func (a *Auditor) judged(events []order.Event) []order.Event {
	ignored := a.Rules.IgnoredTypes()
	if len(ignored) == 0 {
		return events
	}
	return slices.DeleteFunc(slices.Clone(events), func(e order.Event) bool { return slices.Contains(ignored, string(e.Type)) })
}

// excuse passes over missing events of deeds that no event of the store can say, and of those that only a contradiction of legacy
// asks for: which of its sides is wrong is not known, and it has a finding of its own.
func (out *Audited) excuse(s *Speaker) {
	torn := slices.ContainsFunc(out.Legacy, func(f Finding) bool { return f.Kind == FilledMismatch })
	out.excused = map[*Deed]bool{}
	out.Deviants = slices.DeleteFunc(out.Deviants, func(d Deviant) bool {
		if d.Kind != MissingEvent {
			return false
		}
		gap := d.Deed.Kind == Modified && d.Deed.Evidence == Approximated
		if s.tells(d.Deed) && !gap && (d.Deed.Kind != Imported || !torn) {
			return false
		}
		out.excused[d.Deed] = true
		return true
	})
}
