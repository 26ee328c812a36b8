package order

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// FoldRules says what each event type of a store does to the fields of an order. Names are those of the compared fields;
// a name that is not compared is a register of the fold.
type FoldRules struct {
	Events map[string]EventRule // by the store's name of the type
	// Derive are fields that are computed from others when they are needed.
	Derive map[string]Derivation
	// Types are the types of registers that are not compared. A register that is added to, or divided, is numeric, and
	// any other is text.
	Types map[string]FieldType
	// Invariants bind what is known of orders to fields.
	Invariants Invariants
	// OnlyTypes lists the types of messages that belong here, as the stream calls them, if it carries those of others too.
	// Messages of other types are passed over, and so are objects without a type. Empty if all belong here.
	OnlyTypes []string
	// Within is how far the time of a message may be from the stored one, if that is more than a microsecond: the unit to
	// which the stream cuts times, or [AnyTime].
	Within time.Duration
	// PerOrder says that positions count the events of each order by itself: a number that is left out is a lost event.
	PerOrder bool
	// ByID says that messages are matched with events by an id. A message has its event's position only if it says so.
	ByID bool
	// Key is the path under which a payload may repeat the order's key. It must then be the event's.
	Key string
}

// EventRule is what an event of one type does.
type EventRule struct {
	// Ignore passes the event over. It has no other key then.
	Ignore bool `json:"ignore,omitzero"`
	// Create is what the event does to an order that does not exist, and to one that does.
	Create Creation          `json:"create,omitzero"`
	Set    map[string]Source `json:"set,omitzero"`
	// SetNamed sets a field that the event names.
	SetNamed *Named            `json:"set_named,omitzero"`
	Add      map[string]Source `json:"add,omitzero"`
	Subtract map[string]Source `json:"subtract,omitzero"`
	// AddProduct and SubtractProduct take the product of two numbers.
	AddProduct      map[string][2]Source `json:"add_product,omitzero"`
	SubtractProduct map[string][2]Source `json:"subtract_product,omitzero"`
	// Remaining is what the event says is left of the order: Invariants.Ordered less Invariants.Filled.
	Remaining *Source `json:"remaining,omitzero"`
	// Keys are further keys that a payload may have. If they are given, every other one is a finding. Nil allows all. What is
	// under them is not compared with the message of the event.
	Keys []string `json:"keys,omitzero"`
}

// Creation says whether an event type creates orders.
type Creation int

// The creations. An event that does not create, before the creation, changes nothing and is a finding; and so is a second
// creation, if it is not one that creates only an absent order.
const (
	CreatesNot Creation = iota
	Creates
	CreatesIfAbsent
)

// Source is where a value comes from. Exactly one of Path, Of and Text is given, or Null alone for a constant NULL.
type Source struct {
	// Path is a path of the payload: "$.limitPrice.amount".
	Path string `json:"path,omitzero"`
	// Of is a part of the event itself.
	Of Part `json:"event,omitzero"`
	// Text is a constant.
	Text *string `json:"text,omitzero"`
	// Null allows null, which sets NULL. Optional allows that there is nothing at the path; then the field keeps its value.
	Null     bool `json:"null,omitzero"`
	Optional bool `json:"optional,omitzero"`
	// Scale says that the value is a whole number of units of 10^-Scale, such as cents.
	Scale int `json:"scale,omitzero"`
	// Map replaces texts, and "else" all others. Without "else", another text is a finding.
	Map map[string]string `json:"map,omitzero"`
	// Unit is the unit of a time that is a number: "s", "ms", "us" or "ns" since 1970. Empty for a text in RFC 3339.
	Unit string `json:"unit,omitzero"`
}

// Part is a part of an event beside its payload.
type Part string

// The parts of an event.
const (
	PartAt  Part = "at"
	PartKey Part = "key"
)

// Named is a field that an event names: set_named of the configuration.
type Named struct {
	Field Source            `json:"field,omitzero"` // the name of the field
	To    Source            `json:"to,omitzero"`    // its new value
	Was   *Source           `json:"was,omitzero"`   // its old value; nil if the event does not say
	Only  []string          `json:"only,omitzero"`  // fields that may be named
	Null  []string          `json:"null,omitzero"`  // those of them that may become NULL
	Names map[string]string `json:"names,omitzero"` // names of fields in the event, if they are not those of the configuration
}

// Derivation is a field that is computed from others.
type Derivation struct {
	// Ratio divides two numbers, rounded to Scale decimals as PostgreSQL does; NULL if the second is zero.
	Ratio [2]string `json:"ratio,omitzero"`
	Scale int       `json:"scale,omitzero"`
	// When are tried in turn, unless the field has one of the values Unless. The first that holds gives the value; if none
	// does, it is the one that was set.
	When   []When   `json:"when,omitzero"`
	Unless []string `json:"unless,omitzero"`
}

// When gives a value to a field if a number reaches a limit.
type When struct {
	Field string `json:"field,omitzero"`
	// AtLeast and Above are another field, or a number.
	AtLeast string `json:"at_least,omitzero"`
	Above   string `json:"above,omitzero"`
	Then    string `json:"then,omitzero"`
}

// Invariants bind fields to what they mean for an order. Whatever is not bound is not checked.
type Invariants struct {
	Ordered string `json:"ordered,omitzero"` // the quantity of the order
	Filled  string `json:"filled,omitzero"`  // how much of it was traded
	Average string `json:"average,omitzero"` // the average price of the trades
	Status  string `json:"status,omitzero"`
	// Terminal are the values of Status that end an order. One that an event sets without a trade is a cancel.
	Terminal []string `json:"terminal,omitzero"`
}

// Parts are what the rules say, in a fixed order: a name, and what is said under it. Equal rules have equal parts.
func (r FoldRules) Parts() (out [][]string) {
	for _, name := range slices.Sorted(maps.Keys(r.Events)) {
		out = append(out, []string{name, written(r.Events[name])})
	}
	for _, name := range slices.Sorted(maps.Keys(r.Derive)) {
		out = append(out, []string{"derive " + name, written(r.Derive[name])})
	}
	return append(out, []string{"types", written(r.Types)}, []string{"invariants", written(r.Invariants)}, []string{"key", r.Key})
}

// written is a value as JSON, whose keys are sorted.
func written(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // of texts, numbers and booleans alone
	}
	return string(text)
}
