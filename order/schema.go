package order

import "fmt"

// SchemaKind says how the form of an event differs from what its rule promises.
type SchemaKind string

// The kinds of schema finding; the same string in code, JSON and docs.
const (
	UnknownType  SchemaKind = "unknown_type"  // there is no rule for the event type
	BadJSON      SchemaKind = "bad_json"      // not JSON, or text that no database can hold
	DuplicateKey SchemaKind = "duplicate_key" // a key twice in one object; readers disagree on which one counts
	MissingKey   SchemaKind = "missing_key"   // a promised key is missing or renamed
	UnknownKey   SchemaKind = "unknown_key"   // a key that the rule does not have
	WrongType    SchemaKind = "wrong_type"    // a value of the wrong type, such as an object instead of a number
	NullValue    SchemaKind = "null_value"    // null instead of a value
	BadNumber    SchemaKind = "bad_number"    // text that is not a decimal number, or a number beyond the limits
	BadTimestamp SchemaKind = "bad_timestamp" // not RFC 3339 with a zone and at most nanoseconds
	UnknownField SchemaKind = "unknown_field" // a modification of a field that modifications do not change
	OtherOrder   SchemaKind = "other_order"   // the payload names another order than the event
	TooLarge     SchemaKind = "too_large"     // beyond the limits of a payload's size, keys or depth
	NoPlace      SchemaKind = "no_place"      // no position, type, time or payload, so it has no place in a history
)

// SchemaError is a finding about the form of one event. Such an event is never dropped: it keeps its place in the
// history, and [State.Apply] reports it.
type SchemaError struct {
	Position Position
	Key      Key
	Type     string // the store's name
	Kind     SchemaKind
	Name     string // the key in question; empty for the event as a whole
	Detail   string
}

func (e *SchemaError) Error() string {
	if e.Position == NoPosition && e.Type == "" && e.Key == "" { // a message that says nothing of an event
		return e.Detail
	}
	return fmt.Sprintf("event %s (%s) of order %s: %s", e.Position, e.Type, e.Key, e.Detail)
}

// Harmless returns true if the event is complete and only has something more. It is decoded and can be applied.
func (e *SchemaError) Harmless() bool { return e.Kind == UnknownKey }
