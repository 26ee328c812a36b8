package compare

import (
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// History is legacy's own record of one order, read in the same snapshot as the legacy row. A nil slice is unknown; an
// empty one says that there are no lines.
type History struct {
	Audit  []Change // in the order in which they were written
	Trades []Trade
}

// Change is a line of legacy's audit log.
type Change struct {
	At       time.Time
	Field    string
	Old, New order.Value
}

// InSequence puts lines of one time and field in the order in which each continues the one before. A transaction gives
// all its lines one time, so the time alone does not tell. The lines must be in the order of their times.
func InSequence(lines []Change) []Change {
	out := make([]Change, 0, len(lines))
	for from := 0; from < len(lines); {
		to := from + 1
		for to < len(lines) && lines[to].At.Equal(lines[from].At) && lines[to].Field == lines[from].Field {
			to++
		}
		out = append(out, chained(slices.Clone(lines[from:to]))...)
		from = to
	}
	return out
}

// chained begins with a line whose old value no other line has written.
func chained(left []Change) []Change {
	var out []Change
	for len(left) > 0 {
		next := slices.IndexFunc(left, func(c Change) bool {
			if len(out) > 0 {
				return c.Old == out[len(out)-1].New
			}
			return !slices.ContainsFunc(left, func(other Change) bool { return other.New == c.Old })
		})
		next = max(next, 0)
		out = append(out, left[next])
		left = slices.Delete(left, next, next+1)
	}
	return out
}

// Trade is one execution as legacy recorded it.
type Trade struct {
	At              time.Time
	Quantity, Price apd.Decimal
}

func show(v order.Value) string {
	if v.Null {
		return "NULL"
	}
	return v.Text
}
