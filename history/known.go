package history

import (
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// Known is what legacy tells of a field at a time.
type Known struct {
	Value order.Value
	By    string // "audit_log", "trades", or "row": nothing has changed it since, as far as legacy tells
}

// At returns what legacy's row and record tell of a field at a time, what happened then included. It is false if they do
// not tell it: nothing is inferred, other than sums of trades.
func (s Schema) At(row Row, record Record, field string, at time.Time) (Known, bool) {
	i, roles := s.at(field), s.Rules.Roles()
	switch {
	case i < 0 || at.Before(row.CreatedAt):
		return Known{}, false
	case !row.ChangedAt.IsZero() && !row.ChangedAt.After(at):
		return Known{row.Values[i], "row"}, true
	case record.Trades != nil && (field == roles.Filled || field == roles.Average):
		return Known{s.traded(record.Trades, field, at), "trades"}, true
	}
	if v, ok := logged(record.Audit, field, at); ok {
		return Known{v, "audit_log"}, true
	}
	changes := s.Rules.Modifies(field)
	if field == roles.Status || field == roles.Filled || field == roles.Average || field == s.Rules.WrittenAt() || changes && record.Audit == nil {
		return Known{}, false
	}
	return Known{row.Values[i], "row"}, true
}

// logged is the new value of the last line until a time, or the old value of the first one after it.
func logged(lines []Line, field string, at time.Time) (v order.Value, known bool) {
	for _, line := range lines {
		switch {
		case line.Field != field:
		case !line.At.After(at):
			v, known = line.New, true
		case !known:
			return line.Old, true
		default:
			return v, true
		}
	}
	return v, known
}

// traded is what is filled by the trades until a time, or their average price.
func (s Schema) traded(trades []Trade, field string, at time.Time) order.Value {
	var filled, paid, worth apd.Decimal
	for _, t := range trades {
		if t.At.After(at) {
			continue
		}
		exactly(apd.BaseContext.Add(&filled, &filled, &t.Quantity))
		exactly(apd.BaseContext.Mul(&worth, &t.Quantity, &t.Price))
		exactly(apd.BaseContext.Add(&paid, &paid, &worth))
	}
	if field == s.Rules.Roles().Average {
		return s.Rules.AverageOf(paid, filled)
	}
	return plain(&filled)
}
