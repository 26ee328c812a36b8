package lab

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Store is the language of an event store: its table, its types of events, and what they say. The same desk trades on each.
type Store struct {
	// Name is what people call it.
	Name string
	// Events are lines of config.yaml: the section events without the DSN, Fields those of compare.fields, and Stream those of
	// the section stream beside brokers and topic.
	Events, Fields, Stream string
	// Stored is a relation with event_id, order_id, event_type, timestamp and payload: the events in the store's own words.
	Stored string

	spoken   string // the same in the words of the store "orders", for projector and oracle
	table    string
	position string // its column for the position
	columns  string // what an event fills, and with what: $1 is the order, $2 the type, $3 the time, $4 the payload as text
	row      string
	payload  string                    // an assignment of the payload $2
	words    func(event) (string, any) // the event's type and payload
	message  func(stored) any          // the value of its message
}

// Stores lists the languages; the first is the default.
func Stores() []*Store { return []*Store{OrdersStore, DeskStore} }

// StoreNamed returns the store of that name; nil if there is none.
func StoreNamed(name string) *Store {
	i := slices.IndexFunc(Stores(), func(s *Store) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return Stores()[i]
}

// script is the store's version of an embedded SQL file.
func (s *Store) script(name string) string { return s.Name + "_" + name }

// write puts an event into words.
func (s *Store) write(e event) (kind, payload string, err error) {
	kind, says := s.words(e)
	b, err := json.Marshal(says)
	if err != nil {
		return "", "", fmt.Errorf("encoding payload: %w", err)
	}
	return kind, string(b), nil
}

// insert is a statement without its condition.
func (s *Store) insert() string {
	return "INSERT INTO " + s.table + " (" + s.columns + ") SELECT " + s.row
}

func (s *Store) remove() string {
	return "DELETE FROM " + s.table + " WHERE " + s.position + " = $1"
}

func (s *Store) rewrite() string {
	return "UPDATE " + s.table + " SET " + s.payload + " WHERE " + s.position + " = $1"
}

func (s *Store) newest() string { return "SELECT coalesce(max(event_id), 0) FROM " + s.Stored }
