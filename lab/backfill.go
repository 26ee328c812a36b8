package lab

import (
	"crypto/sha1" //nolint:gosec // as UUIDs of version 5 are made
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// backfill makes the events of an order from what legacy has of it. The zero value makes no mistake.
type backfill struct {
	cancelsAfter time.Duration // if not zero, an order is canceled so long after its creation
	fullByRow    bool          // a fill is full if the fills so far are what the row says is filled
	wholeSeconds bool          // times lose their fractions
	tells        bool          // each event says where it comes from
	batch        string
}

// origin is what a reconstructed event says of itself.
type origin struct {
	ID         string     `json:"id"`
	Evidence   string     `json:"evidence"`
	Source     string     `json:"source"`
	SourceKey  string     `json:"source_key"`
	RecordedAt *time.Time `json:"recorded_at,omitempty"`
	NotBefore  *time.Time `json:"not_before,omitempty"`
	NotAfter   *time.Time `json:"not_after,omitempty"`
	Version    int        `json:"version"`
	Batch      string     `json:"batch,omitempty"`
}

// The evidence of an event, from the surest on.
const (
	evidenceExact        = "exact"
	evidenceDerived      = "derived"
	evidenceApproximated = "approximated"
	evidenceImported     = "imported"
)

// events are those of an order, in the order of their times.
func (b backfill) events(p past) []event {
	last := p.createdAt // of the newest record
	for _, c := range p.changes {
		last = later(last, c.at)
	}
	for _, t := range p.trades {
		last = later(last, t.at)
	}
	var all []event
	if p.filled != 0 && len(p.changes)+len(p.trades) == 0 {
		all = []event{b.imported(p)}
	} else {
		all = slices.Concat([]event{b.entry(p, last)}, b.modifications(p), b.fills(p))
		if p.status == statusCanceled {
			all = append(all, b.cancel(p, last))
		}
	}
	slices.SortStableFunc(all, func(x, y event) int { return x.at.Compare(y.at) })
	if b.wholeSeconds {
		for i := range all {
			all[i].at = all[i].at.Truncate(time.Second)
		}
	}
	return all
}

func (b backfill) entry(p past, last time.Time) event {
	first := p.workingOrder
	for _, c := range slices.Backward(p.changes) {
		if c.field == "price" {
			first.price = c.before
		} else {
			first.quantity = c.before
		}
	}
	evidence := evidenceExact
	if p.updatedAt.After(last) && p.status != statusCanceled {
		evidence = evidenceDerived // a change may be unrecorded
	}
	e := event{order: p.id, kind: kindEntry, at: p.createdAt, entry: first}
	return b.from(e, "created", origin{Evidence: evidence, Source: "orders", SourceKey: strconv.FormatInt(p.id, 10)})
}

func (b backfill) modifications(p past) (all []event) {
	for _, c := range p.changes {
		e := event{order: p.id, kind: kindChange, at: c.at, field: c.field, before: c.before, value: c.after}
		all = append(all, b.from(e, "modified", origin{Evidence: evidenceExact, Source: "audit_log", SourceKey: c.key}))
	}
	return all
}

// fills go by what the order was for at the time.
func (b backfill) fills(p past) (all []event) {
	var filled amount
	for _, t := range p.trades {
		filled += t.quantity
		ordered := p.quantity
		for _, c := range slices.Backward(p.changes) {
			if c.field == "quantity" && c.at.After(t.at) {
				ordered = c.before
			}
		}
		e := event{order: p.id, kind: kindTrade, at: t.at, quantity: t.quantity, left: ordered - filled, price: t.price}
		if b.fullByRow && filled == p.filled {
			e.left = 0
		}
		all = append(all, b.from(e, "traded", origin{Evidence: evidenceExact, Source: "trades", SourceKey: t.key}))
	}
	return all
}

// cancel takes the last write of the row for the cancel, if nothing else was written then.
func (b backfill) cancel(p past, last time.Time) event {
	about := origin{Evidence: evidenceDerived, Source: "orders", SourceKey: strconv.FormatInt(p.id, 10)}
	at := p.updatedAt
	if !at.After(last) {
		at = last
		about.Evidence, about.NotBefore, about.NotAfter = evidenceApproximated, &last, &p.updatedAt
	}
	recorded := p.updatedAt
	about.RecordedAt = &recorded
	if b.cancelsAfter != 0 {
		at = p.createdAt.Add(b.cancelsAfter)
	}
	return b.from(event{order: p.id, kind: kindCancel, at: at}, "canceled", about)
}

// imported is the row as it is, because nothing says how it came about.
func (b backfill) imported(p past) event {
	e := event{order: p.id, kind: kindImport, at: p.updatedAt, entry: p.workingOrder, createdAt: p.createdAt, paid: json.RawMessage(p.paid)}
	about := origin{Evidence: evidenceImported, Source: "orders", SourceKey: strconv.FormatInt(p.id, 10), NotBefore: &p.createdAt, NotAfter: &p.updatedAt}
	return b.from(e, "imported", about)
}

// from adds what the event says of itself.
func (b backfill) from(e event, deed string, about origin) event {
	if !b.tells {
		return e
	}
	about.Version, about.Batch = 1, b.batch
	about.ID = originID(strconv.FormatInt(e.order, 10) + "\x00" + about.Source + "\x00" + about.SourceKey + "\x00" + deed)
	if about.RecordedAt == nil {
		at := e.at
		about.RecordedAt = &at
	}
	for _, at := range []*time.Time{about.RecordedAt, about.NotBefore, about.NotAfter} {
		if at != nil {
			*at = at.UTC()
		}
	}
	e.origin = &about
	return e
}

// originID is a UUID of version 5, the same for the same event of each backfill.
func originID(name string) string {
	h := sha1.New() //nolint:gosec // no secret
	space, err := hex.DecodeString("6f3f1f0e6a4e5d0b9d5f1a2f8f5b7c11")
	if err != nil {
		panic(err) // of a constant
	}
	h.Write(space)
	h.Write([]byte(name))
	id := h.Sum(nil)[:16]
	id[6], id[8] = id[6]&0x0f|0x50, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
