package follow_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
)

// shelf is a topic in memory, whose messages come a second apart.
type shelf struct {
	partitions [][]follow.Message
	deleted    []int64
	read       int64 // offsets handed out
	fails      error // what Read ends with
}

var shelfBegins = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func newShelf(partitions int) *shelf {
	return &shelf{partitions: make([][]follow.Message, partitions), deleted: make([]int64, partitions)}
}

func shelfEvent(id, key int) string { return fmt.Sprintf(canceled, id, key, "why") }

// put publishes events one after the other, by their key's partition.
func (s *shelf) put(from, to int, keyOf func(id int) int) {
	for id := from; id <= to; id++ {
		key := keyOf(id)
		p := key % len(s.partitions)
		s.partitions[p] = append(s.partitions[p], follow.Message{
			Partition: p, Offset: int64(len(s.partitions[p])), Key: []byte(strconv.Itoa(key)), Value: []byte(shelfEvent(id, key)),
			Time: shelfBegins.Add(time.Duration(id) * time.Second),
		})
	}
}

func (s *shelf) Partitions(context.Context) ([]follow.Partition, error) {
	var out []follow.Partition
	for i, m := range s.partitions {
		out = append(out, follow.Partition{Partition: i, First: s.deleted[i], End: int64(len(m))})
	}
	return out, nil
}

func (s *shelf) OffsetsAt(_ context.Context, at time.Time) (map[int]int64, error) {
	out := map[int]int64{}
	for i, messages := range s.partitions {
		for _, m := range messages[s.deleted[i]:] {
			if !m.Time.Before(at) {
				out[i] = m.Offset
				break
			}
		}
	}
	return out, nil
}

func (s *shelf) Read(ctx context.Context, r follow.Range, deliver func(context.Context, follow.Batch) error) error {
	for partition, to := range r.To {
		from := r.From[partition]
		s.read += to - from
		b := follow.Batch{Partition: partition, Messages: s.partitions[partition][from:to], Next: to, End: to}
		if err := deliver(ctx, b); err != nil {
			return err
		}
	}
	return s.fails
}

// history is what a store has of an order: these events, at the times of their messages.
func history(ids ...int) []order.Event {
	var out []order.Event
	for _, id := range ids {
		out = append(out, order.Event{Position: order.Position(id), At: shelfBegins.Add(time.Duration(id) * time.Second)})
	}
	return out
}

func (s *shelf) look(t *testing.T, limit int64, key int, stored []order.Event) (follow.OrderOnTopic, string) {
	t.Helper()
	r := follow.OrderReader{Stream: s, Rules: order.Defaults(), KeyType: order.KeyInteger, Margin: 10 * time.Second, Limit: limit}
	found, err := r.Read(t.Context(), order.Key(strconv.Itoa(key)), stored)
	if err != nil {
		t.Fatal(err)
	}
	if found.Read != s.read {
		t.Errorf("claims to have read %d, was handed %d", found.Read, s.read)
	}
	var positions []order.Position
	for _, m := range found.Messages {
		positions = append(positions, m.Event.Position)
	}
	return found, fmt.Sprint(positions)
}

// sevens gives every hundredth event to order 7, and the others to orders of their own.
func sevens(id int) int {
	if id%100 == 0 {
		return 7
	}
	return 1_000_000 + id
}

func TestAnOrderIsReadFromItsFirstEventOn(t *testing.T) {
	s := newShelf(3)
	s.put(1, 2000, sevens)
	found, got := s.look(t, 1000, 7, history(1800, 1900, 2000))
	if got != "[1800 1900 2000]" || found.Whole() {
		t.Errorf("found %s, whole %t", got, found.Whole())
	}
	if found.Read > 220 || found.Held != 2000 {
		t.Errorf("read %d of %d", found.Read, found.Held)
	}
}

func TestASmallTopicIsReadAsAWhole(t *testing.T) {
	s := newShelf(3)
	s.put(1, 300, sevens)
	if found, got := s.look(t, 10_000, 7, history(300)); got != "[100 200 300]" || !found.Whole() {
		t.Errorf("found %s, whole %t", got, found.Whole())
	}
}

