package lab_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nordvarg/crosscheck/lab"
)

// topic is a Publisher in memory, with partitions as Kafka has them.
type topic struct {
	mu         sync.Mutex
	partitions [4][]record
	turn       int // the partition of the next message without a key
}

type record struct {
	lab.Message

	deleted bool
}

var (
	_ lab.Publisher = (*topic)(nil)
	_ lab.Truncater = (*topic)(nil)
)

func (p *topic) Publish(ctx context.Context, messages ...lab.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range messages {
		p.turn++
		i := p.turn % len(p.partitions)
		if m.Key != nil {
			h := fnv.New32a()
			_, _ = h.Write(m.Key)
			i = int(h.Sum32() % uint32(len(p.partitions)))
		}
		p.partitions[i] = append(p.partitions[i], record{Message: m})
	}
	return ctx.Err()
}

func (p *topic) Truncate(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, records := range p.partitions {
		for i := range records {
			records[i].deleted = true
		}
	}
	return nil
}

// published is one message as it is on the stream.
type published struct {
	ID      int64          `json:"event_id"`
	Order   int64          `json:"order_id"`
	Kind    string         `json:"event_type"`
	At      time.Time      `json:"timestamp"`
	Payload map[string]any `json:"payload"`

	partition int
	keyed     bool
	deleted   bool
}

// readable is a stream whose messages can all be read, partition after partition, those deleted too where it knows them.
type readable interface {
	read(t *testing.T) []published
}

// read returns all messages, partition after partition, those deleted too.
func (p *topic) read(t *testing.T) []published {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []published
	for i, records := range p.partitions {
		for _, r := range records {
			m := decode(t, i, r.Key, r.Value)
			m.deleted = r.deleted
			all = append(all, m)
		}
	}
	return all
}

func decode(t *testing.T, partition int, key, value []byte) published {
	t.Helper()
	m := published{partition: partition, keyed: key != nil}
	unmarshal(t, value, &m)
	if m.Order == 0 {
		m = decodeCloudEvent(t, m, value)
	}
	if want, _ := json.Marshal(m.Order); m.keyed && !bytes.Equal(key, want) {
		t.Errorf("an event of order %d has the key %s", m.Order, key)
	}
	return m
}

// decodeCloudEvent reads the form of the store "desk".
func decodeCloudEvent(t *testing.T, m published, value []byte) published {
	t.Helper()
	var c struct {
		ID, Subject, Sequence, Type string
		Time                        time.Time
		Data                        map[string]any
	}
	unmarshal(t, value, &c)
	if _, err := fmt.Sscanf(c.Sequence+" "+c.Subject, "%d order-%d", &m.ID, &m.Order); err != nil {
		t.Errorf("%s: %v", value, err)
	}
	m.Kind, m.At, m.Payload = strings.TrimPrefix(c.Type, "desk."), c.Time, c.Data
	return m
}

// unmarshal keeps numbers as they are written.
func unmarshal(t *testing.T, b []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
}

// stored reads the events that belong on the stream.
func stored(t *testing.T, l *lab.Lab) map[int64]published {
	t.Helper()
	ctx := deadline(t)
	conn, err := pgx.Connect(ctx, l.EventsDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	events := "SELECT event_id, order_id, event_type, timestamp, payload::text FROM " + l.Store.Stored + " WHERE event_id > $1"
	rows, err := conn.Query(ctx, events, l.StreamFrom())
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[int64]published) // event id → event
	var e published
	var payload string
	_, err = pgx.ForEachRow(rows, []any{&e.ID, &e.Order, &e.Kind, &e.At, &payload}, func() error {
		e.Payload = nil
		unmarshal(t, []byte(payload), &e.Payload)
		all[e.ID] = e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// streamDifferences holds the stream against the event store, event by event. Meaningful only while nothing moves.
func streamDifferences(t *testing.T, l *lab.Lab, p readable) []lab.Planted {
	t.Helper()
	type difference struct {
		order int64
		kind  string
	}
	found := make(map[difference]bool)
	add := func(order int64, kind string) { found[difference{order, kind}] = true }
	events := stored(t, l)
	seen := make(map[int64]int)   // event id → messages that are still there
	gone := make(map[int64]bool)  // event ids of deleted messages
	last := make(map[int64]int64) // order → id of its last message
	home := make(map[int64]int)   // order → its partition, the first one is 1
	for _, m := range p.read(t) {
		e, known := events[m.ID]
		if m.ID <= l.StreamFrom() {
			continue
		}
		gone[m.ID] = gone[m.ID] || m.deleted
		if m.deleted {
			continue
		}
		seen[m.ID]++
		switch {
		case !known:
			add(m.Order, lab.Phantom)
		case !sameEvent(m, e):
			add(m.Order, lab.Differs)
		case seen[m.ID] > 1:
			add(m.Order, lab.Duplicate)
		case m.ID < last[m.Order], !m.keyed, home[m.Order] > 0 && home[m.Order] != m.partition+1:
			add(m.Order, lab.Disorder)
		}
		last[m.Order], home[m.Order] = m.ID, m.partition+1
	}
	for id, e := range events {
		switch {
		case seen[id] == 0 && gone[id]:
			add(0, lab.Gap)
		case seen[id] == 0:
			add(e.Order, lab.Missing)
		}
	}
	var all []lab.Planted
	for f := range found {
		all = append(all, lab.Planted{OrderID: f.order, Kind: f.kind, Hop: lab.EventsToStream})
	}
	slices.SortFunc(all, func(a, b lab.Planted) int { return cmp.Compare(a.OrderID, b.OrderID) })
	return all
}

func sameEvent(m, e published) bool {
	return m.Order == e.Order && m.Kind == e.Kind && m.At.Equal(e.At) && sameObject(m.Payload, e.Payload)
}

func sameObject(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for k, x := range a {
		y, there := b[k]
		inX, object := x.(map[string]any)
		inY, too := y.(map[string]any)
		if object && too {
			if !sameObject(inX, inY) {
				return false
			}
		} else if m, n := asNumber(x), asNumber(y); m != nil && n != nil {
			if m.Cmp(n) != 0 {
				return false
			}
		} else if !there || object || too || x != y {
			return false
		}
	}
	return true
}

// asNumber returns nil for what is no JSON number.
func asNumber(v any) *big.Rat {
	n, ok := v.(json.Number)
	if !ok {
		return nil
	}
	r, _ := new(big.Rat).SetString(n.String())
	return r
}
