// Package propose writes a first configuration from what was found in the databases of both sides.
//
// Invariant: it is pure, and it never sees a connection string: the file names environment variables instead. Whatever a
// person has to decide has a "# ?" in its line.
package propose

import (
	"maps"
	"slices"

	"github.com/nordvarg/crosscheck/order"
)

// Table is a table or view as the catalogue describes it.
type Table struct {
	Schema, Name string
	// Quoted is schema.table as SQL has it.
	Quoted string
	Kind   string // as in pg_class.relkind
	// Bytes is its size on disk; 0 for a view.
	Bytes int64
	// Readable says that the role may read it.
	Readable bool
	Columns  []Column
	// Over are the tables that a view is defined over, as Quoted has them.
	Over []string
}

// Column is a column and what it can be compared as.
type Column struct {
	Name   string
	Quoted string // as SQL has it: with quotes if it needs them
	Native string // the server's type, as people write it
	// Kind is what the column can hold for an event store.
	Kind Kind
	// Best is the type as which it is compared best. Forms are the expressions for all types that are possible; the column
	// itself is Quoted.
	Best  order.FieldType
	Forms map[order.FieldType]string
	// Keys are the expressions that make it a key.
	Keys map[order.KeyType]string
	// Unique says that an index keeps it unique, Indexed that an index begins with it.
	Unique, Indexed bool
	// Scale is how many decimals a numeric column has; -1 if it has no limit.
	Scale int
	Float bool
}

// Kind is what a column can hold for an event store.
type Kind string

// The kinds of columns. Bytes and texts may hold JSON.
const (
	KindInteger  Kind = "integer"
	KindText     Kind = "text"
	KindUUID     Kind = "uuid"
	KindInstant  Kind = "timestamptz"
	KindClock    Kind = "timestamp"
	KindDocument Kind = "json"
	KindBytes    Kind = "bytea"
	KindOther    Kind = ""
)

// column finds a column by its name.
func (t Table) column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// Sample is what a part of the events says.
type Sample struct {
	Events  int  // how many were counted
	Whole   bool // they are all that there are
	Repeats bool // positions are mostly those of several events, as if each order counted its own
	Types   []EventType
	Invalid int // payloads that are no JSON objects
	// Prefix is what the keys begin with, up to a character that is neither letter nor digit. Elsewhere counts events whose
	// keys do not, such as Other; they are not looked into.
	Prefix    string
	Elsewhere int
	Other     string
}

// EventType is what was seen of one type.
type EventType struct {
	Name  string
	Count int
	// First is how many of the orders that were seen from their first event began with this type; of Orders.
	First, Orders int
	Payloads      int // that were looked into
	Paths         []Path
	Examples      []Example
}

// Example is one event: its order, as text and without the prefix, and what is at the paths of its payload.
type Example struct {
	Key    string
	Values map[string]string
}

// Rows are rows of legacy, by key and by field, as text. A field that is NULL is not there.
type Rows map[string]map[string]string

// Path is a path of the payloads of a type.
type Path struct {
	Path    string // $.limitPrice.amount
	Kinds   []JSONKind
	Count   int    // in how many payloads
	Example string // as JSON, clipped

	partial bool // only some payloads have it
	of      int  // payloads
}

// JSONKind is a type of JSON.
type JSONKind string

// The types of JSON at the end of a path. A whole number is told from others, because it may be one of cents.
const (
	JSONText    JSONKind = "text"
	JSONWhole   JSONKind = "whole number"
	JSONNumber  JSONKind = "number"
	JSONBoolean JSONKind = "boolean"
	JSONNull    JSONKind = "null"
	JSONList    JSONKind = "list"
)

// Keys are the orders of all examples.
func (s Sample) Keys() []string {
	keys := map[string]bool{}
	for _, t := range s.Types {
		for _, e := range t.Examples {
			keys[e.Key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
