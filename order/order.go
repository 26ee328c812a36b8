// Package order defines an order: its key, its fields and their values in one representation. It also defines the
// events of an order, and the fold that computes an order from its events.
//
// Invariant: a value is kept as the exact canonical text that the database printed, or would print, under pinned
// session settings. No quantity and no price passes through a binary float. An event is never dropped: an event that
// cannot be decoded or applied keeps its place and is reported.
package order

import (
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Key identifies one order. It is the canonical text of the key column ("42", "-7", a lower-case UUID, any text).
type Key string

// Next returns the bound from which on the keys are above k in the order of bytes: a text of PostgreSQL has no zero
// byte, so no key lies between.
func (k Key) Next() Key { return k + "\x01" }

// KeyType is the type of the key column.
type KeyType string

// The key types that crosscheck understands; smallint, integer and bigint are all KeyInteger, varchar is KeyText.
const (
	KeyInteger KeyType = "integer"
	KeyUUID    KeyType = "uuid"
	KeyText    KeyType = "text"
)

// FieldType is the type that both sides of a field are cast to before they are compared.
type FieldType string

// The field types of config.yaml.
const (
	Text        FieldType = "text"
	Numeric     FieldType = "numeric"
	Integer     FieldType = "integer"
	Boolean     FieldType = "boolean"
	Timestamptz FieldType = "timestamptz"
	UUID        FieldType = "uuid"
	Date        FieldType = "date"
)

// FieldTypes lists every FieldType, in the order in which the documentation names them.
func FieldTypes() []FieldType {
	return []FieldType{Text, Numeric, Integer, Boolean, Timestamptz, UUID, Date}
}

// Field is one compared field of an order.
type Field struct {
	Name string
	Type FieldType
	// Tolerance is the largest absolute difference that still counts as equal; nil means exact. Only for Numeric and
	// Integer.
	Tolerance *apd.Decimal
}

// Value is what a field holds in one representation. NULL is a value of its own.
type Value struct {
	Text string
	Null bool
	// Failed is true if the server could not evaluate the field for this order. Text says why.
	Failed bool
}

// Null is the SQL NULL.
var Null = Value{Null: true}

// Row is one order as one representation shows it.
type Row struct {
	Key    Key
	Values []Value // in the order of the configured fields
	// ChangedAt is when the representation says that it was last written; zero if no such column is configured.
	ChangedAt time.Time
	// Flawed is only set in rows that were folded from events: [State.Flawed].
	Flawed bool
	// Archived is only set in rows of legacy: the configuration says that the order's events were moved out of the store.
	Archived bool
}

// Size returns about how many bytes of memory the row takes.
func (r Row) Size() int64 {
	size := int64(len(r.Key)) + 64
	for _, v := range r.Values {
		size += int64(len(v.Text)) + 24
	}
	return size
}
