// Package history is what legacy itself remembers of an order, and what can be made of it: a reading of its records, the
// events that they allow, and what contradicts itself in them.
//
// Invariant: nothing is invented. A deed without a record says so in its evidence, and a time without a source has bounds.
package history

import (
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/nordvarg/crosscheck/order"
)

// Record is legacy's own record of one order, read in the same snapshot as its row. A nil slice is unknown; an empty one
// says that there are no lines.
type Record struct {
	Audit  []Line // in the order in which they were written
	Trades []Trade
}

// Line is a line of legacy's audit log.
type Line struct {
	Key      string // in the log; empty if it has none
	At       time.Time
	Field    string
	Old, New order.Value
	Actor    order.Value // who changed the field, if the configuration names the column
}

// Trade is one execution as legacy recorded it.
type Trade struct {
	Key             string // in the table; empty if it has none
	At              time.Time
	Quantity, Price apd.Decimal
}

// Row is an order as legacy has it.
type Row struct {
	Key    order.Key
	Values []order.Value // of the fields of the schema
	// CreatedAt and ChangedAt are when the row says that it was created and last written; zero if it does not say.
	CreatedAt, ChangedAt time.Time
}

// Page is what was read of some orders in one snapshot of legacy.
type Page struct {
	At    time.Time // of the snapshot, by the server's clock
	Cases []Case    // in the order of their keys, without events
	// Unreadable are orders of which a line of their record cannot be read.
	Unreadable []order.Key
	// Archived is how many further orders have no events in the store, because these were moved out of it.
	Archived int64
}

// Schema says what the values of rows mean.
type Schema struct {
	Fields []string // names as the fold rules use them
	Rules  *order.Rules
	Actors bool // the audit log says who changed a field
	// Compared are the fields whose types and tolerances are known.
	Compared []order.Field
}

// at is the place of a field in rows; -1 if it is not there.
func (s Schema) at(field string) int {
	for i, name := range s.Fields {
		if field != "" && name == field {
			return i
		}
	}
	return -1
}

// NewTrade reads a trade from the text that a database prints for its numbers.
func NewTrade(at time.Time, quantity, price string) (Trade, error) {
	t := Trade{At: at}
	var small, too bool
	if t.Quantity, small = order.SmallDecimal(quantity); !small {
		_, _, err := t.Quantity.SetString(quantity)
		small = err == nil
	}
	if t.Price, too = order.SmallDecimal(price); !too {
		_, _, err := t.Price.SetString(price)
		too = err == nil
	}
	if !small || !too {
		return Trade{}, fmt.Errorf("a trade of %q at %q: these are not two numbers", quantity, price)
	}
	return t, nil
}
