package follow_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/nordvarg/crosscheck/follow"
	"github.com/nordvarg/crosscheck/order"
	"github.com/nordvarg/crosscheck/order/ordertest"
)

// publishIn publishes the event of a text in another form, as a topic delivers it.
func (s *shop) publishIn(form ordertest.Form, text string) {
	s.t.Helper()
	e, ok := order.ReadMessage([]byte(text), order.Defaults())
	if !ok {
		s.t.Fatalf("not an event: %s", text)
	}
	s.publishRecord(form.Envelope, form.Record(e))
}

func (s *shop) publishRecord(envelope order.Envelope, r order.Record) {
	s.t.Helper()
	opener, err := order.NewOpener(envelope)
	if err != nil {
		s.t.Fatal(err)
	}
	opened := opener.Open(r)
	if opened.Skip {
		return
	}
	s.publishText(0, 0, string(opened.Value))
	m := &s.partitions[0][len(s.partitions[0])-1]
	m.Key, m.Problem = r.Key, opened.Problem
}

// TestEachFormOfMessagesIsMatched stores twenty events and publishes them in each form, with four faults.
func TestEachFormOfMessagesIsMatched(t *testing.T) {
	event := func(id int, reason string) string { return fmt.Sprintf(canceled, id, id, reason) }
	for name, form := range ordertest.Forms() {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, 1)
			s.rules = ordertest.RulesWith(t, func(r *order.FoldRules) { r.Within = form.Envelope.Within() })
			published := map[int][]string{6: {}, 7: {"because"}, 8: {"why", "why"}, 77: {"why"}}
			for id := 1; id <= 20; id++ {
				s.storeText(event(id, "why"))
				if published[id] == nil {
					published[id] = []string{"why"}
				}
			}
			for _, id := range slices.Sorted(maps.Keys(published)) {
				for _, reason := range published[id] {
					s.publishIn(form, event(id, reason))
				}
			}
			s.want(20, "6 lost_publish, 7 wrong_publish, 77 ghost_publish, 8 duplicate_publish")
		})
	}
}

// TestAMessageThatIsNotAsAgreedIsAFinding: of its order, if that can be read, and else of the topic.
func TestAMessageThatIsNotAsAgreedIsAFinding(t *testing.T) {
	form := ordertest.Forms()["headers and key"]
	for name, test := range map[string]struct {
		spoil func(*order.Record)
		want  string
	}{
		"no type":               {func(r *order.Record) { r.Headers[1].Name = "kind" }, "7 schema_drift"},
		"no time":               {func(r *order.Record) { r.Headers[2].Name = "when" }, "7 schema_drift"},
		"an unknown schema":     {func(r *order.Record) { r.Unread = errors.New("the registry has no schema 7") }, "7 schema_drift"},
		"no id":                 {func(r *order.Record) { r.Headers[0].Name = "ident" }, "(topic orders, unreadable) schema_drift, 7 lost_publish"},
		"of another aggregate":  {func(r *order.Record) { r.Key = []byte("cart-7") }, "7 lost_publish"},
		"a tombstone, ignored":  {func(r *order.Record) { r.Value = nil }, "7 lost_publish"},
		"a time in other units": {func(r *order.Record) { r.Headers[2].Value = []byte("1704067200") }, "7 wrong_publish"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, 1)
			envelope := form.Envelope
			envelope.Tombstones = true
			s.rules = ordertest.RulesWith(t, func(r *order.FoldRules) { r.Within = envelope.Within() })
			for id := 1; id <= 20; id++ {
				text := fmt.Sprintf(canceled, id, id, "why")
				s.storeText(text)
				e, _ := order.ReadMessage([]byte(text), order.Defaults())
				r := form.Record(e)
				if id == 7 {
					test.spoil(&r)
				}
				s.publishRecord(envelope, r)
			}
			s.want(20, test.want)
		})
	}
}

// TestTheCensusNamesTheFirstProblem counts a message that is not as agreed, with its place.
func TestTheCensusNamesTheFirstProblem(t *testing.T) {
	census := follow.Census{Rules: order.Defaults(), KeyType: order.KeyInteger}
	problem := errors.New("partition 2, offset 17: the registry has no schema 7")
	if err := census.Add(t.Context(), follow.Message{Value: []byte("\x00\x00\x00\x00\x07"), Problem: problem}); err != nil {
		t.Fatal(err)
	}
	count, err := census.Done(t.Context())
	if got := count.Total(); err != nil || got.Read != 0 || got.First != problem.Error() {
		t.Errorf("counted %+v, %v", got, err)
	}
}
