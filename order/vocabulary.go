package order

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrVocabulary is returned for names that do not form a vocabulary.
var ErrVocabulary = errors.New("not a vocabulary")

// Names says which names an event store uses, if they differ from DESIGN's default schema.
type Names struct {
	// Types maps an [EventType] to the store's name for it.
	Types map[string]string
	// Keys maps a payload key ("filled_quantity"), or the key of one type only ("OrderFilled.quantity"), to the store's
	// name for it. An empty name means that the store does not have the key. Only old_value, remaining_quantity and
	// reason may be absent.
	Keys map[string]string
	// Ignore lists payload keys to skip. Any other unexpected key is a finding.
	Ignore []string
	// IgnoreTypes lists types, as the store calls them, of events that belong to others or change no order. They are passed
	// over, in the store and on the stream.
	IgnoreTypes []string
	// OnlyTypes lists the types of messages that belong here, as the stream calls them, if it carries those of others too.
	// Messages of other types are passed over, and so are objects without a type and messages without a value. Empty if all belong here.
	OnlyTypes []string
}

// Vocabulary is Names prepared for decoding. The zero value is for the default schema.
type Vocabulary struct{ names *names }

// valueKind says which values a payload key may have.
type valueKind int

const (
	textValue   valueKind = iota // a string, or a number as it is written
	numberValue                  // a decimal number, or a string that holds one
	anyValue                     // any scalar; another key says what it must be
)

// payloadKey is one key that the payload of an event type must have.
type payloadKey struct {
	name     string // in the default schema
	kind     valueKind
	nullable bool
	optional bool // may be absent in a vocabulary
}

// payloadKeys is the default schema. A body is decoded in the order of these keys.
var payloadKeys = map[EventType][]payloadKey{
	OrderCreated: {
		{name: "trader_id"},
		{name: "symbol"},
		{name: "side"},
		{name: "quantity", kind: numberValue},
		{name: "price", kind: numberValue, nullable: true},
	},
	OrderModified: {
		{name: "field"},
		{name: "old_value", kind: anyValue, nullable: true, optional: true},
		{name: "new_value", kind: anyValue, nullable: true},
	},
	OrderPartiallyFilled: {
		{name: "filled_quantity", kind: numberValue},
		{name: "remaining_quantity", kind: numberValue, optional: true},
		{name: "price", kind: numberValue},
	},
	OrderFilled: {
		{name: "quantity", kind: numberValue},
		{name: "price", kind: numberValue},
	},
	OrderCanceled: {
		{name: "reason", nullable: true, optional: true},
	},
}

const maxKeys = 5 // of one payload

// envelopeKeys may be repeated in a payload. Only order_id is checked there.
var envelopeKeys = []string{"event_id", "order_id", "event_type", "timestamp"}

// modifiable are the fields that OrderModified may change. Only trades and cancels change the others.
var modifiable = []string{"trader_id", "symbol", "side", "quantity", "price"}

// names is a vocabulary as seen from the store.
type names struct {
	types  map[string]EventType         // the store's name → type
	keys   map[EventType]map[string]int // the store's key → index in payloadKeys of the type
	theirs map[EventType][]string       // index in payloadKeys → the store's key; empty if it has none
	fields map[string]string            // the store's name of a field → its name in the default schema
	ignore map[string]bool
	passed map[string]bool  // types that are passed over
	only   map[string]bool  // if not nil, all other types are passed over
	forms  map[string]*form // the store's name of a type → what its payload holds
}

var defaultNames = mustPrepare()

func mustPrepare() *names {
	v, err := NewVocabulary(Names{})
	if err != nil {
		panic(err) // a contradiction in the default schema is a bug
	}
	return v.names
}

func (v Vocabulary) prepared() *names {
	if v.names == nil {
		return defaultNames
	}
	return v.names
}

// PassesOver is true for a message that belongs to others or changes nothing. The event is what was decoded of it.
func (v Vocabulary) PassesOver(message []byte, e Event) bool {
	if e.Schema == nil {
		return false
	}
	n, name := v.prepared(), e.Schema.Type
	if _, ours := n.types[name]; ours {
		return false
	}
	return n.passed[name] || n.only != nil && !n.only[name] && (name != "" || untyped(message))
}

