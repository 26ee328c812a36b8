package propose

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/nordvarg/crosscheck/order"
)

// Store is a table of events and what its columns are.
type Store struct {
	Table                            Table
	Position, Key, Type, At, Payload Column
	KeyType                          order.KeyType // of legacy's key
	HasTime                          bool
	// TimePath is where payloads have a time, if no column has one.
	TimePath string
	Others   []string
}

// The names that columns of event stores have, the best first.
var (
	positionNames = []string{"global_position", "position", "event_id", "global_index", "seq_id", "global_sequence", "sequence_number", "ordering", "sequence", "seq", "notification_id", "event_number", "id"}
	keyNames      = []string{"order_id", "aggregate_id", "aggregate_identifier", "stream_id", "stream_name", "stream_uuid", "originator_id", "entity_id", "persistence_id", "subject", "stream", "aggregate", "aggregateid", "aggregateidentifier", "aggregate_uuid", "aggregate_root_id", "key", "uuid"}
	typeNames     = []string{"event_type", "message_type", "payload_type", "type", "event_name", "event_ser_manifest", "event_class", "topic", "kind", "name", "event"}
	atNames       = []string{"timestamp", "occurred_at", "event_time", "occurred_on", "recorded_at", "recorded_on", "created_at", "created", "time", "time_stamp", "ts", "at", "stored_at", "inserted_at", "write_timestamp"}
	payloadNames  = []string{"payload", "event_data", "data", "event_payload", "message_data", "body", "event", "content", "message", "state", "event_properties", "event_json", "json_data"}
)

// FindStore finds the table that looks most like an event store. key is legacy's key.
func FindStore(tables []Table, name string, key Match, keyType order.KeyType) (Store, error) {
	candidates, err := named(tables, name, "events")
	if err != nil {
		return Store{}, err
	}
	type scored struct {
		store Store
		score int
	}
	var found []scored
	for _, t := range candidates {
		if s, score, ok := storeOf(t, key, keyType); ok {
			found = append(found, scored{s, score})
		}
	}
	if len(found) == 0 {
		return Store{}, fmt.Errorf("%w: it needs an integer for the position, and columns for order, type and payload (json, or text or bytea); the database has %s", ErrNoEvents, listed(candidates))
	}
	table := func(s scored) int { return truth(s.store.Table.Kind == "r" || s.store.Table.Kind == "p") } // a view has no index
	slices.SortStableFunc(found, func(a, b scored) int {
		return cmp.Or(truth(b.store.Table.Readable)-truth(a.store.Table.Readable), table(b)-table(a), b.score-a.score, cmp.Compare(b.store.Table.Bytes, a.store.Table.Bytes), strings.Compare(a.store.Table.Quoted, b.store.Table.Quoted))
	})
	best := found[0].store
	if !best.Table.Readable {
		return Store{}, fmt.Errorf("%w %s of events", ErrNotRead, best.Table.Quoted)
	}
	for _, other := range found[1:min(len(found), 4)] {
		best.Others = append(best.Others, other.store.Table.Quoted)
	}
	return best, nil
}

