package compare_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/nordvarg/crosscheck/compare"
	"github.com/nordvarg/crosscheck/compare/corpustest"
	"github.com/nordvarg/crosscheck/order"
)

// questions has an empty question of each name.
func questions() map[string]question {
	return map[string]question{
		"order": &orderQuestion{}, "value": &valueQuestion{}, "looks": &looksQuestion{}, "recorded": &recordedQuestion{},
		"streamed": &streamedQuestion{}, "published": &publishedQuestion{}, "fold": &foldQuestion{},
	}
}

func asks(q question) string {
	for name, other := range questions() {
		if fmt.Sprintf("%T", other) == fmt.Sprintf("%T", q) {
			return name
		}
	}
	return ""
}

// orderQuestion is how an order is judged: Rows, Oracle.Diagnose and Oracle.Representations.
type orderQuestion struct{ corpustest.Order }

type orderAnswer struct {
	Rows       string             `json:"rows"` // what differs between the rows: the kind, and the fields
	Verdict    compare.Verdict    `json:"verdict"`
	Hop        order.Hop          `json:"hop,omitempty"`
	Cause      compare.Cause      `json:"cause,omitempty"`
	Confidence compare.Confidence `json:"confidence,omitempty"`
	PartsAt    *order.Position    `json:"parts_at,omitempty"`
	Behind     int                `json:"behind,omitempty"`
	Found      string             `json:"found"`      // the mismatch that is recorded: of all representations
	Legacy     string             `json:"legacy"`     // its place in the history
	Projection string             `json:"projection"` // likewise
	Problems   []string           `json:"problems,omitempty"`
	Further    []furtherAnswer    `json:"further,omitempty"` // at other hops
	Agreed     []order.Hop        `json:"agreed,omitempty"`  // the hops in agreement
}

type furtherAnswer struct {
	Verdict compare.Verdict `json:"verdict"`
	Hop     order.Hop       `json:"hop"`
	Cause   compare.Cause   `json:"cause"`
	Found   string          `json:"found"`
}

func (q *orderQuestion) answer() any {
	o := compare.Oracle{Fields: corpustest.Fields(q.Fields)}
	e := q.Evidence()
	is := compare.Observe(o.Fields, corpustest.Key, e.Legacy, e.Projection, start, e.ProjectionReached)
	rows := mismatchText(is.Mismatches)
	d := o.Representations(&is, e)
	var further []furtherAnswer
	for i, other := range d.Further {
		further = append(further, furtherAnswer{other.Verdict, other.Hop, other.Cause, mismatchText(is.Mismatches[i+1:])})
	}
	return orderAnswer{
		Rows: rows, Verdict: d.Verdict, Hop: d.Hop, Cause: d.Cause, Confidence: d.Confidence, PartsAt: d.PartsAt, Behind: d.Behind,
		Found: mismatchText(is.Mismatches), Legacy: placeText(d.Legacy), Projection: placeText(d.Projection), Problems: problemTexts(d.Problems),
		Further: further, Agreed: d.Agreed,
	}
}

func mismatchText(found []compare.Mismatch) string {
	if len(found) == 0 {
		return "match"
	}
	m := found[0]
	text := string(m.Kind)
	for _, f := range m.Fields {
		text += " " + f.Name
		if f.Events != nil {
			text += fmt.Sprintf("(%s)", valueText(*f.Events))
		}
	}
	return text
}

func placeText(p compare.Placement) string {
	text := fmt.Sprint(p.Kind, " ", p.Events)
	if p.Ambiguous {
		text += " ambiguous"
	}
	return text
}

func problemTexts(problems []order.Problem) (out []string) {
	for _, p := range problems {
		out = append(out, fmt.Sprint(p.Kind, " at ", p.Position))
	}
	return out
}

// valueQuestion is whether two values are equal.
type valueQuestion struct {
	Field corpustest.Field `json:"field"`
	A     *string          `json:"a"`
	B     *string          `json:"b"`
}

func (q *valueQuestion) answer() any {
	return compare.Equal(q.Field.Decode(), corpustest.Value(q.A), corpustest.Value(q.B))
}

// looksQuestion is what two looks at an order prove, and when to look again.
type looksQuestion struct {
	Window    time.Duration `json:"window"`
	Rechecks  int           `json:"rechecks"`
	MaxLag    time.Duration `json:"max_lag"`
	Was       storedLook    `json:"was"`
	Is        storedLook    `json:"is"`
	Moves     int           `json:"moves"`
	FirstSeen time.Time     `json:"first_seen"`
}

