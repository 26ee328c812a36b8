package repair

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nordvarg/crosscheck/history"
	"github.com/nordvarg/crosscheck/order"
)

// Store is the event store. Its texts are SQL as the configuration has it.
type Store struct {
	Table // that is written

	// Read is what events are read from, and Where the condition for those that are read; empty for all.
	Read, Where            string
	Key, Position, Payload string
	Strip                  string // what the stored key has before the order
	// Columns are what the columns get that are written, with {key} and others in braces, as in backfill.columns.
	Columns map[string]string
	// Zone is that of a time without one, and Unit that of a time that is a number. TimeElsewhere is true if times are in
	// payloads.
	Zone, Unit    string
	TimeElsewhere bool
	PerOrder      bool
}

// newEvent is one to append.
type newEvent struct {
	key             order.Key
	kind, id, batch string
	at              time.Time
	payload         []byte
	number          int64
}

// insert is the statement that appends an event. Why says why there is none.
func (s *Store) insert(e newEvent) (sql, why string) {
	switch {
	case !s.Writable():
		return "", s.Name + " is no table; backfill.table names the one behind it"
	case s.TimeElsewhere:
		return "", "the store has the times of events in their payloads"
	}
	var columns, texts []string
	for _, c := range s.Table.Columns {
		template, ok := s.Columns[c.Name]
		switch {
		case ok && c.Generated:
			return "", fmt.Sprintf("the column %s of %s is computed by the server", c.Name, s.Name)
		case ok:
			columns, texts = append(columns, quoted(c.Name)), append(texts, s.value(c, template, e))
		case c.needed():
			return "", fmt.Sprintf("the column %s of %s needs a value, and backfill.columns does not give it", c.Name, s.Name)
		}
	}
	for _, part := range []string{"key", "type", "at", "payload"} {
		given := func(name string) bool {
			_, ok := s.column(name)
			return ok && strings.Contains(s.Columns[name], "{"+part+"}")
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(s.Columns)), given) {
			return "", fmt.Sprintf("no column of %s gets the event's %s; backfill.columns can say which", s.Name, part)
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s)\n  VALUES (%s)", s.Name, strings.Join(columns, ", "), strings.Join(texts, ", ")), ""
}

// value is what a column gets.
func (s *Store) value(c Column, template string, e newEvent) string {
	at := e.at.UTC().Format(time.RFC3339Nano)
	switch {
	case template == "{at}" && s.Unit != "":
		unit := map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": 1}[s.Unit]
		return strconv.FormatInt(e.at.Unix()*int64(time.Second/unit)+int64(e.at.Nanosecond())/int64(unit), 10)
	case template == "{at}" && c.Type == "timestamp without time zone":
		return literal(at) + "::timestamptz AT TIME ZONE " + literal(cmp.Or(s.Zone, "UTC"))
	case template == "{payload}" && c.Type == "bytea":
		return "convert_to(" + literal(string(e.payload)) + ", 'UTF8')"
	}
	return literal(strings.NewReplacer("{key}", string(e.key), "{id}", e.id, "{type}", e.kind, "{at}", at, "{payload}", string(e.payload),
		"{number}", strconv.FormatInt(e.number, 10), "{batch}", e.batch).Replace(template))
}

// of is the FROM clause of an order's events.
func (s *Store) of(key order.Key) string {
	where := fmt.Sprintf("FROM %s AS t\n    WHERE (%s) = %s", s.Read, s.Key, literal(s.Strip+string(key)))
	if s.Where != "" {
		where += " AND (" + s.Where + "\n    )"
	}
	return where
}

// mentions is the condition for an event with an id in its payload.
func (s *Store) mentions(id string) string {
	if c, ok := s.column(name(s.Payload)); ok && c.Type == "bytea" {
		return "position(convert_to('" + id + "', 'UTF8') IN " + s.Payload + ") > 0"
	}
	return "strpos((" + s.Payload + ")::text, '" + id + "') > 0"
}

// count is true if an order has so many events, the newest at a position, or after it.
func (s *Store) count(key order.Key, n int, newest string) string {
	return fmt.Sprintf("(SELECT count(*) = %d AND %s %s)", n, newest, s.of(key))
}

// newest compares the newest position of an order with that of its last known event.
func (s *Store) newest(c Case, operator string) string {
	if len(c.Events) == 0 {
		return "true"
	}
	return fmt.Sprintf("max((%s)::bigint) %s %d", s.Position, operator, c.Events[len(c.Events)-1].Position)
}

// unmoved checks that the order's events are those that were seen.
func (p *Planner) unmoved(c Case) check {
	if p.Apart {
		return check{}
	}
	return check{p.Store.count(c.Key, len(c.Events), p.Store.newest(c, "=")), "its events are not those that were seen"}
}

func (p *Planner) appendSQL(c Case, missing []history.Deed, inserts []string) string {
	var ids []string
	for _, d := range missing {
		ids = append(ids, p.Store.mentions(d.ID.String()))
	}
	there := func(n int) string {
		return fmt.Sprintf("(SELECT count(*) = %d %s AND (%s))", n, p.Store.of(c.Key), strings.Join(ids, " OR "))
	}
	return block(c.Key, steps{
		already: there(len(missing)),
		seen:    []check{p.unmoved(c)},
		change:  inserts,
		after: []check{
			{there(len(missing)), "the new events are not all there after the change"},
			{p.Store.count(c.Key, len(c.Events)+len(missing), p.Store.newest(c, ">")), "its events are not those that were planned after the change"},
		},
		done: quantity(len(missing), "event") + " appended",
	})
}