// untyped is true for an object that does not say its type, and for a message without a value (a tombstone).
func untyped(message []byte) bool {
	if len(message) == 0 {
		return true
	}
	members, finding := object(message, maxDepth+1)
	return finding == nil && !slices.ContainsFunc(members, func(m member) bool { return m.name == "event_type" })
}

// IgnoredTypes are the types whose events are passed over, sorted.
func (v Vocabulary) IgnoredTypes() []string { return slices.Sorted(maps.Keys(v.prepared().passed)) }

// NewVocabulary checks names and prepares them. Errors wrap [ErrVocabulary].
func NewVocabulary(given Names) (Vocabulary, error) {
	n := &names{
		types:  map[string]EventType{},
		keys:   map[EventType]map[string]int{},
		theirs: map[EventType][]string{},
		fields: map[string]string{},
		ignore: map[string]bool{},
		passed: map[string]bool{},
		forms:  map[string]*form{},
	}
	if err := checkKnown(given); err != nil {
		return Vocabulary{}, err
	}
	for _, t := range EventTypes() {
		name := string(t)
		if other, ok := given.Types[name]; ok {
			name = other
		}
		if other, taken := n.types[name]; taken || name == "" {
			return Vocabulary{}, fmt.Errorf("%w: %s and %s are both called %q", ErrVocabulary, other, t, name)
		}
		n.types[name] = t
		if err := n.addKeys(t, given.Keys); err != nil {
			return Vocabulary{}, err
		}
		n.forms[name] = n.newForm(name, t)
	}
	for _, field := range modifiable {
		n.fields[field] = field
	}
	for _, field := range modifiable { // the store's own names take precedence over the defaults
		if name := given.Keys[field]; name != "" {
			n.fields[name] = field
		}
	}
	for _, name := range given.IgnoreTypes {
		if t, ok := n.types[name]; ok {
			return Vocabulary{}, fmt.Errorf("%w: %s changes orders, so its type %q cannot be ignored", ErrVocabulary, t, name)
		}
		n.passed[name] = true
	}
	if len(given.OnlyTypes) > 0 {
		n.only = map[string]bool{}
		for _, name := range given.OnlyTypes {
			n.only[name] = true
		}
	}
	for _, key := range slices.Concat(envelopeKeys, given.Ignore) {
		n.ignore[key] = true
	}
	return Vocabulary{n}, nil
}

func (n *names) addKeys(t EventType, given map[string]string) error {
	n.keys[t] = map[string]int{}
	for i, key := range payloadKeys[t] {
		name, mapped := given[string(t)+"."+key.name]
		if !mapped {
			name, mapped = given[key.name]
		}
		switch {
		case !mapped:
			name = key.name
		case name == "" && !key.optional:
			return fmt.Errorf("%w: %s needs the key %s", ErrVocabulary, t, key.name)
		}
		n.theirs[t] = append(n.theirs[t], name)
		if name == "" {
			continue
		}
		if _, taken := n.keys[t][name]; taken {
			return fmt.Errorf("%w: two payload keys of %s are called %q", ErrVocabulary, t, name)
		}
		n.keys[t][name] = i
	}
	return nil
}

// checkKnown rejects names for types and keys that do not exist. A misspelt one would silently change nothing.
func checkKnown(given Names) error {
	for _, name := range slices.Sorted(maps.Keys(given.Types)) {
		if !slices.Contains(EventTypes(), EventType(name)) {
			return fmt.Errorf("%w: there is no event type %s", ErrVocabulary, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given.Keys)) {
		if !knownKey(name) {
			return fmt.Errorf("%w: there is no payload key %s", ErrVocabulary, name)
		}
	}
	return nil
}

func knownKey(name string) bool {
	of, key, qualified := strings.Cut(name, ".")
	for t, keys := range payloadKeys {
		if qualified && of != string(t) {
			continue
		}
		if !qualified {
			key = name
		}
		if slices.ContainsFunc(keys, func(k payloadKey) bool { return k.name == key }) {
			return true
		}
	}
	return false
}
