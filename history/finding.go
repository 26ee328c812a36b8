package history

import (
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// Contradiction says how legacy contradicts its own record.
type Contradiction string

// The contradictions.
const (
	FilledMismatch   Contradiction = "filled_mismatch"    // filled is not what the trades come to
	AverageMismatch  Contradiction = "average_mismatch"   // the average price is not that of the trades
	StatusMismatch   Contradiction = "status_mismatch"    // the status contradicts what is filled
	BrokenChain      Contradiction = "broken_chain"       // a change does not begin where the one before ended
	TimeDisorder     Contradiction = "time_disorder"      // something is older than what it follows
	TradeAfterCancel Contradiction = "trade_after_cancel" // an order traded after it was canceled
	NegativeQuantity Contradiction = "negative_quantity"
	Overfill         Contradiction = "overfill" // more was filled than ordered
	ActorMissing     Contradiction = "actor_missing"
	UnknownField     Contradiction = "unknown_field"   // the audit log names a field that is not known
	DuplicateTrade   Contradiction = "duplicate_trade" // two trades have one id
)

// Contradictions lists every Contradiction.
func Contradictions() []Contradiction {
	return []Contradiction{
		FilledMismatch, AverageMismatch, StatusMismatch, BrokenChain, TimeDisorder, TradeAfterCancel, NegativeQuantity, Overfill,
		ActorMissing, UnknownField, DuplicateTrade,
	}
}

// Finding is one contradiction of an order.
type Finding struct {
	Kind   Contradiction
	At     time.Time // of the record that shows it; zero if the row does
	Detail string
}

func (b *builder) find(kind Contradiction, at time.Time, format string, args ...any) {
	b.account.Findings = append(b.account.Findings, Finding{kind, at, fmt.Sprintf(format, args...)})
}

// judge compares the row with the sums of its trades, and the times with each other.
func (b *builder) judge() {
	filled, isFilled := number(b.value(b.roles.Filled))
	ordered, isOrdered := number(b.value(b.roles.Ordered))
	if isFilled && filled.Negative || isOrdered && ordered.Negative {
		b.find(NegativeQuantity, time.Time{}, "the row has %s of %s filled", show(b.value(b.roles.Filled)), show(b.value(b.roles.Ordered)))
	}
	if isFilled && isOrdered {
		if filled.Cmp(&ordered) > 0 {
			b.find(Overfill, time.Time{}, "%s of %s is filled", filled.Text('f'), ordered.Text('f'))
		}
		if status := b.value(b.roles.Status); !status.Null && filled.Cmp(&ordered) <= 0 && !b.agrees(status.Text, &filled, &ordered) {
			b.find(StatusMismatch, time.Time{}, "the row is %s, and %s of %s is filled", status.Text, filled.Text('f'), ordered.Text('f'))
		}
	}
	if isFilled && filled.Cmp(&b.filled) == 0 {
		b.average()
	}
	b.times()
	b.actors()
}

// agrees is true if a status fits what is filled by the row, or by the trades: then the quantity is wrong, and not the status.
func (b *builder) agrees(status string, filled, ordered *apd.Decimal) bool {
	return b.Rules.Agrees(status, filled, ordered) || len(b.record.Trades) > 0 && b.Rules.Agrees(status, &b.filled, ordered)
}

// average compares the average price of the row with that of the trades.
func (b *builder) average() {
	has := b.at(b.roles.Average)
	if has < 0 || b.record.Trades == nil {
		return
	}
	want := b.Rules.AverageOf(b.paid, b.filled)
	if !b.equal(b.roles.Average, want, b.row.Values[has]) {
		b.find(AverageMismatch, time.Time{}, "the average price is %s, and that of the trades is %s", show(b.row.Values[has]), show(want))
	}
}

// times finds what is older than it can be. A record may be written a moment before the row, in the same transaction.
func (b *builder) times() {
	created, changed := b.row.CreatedAt, b.row.ChangedAt
	if !changed.IsZero() && changed.Before(created) {
		b.find(TimeDisorder, changed, "the row was written at %s, before it was created at %s", stamp(changed), stamp(created))
	}
	if !changed.IsZero() && b.last.After(changed) {
		b.find(TimeDisorder, b.last, "a record is of %s, after the row was last written at %s", stamp(b.last), stamp(changed))
	}
	var canceled time.Time
	deeds := b.account.Deeds
	for i := range deeds {
		if d := &deeds[i]; d.Kind == Canceled && d.Evidence == Exact {
			canceled = d.At
		}
	}
	for i := range deeds {
		d := &deeds[i]
		if (d.Kind == Traded || d.Kind == Modified) && d.Evidence == Exact && d.At.Before(created) {
			b.find(TimeDisorder, d.At, "the order was %s at %s, before it was created at %s", d.Kind, stamp(d.At), stamp(created))
		}
		if d.Kind != Traded {
			continue
		}
		if d.Quantity.Sign() <= 0 {
			b.find(NegativeQuantity, d.At, "a trade of %s", d.Quantity.Text('f'))
		}
		if !canceled.IsZero() && d.At.After(canceled) {
			b.find(TradeAfterCancel, d.At, "a trade at %s, and the order was canceled at %s", stamp(d.At), stamp(canceled))
		}
	}
}

func (b *builder) actors() {
	if !b.Actors {
		return
	}
	for _, line := range b.record.Audit {
		if line.Actor.Null || line.Actor.Text == "" {
			b.find(ActorMissing, line.At, "nobody is named for the change of %s", line.Field)
		}
	}
}

// number reads a value as a number.
func number(v order.Value) (d apd.Decimal, ok bool) {
	if v.Null || v.Failed {
		return d, false
	}
	if d, ok = order.SmallDecimal(v.Text); ok {
		return d, true
	}
	_, _, err := d.SetString(v.Text)
	return d, err == nil && d.Form == apd.Finite
}

// same compares values: numbers by what they are worth.
func same(a, b order.Value) bool {
	if a == b {
		return true
	}
	x, ok := number(a)
	y, too := number(b)
	return ok && too && x.Cmp(&y) == 0
}

func show(v order.Value) string {
	if v.Null {
		return "NULL"
	}
	return v.Text
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// exactly holds operations without rounding to their promise.
func exactly(_ apd.Condition, err error) {
	if err != nil {
		panic(err) // BaseContext does not round
	}
}
