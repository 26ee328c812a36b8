package order

import "fmt"

// SchemaKind says in which way the form of an event is not what the vocabulary promises.
type SchemaKind string

// The kinds of schema finding; the same string in code, JSON and docs.
const (
	UnknownType  SchemaKind = "unknown_type"  // no such event type in the vocabulary
	BadJSON      SchemaKind = "bad_json"      // not JSON, or text that no database can hold
	DuplicateKey SchemaKind = "duplicate_key" // a key twice in one object: readers disagree on which counts
	MissingKey   SchemaKind = "missing_key"   // a key that the vocabulary promises is not there, or renamed
	UnknownKey   SchemaKind = "unknown_key"   // a key that nobody has told us of
	WrongType    SchemaKind = "wrong_type"    // an object where a number should be, and the like
	NullValue    SchemaKind = "null_value"    // null where a value must be
	BadNumber    SchemaKind = "bad_number"    // text that is no decimal number, or one beyond all bounds
	BadTimestamp SchemaKind = "bad_timestamp" // not RFC 3339 with a zone and at most nanoseconds
	UnknownField SchemaKind = "unknown_field" // a modification of a field that modifications do not change
	OtherOrder   SchemaKind = "other_order"   // the payload names another order than the event
	TooLarge     SchemaKind = "too_large"     // beyond the limits on a payload's size, its keys and its depth
	NoPlace      SchemaKind = "no_place"      // no position, type, time or payload: it can be in no history
)

// SchemaError is a finding about the form of one event. An event that has one is never dropped: it keeps its place
// in the history, and [State.Apply] reports it.
type SchemaError struct {
	Position Position
	Key      Key
	Type     string // as the store calls it
	Kind     SchemaKind
	Name     string // the key that it is about; empty for the event as a whole
	Detail   string
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("event %s (%s) of order %s: %s", e.Position, e.Type, e.Key, e.Detail)
}

// Harmless is true if the event says all that it must, and only more: it is decoded, and can be applied.
func (e *SchemaError) Harmless() bool { return e.Kind == UnknownKey }
