package follow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
	"github.com/nordvarg/crosscheck/verify"
)

// newShopByID has events with uuids as ids, which messages carry in place of positions.
func newShopByID(t *testing.T, partitions int) *shop {
	t.Helper()
	s := newShop(t, partitions)
	s.rules = ordertest.RulesWith(t, func(r *order.FoldRules) { r.ByID = true })
	s.idType = order.KeyUUID
	return s
}

// uuid is the id of the event at a position. Ids do not grow.
func uuid(position int) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(position)*2654435761, position) //nolint:gosec // small
}

// identified is a message with an id, and with a position if that is not 0.
func identified(id string, position, key int) string {
	text := fmt.Sprintf(`{"event_id":%q,"order_id":%d,"event_type":"OrderCanceled","timestamp":"2024-01-01T00:00:00Z","payload":{"reason":"why"}`, id, key)
	if position != 0 {
		text += fmt.Sprintf(`,"event_position":%d`, position)
	}
	return text + "}"
}

func (s *shop) storeID(position, key int) { s.storeText(identified(uuid(position), position, key)) }

func (s *shop) publishID(partition, position, key int) {
	s.publishText(partition, key, identified(uuid(position), 0, key))
}

func (s *shop) tradeID(from, to int) {
	for position := from; position <= to; position++ {
		s.storeID(position, position)
		s.publishID(position%len(s.partitions), position, position)
	}
}

func TestMessagesAreMatchedByID(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(*shop)
		want    string
	}{
		"an event that is not published": {func(s *shop) { s.storeID(11, 7) }, "7 lost_publish"},
		"a message without an event":     {func(s *shop) { s.publishID(1, 11, 7) }, "7 ghost_publish"},
		"an event published twice":       {func(s *shop) { s.publishID(0, 4, 4) }, "4 duplicate_publish"},
		"other content": {func(s *shop) {
			s.storeID(11, 7)
			s.publishText(1, 7, strings.Replace(identified(uuid(11), 0, 7), "why", "because", 1))
		}, "7 wrong_publish"},
		"another position": {func(s *shop) {
			s.storeID(11, 7)
			s.publishText(1, 7, identified(uuid(11), 12, 7))
		}, "7 wrong_publish"},
		"its position": {func(s *shop) {
			s.storeID(11, 7)
			s.publishText(1, 7, identified(uuid(11), 11, 7))
		}, ""},
		"the id spelt otherwise": {func(s *shop) {
			s.storeID(11, 7)
			s.publishText(1, 7, identified("{"+strings.ToUpper(uuid(11))+"}", 0, 7))
		}, ""},
		"the id of the event of another order": {func(s *shop) {
			s.storeID(11, 7)
			s.publishText(1, 8, identified(uuid(11), 0, 8))
		}, "7 wrong_publish"},
		"an id that is none of the store's": {func(s *shop) {
			s.storeID(11, 7)
			s.publishText(1, 7, identified("event-11", 0, 7))
		}, "(topic orders, unreadable) schema_drift, 7 lost_publish"},
		"a number as id": {func(s *shop) {
			s.storeID(11, 7)
			s.publishText(1, 7, strings.Replace(identified("11", 0, 7), `"11"`, "11", 1))
		}, "(topic orders, unreadable) schema_drift, 7 lost_publish"},
		"no id": {func(s *shop) {
			s.storeID(11, 7)
			s.publishText(1, 7, strings.Replace(identified("11", 0, 7), `"11"`, "null", 1))
		}, "(topic orders, unreadable) schema_drift, 7 lost_publish"},
		"an event without an id": {func(s *shop) {
			s.storeText(identified("x", 11, 7))
			e := s.stored[11]
			e.ID = ""
			s.stored[11] = e
		}, "7 schema_drift"},
		"two events with one id": {func(s *shop) {
			s.storeText(identified(uuid(11), 11, 7))
			s.storeText(strings.Replace(identified(uuid(11), 12, 8), "why", "because", 1))
			s.publishText(1, 8, strings.Replace(identified(uuid(11), 0, 8), "why", "because", 1))
		}, "7 schema_drift, 8 schema_drift"},
		"the later event first": {func(s *shop) {
			s.storeID(11, 7)
			s.storeID(12, 7)
			s.publishID(1, 12, 7)
			s.publishID(1, 11, 7)
		}, "7 disordered_publish"},
		"later orders first": {func(s *shop) {
			s.storeID(11, 17)
			s.storeID(12, 18)
			s.publishID(1, 12, 18)
			s.publishID(1, 11, 17)
		}, ""},
		"an event of another form": {func(s *shop) {
			s.storeID(11, 7)
			s.publishText(1, 7, strings.Replace(identified(uuid(11), 0, 7), "reason", "motive", 1))
		}, "7 schema_drift"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShopByID(t, 2)
			s.tradeID(1, 10)
			test.happens(s)
			s.storeID(20, 20)
			s.publishID(0, 20, 20)
			s.want(20, test.want)
			s.wantNamed()
		})
	}
}