// storeOf takes a table for an event store; false if a column is missing. The score is higher, the more names are usual.
func storeOf(t Table, key Match, keyType order.KeyType) (s Store, score int, ok bool) {
	s.Table, s.KeyType = t, keyType
	used := map[string]bool{}
	var lacking bool
	pick := func(names []string, needed bool, rank func(Column) int) (out Column) {
		best := 0
		for _, c := range t.Columns {
			if used[c.Name] {
				continue
			}
			n := rank(c)
			if known := foremost(c.Name, names); n > 0 && known < len(names) {
				n += 40 - known
			}
			if n > best {
				best, out = n, c
			}
		}
		lacking = lacking || needed && best == 0
		score += best
		used[out.Name] = true
		return out
	}
	known := func(c Column, names []string) int { return truth(foremost(c.Name, names) < len(names)) }
	s.Payload = pick(payloadNames, true, func(c Column) int {
		if c.Kind == KindDocument {
			return 20
		}
		return 10 * truth(c.Kind == KindText || c.Kind == KindBytes) * known(c, payloadNames)
	})
	s.Key = pick(keyNames, true, func(c Column) int {
		switch {
		case alike(c.Name, key.Name) && c.Keys[keyType] != "":
			return 60
		case c.Unique || len(c.Keys) == 0:
			return 0
		}
		return (2 + truth(c.Indexed)) * known(c, keyNames)
	})
	s.Type = pick(typeNames, true, func(c Column) int { return truth(c.Kind == KindText) * known(c, typeNames) })
	s.Position = pick(positionNames, true, func(c Column) int {
		return truth(c.Kind == KindInteger) * (truth(c.Unique)*50 + truth(c.Indexed)*5 + known(c, positionNames))
	})
	s.At = pick(atNames, false, func(c Column) int {
		return map[Kind]int{KindInstant: 10, KindClock: 5, KindText: 2 * known(c, atNames), KindInteger: known(c, atNames)}[c.Kind]
	})
	s.HasTime = s.At.Name != ""
	return s, score, !lacking
}

// at is the time as the file has it, and what a person has to decide about it.
func (s Store) at() (at, ask string) {
	switch {
	case !s.HasTime:
		return text(cmp.Or(s.TimePath, "$.timestamp")), "no column is a time; does each payload have it there, with its zone?"
	case s.At.Kind == KindClock:
		return "{column: " + sql(s.At.Quoted) + ", zone: UTC}", s.At.Native + ": is it UTC?"
	case s.At.Kind == KindText:
		return sql(s.At.Quoted), s.At.Native + ": does each have its zone?"
	case s.At.Kind == KindInteger:
		return "{column: " + sql(s.At.Quoted) + ", unit: ms}", s.At.Native + ": is it milliseconds since 1970?"
	}
	return sql(s.At.Quoted), ""
}

// PayloadText is the payload as text, whatever it holds; bytes are left as they are.
func (s Store) PayloadText() string {
	if s.Payload.Kind == KindBytes {
		return s.Payload.Quoted
	}
	return "(" + s.Payload.Quoted + ")::text"
}

// writtenTime is how a time begins that is text in JSON.
var writtenTime = regexp.MustCompile(`^"\d{4}-\d\d-\d\d[T ]\d\d:\d\d`)

// FindTime looks for a time in the payloads: a path that all types have, and whose example is a time.
func (s *Store) FindTime(sample Sample) {
	if s.HasTime || len(sample.Types) == 0 {
		return
	}
	for _, p := range sample.Types[0].Paths {
		everywhere := !slices.ContainsFunc(sample.Types, func(t EventType) bool {
			return !slices.ContainsFunc(t.Paths, func(other Path) bool { return other.Path == p.Path && !other.partial })
		})
		if everywhere && writtenTime.MatchString(p.Example) && !strings.ContainsAny(p.Path, `,{}\`) {
			s.TimePath = p.Path
			return
		}
	}
}

// position is the position as the file has it, and what a person has to decide about it.
func (s Store) position(repeats bool) (position, ask string) {
	switch {
	case repeats && s.HasTime:
		return "{column: " + sql(s.Position.Quoted) + ", per: order}", "several events have the same number: does it count the events of each order?"
	case !s.Position.Indexed:
		return sql(s.Position.Quoted), "it has no index; does it order the events, and grow?"
	case !s.Position.Unique:
		return sql(s.Position.Quoted), "orders the events, and grows"
	}
	return sql(s.Position.Quoted), ""
}

// key is the key as the file has it: a column of the type of legacy's, or one that is looked up as it is stored.
func (s Store) key(prefix string) string {
	switch {
	case prefix != "":
		return fmt.Sprintf("{column: %s, strip: %s}", sql(s.Key.Quoted), text(prefix))
	case s.Key.Kind == KindText && s.KeyType != order.KeyText:
		return fmt.Sprintf("{column: %s}", sql(s.Key.Quoted))
	}
	return sql(cmp.Or(s.Key.Keys[s.KeyType], s.Key.Quoted))
}
