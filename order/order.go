// Package order says what an order is: its key, its fields and the value it has in one representation; what can
// happen to it, its events, and what they make of it, the fold.
//
// Invariant: a value is kept as the exact canonical text that the database printed under pinned session
// settings, or would print. No quantity and no price passes through a binary float. An event is never dropped:
// what cannot be decoded or applied keeps its place and is reported.
package order

import (
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Key identifies one order. It is the canonical text of the key column ("42", "-7", a lower-case UUID, any text).
type Key string

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
	// Tolerance is the largest absolute difference that still counts as equal; nil is exact. Numeric and Integer only.
	Tolerance *apd.Decimal
}

// Value is what a field holds in one representation. NULL is a value of its own.
type Value struct {
	Text string
	Null bool
}

// Null is the SQL NULL.
var Null = Value{Null: true}

// Row is one order as one representation shows it.
type Row struct {
	Key    Key
	Values []Value // in the order of the configured fields
	// ChangedAt is when the representation says that it was last written; zero where no such column is configured.
	ChangedAt time.Time
	// Flawed is of rows that were folded from events alone: [State.Flawed].
	Flawed bool
}

// Size is about how many bytes of memory the row takes.
func (r Row) Size() int64 {
	size := int64(len(r.Key)) + 64
	for _, v := range r.Values {
		size += int64(len(v.Text)) + 24
	}
	return size
}