type storedLook struct {
	At                time.Time `json:"at"`
	Legacy            string    `json:"legacy"` // the states
	Projection        string    `json:"projection"`
	Events            string    `json:"events,omitempty"`
	Differs           bool      `json:"differs"`
	LegacyChangedAt   time.Time `json:"legacy_changed_at,omitzero"`
	ProjectionReached time.Time `json:"projection_reached,omitzero"`
}

func (l storedLook) observation() compare.Observation {
	o := compare.Observation{
		Key: "42", At: l.At, LegacyState: l.Legacy, ProjectionState: l.Projection, EventsState: l.Events,
		LegacyChangedAt: l.LegacyChangedAt, ProjectionReached: l.ProjectionReached,
	}
	if l.Differs {
		o.Mismatches = []compare.Mismatch{{Key: "42", Kind: compare.Differs, Hop: order.LegacyToProjection}}
	}
	return o
}

func (q *looksQuestion) answer() any {
	s := compare.Settle{Window: q.Window, Rechecks: q.Rechecks, MaxLag: q.MaxLag}
	j := s.Judge(q.Was.observation(), q.Is.observation(), q.Moves, q.FirstSeen)
	return struct {
		Verdict compare.Verdict `json:"verdict"`
		Final   bool            `json:"final"`
		Moved   bool            `json:"moved"`
		Again   time.Time       `json:"again"`
	}{j.Verdict, j.Final, j.Moved, s.Again(q.Was.At, q.Is.At, q.FirstSeen)}
}

// recordedQuestion is how many changes that legacy recorded have their event.
type recordedQuestion struct {
	History corpustest.History `json:"history"`
	Events  []corpustest.Event `json:"events"`
	Before  time.Time          `json:"before"`
}

func (q *recordedQuestion) answer() any {
	changes, withEvents := compare.Recorded(q.History.Decode(), corpustest.Events(q.Events), q.Before)
	return map[string]int64{"changes": changes, "with_events": withEvents}
}

// streamedQuestion is how a topic parts from the store over one order, and what a consumer has of it.
type streamedQuestion struct {
	Stored   []corpustest.Event `json:"stored"`
	Messages []storedMessage    `json:"messages"`
	From     order.Position     `json:"from"`
	Due      time.Time          `json:"due,omitzero"`
	Whole    bool               `json:"whole"`
}

type storedMessage struct {
	corpustest.Event
	Partition int    `json:"partition"`
	Keyed     bool   `json:"keyed,omitempty"`
	Drift     string `json:"drift,omitempty"`
}

func (q *streamedQuestion) answer() any {
	s := compare.Streamed{Stored: corpustest.Events(q.Stored), From: q.From, Due: q.Due, Whole: q.Whole}
	for _, m := range q.Messages {
		message := compare.StreamedMessage{Event: m.Decode(), Partition: m.Partition, Keyed: m.Keyed}
		if m.Drift != "" {
			message.Drift = errors.New(m.Drift)
		}
		s.Messages = append(s.Messages, message)
	}
	d := s.Diagnose()
	consumed, claimed := s.Consumed()
	positions := []order.Position{}
	for _, e := range consumed {
		positions = append(positions, e.Position)
	}
	return struct {
		Found      string             `json:"found"`
		Confidence compare.Confidence `json:"confidence,omitempty"`
		Consumed   []order.Position   `json:"consumed"`
		Claimed    bool               `json:"claimed"`
	}{found(d), d.Confidence, positions, claimed}
}

// publishedQuestion is in what a message differs from its event.
type publishedQuestion struct {
	Stored  corpustest.Event `json:"stored"`
	Message corpustest.Event `json:"message"`
}

func (q *publishedQuestion) answer() any {
	names := []string{}
	for _, d := range compare.Published(q.Stored.Decode(), q.Message.Decode()) {
		names = append(names, d.Name)
	}
	return names
}

// foldQuestion is what events make of an order. All judgement by events rests on it.
type foldQuestion struct {
	Events []corpustest.Event `json:"events"`
}

func (q *foldQuestion) answer() any {
	state, problems := order.Fold(corpustest.Events(q.Events))
	values := map[string]string{}
	for _, f := range foldedNames {
		if v, ok := state.Value(f); ok {
			values[f] = valueText(v)
		}
	}
	return struct {
		Values   map[string]string `json:"values"` // empty if there is no order
		Flawed   bool              `json:"flawed"`
		Problems []string          `json:"problems,omitempty"`
	}{values, state.Flawed(), problemTexts(problems)}
}

// foldedNames are the fields of the default schema.
var foldedNames = []string{
	"order_id", "trader_id", "symbol", "side", "quantity", "price", "status", "filled_quantity", "avg_fill_price", "created_at", "updated_at",
}