// wantNamed wants that each finding of an order names an event, if that is stored and has an id.
func (s *shop) wantNamed() {
	s.t.Helper()
	open, err := s.Divergences(s.t.Context(), verify.Open, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, d := range open {
		m := d.Mismatch
		anonymous := m.Cause == compare.GhostPublish || strings.HasPrefix(string(m.Key), "(") || m.Cause == compare.SchemaDrift && m.Kind == compare.Missing
		named := len(m.Fields) > 0 && m.Fields[0].Name == "event_id" && len(m.Fields[0].Events.Text) == len(uuid(0))
		if named == anonymous {
			s.t.Errorf("%s %s of order %s has the fields %+v", m.Kind, m.Cause, m.Key, m.Fields)
		}
	}
}

// TestDisorderBeforeEventsAreVisible has messages that come before their events, so that it is not known at once where they
// belong.
func TestDisorderBeforeEventsAreVisible(t *testing.T) {
	for name, test := range map[string]struct {
		stored    []int // before the messages are read
		published []int
		want      string
	}{
		"both wait":                 {nil, []int{12, 11}, "7 disordered_publish"},
		"both wait, in order":       {nil, []int{11, 12}, ""},
		"the later one waits":       {[]int{11}, []int{12, 11}, "7 disordered_publish"},
		"the earlier one waits":     {[]int{12}, []int{12, 11}, "7 disordered_publish"},
		"the earlier waits, first":  {[]int{12}, []int{11, 12}, ""},
		"three wait":                {nil, []int{11, 13, 12}, "7 disordered_publish"},
		"the first of three waits":  {[]int{11, 12}, []int{13, 11, 12}, "7 disordered_publish"},
		"the second of three waits": {[]int{11, 13}, []int{11, 12, 13}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShopByID(t, 1)
			s.tradeID(1, 10)
			for _, position := range test.stored {
				s.storeID(position, 7)
			}
			for _, position := range test.published {
				s.publishID(0, position, 7)
			}
			beats := 0
			s.beat = func() {
				if beats++; beats == 3 {
					for _, position := range test.published {
						s.storeID(position, 7)
					}
				}
			}
			s.storeID(20, 20)
			s.publishID(0, 20, 20)
			s.want(20, test.want)
		})
	}
}

// TestIDsMayBeTexts also with everything that a text can hold, and restart in between.
func TestIDsMayBeTexts(t *testing.T) {
	s := newShopByID(t, 1)
	s.idType = order.KeyText
	s.tradeID(1, 10)
	odd := `{"a\"b\\c, d}`
	s.storeText(identified(odd, 11, 7))
	s.publishText(0, 7, identified(odd, 0, 7))
	s.storeID(12, 8)
	s.publishText(0, 8, identified(strings.ToUpper(uuid(12)), 0, 8)) // another text
	s.tradeID(13, 20)
	s.want(20, "8 ghost_publish")
	s.storeText(identified(strings.ToUpper(uuid(12)), 12, 8))
	s.want(20, "")
	s.publishText(0, 7, identified(odd, 0, 7))
	s.tradeID(21, 30)
	s.want(30, "7 duplicate_publish")
}

// TestMessagesThatSayTheirPositionReachBehindTheStore: their events were archived.
func TestMessagesThatSayTheirPositionReachBehindTheStore(t *testing.T) {
	s := newShopByID(t, 1)
	for position := 1; position <= 5; position++ {
		s.publishText(0, position, identified(uuid(position), position, position))
	}
	s.tradeID(6, 20)
	s.want(20, "")
	if n := s.state().Evidence.BeforeStore; n != 5 {
		t.Errorf("%d messages are from before the store, want 5", n)
	}
}

// TestAnOrderIsReadFromTheTopicByID finds its messages, with the positions of their events.
func TestAnOrderIsReadFromTheTopicByID(t *testing.T) {
	s := newShelf(1)
	w := newShopByID(t, 1)
	for position := 1; position <= 40; position++ {
		w.storeID(position, position%4+1)
		if position != 10 {
			s.partitions[0] = append(s.partitions[0], follow.Message{Offset: int64(position), Key: []byte("k"), Value: []byte(identified(uuid(position), 0, position%4+1))})
		}
	}
	histories, err := w.Histories(t.Context(), []order.Key{"3"})
	if err != nil {
		t.Fatal(err)
	}
	r := follow.OrderReader{Stream: s, Rules: w.rules, KeyType: order.KeyInteger, IDType: order.KeyUUID, Events: w, Limit: 10_000}
	got, err := r.Read(t.Context(), "3", histories["3"])
	if err != nil {
		t.Fatal(err)
	}
	var positions []string
	for _, m := range got.Messages {
		positions = append(positions, m.Event.Name())
	}
	if want := fmt.Sprintf("2 (id %q) 6 (id %q) 14 (id %q)", uuid(2), uuid(6), uuid(14)); !strings.HasPrefix(strings.Join(positions, " "), want) {
		t.Errorf("the messages are %s", positions)
	}
	if begins, err := r.Begins(t.Context(), got); err != nil || begins != 1 {
		t.Errorf("the topic begins at %s, %v", begins, err)
	}
}
