package history

import (
	"github.com/nordvarg/crosscheck/order"
)

// Proof proves that the events of orders are right, without an allocation for each. It is for one goroutine at a time.
type Proof struct {
	replay *order.Replay
	judged []judgedField
	kind   []byte
	failed bool
}

// judgedField is the place of a field in rows, and its register.
type judgedField struct{ at, register int }

// Proof prepares a proof.
func (a *Auditor) Proof() *Proof {
	p := &Proof{replay: order.NewReplay(a.Rules)}
	for _, field := range a.Judged {
		at := a.at(field)
		if at < 0 {
			continue
		}
		register, ok := a.Rules.Register(field)
		p.failed = p.failed || !ok
		p.judged = append(p.judged, judgedField{at, register})
	}
	return p
}

// Start begins with an order of which nothing is stored.
func (p *Proof) Start(key order.Key) { p.replay.Start([]byte(key)) }

// Say adds an event as it will be stored.
func (p *Proof) Say(eventType string, e order.StoredRow) {
	p.kind = append(p.kind[:0], eventType...)
	e.Type = p.kind
	p.replay.Apply(e)
}

// Holds is true if the events that were said are read without a finding, make a possible history, and give the row. If it is false,
// they may do so all the same: [Auditor.Outcome] tells.
func (p *Proof) Holds(row Row) bool {
	if p.failed || !p.replay.Proven() {
		return false
	}
	for _, field := range p.judged {
		if !p.replay.Gives(field.register, row.Values[field.at]) {
			return false
		}
	}
	return true
}