func TestWhatIsNotMetIsLookedForInTheRest(t *testing.T) {
	s := newShelf(3)
	s.put(1, 2000, sevens)
	late := history(200, 1900, 2000)
	late[0].At = late[2].At.Add(-20 * time.Second) // a clock that was wrong: the message is much older
	late[1].At = late[0].At
	found, got := s.look(t, 3000, 7, late)
	if got != "[100 200 300 400 500 600 700 800 900 1000 1100 1200 1300 1400 1500 1600 1700 1800 1900 2000]" || !found.Whole() {
		t.Errorf("found %s, whole %t", got, found.Whole())
	}
}

func TestALargeTopicIsReadAroundTheEvents(t *testing.T) {
	s := newShelf(3)
	s.put(1, 5000, sevens)
	found, got := s.look(t, 1000, 7, history(100, 2500, 2505, 5000))
	if got != "[100 2500 5000]" || found.Whole() || found.Read > 80 {
		t.Errorf("found %s, whole %t, read %d", got, found.Whole(), found.Read)
	}
	s.read = 0
	if found, _ := s.look(t, 30, 7, history(100, 2500, 5000)); found.Read > 30 {
		t.Errorf("read %d, and 30 is the limit", found.Read)
	}
	s.read = 0
	if found, got := s.look(t, 300, 7, nil); got != "[4800 4900 5000]" || found.Read > 300 { // a third of the limit in each partition
		t.Errorf("without a history: found %s, read %d", got, found.Read)
	}
}

func TestWhatWasReadUntilAnErrorIsKept(t *testing.T) {
	s := newShelf(1)
	s.put(1, 100, sevens)
	s.fails = errors.New("gone")
	r := follow.OrderReader{Stream: s, Rules: order.Defaults(), KeyType: order.KeyInteger, Limit: 10_000}
	if found, err := r.Read(t.Context(), "7", history(100)); !errors.Is(err, s.fails) || len(found.Messages) != 1 {
		t.Errorf("found %+v: %v", found, err)
	}
}

func TestWhereATopicBegins(t *testing.T) {
	for name, test := range map[string]struct {
		from    int
		deleted []int64
		want    order.Position
	}{
		"with its first event":              {1, []int64{0, 0}, 1},
		"when the producer was switched on": {41, []int64{0, 0}, 41},
		"where retention has cut":           {1, []int64{0, 10}, 21},
		"where it cut deepest":              {1, []int64{25, 10}, 52},
		"after everything":                  {1, []int64{0, 30}, follow.NothingHeld},
	} {
		s := newShelf(2)
		s.put(test.from, test.from+59, func(id int) int { return 1000 + id })
		s.deleted = test.deleted
		r := follow.OrderReader{Stream: s, Rules: order.Defaults(), KeyType: order.KeyInteger, Limit: 10_000}
		got, err := r.Begins(t.Context(), follow.OrderOnTopic{})
		if err != nil || got != test.want {
			t.Errorf("%s: %d, want %d (%v)", name, got, test.want, err)
		}
	}
	empty := follow.OrderReader{Stream: newShelf(2), Rules: order.Defaults(), KeyType: order.KeyInteger}
	if got, err := empty.Begins(t.Context(), follow.OrderOnTopic{}); err != nil || got != follow.NothingHeld {
		t.Errorf("an empty topic begins at %d (%v)", got, err)
	}
	own := follow.OrderOnTopic{Messages: []follow.OrderMessage{{Keyed: true, Event: order.Event{Position: 9}}, {Keyed: true, Event: order.Event{Position: 12}}}}
	if got, err := empty.Begins(t.Context(), own); err != nil || got != 9 {
		t.Errorf("a keyed order begins at %d (%v), want its own first message", got, err)
	}
	own.Messages[1].Keyed = false
	if got, err := empty.Begins(t.Context(), own); err != nil || got != follow.NothingHeld {
		t.Errorf("an order without keys begins at %d (%v)", got, err)
	}
}
